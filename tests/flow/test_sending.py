"""One call to somebody: what is accepted is delivered, as people chose, and explain says the same before."""
from datetime import datetime, timedelta, timezone

import pytest

from programs import wait_until

MAIL, SMS, BOT = ({"kind": kind, "address": "ok"} for kind in ("email", "sms", "bot"))


def instant(**after):
    return (datetime.now(timezone.utc) + timedelta(**after)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def left(notification, recipient=None):
    return {row["channel"]: row["reason"] for row in notification["left_out"] if recipient in (None, row["recipient"])}


def channels(notification):
    return sorted(row["channel"] for row in notification["deliveries"])


# ---- accepted is delivered ----

def test_what_is_accepted_is_delivered_and_its_timeline_tells_the_story(api, house, name):
    api.recipient(name, "ok/" + name)
    answer = api.post("/v1/notifications", {"category": "news", "to": [{"recipient": name}], "correlation_id": name,
                                            "metadata": {"trace": "x"}})
    assert answer.status == 202 and set(answer.json) == {"id", "accepted_at", "recipients"} and answer.json["recipients"] == 1
    whole = api.settled(answer.json["id"])
    (delivery,) = whole["deliveries"]
    assert delivery["state"] == "delivered" and delivery["attempts"] == 1 and delivery["provider_ref"] == "loopback-" + delivery["id"]
    assert whole["counts"] == {"delivered": 1} and whole["correlation_id"] == name and whole["metadata"] == {"trace": "x"}
    assert [row for row in house.arrived() if row[2] == "ok/" + name] == [(delivery["id"], 1, "ok/" + name)]
    timeline = api.ok("GET", f"/v1/notifications/{whole['id']}/timeline")["items"]
    assert [row["what"] for row in timeline if row["what"] != "left_out"] == ["accepted", "attempt", "answer", "delivered"]
    assert all(row["at"] and row["actor"] and row["words"] for row in timeline)


def test_somebody_unknown_is_reached_by_the_addresses_that_come_along(api, house, name):
    sent = api.send({"addresses": [{"kind": "loopback", "address": "ok/" + name}], "name": "Ada", "locale": "de"})
    (delivery,) = api.settled(sent)["deliveries"]
    assert delivery["recipient"] == "" and delivery["id"] in house.arrived_ids()


def test_an_address_that_its_plugin_does_not_take_is_a_fault_with_its_pointer(api, name):
    answer = api.post("/v1/notifications", {"category": "news", "to": [{"addresses": [{"kind": "loopback", "address": "ok"},
                                                                                   {"kind": "loopback", "address": "dance"}]}]})
    assert answer.status == 422 and answer.problem == "invalid" and answer.pointers == ["/to/0/addresses/1/address"]
    answer = api.put(f"/v1/recipients/{name}", {"addresses": [{"kind": "loopback", "address": "dance"}]})
    assert answer.status == 422 and answer.pointers == ["/addresses/0/address"]
    assert api.get(f"/v1/recipients/{name}").status == 404


def test_a_kind_that_no_channel_carries_is_named(api):
    answer = api.post("/v1/notifications", {"category": "news", "to": [{"addresses": [{"kind": "fax", "address": "1"}]}]})
    assert answer.status == 422 and answer.problem == "unknown_channel" and answer.pointers == ["/to/0/addresses/0/address"]


def test_one_unknown_recipient_among_many_is_left_out_and_nobody_known_is_refused(api, name):
    api.recipient(name)
    whole = api.settled(api.send(name, name + "-nobody"))
    assert whole["recipients"] == 2 and channels(whole) == ["loopback"]
    assert [(row["recipient"], row["reason"]) for row in whole["left_out"] if row["recipient"] == name + "-nobody"] == [
        (name + "-nobody", "recipient_unknown")]
    answer = api.post("/v1/notifications", {"category": "news", "to": [{"recipient": name + "-nobody"}]})
    assert answer.status == 422 and answer.pointers == ["/to"]


def test_somebody_named_twice_is_notified_once(api, name):
    api.recipient(name)
    whole = api.settled(api.send(name, name))
    assert channels(whole) == ["loopback"] and [row["reason"] for row in whole["left_out"] if row["channel"] == ""] == ["duplicate"]


def test_a_thousand_recipients_are_taken_and_one_more_is_not(api, name):
    api.recipient(name)
    to = [{"recipient": name}] + [{"recipient": f"{name}-{n}"} for n in range(999)]
    answer = api.post("/v1/notifications", {"category": "news", "to": to})
    assert answer.status == 202 and answer.json["recipients"] == 1000
    answer = api.post("/v1/notifications", {"category": "news", "to": to + [{"recipient": "x"}]})
    assert answer.status == 422 and answer.pointers == ["/to"]
    assert api.post("/v1/notifications", {"category": "news", "to": []}).pointers == ["/to"]


# ---- what people chose ----

def everybody(api, name, **preferences):
    api.recipient(name, MAIL, SMS, BOT, "ok")
    if preferences:
        api.ok("PUT", f"/v1/recipients/{name}/preferences", preferences)


def test_a_channel_that_is_switched_off_is_left_out_with_the_rule_that_said_so(api, name):
    everybody(api, name, channels={"sms": False})
    whole = api.settled(api.send(name))
    assert channels(whole) == ["loopback", "mail", "teams"] and left(whole) == {"sms": "opted_out_channel"}
    assert [row["rule"] for row in whole["left_out"]] == ["preference.channels.sms"]


def test_the_more_specific_choice_wins(api, name):
    everybody(api, name, channels={"sms": False, "mail": False, "email": True},
              categories={"news": {"channels": {"sms": True, "bot": False}}})
    whole = api.settled(api.send(name))
    assert channels(whole) == ["loopback", "sms"]
    assert left(whole) == {"email": "opted_out_channel", "bot": "opted_out_category"}


def test_a_category_switched_off_is_off_on_every_channel(api, name):
    everybody(api, name, categories={"news": False})
    whole = api.settled(api.send(name))
    assert channels(whole) == [] and set(left(whole).values()) == {"opted_out_category"} and whole["state"] == "done"


def test_unsubscribed_from_everything_and_muted_are_gates_and_delete_nothing_below(api, name):
    everybody(api, name, unsubscribed_all=True, channels={"sms": False})
    assert set(left(api.settled(api.send(name))).values()) == {"opted_out_all"}
    api.ok("PATCH", f"/v1/recipients/{name}/preferences", {"unsubscribed_all": False, "muted_until": instant(hours=1)})
    assert set(left(api.settled(api.send(name))).values()) == {"muted"}
    api.ok("PATCH", f"/v1/recipients/{name}/preferences", {"muted_until": instant(hours=-1)})
    assert left(api.settled(api.send(name))) == {"sms": "opted_out_channel"}


def test_a_required_category_passes_the_gates_and_cannot_be_switched_off(api, name):
    category = name[:30]
    api.category(category, required=True)
    everybody(api, name, unsubscribed_all=True, categories={category: False})
    assert channels(api.settled(api.send(name, category=category))) == ["loopback", "mail", "sms", "teams"]
    api.ok("PUT", f"/v1/recipients/{name}/preferences", {"categories": {category: {"channels": {"sms": False, "email": False}}}})
    assert channels(api.settled(api.send(name, category=category))) == ["loopback", "teams"]


def test_a_category_says_what_somebody_gets_who_chose_nothing(api, name):
    category = name[:30]
    api.category(category, channels={"email": True, "sms": False})
    everybody(api, name)
    whole = api.settled(api.send(name, category=category))
    assert channels(whole) == ["mail"] and set(left(whole).values()) == {"channel_disabled"}
    api.ok("PUT", f"/v1/recipients/{name}/preferences", {"categories": {category: {"channels": {"sms": True}}}})
    assert channels(api.settled(api.send(name, category=category))) == ["mail", "sms"]


def test_the_call_narrows_channels_and_never_widens_what_was_allowed(api, name):
    everybody(api, name, channels={"sms": False})
    whole = api.settled(api.send(name, channels=["sms", "email"]))
    assert channels(whole) == ["mail"] and left(whole) == {"sms": "opted_out_channel"}
    answer = api.post("/v1/notifications", {"category": "news", "to": [{"recipient": name}], "channels": ["email", "fax"]})
    assert answer.status == 422 and answer.problem == "unknown_channel" and answer.pointers == ["/channels/1"]


def test_a_label_chooses_among_several_addresses_and_the_verified_one_comes_first(api, name):
    api.recipient(name, {"kind": "email", "address": "ok/a", "label": "home"},
                  {"kind": "email", "address": "ok/b", "label": "work", "verified": True})
    addresses = {row["address"] for row in api.settled(api.send(name))["deliveries"]}
    assert addresses == {"ok/b"}
    whole = api.settled(api.send({"recipient": name, "label": "home"}))
    assert {row["address"] for row in whole["deliveries"]} == {"ok/a"}
    assert left(api.settled(api.send({"recipient": name, "label": "none"})))["email"] == "no_address"


def test_a_suppressed_address_is_left_out_also_when_it_comes_along_and_lifting_it_lets_it_pass(api, name):
    address = "ok/" + name
    api.recipient(name, address)
    target = f"/v1/suppressions/loopback/{address.replace('/', '%2F')}"
    assert api.ok("PUT", target, {"reason": "bounce"})["reason"] == "bounce"
    assert left(api.settled(api.send(name)))["loopback"] == "address_suppressed"
    inline = {"addresses": [{"kind": "loopback", "address": address}]}
    assert left(api.settled(api.send(inline)))["loopback"] == "address_suppressed"
    assert api.delete(target).status == 204 and api.delete(target).status == 404
    assert channels(api.settled(api.send(name))) == ["loopback"]


def test_a_suppression_ends_when_it_said_it_would(api, name):
    address = "ok/" + name
    api.recipient(name, address)
    target = f"/v1/suppressions/loopback/{address.replace('/', '%2F')}"
    api.ok("PUT", target, {"until": instant(seconds=1.5)})
    assert left(api.settled(api.send(name)))["loopback"] == "address_suppressed"
    wait_until(lambda: channels(api.settled(api.send(name))) == ["loopback"], "the suppression to end", 10)


# ---- strategy first ----

def order_of(house, notification):
    rows = []
    for channel in house.channels:
        rows += [row for row in house.arrived(channel) if row[0].startswith(notification)]
    return rows


def test_strategy_first_tries_one_channel_in_the_recipients_order(api, house, name):
    everybody(api, name, order=["bot", "email", "sms"])
    whole = api.settled(api.send(name, strategy="first"))
    states = {row["channel"]: (row["state"], row["reason"]) for row in whole["deliveries"]}
    assert states["teams"] == ("delivered", "none")
    assert states["mail"] == states["sms"] == states["loopback"] == ("cancelled", "strategy_satisfied")
    assert len(order_of(house, whole["id"])) == 1
    assert [row["step"] for row in sorted(whole["deliveries"], key=lambda row: row["id"])] == [1, 2, 3, 4]


def test_the_death_of_a_step_releases_the_next(api, house, name):
    api.recipient(name, {"kind": "email", "address": "reject"}, {"kind": "sms", "address": "unreachable"}, BOT, "ok")
    api.ok("PUT", f"/v1/recipients/{name}/preferences", {"order": ["email", "sms", "bot", "loopback"]})
    whole = api.settled(api.send(name, strategy="first"))
    states = {row["channel"]: (row["state"], row["reason"]) for row in whole["deliveries"]}
    assert states == {"mail": ("dead", "rejected"), "sms": ("dead", "unreachable"), "teams": ("delivered", "none"),
                      "loopback": ("cancelled", "strategy_satisfied")}
    assert len(order_of(house, whole["id"])) == 1


def test_all_steps_dead_is_the_end_of_it(api, name):
    api.recipient(name, {"kind": "email", "address": "reject"}, {"kind": "sms", "address": "reject"})
    whole = api.settled(api.send(name, strategy="first"))
    assert whole["counts"] == {"dead": 2}


def test_the_recipients_word_on_strategy_is_more_specific_than_the_categorys(api, name):
    everybody(api, name, categories={"news": {"strategy": "first"}})
    assert api.settled(api.send(name))["counts"] == {"delivered": 1, "cancelled": 3}


# ---- time ----

def test_send_at_waits_for_its_time_and_can_be_cancelled_before(api, house, name):
    api.recipient(name)
    sent = api.send(name, send_at=instant(seconds=1.5))
    other = api.send(name, send_at=instant(hours=5))
    whole = api.show(sent)
    assert whole["state"] == "scheduled" and whole["deliveries"] == [] and whole["send_at"]
    assert [row["id"] for row in api.ok("GET", f"/v1/notifications?state=scheduled&category=news")["items"]][:2] == [other, sent]
    assert api.settled(sent)["counts"] == {"delivered": 1}
    assert datetime.fromisoformat(api.show(sent)["deliveries"][0]["changed_at"].replace("Z", "+00:00")) >= datetime.fromisoformat(
        whole["send_at"].replace("Z", "+00:00"))
    assert api.ok("POST", f"/v1/notifications/{other}/cancel")["too_late"] == 0
    cancelled = api.show(other)
    assert cancelled["state"] == "done" and cancelled["cancelled"] == "by_caller"
    assert not [row for row in house.arrived() if row[0].startswith(other)]


def test_a_scheduled_one_lives_from_its_time_on(api, name):
    api.recipient(name)
    whole = api.show(api.send(name, send_at=instant(days=10), expires_in="2d"))
    lives = (datetime.fromisoformat(whole["expires_at"].replace("Z", "+00:00"))
             - datetime.fromisoformat(whole["send_at"].replace("Z", "+00:00")))
    assert lives == timedelta(days=2)
    api.ok("POST", f"/v1/notifications/{whole['id']}/cancel")


def test_a_scheduled_one_is_planned_when_it_is_due_and_not_before(api, name):
    api.recipient(name)
    sent = api.send(name, send_at=instant(seconds=1.2))
    api.ok("PUT", f"/v1/recipients/{name}/preferences", {"unsubscribed_all": True})
    whole = wait_until(lambda: (lambda w: w if w["state"] == "done" else None)(api.show(sent)), "it to be planned")
    assert whole["deliveries"] == [] and set(left(whole).values()) == {"opted_out_all"}


def test_words_of_a_scheduled_one_are_checked_when_it_is_accepted(api, name):
    api.recipient(name)
    answer = api.post("/v1/notifications", {"category": "news", "to": [{"recipient": name}], "send_at": instant(hours=1),
                                            "content": {"default": {"text": "Hello {{who}}"}}})
    assert answer.status == 422 and answer.pointers == ["/content/default/text"] or answer.pointers == ["/content/loopback/text"]


def test_what_is_too_late_to_be_of_use_expires(api, name):
    api.recipient(name, "defer")
    whole = api.settled(api.send(name, expires_in="2s"))
    assert [(row["state"], row["reason"]) for row in whole["deliveries"]] == [("expired", "expired")]


# ---- test, dedup, replaces ----

def test_a_test_does_everything_but_handing_over(api, house, name):
    api.recipient(name, "ok/" + name)
    whole = api.settled(api.send(name, test=True))
    assert whole["test"] is True and whole["counts"] == {"delivered": 1}
    assert not [row for row in house.arrived() if row[2] == "ok/" + name]


def test_the_same_event_within_its_window_is_notified_once(api, house, name):
    api.recipient(name)
    body = {"category": "news", "to": [{"recipient": name}], "dedup": {"key": name, "for": "2s"}}
    first = api.post("/v1/notifications", body)
    again = api.post("/v1/notifications", body)
    assert again.status == 202 and again.json["id"] == first.json["id"] and again.json["duplicate"] is True
    api.category(name[:30])
    other = api.post("/v1/notifications", {**body, "category": name[:30]})
    assert other.json["id"] != first.json["id"] and "duplicate" not in other.json
    wait_until(lambda: "duplicate" not in api.post("/v1/notifications", body).json, "the window to end", 10)


def test_a_newer_one_replaces_what_is_not_on_the_wire(start, name):
    daemon = start()
    api = daemon.api
    api.category()
    api.recipient(name, "ok/wait", MAIL)
    api.ok("POST", "/v1/channels/loopback/pause", {"reason": "test"})
    older = api.send(name)
    api.state_of(older, "delivered")
    newer = api.send(name, replaces=older)
    states = {row["channel"]: (row["state"], row["reason"]) for row in api.show(older)["deliveries"]}
    assert states["loopback"] == ("cancelled", "replaced") and states["mail"][0] == "delivered"
    api.ok("POST", "/v1/channels/loopback/resume")
    assert api.settled(newer)["counts"] == {"delivered": 2}
    assert not [row for row in daemon.arrived() if row[0].startswith(older)]


# ---- explain ----

CASES = {
    "plain": {},
    "narrowed": {"channels": ["sms", "mail"]},
    "first": {"strategy": "first"},
    "two people": {"to": ["{name}", "{name}-other", "{name}-nobody"]},
}


@pytest.mark.parametrize("case", CASES)
def test_explain_says_exactly_what_a_send_then_does(api, house, name, case):
    person = f"{name[:12]}-{case.replace(' ', '-')}"
    api.recipient(person, MAIL, SMS, "ok")
    api.recipient(person + "-other", BOT)
    api.ok("PUT", f"/v1/recipients/{person}/preferences", {"channels": {"sms": False}, "order": ["loopback", "email"]})
    more = dict(CASES[case])
    to = [{"recipient": one.format(name=person)} for one in more.pop("to", ["{name}"])]
    body = {"category": "news", "to": to, **more}
    plan = api.ok("POST", "/v1/explain", body)
    rows = len(house.arrived())
    assert api.get(f"/v1/notifications?recipient={person}").json["items"] == [] and len(house.arrived()) == rows
    whole = api.show(api.ok("POST", "/v1/notifications", body)["id"])
    planned = [(one["recipient"], row["channel"], row["address"]) for one in plan["recipients"] for row in one["deliveries"]]
    assert planned == [(row["recipient"], row["channel"], row["address"]) for row in whole["deliveries"]]
    out = [(one["recipient"], row["channel"], row["reason"], row["rule"], row["detail"])
           for one in plan["recipients"] for row in one["left_out"]]
    assert out == [(row["recipient"], row["channel"], row["reason"], row["rule"], row["detail"]) for row in whole["left_out"]]
    for one in plan["recipients"]:
        for row in one["deliveries"]:
            assert row["why"] and row["content"] == {"text": "Hello", "subject": "About news"}


def test_explain_can_be_asked_for_another_time(api, name):
    everybody(api, name, muted_until=instant(hours=2))
    ask = {"category": "news", "to": [{"recipient": name}]}
    assert api.ok("POST", "/v1/explain", ask)["recipients"][0]["deliveries"] == []
    assert len(api.ok("POST", "/v1/explain", {**ask, "at": instant(hours=3)})["recipients"][0]["deliveries"]) == 4
    assert api.post("/v1/notifications", {**ask, "at": instant(hours=3)}).pointers == ["/at"]


# ---- words ----

def test_words_are_filled_in_and_escaped_where_they_stand(api, name):
    api.recipient(name, MAIL, name="Ada <b>", attributes={"plan": "pro"})
    plan = api.ok("POST", "/v1/explain", {
        "category": "news", "to": [{"recipient": name}], "data": {"order": {"id": 4711}, "who": "A & B"},
        "content": {"default": {"subject": "Order {{order.id}}", "text": "{{recipient.name}}: {{who}} {{recipient.attributes.plan}}"},
                    "email": {"html": "<p>{{recipient.name}} {{who}}</p>"}}})
    (row,) = plan["recipients"][0]["deliveries"]
    assert row["content"] == {"subject": "Order 4711", "text": "Ada <b>: A & B pro", "html": "<p>Ada &lt;b&gt; A &amp; B</p>"}


@pytest.mark.parametrize("content, problem, pointer", [
    ({"default": {"text": "{{nothing}}"}}, "invalid", "/content/{}/text"),
    ({"default": {"text": "{{#each}}x{{/each}}"}}, "unsupported", "/content/{}/text"),
    ({"default": {"text": "{{who"}}, "invalid", "/content/{}/text"),
    ({"default": {"text": "x", "subject": "{{line}}"}}, "invalid", "/content/{}/subject"),
    ({"default": {"text": "x", "subject": "a\r\nBcc: v@e"}}, "invalid", "/content/{}/subject"),
    ({"email": {"text": "x", "headers": {"Bcc": "v@e"}}}, "invalid", "/content/email/headers/Bcc"),
    ({"email": {"text": "x", "headers": {"X-A\r\nB": "v"}}}, "invalid", "/content/email/headers/X-A\r\nB"),
])
def test_words_that_cannot_be_are_refused_at_acceptance(api, name, content, problem, pointer):
    api.recipient("words", MAIL)
    answer = api.post("/v1/notifications", {"category": "news", "to": [{"recipient": "words"}], "data": {"line": "a\nb"},
                                            "content": content})
    assert answer.status == 422 and answer.problem == problem
    assert answer.pointers[0] in (pointer.format("default"), pointer.format("mail"), pointer.format("email"))


def test_without_any_words_there_is_nothing_to_say(api, name):
    category = name[:30]
    api.ok("PUT", f"/v1/categories/{category}", {})
    api.recipient(name)
    answer = api.post("/v1/notifications", {"category": category, "to": [{"recipient": name}]})
    assert answer.status == 422 and answer.problem == "content_missing" and answer.pointers == ["/content"]
    whole = api.show(api.send(name, category=category, content={"email": {"text": "x"}}))
    assert left(whole)["loopback"] == "content_missing"


def test_critical_only_where_the_category_allows_it(api, name):
    category = name[:30]
    api.recipient(name)
    assert api.post("/v1/notifications", {"category": "news", "to": [{"recipient": name}], "priority": "critical"}).pointers == ["/priority"]
    api.category(category, critical_allowed=True)
    assert api.settled(api.send(name, category=category, priority="critical"))["priority"] == "critical"


def test_an_unknown_category_is_told_by_name(api):
    answer = api.post("/v1/notifications", {"category": "no.such", "to": [{"recipient": "x"}]})
    assert answer.status == 422 and answer.problem == "unknown_category" and answer.pointers == ["/category"]


def test_a_category_in_use_is_not_deleted(start, name):
    daemon = start()
    api = daemon.api
    api.category("used")
    api.recipient(name)
    api.ok("POST", "/v1/channels/loopback/pause")
    sent = api.send(name, category="used")
    answer = api.delete("/v1/categories/used")
    assert answer.status == 409 and answer.problem == "conflict"
    api.ok("POST", f"/v1/notifications/{sent}/cancel")
    assert api.delete("/v1/categories/used").status == 204 and api.get("/v1/categories/used").status == 404


def test_what_nobody_says_expires_as_the_operator_said(start, name):
    daemon = start({"loopback": {}}, {"delivery.expires_after": "2h"})
    api = daemon.api
    api.category()
    api.category("own", expires_in="3h")
    api.recipient(name)
    for more, hours in (({}, 2), ({"category": "own"}, 3), ({"category": "own", "expires_in": "4h"}, 4)):
        whole = api.show(api.send(name, **more))
        lives = [datetime.fromisoformat(whole[field].replace("Z", "+00:00")) for field in ("accepted_at", "expires_at")]
        assert lives[1] - lives[0] == timedelta(hours=hours)
