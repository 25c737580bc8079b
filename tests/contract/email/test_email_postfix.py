"""Against a real Postfix: what it takes arrives in the mailbox as it was written, over plain text and over TLS."""
import email
import email.policy
import os

import pytest

from driver import DEFERRED, MISCONFIGURED, REJECTED, SENT, UNREACHABLE, message, options, send
from postfix import POSTFIX, Postfix

pytestmark = [pytest.mark.skipif(POSTFIX is None, reason="postfix is not installed"),
              pytest.mark.skipif(os.geteuid() != 0, reason="a private postfix needs root to start")]

USERS = ["ada", "bob", "cleo"] + ["user%d" % i for i in range(120)]


@pytest.fixture(scope="module")
def postfix(authority):
    instance = Postfix(authority.issue("postfix"), USERS)
    yield instance
    instance.close()


WAYS = {"plain": {}, "strict": {"relay_host": "localhost", "security": "starttls"},
        "wrapped": {"relay_host": "localhost", "security": "tls"}}


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def run(postfix, authority, way, messages, **more):
    return send(options(postfix.ports[way], ca_file=str(authority.file), **dict(WAYS[way])), messages, **more)


def test_a_hundred_messages_arrive_over_one_connection(postfix, authority, way):
    before = postfix.connections()
    already = {u: len(list((postfix.root / "mail" / u / "new").glob("*"))) for u in USERS}
    done = run(postfix, authority, way, [message(i) for i in range(100)])
    assert done.verdicts() == [SENT] * 100
    assert "queued as" in done.outcomes[0]["reason"]
    for i in range(100):
        user = "user%d" % i
        raw = postfix.mailbox(user, already[user] + 1)[-1]
        assert b"Subject: Message %d\n" % i in raw and b"Hello %d\n" % i in raw
    assert postfix.connections() == before + 1
    # How it went over the wire: with TLS where TLS was asked for, and by DATA.
    assert done.meters["tls_sessions"] == (0 if way == "plain" else 1)
    assert "bdat=" not in postfix.log()


def test_words_arrive_as_they_were_written(postfix, authority, way):
    words = "Grüße aus Köln,\n.\n..two\n\nFrom here to Привет 😀\n" + "x" * 3000 + "\n"
    user = {"plain": "ada", "strict": "bob", "wrapped": "cleo"}[way]
    done = run(postfix, authority, way, [
        message(0, user + "@example.test", text=words, html="<p>Grüße</p>\n", subject="Grüße 😀 an alle", name="Ädä")])
    assert done.verdicts() == [SENT]
    parsed = email.message_from_bytes(postfix.mailbox(user, 1)[-1], policy=email.policy.default)
    assert parsed["subject"] == "Grüße 😀 an alle"
    assert parsed["to"].addresses[0].display_name == "Ädä"
    assert parsed["message-id"] == "<ntf_TEST000000000-1@example.com>"
    assert parsed["return-path"] == "<herald@example.com>"
    assert parsed.get_body(("plain",)).get_content() == words
    assert parsed.get_body(("html",)).get_content().replace("\r\n", "\n") == "<p>Grüße</p>\n"
    assert len(parsed.defects) == 0


def test_each_recipient_has_its_own_result(postfix, authority, way):
    messages = [message(0), message(1, "nobody@example.test"), message(2), message(3, "a@elsewhere.test"),
                message(4, text="y" * 70 + "\n" + "z" * 400000), message(5)]
    done = run(postfix, authority, way, messages)
    assert done.verdicts() == [SENT, UNREACHABLE, SENT, REJECTED, REJECTED, SENT]
    assert done.outcomes[1]["status"] == "5.1.1" and "User unknown" in done.outcomes[1]["reason"]
    assert "Relay access denied" in done.outcomes[3]["reason"]
    assert done.outcomes[4]["status"] == "5.3.4"


def test_a_relay_that_relays_nothing_for_us_stops_the_channel(postfix, authority, way):
    done = run(postfix, authority, way, [message(i, "a%d@elsewhere.test" % i) for i in range(3)])
    assert done.verdicts() == [MISCONFIGURED] * 3
    assert "Relay access denied" in done.outcomes[0]["reason"]


def test_many_errors_make_postfix_hang_up_and_nobody_pays_for_it(postfix, authority, way):
    """smtpd_hard_error_limit is 20: then Postfix says 421 and closes."""
    messages = [message(i, None if i % 25 == 24 else "nobody%d@example.test" % i) for i in range(75)]
    done = run(postfix, authority, way, messages)
    assert [done.outcomes[i]["verdict"] for i in (24, 49, 74)] == [SENT] * 3
    assert set(done.verdicts()) <= {SENT, UNREACHABLE, DEFERRED}
    # A 421 in place of an answer puts one message off; a connection has at most one of those.
    assert done.verdicts().count(DEFERRED) <= done.meters["sessions"]
    assert done.verdicts().count(UNREACHABLE) >= 60


def test_a_relay_that_wants_tls_refuses_plain_text(postfix, authority):
    done = send(options(postfix.ports["strict"]), [message(i) for i in range(3)])
    assert done.verdicts() == [MISCONFIGURED] * 3
    assert "530" in done.outcomes[0]["reason"]


def test_a_certificate_that_nobody_vouches_for_gets_nothing(postfix, tmp_path):
    done = send(options(postfix.ports["strict"], relay_host="localhost", security="starttls"), [message(0)])
    assert done.verdicts() == [MISCONFIGURED] and done.on_wire == []


def test_eight_workers_deliver_what_one_does(postfix, authority, way):
    done = run(postfix, authority, way, [message(i % 120, delivery_id="ntf_W%d-%d" % (i, len(way))) for i in range(400)],
               workers=8, batch=50)
    assert done.verdicts() == [SENT] * 400
    assert done.meters["sessions"] == 8
