"""Servers that mean harm, or are broken beyond meaning: whatever they do, it ends in time and proves nothing.

reliability.md T28, T29, T36."""
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from driver import (DEFERRED, MISCONFIGURED, PLUGIN, SENT, THROTTLED, UNCERTAIN, message, options, send)
from smtp_server import Hangup, Server, Session

# Each of these servers would hold a session for minutes or for ever; a busy machine may take some seconds.
LONG = 40

BACK_ENDS = {"esmtp": {}, "curl": {"user": "ann", "password": "secret"}}


class Relay(Session):
    logins = {"ann": "secret"}


@pytest.fixture(params=BACK_ENDS)
def back_end(request):
    return request.param


def run(back_end, server, count=3, **settings):
    limits = {"setup_timeout": 1000, "message_timeout": 1500}
    return send(options(server.port, **BACK_ENDS[back_end], **dict(limits, **settings)),
                [message(i) for i in range(count)])


def drip(session, data, pause=0.2):
    for i in range(len(data)):
        session.send(data[i:i + 1])
        time.sleep(pause)


# --- T36: time and size ------------------------------------------------------------------------------------------
def test_a_greeting_that_drips_is_cut_off(back_end, serve):
    class Drip(Relay):
        def begin(self):
            drip(self, b"220 " + b"x" * 10000)

    done = run(back_end, serve(Drip))
    assert done.verdicts() == [DEFERRED] * 3 and done.seconds < LONG and done.on_wire == []


def test_silence_instead_of_a_greeting_is_cut_off(back_end, serve):
    class Silent(Relay):
        def begin(self):
            self.socket.recv(1)

    done = run(back_end, serve(Silent))
    assert done.verdicts() == [DEFERRED] * 3 and done.seconds < LONG and done.on_wire == []


@pytest.mark.parametrize("pause", [0, 0.01])
def test_an_endless_list_of_extensions_is_cut_off(back_end, serve, pause):
    class Endless(Relay):
        def on_ehlo(self, line):
            while True:
                # A cut anywhere in such a line leaves something that looks like a refusal.
                self.send(b"250-" + b"554 554 " * 20 + b"\r\n")
                time.sleep(pause)

    # As fast as it can, it is its size that ends it, long before the time does.
    done = run(back_end, serve(Endless), setup_timeout=1000 if pause else 100000)
    assert done.verdicts() == [DEFERRED] * 3 and done.seconds < LONG and done.on_wire == []


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_an_endless_reply_to_a_command_is_cut_off(back_end, serve, step):
    def endless(self, line):
        while True:
            self.send(b"250-and so on\r\n")

    server = serve(type("Endless", (Relay,), {"on_" + step: endless}))
    done = run(back_end, server, message_timeout=100000)
    assert set(done.verdicts()) <= {DEFERRED} and done.seconds < LONG


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
def test_a_reply_that_drips_is_cut_off(back_end, serve, step):
    def slow(self, line):
        if step == "dot":
            self.server.dots += 1
        drip(self, b"250 " + b"x" * 10000)

    server = serve(type("Slow", (Relay,), {"on_" + step: slow}))
    server.dots = 0
    done = run(back_end, server)
    assert done.seconds < LONG
    assert done.verdicts() == ([UNCERTAIN] if step == "dot" else [DEFERRED]) + [DEFERRED] * 2
    assert done.on_wire == [0]


@pytest.mark.parametrize("step", ["ehlo", "mail", "rcpt", "data", "dot"])
def test_a_line_of_a_megabyte_proves_nothing(back_end, serve, step):
    def long_line(self, line):
        return b"550 5.0.0 " + b"x" * (1 << 20) + b"\r\n"

    done = run(back_end, serve(type("Long", (Relay,), {"on_" + step: long_line})))
    assert done.seconds < LONG
    assert SENT not in done.verdicts()
    assert all(len(o["reason"]) < 256 for o in done.completes)


def test_a_content_that_is_read_a_byte_at_a_time_is_cut_off(back_end, serve):
    class Sip(Relay):
        def on_data(self, line):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            self.send(b"354 go ahead\r\n")
            while self.socket.recv(1):
                time.sleep(0.05)

    server = serve(Sip)
    done = send(options(server.port, **BACK_ENDS[back_end], setup_timeout=1000, message_timeout=1500),
                [message(i, text="x" * 70 + "\n" * 40000 + "y" * 6000000) for i in range(2)])
    assert done.seconds < LONG
    assert done.verdicts()[0] in (DEFERRED, UNCERTAIN) and done.verdicts()[1] == DEFERRED


def test_a_goodbye_is_not_waited_for_long(back_end, serve):
    class Clingy(Relay):
        def on_quit(self, line):
            time.sleep(100)

    done = run(back_end, serve(Clingy), setup_timeout=60000, message_timeout=60000)
    assert done.verdicts() == [SENT] * 3
    assert done.seconds < LONG


def test_a_servers_text_reaches_nobody_as_it_came(back_end, serve):
    class Colourful(Relay):
        def on_dot(self, content):
            return b"250 \x1b]0;x\x07\r\nforged log line\r\n"

    done = run(back_end, serve(Colourful), count=1)
    reason = done.outcomes[0]["reason"]
    assert all(" " <= c <= "~" for c in reason)
    assert "forged" not in reason or done.verdicts() != [SENT]


