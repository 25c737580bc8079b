"""What both back ends promise of a session, one suite against each."""
import email
import email.policy
import hashlib

import pytest

from driver import (DEFERRED, MISCONFIGURED, REJECTED, SENT, THROTTLED, UNCERTAIN, UNREACHABLE, message, options,
                    send)
from smtp_server import Hangup, Session

# A login makes a session libcurl's; without one, plain text is libesmtp's.
BACK_ENDS = {"esmtp": {}, "curl": {"user": "ann", "password": "secret"}}


class Relay(Session):
    logins = {"ann": "secret"}


@pytest.fixture(params=BACK_ENDS)
def back_end(request):
    return request.param


def run(back_end, server, messages, settings=None, **more):
    return send(options(server.port, **BACK_ENDS[back_end], **(settings or {})), messages, **more)


def test_many_messages_go_over_one_connection(back_end, serve):
    server = serve(Relay)
    done = run(back_end, server, [message(i) for i in range(60)])
    assert done.verdicts() == [SENT] * 60
    assert server.connections == 1
    assert [m[1] for m in server.received] == [b"RCPT TO:<user%d@example.test>" % i for i in range(60)]
    assert done.meters["sessions"] == 1 and done.meters["messages"] == 60 and done.meters["tls_sessions"] == 0
    assert server.faults == []
    assert server.until(lambda: server.commands[-1] == b"QUIT")


def test_a_connection_carries_no_more_than_it_is_told(back_end, serve):
    server = serve(Relay)
    done = run(back_end, server, [message(i) for i in range(25)], {"messages_per_session": 10})
    assert done.verdicts() == [SENT] * 25
    assert server.connections == 3
    assert [s.messages for s in server.sessions] == [10, 10, 5]


def test_each_message_is_on_the_wire_just_before_its_mail_command(back_end, serve):
    seen = []

    class Slow(Relay):
        def on_mail(self, line):
            seen.append(line)
            return super().on_mail(line)

    server = serve(Slow)
    done = run(back_end, server, [message(i) for i in range(5)])
    assert done.on_wire == [0, 1, 2, 3, 4]
    kinds = [(e["event"], e["index"]) for e in done.events if e["event"] in ("on_wire", "complete")]
    # Never two in hand: each is completed before the next is asked for.
    assert kinds == [(kind, i) for i in range(5) for kind in ("on_wire", "complete")]


@pytest.mark.parametrize("refuse", [[0], [2], [4], [0, 1, 2, 3, 4], [1, 2, 3]])
def test_what_was_taken_back_is_not_sent(back_end, serve, refuse):
    server = serve(Relay)
    done = run(back_end, server, [message(i) for i in range(5)], refuse=refuse)
    kept = [i for i in range(5) if i not in refuse]
    assert sorted(done.outcomes) == kept
    assert done.verdicts() == [SENT] * len(kept)
    assert [m[1] for m in server.received] == [b"RCPT TO:<user%d@example.test>" % i for i in kept]
    assert all(b"user%d@" % i not in line for i in refuse for line in server.commands)


def test_each_recipient_has_its_own_result(back_end, serve):
    replies = {1: b"550 5.1.1 no such user\r\n", 3: b"451 4.7.1 greylisted\r\n", 4: b"554 5.7.1 policy\r\n",
               6: b"450 4.7.1 rate limit\r\n", 9: b"552-5.2.2 full\r\n552 5.2.2 mailbox\r\n"}

    class Choosy(Relay):
        def on_rcpt(self, line):
            for number, reply in replies.items():
                if b"<user%d@" % number in line:
                    return reply
            return super().on_rcpt(line)

    server = serve(Choosy)
    done = run(back_end, server, [message(i) for i in range(10)])
    assert done.verdicts() == [SENT, UNREACHABLE, SENT, DEFERRED, REJECTED, SENT, THROTTLED, SENT, SENT, DEFERRED]
    assert done.outcomes[1]["status"] == "5.1.1" and "no such user" in done.outcomes[1]["reason"]
    assert done.outcomes[9]["retry_after_ms"] == 3600 * 1000
    assert [m[1] for m in server.received] == [b"RCPT TO:<user%d@example.test>" % i for i in (0, 2, 5, 7, 8)]
    # libcurl leaves a connection after a refusal, libesmtp does not.
    assert server.connections == (1 if back_end == "esmtp" else 5)


def test_a_refusal_after_the_content_is_that_messages_alone(back_end, serve):
    replies = {1: b"451 4.3.0 try later\r\n", 2: b"554 5.6.0 malformed\r\n", 4: b"552 5.3.4 too big\r\n"}

    class Late(Relay):
        def on_dot(self, content):
            for number, reply in replies.items():
                if b"Message %d\r\n" % number in content:
                    return reply
            return super().on_dot(content)

    done = run(back_end, serve(Late), [message(i) for i in range(6)])
    assert done.verdicts() == [SENT, DEFERRED, REJECTED, SENT, REJECTED, SENT]


