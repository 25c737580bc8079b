"""People, choices, categories, suppressions, the audit: what is written is read again, versions guard, lists go on."""
import threading
from datetime import datetime, timedelta, timezone

import pytest


def match(answer_or_tag):
    tag = answer_or_tag if isinstance(answer_or_tag, str) else answer_or_tag.headers["ETag"]
    return {"headers": {"If-Match": tag}}


# ---- recipients ----

def test_a_recipient_is_what_was_put_and_a_second_put_replaces_it(api, name):
    body = {"name": "Ada", "locale": "de-AT", "timezone": "Europe/Vienna", "attributes": {"plan": "pro", "n": 3},
            "addresses": [{"kind": "email", "address": "ok", "label": "work", "verified": True},
                          {"kind": "bot", "channel": "teams", "address": "ok/29", "memory": {"conversation": {"id": "a:1"}}}]}
    first = api.put(f"/v1/recipients/{name}", body)
    assert first.status == 201 and first.json["id"] == name and first.json["version"] == 1 and first.headers["ETag"] == '"1"'
    got = api.get(f"/v1/recipients/{name}")
    assert got.data == first.data and got.headers["ETag"] == '"1"'
    assert got.json["attributes"] == body["attributes"] and got.json["addresses"][1]["memory"] == {"conversation": {"id": "a:1"}}
    again = api.put(f"/v1/recipients/{name}", {"addresses": body["addresses"][:1]})
    assert again.status == 200 and again.json["version"] == 2 and again.json["name"] == "" and len(again.json["addresses"]) == 1
    assert api.put(f"/v1/recipients/{name}", got.json).json["addresses"] == got.json["addresses"]


def test_patch_changes_what_it_names_and_null_removes(api, name):
    api.recipient(name, "ok", name="Ada", locale="de", attributes={"a": 1, "b": 2})
    changed = api.ok("PATCH", f"/v1/recipients/{name}", {"locale": None, "attributes": {"a": None, "c": {"d": None, "e": 1}}})
    assert changed["name"] == "Ada" and changed["locale"] == "" and changed["attributes"] == {"b": 2, "c": {"e": 1}}
    assert [row["address"] for row in changed["addresses"]] == ["ok"]
    assert api.patch("/v1/recipients/nobody-" + name, {}).status == 404
    assert api.patch(f"/v1/recipients/{name}", {"name": 7}).pointers == ["/name"]
    assert api.patch(f"/v1/recipients/{name}", {"id": "other"}).pointers == ["/id"]


@pytest.mark.parametrize("who", ["a/b", "..", "ä€", "a b", "x" * 128, "%", "a+b", "?x=1", "'; DROP"])
def test_an_id_may_be_any_printable_text_and_comes_back_as_it_was(api, who):
    from urllib.parse import quote
    assert api.recipient(who, "ok")["id"] == who
    target = f"/v1/recipients/{quote(who, safe='')}"
    assert api.get(target).json["id"] == who
    assert api.settled(api.send(who))["deliveries"][0]["recipient"] == who
    assert api.get(f"{target}/preferences").status == 200
    assert api.delete(target).status == 204


@pytest.mark.parametrize("path, status", [("x" * 129, 422), ("%00", 400), ("%0a", 400), ("%ff", 400), ("%c0%af", 400), ("%zz", 400),
                                          ("%", 400), ("%7f", 400)])
def test_an_id_that_cannot_be_is_refused(api, path, status):
    assert api.put(f"/v1/recipients/{path}", {"addresses": []}).status == status


