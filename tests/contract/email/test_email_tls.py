"""Sessions with TLS and logins, against a server that is well."""
import ssl

import pytest

from driver import DEFERRED, MISCONFIGURED, SENT, UNREACHABLE, message, options, send
from smtp_server import Session


class Relay(Session):
    starttls = True
    logins = {"acs|app|tenant": "s3cret: with spaces"}


def run(server, authority, messages, **settings):
    return send(options(server.port, **dict({"relay_host": "localhost", "security": "starttls",
                                             "ca_file": str(authority.file)}, **settings)), messages)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_many_messages_go_over_one_connection(serve, authority, security, version):
    server = serve(Relay, tls=authority.context(minimum=version, maximum=version), implicit=security == "tls")
    done = run(server, authority, [message(i) for i in range(50)], security=security)
    assert done.verdicts() == [SENT] * 50
    assert server.connections == 1 and len(server.received) == 50
    assert done.meters["sessions"] == 1 and done.meters["tls_sessions"] == 1
    assert all(s.is_tls for s in server.sessions)
    assert server.faults == []


def test_an_address_in_the_certificate_is_enough(serve, authority):
    server = serve(Relay, tls=authority.context("ip", hosts=[], ips=["127.0.0.1"]))
    assert run(server, authority, [message(0)], relay_host="127.0.0.1").verdicts() == [SENT]


def test_the_servers_name_is_told_to_it(serve, authority):
    names = []
    context = authority.context()
    context.sni_callback = lambda connection, name, ctx: names.append(name)
    server = serve(Relay, tls=context)
    assert run(server, authority, [message(0)]).verdicts() == [SENT]
    assert names == ["localhost"]


def test_a_login_goes_over_tls_only(serve, authority):
    server = serve(Relay, tls=authority.context())
    done = run(server, authority, [message(0)], user="acs|app|tenant", password="s3cret: with spaces")
    assert done.verdicts() == [SENT]
    assert server.sessions[0].user == "acs|app|tenant"
    verbs = [line.split()[0] for line in server.commands]
    assert verbs.index(b"STARTTLS") < verbs.index(b"AUTH")


def test_a_wrong_password_stops_the_channel_and_is_not_told(serve, authority):
    server = serve(Relay, tls=authority.context())
    done = run(server, authority, [message(i) for i in range(3)], user="acs|app|tenant", password="wr0ng-secret")
    assert done.verdicts() == [MISCONFIGURED] * 3
    assert done.on_wire == [] and server.connections == 1
    assert "535" in done.outcomes[0]["reason"]
    assert "wr0ng" not in str(done.events) + done.stderr


def test_a_relay_without_logins_gets_no_password(serve, authority):
    class NoLogins(Relay):
        logins = None

    server = serve(NoLogins, tls=authority.context())
    done = run(server, authority, [message(0)], user="u", password="p")
    assert done.verdicts() == [SENT]
    assert not any(line.startswith(b"AUTH") for line in server.commands)


def test_a_login_that_fails_for_now_defers(serve, authority):
    class Later(Relay):
        def on_auth(self, line):
            return b"454 4.7.0 Temporary authentication failure\r\n"

    done = run(serve(Later, tls=authority.context()), authority, [message(0)], user="u", password="p")
    assert done.verdicts() == [DEFERRED]


def test_refused_recipients_cost_a_connection_and_nobody_else(serve, authority):
    class Choosy(Relay):
        def on_rcpt(self, line):
            return b"550 5.1.1 no\r\n" if b"<user3@" in line else super().on_rcpt(line)

    server = serve(Choosy, tls=authority.context())
    done = run(server, authority, [message(i) for i in range(8)])
    assert done.verdicts() == [SENT] * 3 + [UNREACHABLE] + [SENT] * 4
    assert server.connections == 2 and done.meters["tls_sessions"] == 2


def test_workers_have_sessions_of_their_own(serve, authority):
    server = serve(Relay, tls=authority.context())
    done = run(server, authority, [message(i) for i in range(80)])
    done = send(options(server.port, relay_host="localhost", security="starttls", ca_file=str(authority.file)),
                [message(i) for i in range(80)], workers=8, batch=10)
    assert done.verdicts() == [SENT] * 80 and done.meters["sessions"] == 8