@pytest.mark.parametrize("reply,verdict", [
    (b"451 4.3.0 no data now\r\n", DEFERRED), (b"554 5.5.1 no data ever\r\n", REJECTED),
    (b"250 2.0.0 out of step\r\n", DEFERRED)])
def test_data_may_be_refused(back_end, serve, reply, verdict):
    class NoData(Relay):
        def on_data(self, line):
            return reply if b"<user1@" in self.rcpt else super().on_data(line)

    server = serve(NoData)
    done = run(back_end, server, [message(i) for i in range(3)])
    assert done.verdicts() == [SENT, verdict, SENT]
    assert len(server.received) == 2


def test_a_sender_that_is_refused_stops_the_channel(back_end, serve):
    class Mine(Relay):
        def on_mail(self, line):
            return b"553 5.7.1 sender not owned by user\r\n"

    done = run(back_end, serve(Mine), [message(i) for i in range(3)])
    assert done.verdicts() == [MISCONFIGURED] * 3


@pytest.mark.parametrize("greeting,verdict", [
    (b"421 4.7.0 too many connections\r\n", THROTTLED), (b"421 4.3.2 closing\r\n", DEFERRED),
    (b"554 5.7.1 your host is blocked\r\n", MISCONFIGURED), (b"", DEFERRED), (b"hello\r\n", DEFERRED)])
def test_a_relay_that_does_not_want_us_is_asked_once(back_end, serve, greeting, verdict):
    class Unwilling(Relay):
        def begin(self):
            self.send(greeting)
            raise Hangup()

    server = serve(Unwilling)
    done = run(back_end, server, [message(i) for i in range(8)])
    assert done.verdicts() == [verdict] * 8
    assert server.connections == 1
    assert done.on_wire == []


def test_a_relay_that_is_not_there_defers(back_end, serve):
    server = serve(Relay)
    server.close()
    done = run(back_end, server, [message(i) for i in range(3)])
    assert done.verdicts() == [DEFERRED] * 3
    assert done.on_wire == []
    assert done.outcomes[0]["status"] == "4.4.1"


def test_a_connection_that_ends_between_messages_is_nobodys_fault(back_end, serve):
    class ThreeEach(Relay):
        def on_mail(self, line):
            if self.messages == 3:
                self.send(b"421 4.7.0 enough for one connection\r\n")
                raise Hangup()
            return super().on_mail(line)

    server = serve(ThreeEach)
    done = run(back_end, server, [message(i) for i in range(10)])
    assert done.verdicts() == [SENT] * 10
    assert server.connections == 4
    assert sorted(done.on_wire) == list(range(10))


def test_a_connection_that_is_closed_between_messages_is_nobodys_fault(back_end, serve):
    class ThreeEach(Relay):
        def on_dot(self, content):
            reply = super().on_dot(content)
            if self.messages == 3:
                self.send(reply)
                raise Hangup()
            return reply

    server = serve(ThreeEach)
    done = run(back_end, server, [message(i) for i in range(10)])
    assert done.verdicts() == [SENT] * 10
    assert [s.messages for s in server.sessions if s.messages] == [3, 3, 3, 1]


def test_silence_after_the_final_dot_is_uncertain_and_stops_there(back_end, serve):
    class Rude(Relay):
        def on_dot(self, content):
            raise Hangup()

    server = serve(Rude)
    done = run(back_end, server, [message(i) for i in range(5)])
    # Only the first can have arrived: the others were not risked on a relay that behaves so.
    assert done.verdicts() == [UNCERTAIN] + [DEFERRED] * 4
    assert len(server.received) == 1 and done.on_wire == [0]
    assert done.outcomes[0]["ref"] == "ntf_TEST000000000-1@example.com"


def test_a_connection_lost_in_the_content_has_not_arrived(back_end, serve):
    class Halfway(Relay):
        def on_data(self, line):
            self.send(b"354 go ahead\r\n")
            self.socket.recv(1000)
            raise Hangup()

    done = run(back_end, serve(Halfway), [message(0, text="x" * 70 + "\n") if i else
                                          message(0, text=("y" * 70 + "\n") * 100000) for i in range(2)])
    assert done.verdicts() == [DEFERRED] * 2