@pytest.mark.parametrize("body, pointer", [
    ([], ""), ({"adresses": []}, "/adresses"), ({"addresses": {}}, "/addresses"), ({"addresses": [{"kind": "loopback"}]}, "/addresses/0/address"),
    ({"addresses": [{"kind": "E mail", "address": "ok"}]}, "/addresses/0/kind"), ({"addresses": [{"kind": "loopback", "address": "ok", "x": 1}]}, "/addresses/0/x"),
    ({"locale": "de_AT!"}, "/locale"), ({"timezone": "../etc"}, "/timezone"), ({"attributes": []}, "/attributes"), ({"name": "x" * 257}, "/name"),
    ({"name": None}, "/name"), ({"addresses": [{"kind": "loopback", "address": "ok", "verified": "yes"}]}, "/addresses/0/verified"),
    ({"addresses": [{"kind": "loopback", "address": ""}]}, "/addresses/0/address"), ({"addresses": [{"kind": "loopback", "address": "ok"}] * 21}, "/addresses"),
    ({"__proto__": {}}, "/__proto__"), ({"": 1}, "/"), ({"a/b~c": 1}, "/a~1b~0c"),
    ({"addresses": [{"kind": "loopback", "address": "ok", "memory": "x"}]}, "/addresses/0/memory"),
])
def test_a_recipient_that_cannot_be_is_refused_by_its_field_and_changes_nothing(api, name, body, pointer):
    answer = api.put(f"/v1/recipients/{name}", body)
    assert answer.status == 422 and answer.problem == "invalid" and pointer in answer.pointers
    assert all(fault["detail"] and fault["fault"] for fault in answer.json["faults"]) and answer.json["detail"]
    assert api.get(f"/v1/recipients/{name}").status == 404


def test_the_edges_of_a_recipient_are_inside(api, name):
    addresses = [{"kind": "loopback", "address": f"ok/{n}"} for n in range(20)]
    assert len(api.recipient(name, *addresses, name="x" * 256)["addresses"]) == 20


def test_at_most_fifty_faults_are_told_and_all_are_counted(api, name):
    answer = api.put(f"/v1/recipients/{name}", {f"f{n}": 1 for n in range(80)})
    assert len(answer.json["faults"]) == 50 and "80 faults" in answer.json["detail"]


def test_an_address_may_be_checked_later_when_it_is_asked_for(api, name):
    assert api.put(f"/v1/recipients/{name}?check=now", {}).pointers == ["?check"]
    assert api.put(f"/v1/recipients/{name}?check=later", {"addresses": [{"kind": "loopback", "address": "ok"}]}).status == 201


# ---- versions ----

@pytest.mark.parametrize("target, body", [("/v1/recipients/{}", {"addresses": []}), ("/v1/recipients/{}/preferences", {}),
                                          ("/v1/categories/{}", {})])
def test_who_saw_an_older_version_is_told_so(api, name, target, body):
    name = name[:40]
    api.recipient(name)
    target = target.format(name)
    api.ok("PUT", target, body)
    tag = api.get(target).headers["ETag"]
    assert api.put(target, body, **match(tag)).status == 200
    for call in (api.put, api.patch):
        answer = call(target, body, **match(tag))
        assert answer.status == 412 and answer.problem == "changed_meanwhile"
    assert api.patch(target, {}, **match(api.get(target))).status == 200
    for tag in ('"0"', '"x"', "12", 'W/"1"', '"1" , "2"', '"99999999999999999999"'):
        assert api.put(target, body, **match(tag)).status == 412, tag
    assert api.put(target, body, **match("*")).status == 200
    if not target.endswith("preferences"):
        tag = api.get(target).headers["ETag"]
        assert api.delete(target, **match('"0"')).status == 412
        assert api.delete(target, **match(tag)).status == 204
        assert api.put(target, body, **match("*")).status == 412 and api.get(target).status == 404


