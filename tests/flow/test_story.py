"""One notification to four recipients with different preferences, by the real plugins, to the strictest far ends there are.

E-mail goes over STARTTLS to a private Postfix and is read from its mailboxes.  SMS, Teams and ACS Chat go through a gate
(strict.py) that holds each request against the vendor's strict description, served by Prism, and then lets herald-sandbox
answer: Prism alone has no memory, so that a token or thread of one answer would be unknown to the next request.  Without
../shared the sandbox alone is the far end, and the test of the vendors' descriptions is skipped; without Postfix, or not
as root, all of it is."""
import email
import email.policy
import json
import os
import sys

import pytest

from programs import SOURCE
from real_daemon import BOT_USER, CLIENT, RESOURCE, RealDaemon
from sandbox import Sandbox
from strict import SPECS, Gate

sys.path.append(str(SOURCE / "tests" / "contract" / "email"))
from authority import Authority  # noqa: E402
from postfix import POSTFIX, Postfix  # noqa: E402

pytestmark = [pytest.mark.skipif(POSTFIX is None, reason="postfix is not installed"),
              pytest.mark.skipif(os.geteuid() != 0, reason="a private postfix needs root to start"),
              pytest.mark.slow]

ADA, BEN, CLEO, DORA = "ada", "ben", "cleo", "dora"
TEAMS_ADA = "29:1adaLovelace"
ACS_BEN = RESOURCE + "0000000e-7a3c-11e6-5f42-8e3a0d00be40"
NUMBER = {ADA: "+4366012345601", BEN: "+4366012345602", CLEO: "+4366012345603", DORA: "+4366012345604"}
TEXT = "Grüße, {{recipient.name}}: Bestellung {{order}} ist unterwegs – bis morgen."
NOTIFICATION = {"category": "order.shipped", "to": [{"recipient": one} for one in (ADA, BEN, CLEO, DORA)],
                "data": {"order": "4711"}, "content": {"default": {"subject": "Bestellung {{order}} für Sie", "text": TEXT}}}
WAITING = "step 2: only if the one before is dead or impossible"


def words(name):
    return TEXT.replace("{{recipient.name}}", name).replace("{{order}}", "4711")


class Story:
    """What was asked, foretold and done; the tests only look at it."""

    def __init__(self, api, sandbox, postfix, gate):
        self.api, self.sandbox, self.postfix, self.gate = api, sandbox, postfix, gate
        self.people()
        self.foretold = api.ok("POST", "/v1/explain", NOTIFICATION)["recipients"]
        assert sandbox.arrivals() == []
        self.id = api.ok("POST", "/v1/notifications", NOTIFICATION)["id"]
        self.shown = api.settled(self.id, 60)

    def people(self):
        api = self.api
        api.ok("PUT", "/v1/categories/order.shipped", {"channels": {"email": True, "sms": True, "bot": True}})
        chats = {ADA: [{"kind": "bot", "address": TEAMS_ADA}], BEN: [{"kind": "bot", "address": ACS_BEN}]}
        for one in (ADA, BEN, CLEO, DORA):
            addresses = [*chats.get(one, []), {"kind": "sms", "address": NUMBER[one]},
                         {"kind": "email", "address": f"{one}@example.test"}]
            api.ok("PUT", f"/v1/recipients/{one}", {"name": one.capitalize(), "addresses": addresses})
        for one, chosen in ((BEN, {"channels": {"sms": False}}), (DORA, {"unsubscribed_all": True}),
                            (CLEO, {"order": ["email", "sms"], "categories": {"order.shipped": {"strategy": "first"}}})):
            api.ok("PUT", f"/v1/recipients/{one}/preferences", chosen)

    def foretold_of(self, one):
        (plan,) = [plan for plan in self.foretold if plan["recipient"] == one]
        return plan

    def deliveries(self):
        return {(d["recipient"], d["channel"]): d for d in self.shown["deliveries"]}

    def arrived(self, channel):
        return [(a["to"], a["text"]) for a in self.sandbox.arrivals(channel=channel)]

    def mailbox(self, user):
        folder = self.postfix.root / "mail" / user / "new"
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
                for file in sorted(folder.glob("*"))]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    ends = []
    try:
        authority = Authority(folder)
        sandbox = Sandbox(folder, "--client", CLIENT)
        ends.append(sandbox.close)
        gate = Gate(sandbox.http_host, folder) if SPECS.is_dir() else None
        if gate:
            ends.append(gate.close)
        postfix = Postfix(authority.issue("postfix"), [ADA, BEN, CLEO, DORA])
        ends.append(postfix.close)
        if gate:
            gate.wait()
        relay = {"relay_host": "localhost", "port": postfix.ports["strict"], "security": "starttls", "ca_file": str(authority.file)}
        house = RealDaemon(gate.host if gate else sandbox.http_host, relay, ("teams", "sms", "mail"))
        ends.append(house.close)
        whole = Story(house.api, sandbox, postfix, gate)
        for one, count in ((ADA, 1), (BEN, 1), (CLEO, 1)):
            postfix.mailbox(one, count)
        yield whole
    finally:
        for end in reversed(ends):
            end()


# ---- what arrived ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("user", [ADA, BEN, CLEO])
def test_the_mailbox_holds_the_words_as_they_were_meant(story, user):
    (mail,) = story.mailbox(user)
    assert mail["subject"] == "Bestellung 4711 für Sie"
    assert mail.get_content().rstrip("\r\n") == words(user.capitalize())
    assert mail["from"].addresses[0].display_name == "Käthes Laden"
    assert mail["to"].addresses[0].addr_spec == f"{user}@example.test"
    assert mail["message-id"] == "<%s@example.com>" % story.deliveries()[user, "mail"]["id"]
    assert mail["auto-submitted"] == "auto-generated" and not mail.defects