def test_the_relay_gets_the_message_byte_for_byte(back_end, serve):
    server = serve(Relay)
    words = "Grüße.\n.\n..\r\nFrom here\r\rto there\n\n.\r\n"
    done = run(back_end, server, [
        message(0, text=words, html="<p>Grüße</p>\n.\n", subject="Grüße =?utf-8?q?x?=", name='a" <v@e>, "b',
                headers=[["X-One", "1"], ["List-Unsubscribe", "<https://example.com/u/1>"]]),
        message(1, text="Привет\n" * 50),
    ])
    assert done.verdicts() == [SENT] * 2
    first, second = (m[2] for m in server.received)
    for raw in (first, second):
        assert b"\n" not in raw.replace(b"\r\n", b"") and b"\r" not in raw.replace(b"\r\n", b"")
        assert not any(line.startswith(b".") for line in raw.split(b"\r\n"))
    parsed = email.message_from_bytes(first, policy=email.policy.default)
    assert parsed["subject"] == "Grüße =?utf-8?q?x?="
    assert [a.addr_spec for a in parsed["to"].addresses] == ["user0@example.test"]
    assert parsed["to"].addresses[0].display_name == 'a" <v@e>, "b'
    assert parsed["message-id"] == "<ntf_TEST000000000-1@example.com>"
    assert parsed["auto-submitted"] == "auto-generated"
    assert parsed["date"] == "Tue, 24 Nov 2026 03:54:42 +0000"
    # Exactly ours: a library that adds, drops or changes a header shows here.
    assert [k for k, _ in parsed.items()] == [
        "Date", "Message-ID", "From", "To", "Subject", "Auto-Submitted", "X-One", "List-Unsubscribe", "MIME-Version",
        "Content-Type"]
    plain = parsed.get_body(("plain",)).get_payload(decode=True)
    assert plain == "Grüße.\r\n.\r\n..\r\nFrom here\r\n\r\nto there\r\n\r\n.\r\n".encode()
    parsed = email.message_from_bytes(second, policy=email.policy.default)
    assert parsed.get_payload(decode=True) == ("Привет\r\n" * 50).encode()


def test_both_back_ends_put_the_same_bytes_on_the_wire(serve):
    digests = []
    for name in BACK_ENDS:
        server = serve(Relay)
        run(name, server, [message(i, html="<b>%d</b>" % i, correlation_id="c") for i in range(3)])
        digests.append([hashlib.sha256(m[2]).hexdigest() for m in server.received])
    assert digests[0] == digests[1] and len(digests[0]) == 3


def test_what_cannot_be_built_is_rejected_and_the_rest_goes(back_end, serve):
    server = serve(Relay)
    messages = [message(i) for i in range(6)]
    messages[1]["subject"] = "x\r\nBcc: v@example.com"
    messages[2]["address"] = "a@b.example>\r\nRSET"
    messages[4]["text"] = "x" * 5000
    done = run(back_end, server, messages, {"message_size_max": 4096})
    assert done.verdicts() == [SENT, REJECTED, REJECTED, SENT, REJECTED, SENT]
    assert [done.outcomes[i]["status"] for i in (1, 2, 4)] == ["5.6.0", "5.1.3", "5.3.4"]
    assert len(server.received) == 3 and server.connections == 1
    assert not any(b"Bcc" in m[2] for m in server.received)


def test_large_messages_do_not_pile_up_and_arrive(back_end, serve):
    server = serve(Relay)
    text = ("%050d\n" % 7) * 40000
    done = run(back_end, server, [message(i, text=text) for i in range(6)])
    assert done.verdicts() == [SENT] * 6
    assert all(len(m[2]) > 2000000 for m in server.received)


def test_many_workers_keep_their_sessions_apart(back_end, serve):
    server = serve(Relay)
    done = run(back_end, server, [message(i) for i in range(400)], workers=8, batch=10)
    assert done.verdicts() == [SENT] * 400
    assert sorted(m[1] for m in server.received) == sorted(b"RCPT TO:<user%d@example.test>" % i for i in range(400))
    for mail, rcpt, content in server.received:
        number = rcpt.split(b"user")[1].split(b"@")[0]
        assert b"Subject: Message %s\r\n" % number in content
    assert server.connections == 40


def test_bounces_go_where_they_should(back_end, serve):
    server = serve(Relay)
    run(back_end, server, [message(0)], {"bounces_to": "bounce@example.com", "from_name": "Herald",
                                         "reply_to": "desk@example.com"})
    assert server.received[0][0].startswith(b"MAIL FROM:<bounce@example.com>")
    assert b'From: "Herald" <herald@example.com>\r\n' in server.received[0][2]
    assert b"Reply-To: desk@example.com\r\n" in server.received[0][2]


def test_the_size_is_announced(back_end, serve):
    server = serve(Relay)
    run(back_end, server, [message(0)])
    assert int(server.received[0][0].split(b"SIZE=")[1].split()[0]) >= len(server.received[0][2])


def test_a_server_without_extensions_is_served(back_end, serve):
    class Old(Session):
        def on_ehlo(self, line):
            return b"502 5.5.1 never heard\r\n"

    # A login needs EHLO; without one libcurl is not asked.
    server = serve(Old)
    done = send(options(server.port), [message(i) for i in range(3)])
    assert done.verdicts() == [SENT] * 3 and server.connections == 1


def test_chunking_is_not_used(serve):
    class Chunky(Session):
        extensions = Session.extensions + ["CHUNKING"]

    class Split(Chunky):
        def send(self, data):
            for i in range(len(data)):
                self.socket.sendall(data[i:i + 1])

    for session in (Chunky, Split):
        server = serve(session)
        server.listener.setsockopt(6, 1, 1)
        done = send(options(server.port), [message(i) for i in range(5)])
        assert done.verdicts() == [SENT] * 5
        assert not any(line.startswith(b"BDAT") for line in server.commands)