def test_of_many_who_saw_the_same_version_one_wins(house, api, name):
    api.recipient(name)
    tag = api.get(f"/v1/recipients/{name}").headers["ETag"]
    key, answers = house.key("recipients"), []
    threads = [threading.Thread(target=lambda n=n: answers.append(house.client(key=key).patch(
        f"/v1/recipients/{name}", {"name": str(n)}, **match(tag)).status)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [412] * 15


# ---- preferences ----

def test_preferences_are_kept_at_every_level_as_they_were_said(api, name):
    api.recipient(name)
    body = {"unsubscribed_all": False, "muted_until": None, "order": ["bot", "email"], "channels": {"sms": False},
            "categories": {"marketing": False, "news": {"enabled": True, "channels": {"sms": True}, "strategy": "first"}}}
    target = f"/v1/recipients/{name}/preferences"
    assert api.get(target).json == {"version": 0}
    first = api.ok("PUT", target, body)
    assert first == {**body, "version": 1} and api.get(target).json == first
    api.ok("PATCH", target, {"unsubscribed_all": True})
    assert api.get(target).json == {**body, "unsubscribed_all": True, "version": 2}
    api.ok("PATCH", target, {"unsubscribed_all": False, "categories": {"marketing": None}, "channels": None})
    assert api.get(target).json == {"unsubscribed_all": False, "muted_until": None, "order": ["bot", "email"],
                                    "categories": {"news": body["categories"]["news"]}, "version": 3}


@pytest.mark.parametrize("body, pointer, problem", [
    ({"unsubscribed": True}, "/unsubscribed", "invalid"), ({"channels": {"sms": 0}}, "/channels/sms", "invalid"),
    ({"channels": {"S M S": True}}, "/channels/S M S", "invalid"), ({"muted_until": "soon"}, "/muted_until", "invalid"),
    ({"order": "bot"}, "/order", "invalid"), ({"order": [1]}, "/order/0", "invalid"),
    ({"categories": {"news": {"enabled": 1}}}, "/categories/news/enabled", "invalid"),
    ({"categories": {"news": {"strategy": "any"}}}, "/categories/news/strategy", "invalid"),
    ({"categories": {"news": {"strategy": "escalate"}}}, "/categories/news/strategy", "unsupported"),
    ({"quiet_hours": []}, "/quiet_hours", "unsupported"), ({"preferred_times": []}, "/preferred_times", "unsupported"),
    ({"limits": []}, "/limits", "unsupported"), ({"categories": {"news": {"digest": "1h"}}}, "/categories/news/digest", "unsupported"),
])
def test_a_choice_that_cannot_be_is_refused_by_its_field_and_changes_nothing(api, name, body, pointer, problem):
    api.recipient(name)
    answer = api.put(f"/v1/recipients/{name}/preferences", body)
    assert answer.status == 422 and answer.problem == problem and answer.pointers == [pointer]
    assert api.get(f"/v1/recipients/{name}/preferences").json == {"version": 0}


def test_effective_preferences_say_for_each_category_and_channel_what_it_comes_to(api, name):
    api.recipient(name, "ok", {"kind": "sms", "address": "ok"})
    api.ok("PUT", f"/v1/recipients/{name}/preferences", {"channels": {"sms": False}})
    rows = api.ok("GET", f"/v1/recipients/{name}/preferences?effective=true")["items"]
    news = {row["channel"]: (row["allowed"], row["reason"]) for row in rows if row["category"] == "news"}
    assert news == {"loopback": (True, "none"), "sms": (False, "opted_out_channel"), "mail": (False, "no_address"),
                    "teams": (False, "no_address")}
    assert all(row["words"] for row in rows)
    assert api.get(f"/v1/recipients/{name}/preferences?effective=maybe").pointers == ["?effective"]


def test_the_history_of_preferences_has_every_change_with_who_and_when(house, api, name):
    api.recipient(name)
    target = f"/v1/recipients/{name}/preferences"
    key = house.key("preferences")
    house.client(key=key).ok("PUT", target, {"unsubscribed_all": True})
    api.ok("PATCH", target, {"unsubscribed_all": False})
    rows = api.ok("GET", f"{target}/history")["items"]
    assert [row["preferences"] for row in rows] == [{"unsubscribed_all": False}, {"unsubscribed_all": True}]
    assert rows[0]["actor"] == "admin" and key.startswith(rows[1]["actor"]) and rows[0]["at"] >= rows[1]["at"]


# ---- categories ----

def test_a_category_is_what_was_put_and_patch_keeps_the_rest(api, name):
    name = name[:40]
    body = {"title": {"en": "Order updates", "de": "Bestellungen"}, "description": {}, "required": False, "consent": "opt_out",
            "channels": {"email": True, "webhook": False}, "strategy": "first", "critical_allowed": True, "expires_in": "72h",
            "uncertain": "retry", "attempts_max": 10, "content": {"default": {"text": "x"}}, "listed": True}
    answer = api.put(f"/v1/categories/{name}", body)
    assert answer.status == 201 and {**body, "name": name, "version": answer.json["version"]} == answer.json
    assert api.get(f"/v1/categories/{name}").json == answer.json
    changed = api.ok("PATCH", f"/v1/categories/{name}", {"uncertain": None, "channels": {"webhook": None}})
    assert "uncertain" not in changed and changed["channels"] == {"email": True} and changed["strategy"] == "first"


@pytest.mark.parametrize("body, pointer, problem", [
    ({"consent": "opt_in"}, "/consent", "unsupported"), ({"consent": "double_opt_in"}, "/consent", "unsupported"),
    ({"strategy": "escalate"}, "/strategy", "unsupported"), ({"escalate_after": "10m"}, "/escalate_after", "unsupported"),
    ({"outside_hours": "hold"}, "/outside_hours", "unsupported"), ({"limits": []}, "/limits", "unsupported"),
    ({"digest": None}, "/digest", "unsupported"), ({"consent": "maybe"}, "/consent", "invalid"),
    ({"expires_in": "0s"}, "/expires_in", "invalid"), ({"expires_in": 72}, "/expires_in", "invalid"),
    ({"attempts_max": 0}, "/attempts_max", "invalid"), ({"attempts_max": 101}, "/attempts_max", "invalid"),
    ({"attempts_max": 1.0}, "/attempts_max", "invalid"), ({"required": "yes"}, "/required", "invalid"),
    ({"content": {"default": {"text": 1}}}, "/content/default/text", "invalid"), ({"name": "other"}, "/name", "invalid"),
])
def test_a_category_that_cannot_be_is_refused_by_its_field(api, name, body, pointer, problem):
    answer = api.put(f"/v1/categories/{name[:40]}", body)
    assert answer.status == 422 and answer.problem == problem and answer.pointers == [pointer]
    assert api.get(f"/v1/categories/{name[:40]}").status == 404


@pytest.mark.parametrize("wrong", ["A", "1a", "a%20b", "a" * 65, "a%2Fb", "%C3%A4"])
def test_a_categorys_name_has_a_form(api, wrong):
    answer = api.put(f"/v1/categories/{wrong}", {})
    assert answer.status == 422 and answer.pointers == ["/name"]


def test_a_change_of_a_category_counts_from_its_answer_on(api, name):
    name = name[:40]
    api.category(name)
    api.recipient(name, "ok")
    for turn in range(30):
        api.ok("PATCH", f"/v1/categories/{name}", {"channels": {"loopback": turn % 2 == 0}})
        assert len(api.show(api.send(name, category=name))["deliveries"]) == (turn % 2 == 0)


# ---- suppressions ----

def test_a_suppression_is_read_listed_and_lifted(api, name):
    target = f"/v1/suppressions/loopback/ok%2F{name}"
    until = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert api.get(target).status == 404
    row = api.ok("PUT", target, {"reason": "complaint", "source": "desk", "until": until})
    assert (row["kind"], row["address"], row["reason"], row["source"], row["until"]) == ("loopback", "ok/" + name, "complaint", "desk", until)
    assert api.get(target).json == row and api.ok("PUT", target, row)["reason"] == "complaint"
    assert row["address"] in [each["address"] for each in api.ok("GET", "/v1/suppressions?kind=loopback&reason=complaint")["items"]]
    assert api.ok("GET", "/v1/suppressions?kind=fax")["items"] == []
    assert api.delete(target).status == 204 and api.get(target).status == 404
    assert api.put(target, {"until": "soon"}).pointers == ["/until"] and api.put(target, {"why": "x"}).pointers == ["/why"]
    assert api.get("/v1/suppressions/No%20kind/x").status == 404
    assert api.put(f"/v1/suppressions/fax/{name}", {}).status == 200  # of a kind that no channel has (any more)


# ---- lists ----

def walk(api, target, limit):
    """Every item of a list, page by page."""
    items, cursor, pages = [], "", 0
    while True:
        page = api.ok("GET", f"{target}{'&' if '?' in target else '?'}limit={limit}" + (f"&after={cursor}" if cursor else ""))
        items += page["items"]
        pages += 1
        assert len(page["items"]) <= limit
        if "next" not in page:
            return items, pages
        from urllib.parse import quote
        cursor = quote(page["next"], safe="")


def test_cursors_visit_everything_once_also_while_things_are_added(start):
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category("news")
    for n in range(25):
        api.recipient(f"r{n:02}/ä", "reject")
        api.category(f"c{n:02}")
        api.ok("PUT", f"/v1/suppressions/loopback/ok%2F{n}", {})
        api.ok("POST", "/v1/keys", {"scopes": ["read"], "name": f"k{n}"})
    sent = [api.send(f"r{n:02}/ä") for n in range(25)]
    for each in sent:
        api.settled(each)
    for target, field, expected in (("/v1/recipients", "id", [f"r{n:02}/ä" for n in range(25)]),
                                    ("/v1/categories", "name", [f"c{n:02}" for n in range(25)] + ["news"]),
                                    ("/v1/notifications", "id", sent[::-1]),
                                    ("/v1/notifications?category=news&state=done", "id", sent[::-1]),
                                    ("/v1/deliveries?state=dead", "id", [each + "-1" for each in sent[::-1]]),
                                    ("/v1/suppressions", "address", None), ("/v1/keys", "name", None)):
        for limit in (1, 7, 25, 100):
            items, pages = walk(api, target, limit)
            values = [item[field] for item in items]
            assert len(values) == len(set(values)), target
            assert expected is None or values == expected, target
            assert len(values) >= 25 and pages <= len(values) // limit + 2
    # an insert before and behind the cursor moves nothing that was not visited
    page = api.ok("GET", "/v1/recipients?limit=10")
    api.recipient("a-before")
    api.recipient("r12/new")
    from urllib.parse import quote
    rest = [row["id"] for row in api.ok("GET", f"/v1/recipients?limit=100&after={quote(page['next'], safe='')}")["items"]]
    assert rest == sorted([f"r{n:02}/ä" for n in range(10, 25)] + ["r12/new"])
    page = api.ok("GET", "/v1/notifications?limit=10")
    api.send("r00/ä")
    rest = [row["id"] for row in api.ok("GET", f"/v1/notifications?after={page['next']}")["items"]]
    assert rest == sent[::-1][10:]


@pytest.mark.parametrize("query, pointer", [
    ("limit=0", "?limit"), ("limit=1001", "?limit"), ("limit=x", "?limit"), ("limit=-1", "?limit"), ("limit=", None), ("limit=5&limit=6", "?limit"),
    ("limit= 5", None), ("after=zzz", "?after"), ("since=yesterday", "?since"), ("state=asleep", "?state"), ("colour=red", "?colour"),
    ("limit=1e2", "?limit"), ("limit=%2B5", "?limit"),
])
def test_a_query_that_cannot_be_is_refused_by_its_name(api, query, pointer):
    answer = api.get("/v1/notifications?" + query.replace(" ", "%20"))
    if pointer is None:
        assert answer.status in (200, 422)
    else:
        assert answer.status == 422 and answer.pointers == [pointer], answer


@pytest.mark.parametrize("target", ["/v1/recipients", "/v1/deliveries", "/v1/audit", "/v1/keys", "/v1/categories", "/v1/suppressions"])
def test_a_page_has_one_to_a_thousand_items(api, target):
    assert api.get(f"{target}?limit=1000").status == 200
    for limit in ("0", "1001", "99999999999999999999"):
        assert api.get(f"{target}?limit={limit}").pointers == ["?limit"]


def test_notifications_are_found_by_what_they_have(api, name):
    api.recipient(name)
    first, second = api.send(name, correlation_id=name + "-1"), api.send(name, correlation_id=name + "-2")
    api.settled(second)
    assert [row["id"] for row in api.ok("GET", f"/v1/notifications?recipient={name}")["items"]] == [second, first]
    assert [row["id"] for row in api.ok("GET", f"/v1/notifications?correlation_id={name}-1")["items"]] == [first]
    since = api.show(second)["accepted_at"]
    assert [row["id"] for row in api.ok("GET", f"/v1/notifications?recipient={name}&since={since}")["items"]][:1] == [second]
    assert api.ok("GET", f"/v1/notifications?recipient={name}&category=other")["items"] == []
    assert [row["notification"] if "notification" in row else row["id"] for row in
            api.ok("GET", f"/v1/deliveries?recipient={name}&state=delivered&channel=loopback")["items"]] == [second + "-1", first + "-1"]


# ---- audit ----

def test_every_change_is_in_the_chain_with_who_did_it_and_the_chain_holds(start):
    daemon = start({"loopback": {}})
    api, key = daemon.api, daemon.key("admin")
    client = daemon.client(key=key)
    client.category()
    client.recipient("u", "ok")
    client.ok("PUT", "/v1/recipients/u/preferences", {"channels": {"sms": False}})
    client.ok("PUT", "/v1/suppressions/loopback/ok%2Fx", {})
    client.delete("/v1/suppressions/loopback/ok%2Fx")
    client.ok("POST", "/v1/channels/loopback/pause", {"reason": "x"})
    sent = client.send("u")
    client.ok("POST", f"/v1/notifications/{sent}/cancel")
    client.ok("POST", "/v1/channels/loopback/resume")
    client.delete("/v1/recipients/u")
    rows = api.ok("GET", "/v1/audit?limit=1000")["items"]
    assert [row["verb"] for row in rows[::-1]] == ["key.create", "category.put", "recipient.put", "preference.put", "suppression.put",
                                                   "suppression.lift", "channel.pause", "notification.cancel", "channel.resume",
                                                   "recipient.delete"]
    actor = key.rsplit("_", 1)[0]
    assert {row["actor"] for row in rows[:-1]} == {actor} and rows[-1]["actor"] == "admin"
    assert [row["verb"] for row in api.ok("GET", f"/v1/audit?actor={actor}&limit=2")["items"]] == ["recipient.delete", "channel.resume"]
    verdict = api.ok("GET", "/v1/audit/verify")
    assert verdict == {"valid": True, "rows": len(rows)}
    assert api.get("/v1/audit?after=x").pointers == ["?after"] and api.get("/v1/audit?subject=u").pointers == ["?subject"]


def test_a_row_that_was_changed_behind_the_daemons_back_breaks_the_chain(start):
    import sqlite3
    daemon = start({"loopback": {}})
    for n in range(5):
        daemon.api.category(f"c{n}")
    assert daemon.stop() == 0
    with sqlite3.connect(next(daemon.data.glob("*.db"))) as store:
        assert store.execute("UPDATE audit SET actor = 'nobody' WHERE seq = (SELECT seq FROM audit ORDER BY seq LIMIT 1 OFFSET 2)").rowcount == 1
    store.close()
    daemon.start()
    verdict = daemon.api.ok("GET", "/v1/audit/verify")
    assert verdict["valid"] is False and verdict["why"]


# ---- what comes later ----

@pytest.mark.parametrize("change, pointer", [
    ({"template": "x"}, "/template"), ({"digest_key": "x"}, "/digest_key"), ({"strategy": "escalate"}, "/strategy"),
    ({"to": [{"topic": "x"}]}, "/to/0/topic"), ({"content": {"bot": {"card": {}}}}, "/content/bot/card"),
    ({"content": {"webhook": {"json": {}}}}, "/content/webhook/json"), ({"content": {"email": {"attachments": []}}}, "/content/email/attachments"),
])
def test_what_this_version_does_not_have_is_refused_and_never_ignored(api, name, change, pointer):
    api.recipient(name)
    body = {"category": "news", "to": [{"recipient": name}], **change}
    for target in ("/v1/notifications", "/v1/explain"):
        answer = api.post(target, body)
        assert answer.status == 422 and answer.problem == "unsupported" and pointer in answer.pointers, answer


@pytest.mark.parametrize("method, target", [
    ("GET", "/v1/topics/x"), ("POST", "/v1/recipients/import"), ("GET", "/v1/recipients/x/export"), ("POST", "/v1/recipients/x/erase"),
    ("POST", "/v1/recipients/x/consents"), ("GET", "/v1/templates"), ("GET", "/v1/schedules"), ("POST", "/in/events/x"),
    ("POST", "/in/channels/x"), ("GET", "/p/x"),
])
def test_resources_that_come_later_are_not_there(api, method, target):
    assert api.request(method, target).status in (404, 405)
