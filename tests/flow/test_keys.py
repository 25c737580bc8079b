"""Who may do what: scopes against routes, expiry, rates, guesses; and tenants that cannot see each other."""
import http.client
import re
from datetime import datetime, timedelta, timezone

import pytest

SCOPES = ("send", "read", "recipients", "preferences", "categories", "operate", "admin")

# route -> the scopes that open it; everything else is 403 before anything is looked at.
ROUTES = {
    ("POST", "/v1/notifications"): {"send"},
    ("POST", "/v1/notifications/bulk"): {"send"},
    ("GET", "/v1/notifications"): {"read"},
    ("GET", "/v1/notifications/ntf_0000000000001"): {"read"},
    ("GET", "/v1/notifications/ntf_0000000000001/timeline"): {"read"},
    ("POST", "/v1/notifications/ntf_0000000000001/cancel"): {"send"},
    ("POST", "/v1/explain"): {"read"},
    ("GET", "/v1/deliveries"): {"read"},
    ("POST", "/v1/deliveries/redrive"): {"operate"},
    ("GET", "/v1/deliveries/ntf_0000000000001-1"): {"read"},
    ("POST", "/v1/deliveries/ntf_0000000000001-1/redrive"): {"operate"},
    ("POST", "/v1/deliveries/ntf_0000000000001-1/resolve"): {"operate"},
    ("GET", "/v1/channels"): {"operate", "read"},
    ("GET", "/v1/channels/none"): {"operate", "read"},
    ("GET", "/v1/channels/none/destinations"): {"operate", "read"},
    ("POST", "/v1/channels/none/pause"): {"operate"},
    ("POST", "/v1/channels/none/resume"): {"operate"},
    ("POST", "/v1/channels/none/test"): {"operate"},
    ("GET", "/v1/recipients"): {"recipients", "read"},
    ("GET", "/v1/recipients/none"): {"recipients", "read"},
    ("PUT", "/v1/recipients/none"): {"recipients"},
    ("PATCH", "/v1/recipients/none"): {"recipients"},
    ("DELETE", "/v1/recipients/none"): {"recipients"},
    ("GET", "/v1/recipients/none/preferences"): {"preferences", "read"},
    ("PUT", "/v1/recipients/none/preferences"): {"preferences"},
    ("PATCH", "/v1/recipients/none/preferences"): {"preferences"},
    ("GET", "/v1/recipients/none/preferences/history"): {"preferences", "read"},
    ("GET", "/v1/categories"): {"categories", "read"},
    ("GET", "/v1/categories/none"): {"categories", "read"},
    ("PUT", "/v1/categories/none"): {"categories"},
    ("PATCH", "/v1/categories/none"): {"categories"},
    ("DELETE", "/v1/categories/none"): {"categories"},
    ("GET", "/v1/suppressions"): {"recipients", "read"},
    ("GET", "/v1/suppressions/loopback/none"): {"recipients", "read"},
    ("PUT", "/v1/suppressions/loopback/none"): {"recipients"},
    ("DELETE", "/v1/suppressions/loopback/none"): {"recipients"},
    ("GET", "/v1/keys"): {"admin"},
    ("POST", "/v1/keys"): {"admin"},
    ("DELETE", "/v1/keys/key_0000000000001"): {"admin"},
    ("GET", "/v1/audit"): {"operate"},
    ("GET", "/v1/audit/verify"): {"operate"},
    ("GET", "/v1/events"): {"operate"},
}
OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/openapi.json")}


def ask(client, method, target, key=None):
    """A request that every route refuses for its body before it does anything: an array is no object."""
    body = b"[]" if method in ("POST", "PUT", "PATCH") else None
    kind = "application/x-ndjson" if target.endswith("bulk") else "application/json"
    headers = {"Content-Type": kind} if body else {}
    return client.request(method, target, body, headers={**headers, **({"Authorization": key} if key else {})})