def test_nonsense_is_no_answer(back_end, serve):
    for reply in (b"hello\r\n", b"\r\n", b"25\r\n", b"250\n\n\n", b"\x00\x00\r\n", b"999 what\r\n", b"-250 ok\r\n"):
        for step in ("mail", "rcpt", "data"):
            server = serve(type("Odd", (Relay,), {"on_" + step: lambda self, line: reply}))
            done = run(back_end, server, count=1, message_timeout=300)
            assert done.verdicts() == [DEFERRED] or (reply == b"250\n\n\n" and step != "data"), (reply, step)
            server.close()


def test_a_login_list_of_ten_kilobytes_loads_nothing(serve):
    class Many(Session):
        def offers(self):
            return super().offers() + ["AUTH " + " ".join("X/../../e%d" % i for i in range(60))] * 5

    server = serve(Many)
    done = run("esmtp", server)
    assert done.verdicts() == [SENT] * 3
    assert not any(line.startswith(b"AUTH") for line in server.commands)


def test_replies_that_come_before_their_commands_send_nothing_that_was_not_asked(back_end, serve):
    class Hasty(Relay):
        def on_mail(self, line):
            return b"250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 Ok: queued as FORGED\r\n"

    done = run(back_end, serve(Hasty), count=2)
    assert done.seconds < LONG


# --- T28, T29: TLS ------------------------------------------------------------------------------------------------
class Starttls(Session):
    starttls = True


def run_tls(server, authority, host="localhost", count=2, environment=None, **settings):
    given = {"relay_host": host, "security": "starttls", "ca_file": str(authority.file), "setup_timeout": 3000,
             "message_timeout": 3000}
    return send(options(server.port, **dict(given, **settings)), [message(i) for i in range(count)],
                environment=environment)


def test_replies_forged_before_tls_are_not_believed(serve, authority):
    """A man in the middle without a certificate of his own appends replies to the plain-text go-ahead."""

    class Injection(Starttls):
        def on_starttls(self, line):
            self.send(b"220 go\r\n250-relay.test\r\n250 SIZE\r\n250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 queued\r\n")
            self.start_tls()

    server = serve(Injection, tls=authority.context())
    done = run_tls(server, authority)
    assert done.verdicts() == [DEFERRED] * 2
    assert server.received == [] and done.on_wire == []


def test_a_relay_that_offers_no_tls_gets_nothing(serve, authority):
    server = serve(Session)
    done = run_tls(server, authority)
    assert done.verdicts() == [MISCONFIGURED] * 2
    assert done.outcomes[0]["status"] == "4.7.5"
    assert server.received == [] and done.on_wire == []
    assert not any(line.startswith((b"MAIL", b"AUTH")) for line in server.commands)


def test_a_relay_that_cannot_do_tls_now_is_asked_later(serve, authority):
    class NotNow(Starttls):
        def on_starttls(self, line):
            return b"454 4.7.0 TLS not available due to temporary reason\r\n"

    server = serve(NotNow, tls=authority.context())
    done = run_tls(server, authority)
    assert done.verdicts() == [DEFERRED] * 2 and server.received == []


@pytest.mark.parametrize("label,host,certificate", [
    ("expired", "localhost", {"begin": -5, "end": -1}),
    ("not_yet", "localhost", {"begin": 1, "end": 5}),
    ("other_host", "localhost", {"hosts": ["other.test"]}),
    ("self_signed", "localhost", {"issuer": "itself"}),
    ("common_name_only", "localhost", {"hosts": [], "common_name": "localhost"}),
    ("partial_wildcard", "localhost", {"hosts": ["local*"]}),
    ("name_for_an_address", "127.0.0.1", {"hosts": ["127.0.0.1"]}),
    ("another_address", "127.0.0.1", {"hosts": [], "ips": ["127.0.0.2"]}),
    ("sha1", "localhost", {"digest": "sha1"}),
    ("rsa1024", "localhost", {"rsa_bits": 1024}),
])
@pytest.mark.parametrize("implicit", [False, True])
def test_a_certificate_that_does_not_hold_gets_nothing(serve, authority, label, host, certificate, implicit):
    server = serve(Starttls, tls=authority.context(label, **certificate), implicit=implicit)
    # The host's OpenSSL configuration, which may be laxer, is not what decides.
    done = run_tls(server, authority, host=host, environment={"OPENSSL_CONF": "/dev/null"},
                   **({"security": "tls"} if implicit else {}))
    assert done.verdicts() == [MISCONFIGURED] * 2, done.outcomes
    assert server.received == [] and done.on_wire == []
    assert server.connections == 1


def test_an_authority_that_was_not_named_is_not_believed(serve, authority):
    server = serve(Starttls, tls=authority.context())
    done = run_tls(server, authority, ca_file="")
    assert done.verdicts() == [MISCONFIGURED] * 2 and server.received == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.parametrize("implicit", [False, True])