def test_the_mail_went_over_tls(story):
    """One session for all three, and this port of Postfix takes nothing before STARTTLS."""
    assert "starttls=1 mail=3 rcpt=3 data=3" in story.postfix.log()


def test_an_sms_arrived_for_whom_it_was_planned_and_for_nobody_else(story):
    assert story.arrived("sms") == [(NUMBER[ADA], words("Ada"))]


def test_teams_got_it_in_a_conversation_that_was_opened_for_it(story):
    (arrival,) = story.sandbox.arrivals(channel="bot")
    assert (arrival["to"], arrival["text"]) == (TEAMS_ADA, words("Ada"))
    assert arrival["conversation"].startswith("a:1")


def test_an_acs_user_who_never_wrote_got_it_in_a_thread_that_was_opened_for_it(story):
    (arrival,) = story.sandbox.arrivals(channel="chat")
    assert (arrival["to"], arrival["from"], arrival["text"]) == (ACS_BEN, BOT_USER, words("Ben"))
    assert arrival["conversation"].startswith("19:") and arrival["delivery"] == story.deliveries()[BEN, "teams"]["id"]


def test_who_unsubscribed_got_nothing(story):
    assert story.mailbox(DORA) == [] and not [a for a in story.sandbox.arrivals() if a["to"] == NUMBER[DORA]]


def test_nothing_arrived_twice_and_nothing_else(story):
    stats = story.sandbox.stats()
    assert stats["received"] == 3 and stats["duplicates"] == stats["refused"] == stats["repeats"] == 0
    assert [len(story.mailbox(one)) for one in (ADA, BEN, CLEO, DORA)] == [1, 1, 1, 0]


# ---- why the rest did not ------------------------------------------------------------------------------------------

def test_explain_says_why_each_channel_was_left_out(story):
    reasons = {(plan["recipient"], out["channel"]): out["reason"] for plan in story.foretold for out in plan["left_out"]}
    assert reasons == {(BEN, "sms"): "opted_out_channel", (CLEO, "bot"): "no_address",
                       (DORA, "bot"): "opted_out_all", (DORA, "sms"): "opted_out_all", (DORA, "email"): "opted_out_all"}
    rules = {out["rule"] for plan in story.foretold for out in plan["left_out"]}
    assert rules == {"preference.channels.sms", "address", "preference.unsubscribed_all"}


def test_what_explain_foretold_is_what_was_done(story):
    foretold = {(plan["recipient"], d["channel"]) for plan in story.foretold for d in plan["deliveries"]}
    assert foretold == set(story.deliveries())
    shown = {(out["recipient"], out["channel"], out["reason"], out["detail"]) for out in story.shown["left_out"]}
    assert shown == {(plan["recipient"], out["channel"], out["reason"], out["detail"])
                     for plan in story.foretold for out in plan["left_out"]}


def test_the_second_choice_waited_and_was_not_needed(story):
    whys = {d["channel"]: d["why"] for d in story.foretold_of(CLEO)["deliveries"]}
    assert WAITING in whys["sms"] and WAITING not in whys["mail"]
    second = story.deliveries()[CLEO, "sms"]
    assert (second["state"], second["reason"], second["attempts"]) == ("cancelled", "strategy_satisfied", 0)


def test_each_delivery_took_one_attempt(story):
    tries = {key: (d["state"], d["attempts"]) for key, d in story.deliveries().items() if key != (CLEO, "sms")}
    assert tries == {key: ("sent", 1) for key in
                     ((ADA, "teams"), (ADA, "sms"), (ADA, "mail"), (BEN, "teams"), (BEN, "mail"), (CLEO, "mail"))}


def test_the_timeline_tells_every_step_in_order(story):
    items = story.api.ok("GET", f"/v1/notifications/{story.id}/timeline")["items"]
    whats = [item["what"] for item in items]
    assert whats[0] == "accepted" and whats.count("left_out") == 5
    assert whats.count("attempt") == whats.count("answer") == whats.count("sent") == 6
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)


# ---- what the vendors say ------------------------------------------------------------------------------------------

strict = pytest.mark.skipif(not SPECS.is_dir(), reason="no vendor descriptions: ../shared/specs is not there")


@strict
def test_every_request_keeps_the_vendors_strict_description(story):
    judged = story.gate.judged
    assert [one for one in judged if one[3]] == []
    asked = [(service, method) for service, method, _, _ in judged]
    assert asked.count(("sms", "POST")) == 1
    assert asked.count(("connector", "POST")) == 2  # a conversation, an activity
    assert asked.count(("identity", "POST")) == 1   # the bot user's token
    assert asked.count(("chat", "POST")) == 2       # a thread, a message
    assert story.gate.passed == [("POST", "/tenant-of-tests/oauth2/v2.0/token")]


@strict
def test_a_request_that_violates_it_would_have_been_seen(story):
    headers = {"Content-Type": "application/json", "Authorization": "Bearer x"}
    good = {"isGroup": False, "bot": {"id": "28:herald-test"}, "members": [{"id": TEAMS_ADA}], "tenantId": "t"}
    bad = {**good, "isGroup": "no"}
    found = [story.gate.judge("connector", "POST", "/teams/v3/conversations", headers, json.dumps(body).encode())
             for body in (good, bad)]
    assert found[0] == [] and "isGroup" in json.dumps(found[1])