def test_the_table_of_this_test_is_the_table_of_the_daemon(api):
    described = api.get("/openapi.json").json
    found = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    samples = {"{id}": "[^/]+", "{name}": "[^/]+", "{kind}": "[^/]+", "{address}": "[^/]+"}
    for method, path in found:
        pattern = re.compile("^" + re.sub(r"\{\w+\}", lambda m: samples[m.group()], path) + "$")
        assert (method, path) in OPEN or any(method == m and pattern.match(p) for m, p in ROUTES), (method, path)
    assert len(found) == len(ROUTES) + len(OPEN)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_its_routes_and_no_other(house, scope):
    client = house.caller(scope)
    for (method, target), scopes in ROUTES.items():
        answer = ask(client, method, target)
        is_open = scope == "admin" or scope in scopes
        assert (answer.status == 403) == (not is_open), (scope, method, target, answer)
        if not is_open:
            assert answer.problem == "scope_missing"
        else:
            assert answer.status not in (401, 403, 405, 500), (scope, method, target, answer)


def test_without_a_key_only_health_and_the_description_are_open(house):
    client = house.client()
    for method, target in OPEN:
        assert client.request(method, target).status == 200
    for method, target in ROUTES:
        answer = ask(client, method, target)
        assert answer.status == 401 and answer.problem == "no_key" and answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer ", "Bearer x", "bearer", "Basic dXNlcjpw", "Bearer key_0000000000001_" + "0" * 64,
                                    "Bearer key_0000000000001_" + "0" * 63, "Bearer " + "k" * 8000])
def test_a_key_that_is_none_is_refused(start, header):
    daemon = start({"loopback": {}})
    answer = ask(daemon.client(), "GET", "/v1/recipients", header)
    assert answer.status == 401 and answer.problem in ("no_key", "unknown_key")


def test_one_wrong_byte_of_a_secret_is_a_wrong_key_and_a_revoked_one_is_none(house, api):
    made = api.ok("POST", "/v1/keys", {"scopes": ["read"], "name": "mine"})
    key = made["key"]
    assert re.fullmatch(r"key_[0-9A-Z]{13}_[0-9a-f]{64}", key) and key.startswith(made["id"])
    client = house.client(key=key)
    assert client.get("/v1/recipients").status == 200
    other = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert house.client(key=other).get("/v1/recipients").problem == "unknown_key"
    listed = [row for row in api.ok("GET", "/v1/keys?limit=1000")["items"] if row["id"] == made["id"]]
    assert listed and "key" not in listed[0] and listed[0]["name"] == "mine" and listed[0]["scopes"] == ["read"]
    assert api.delete(f"/v1/keys/{made['id']}").status == 204
    assert client.get("/v1/recipients").problem == "unknown_key"
    assert api.delete(f"/v1/keys/{made['id']}").status == 404