def test_old_tls_gets_nothing(serve, authority, version, implicit):
    server = serve(Starttls, tls=authority.context("old", minimum=version, maximum=version), implicit=implicit)
    done = run_tls(server, authority, **({"security": "tls"} if implicit else {}))
    assert done.verdicts() == [DEFERRED] * 2
    assert server.received == [] and done.on_wire == []


def test_a_tls_handshake_that_hangs_is_cut_off(serve, authority):
    class Stuck(Starttls):
        def on_starttls(self, line):
            self.send(b"220 go\r\n")
            time.sleep(100)

    done = run_tls(serve(Stuck, tls=authority.context()), authority, setup_timeout=1000)
    assert done.verdicts() == [DEFERRED] * 2 and done.seconds < LONG


def test_a_relay_that_hangs_up_in_the_content_kills_nobody(serve, authority):
    """OpenSSL writes to the closed socket: the process would die of SIGPIPE."""

    class Halfway(Starttls):
        def on_data(self, line):
            self.send(b"354 go ahead\r\n")
            self.socket.recv(1000)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raise Hangup()

    server = serve(Halfway, tls=authority.context())
    given = options(server.port, relay_host="localhost", security="starttls", ca_file=str(authority.file))
    done = send(given, [message(i, text=("y" * 70 + "\n") * 50000) for i in range(2)])
    assert done.verdicts() == [DEFERRED] * 2


def test_the_environment_decides_nothing(serve, authority, tmp_path):
    """Neither a proxy, nor a netrc, nor an authority from somebody's home directory."""
    trap = serve(Session)
    server = serve(Starttls, tls=authority.context())
    home = tmp_path / "home"
    for folder in (home / ".config" / "libesmtp", home / ".authenticate"):
        folder.mkdir(parents=True)
        (folder / "ca.pem").write_bytes(authority.file.read_bytes())
    (home / ".netrc").write_text("default login mallory password x\n")
    environment = {"HOME": str(home), "XDG_CONFIG_DIR": str(home / ".config"), "ALL_PROXY": "http://127.0.0.1:%d" % trap.port,
                   "all_proxy": "socks5://127.0.0.1:%d" % trap.port, "smtp_proxy": "http://127.0.0.1:%d" % trap.port,
                   "SSL_CERT_FILE": str(authority.file), "CURL_CA_BUNDLE": str(authority.file)}
    given = options(server.port, relay_host="localhost", security="starttls", setup_timeout=3000)
    done = send(given, [message(0)], environment=environment)
    assert done.verdicts() == [MISCONFIGURED]
    assert trap.connections == 0 and server.received == []
    # With libesmtp it does not even look.
    plain = serve(Session)
    trace = tmp_path / "trace"
    prefix = ["strace", "-f", "-qq", "-e", "trace=openat,open,connect", "-o", str(trace)] if shutil.which("strace") else []
    # The leak checker of a sanitizer build cannot work beside strace.
    done = send(options(plain.port), [message(0)], prefix=prefix,
                environment=dict(environment, ASAN_OPTIONS="detect_leaks=0"))
    assert done.verdicts() == [SENT]
    if prefix:
        assert str(home) not in trace.read_text()


def test_the_plugin_does_not_know_what_must_not_be_called():
    symbols = subprocess.run(["nm", "-D", "--undefined-only", str(PLUGIN)], check=True, stdout=subprocess.PIPE,
                             universal_newlines=True).stdout
    assert "smtp_start_session" in symbols
    for name in ("smtp_starttls", "smtp_auth", "auth_create_context", "getenv", "smtp_set_header"):
        assert name not in symbols


def test_the_plugin_exports_one_symbol():
    symbols = subprocess.run(["nm", "-D", "--defined-only", str(PLUGIN)], check=True, stdout=subprocess.PIPE,
                             universal_newlines=True).stdout.split("\n")
    names = [line.split()[-1] for line in symbols if line and not line.split()[-1].startswith(("_", "__asan"))]
    assert names == ["herald_channel_v1"]


def test_plain_text_to_another_host_is_refused_at_open(serve):
    done = send(options(25, relay_host="relay.test"), [message(0)])
    assert "trusted_network" in done.events[0]["error"] and done.meters is None


def test_workers_that_are_cut_off_do_not_cut_off_others(serve):
    """The watch must hit the socket it means: half of the connections hang, half are well."""
    turn = threading.Lock()
    counter = iter(range(1000))

    class Moody(Session):
        def begin(self):
            with turn:
                self.number = next(counter)
            super().begin()

        def on_dot(self, content):
            if self.number % 2:
                drip(self, b"250 " + b"x" * 2000, 0.05)  # nothing but the watch ends this
            time.sleep(0.05)
            return super().on_dot(content)

    server = serve(Moody)
    done = send(options(server.port, setup_timeout=3000, message_timeout=700),
                [message(i) for i in range(64)], workers=16, batch=4)
    hung = [s for s in server.sessions if s.number % 2]
    assert done.verdicts().count(UNCERTAIN) == len(hung)
    assert done.verdicts().count(DEFERRED) == 3 * len(hung)
    assert done.verdicts().count(SENT) == 64 - 4 * len(hung) > 0
    assert done.seconds < LONG