def test_an_expired_key_says_so(house, api):
    soon = (datetime.now(timezone.utc) - timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    later = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    answer = house.client(key=house.key("read", expires_at=soon)).get("/v1/recipients")
    assert answer.status == 401 and answer.problem == "expired_key"
    assert house.client(key=house.key("read", expires_at=later)).get("/v1/recipients").status == 200


def test_a_key_over_its_rate_is_told_to_wait(start):
    daemon = start({"loopback": {}}, {"server.api_threads": "1"})
    client = daemon.client(key=daemon.key("read", rate="20/s"))
    answers = [client.get("/v1/recipients") for _ in range(60)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused and all(answer.problem == "rate_limited" and 1 <= int(answer.headers["Retry-After"]) <= 120 for answer in refused)
    assert 20 <= sum(answer.status == 200 for answer in answers) <= 40
    assert daemon.client(key=daemon.key("read")).get("/v1/recipients").status == 200


def test_who_guesses_keys_is_told_to_wait_and_keys_that_are_right_pass(start):
    daemon = start({"loopback": {}}, {"server.api_threads": "1"})
    right = daemon.client(key=daemon.key("read"))
    wrong = daemon.client()
    answers = [ask(wrong, "GET", "/v1/recipients", f"Bearer key_000000000000{n % 10}_" + "%064x" % n) for n in range(30)]
    assert [answer.status for answer in answers[:10]] == [401] * 10
    assert {answer.status for answer in answers[12:]} == {429} and all(answer.headers["Retry-After"] for answer in answers[12:])
    assert right.get("/v1/recipients").status == 200


def test_a_key_in_the_query_is_refused_and_no_secret_is_in_the_log(start):
    daemon = start({"loopback": {}})
    key = daemon.key("admin")
    secret = key.rsplit("_", 1)[1]
    client = daemon.client()
    assert client.get(f"/v1/recipients?api_key={key}").status == 422
    assert client.get(f"/v1/recipients?key={key}").status == 422
    client = daemon.client(key=key)
    client.get("/v1/recipients/none")
    client.post("/v1/notifications", b"{nonsense")
    assert secret not in daemon.log() and secret not in client.get("/metrics").data.decode()
    assert secret not in client.get("/v1/audit").data.decode() and secret not in client.get("/v1/keys").data.decode()
    for path in daemon.data.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


@pytest.mark.parametrize("body, pointer", [
    ({}, "/scopes"), ({"scopes": []}, "/scopes"), ({"scopes": ["all"]}, "/scopes/0"), ({"scopes": ["read"], "rate": "10"}, "/rate"),
    ({"scopes": ["read"], "rate": "0/s"}, "/rate"), ({"scopes": ["read"], "tenant": "A b"}, "/tenant"),
    ({"scopes": ["read"], "expires_at": "tomorrow"}, "/expires_at"), ({"scopes": ["read"], "owner": "x"}, "/owner"),
])
def test_a_key_that_cannot_be_is_refused_by_its_field(api, body, pointer):
    answer = api.post("/v1/keys", body)
    assert answer.status == 422 and answer.pointers == [pointer]


# ---- tenants ----

@pytest.fixture(scope="module")
def two(house):
    """The same things in two tenants: (client of a, of b, what each has)."""
    clients = [house.caller("admin", tenant=tenant) for tenant in ("one", "two")]
    things = []
    for client, mark in zip(clients, "ab"):
        client.category("shared")
        client.category("own-" + mark)
        client.recipient("shared", "ok/" + mark)
        client.recipient("own-" + mark, "ok/" + mark)
        client.ok("PUT", f"/v1/suppressions/loopback/ok%2Fgone-{mark}", {})
        sent = client.send("own-" + mark, category="shared", correlation_id="corr-" + mark,
                           headers={"Idempotency-Key": "same-key"})
        client.settled(sent)
        key = client.ok("POST", "/v1/keys", {"scopes": ["read"]})
        things.append({"notification": sent, "key": key["id"]})
    return clients[0], clients[1], things


def test_what_belongs_to_another_is_not_there_with_the_same_bytes(two):
    mine, _, things = two
    theirs = things[1]
    sent, key = theirs["notification"], theirs["key"]
    pairs = [("GET", f"/v1/notifications/{sent}", "/v1/notifications/ntf_0000000000001"),
             ("GET", f"/v1/notifications/{sent}/timeline", "/v1/notifications/ntf_0000000000001/timeline"),
             ("POST", f"/v1/notifications/{sent}/cancel", "/v1/notifications/ntf_0000000000001/cancel"),
             ("GET", f"/v1/deliveries/{sent}-1", "/v1/deliveries/ntf_0000000000001-1"),
             ("POST", f"/v1/deliveries/{sent}-1/redrive", "/v1/deliveries/ntf_0000000000001-1/redrive"),
             ("POST", f"/v1/deliveries/{sent}-1/resolve", "/v1/deliveries/ntf_0000000000001-1/resolve"),
             ("GET", "/v1/recipients/own-b", "/v1/recipients/nowhere"),
             ("PATCH", "/v1/recipients/own-b", "/v1/recipients/nowhere"),
             ("DELETE", "/v1/recipients/own-b", "/v1/recipients/nowhere"),
             ("GET", "/v1/recipients/own-b/preferences", "/v1/recipients/nowhere/preferences"),
             ("PUT", "/v1/recipients/own-b/preferences", "/v1/recipients/nowhere/preferences"),
             ("GET", "/v1/recipients/own-b/preferences/history", "/v1/recipients/nowhere/preferences/history"),
             ("GET", "/v1/categories/own-b", "/v1/categories/nowhere"),
             ("PATCH", "/v1/categories/own-b", "/v1/categories/nowhere"),
             ("DELETE", "/v1/categories/own-b", "/v1/categories/nowhere"),
             ("GET", "/v1/suppressions/loopback/ok%2Fgone-b", "/v1/suppressions/loopback/ok%2Fnowhere"),
             ("DELETE", "/v1/suppressions/loopback/ok%2Fgone-b", "/v1/suppressions/loopback/ok%2Fnowhere"),
             ("DELETE", f"/v1/keys/{key}", "/v1/keys/key_0000000000001")]
    for method, target, nowhere in pairs:
        body = {"as": "dead"} if target.endswith("resolve") else {} if method in ("PUT", "PATCH") else None
        answers = [mine.request(method, each, body) for each in (target, nowhere)]
        for answer in answers:
            assert answer.status == 404, (method, target, answer)
        bodies = [re.sub(rb'"request_id":"[^"]*"', b"", answer.data) for answer in answers]
        assert bodies[0] == bodies[1], (method, target)


def test_nothing_of_another_is_in_a_list(two):
    mine, other, things = two
    for target in ("/v1/notifications", "/v1/deliveries", "/v1/recipients", "/v1/categories", "/v1/suppressions", "/v1/keys",
                   "/v1/audit", "/v1/notifications?recipient=own-b", "/v1/notifications?correlation_id=corr-b",
                   "/v1/deliveries?recipient=own-b"):
        text = mine.get(target).data.decode()
        for mark in ("own-b", "corr-b", "gone-b", things[1]["notification"], things[1]["key"]):
            assert mark not in text, (target, mark)
    assert other.show(things[1]["notification"])["id"] == things[1]["notification"]


def test_the_same_names_and_keys_are_different_things(two):
    mine, other, things = two
    assert things[0]["notification"] != things[1]["notification"]
    mine.ok("PUT", "/v1/recipients/shared/preferences", {"unsubscribed_all": True})
    assert other.ok("GET", "/v1/recipients/shared/preferences").get("unsubscribed_all", False) is False
    assert other.settled(other.send("shared", category="shared"))["counts"] == {"delivered": 1}
    assert mine.settled(mine.send("shared", category="shared"))["counts"] == {}


def test_what_concerns_every_tenant_is_for_keys_of_the_first(house, two):
    mine = two[0]
    for method, target in (("POST", "/v1/channels/loopback/pause"), ("POST", "/v1/channels/loopback/resume"), ("GET", "/v1/events")):
        answer = mine.request(method, target)
        assert answer.status == 403 and answer.problem == "scope_missing"
    own = house.caller("operate")
    assert own.get("/v1/events").status == 200
    for action in ("pause", "resume"):
        assert own.post(f"/v1/channels/loopback/{action}").status == 200


def test_one_tenant_cannot_replace_what_is_of_another(house, two):
    mine, other, _ = two
    house.api.ok("POST", "/v1/channels/loopback/pause")
    try:
        waits = other.send("own-b", category="shared")
        mine.send("own-a", category="shared", replaces=waits)
        assert [row["state"] for row in other.show(waits)["deliveries"]] == ["queued"]
    finally:
        house.api.ok("POST", "/v1/channels/loopback/resume")
    other.settled(waits)


def test_a_key_makes_keys_for_its_own_tenant_only(two):
    mine, _, _ = two
    answer = mine.post("/v1/keys", {"scopes": ["admin"], "tenant": "two"})
    assert answer.status == 403 and answer.problem == "scope_missing"
    assert mine.post("/v1/keys", {"scopes": ["read"], "tenant": "one"}).status == 201


def test_the_admin_socket_speaks_for_the_tenant_that_is_named(house, api, two):
    assert house.client(over_tcp=False, tenant="two").get("/v1/recipients/own-b").status == 200
    assert house.client(over_tcp=False, tenant="one").get("/v1/recipients/own-b").status == 404
    answer = house.client(over_tcp=False, tenant="nowhere").get("/v1/recipients")
    assert answer.status == 403 and answer.problem == "tenant_disabled"
    answer = house.client(over_tcp=False, tenant="../x").get("/v1/recipients")
    assert answer.status == 403 and answer.problem == "tenant_disabled"


def test_over_tcp_the_tenant_header_says_nothing(house, two):
    key = house.key("admin", tenant="one")
    client = house.client(key=key, tenant="two")
    assert client.get("/v1/recipients/own-b").status == 404


def test_the_admin_socket_is_its_owners(house):
    mode = house.socket_path.stat().st_mode & 0o777
    assert mode == 0o600
    assert isinstance(house.client(over_tcp=False).connect(), http.client.HTTPConnection)
