"""What operators do: dead letters, parked ones, channels that pause, stop, are tried."""
import pytest

from conftest import of_kind
from programs import wait_until


def one(api, notification):
    (row,) = api.show(notification)["deliveries"]
    return row


# ---- dead letters ----

def test_a_dead_letter_is_sent_again_by_its_id_with_all_its_tries(start, name):
    daemon = start({"loopback": {"attempts_max": 2}})
    api = daemon.api
    api.category()
    api.recipient(name, "defer:2")
    sent = api.send(name)
    row = api.settled(sent)["deliveries"][0]
    assert (row["state"], row["reason"], row["attempts"]) == ("dead", "attempts_exhausted", 2)
    delivery = api.ok("GET", f"/v1/deliveries/{row['id']}")
    assert [attempt["verdict"] for attempt in delivery["attempts"]] == ["deferred", "deferred"]
    assert all(attempt["status"].startswith("4.") and attempt["text"] and attempt["ended_at"] for attempt in delivery["attempts"])
    answer = api.post(f"/v1/deliveries/{row['id']}/redrive")
    assert answer.status == 202 and answer.json == {"count": 1}
    row = api.settled(sent)["deliveries"][0]
    assert row["state"] == "delivered" and row["attempts"] == 3 and daemon.arrived() == [(row["id"], 3, "defer:2")]
    answer = api.post(f"/v1/deliveries/{row['id']}/redrive")
    assert answer.status == 409 and answer.problem == "conflict"
    assert api.post(f"/v1/deliveries/{row['id']}9/redrive").status == 404


def test_dead_letters_are_sent_again_by_filter_and_only_those(start, name):
    daemon = start()
    api = daemon.api
    api.category()
    for n in range(6):
        api.recipient(f"{name}-{n}", {"kind": "email" if n < 4 else "sms", "address": "reject"})
    sent = api.send(*[f"{name}-{n}" for n in range(6)])
    assert api.settled(sent)["counts"] == {"dead": 6}
    assert api.ok("POST", "/v1/deliveries/redrive", {"channel": "mail", "reason": "rejected", "limit": 3}) == {"count": 3}
    wait_until(lambda: sum(row["attempts"] for row in api.settled(sent)["deliveries"]) == 9, "three more tries")
    assert api.ok("POST", "/v1/deliveries/redrive", {"recipient": f"{name}-5"}) == {"count": 1}
    wait_until(lambda: sum(row["attempts"] for row in api.settled(sent)["deliveries"]) == 10, "one more try")
    assert api.ok("POST", "/v1/deliveries/redrive", {"channel": "teams"}) == {"count": 0}
    answer = api.post("/v1/deliveries/redrive", {"state": "sent"})
    assert answer.status == 422 and answer.pointers == ["/state"]
    assert api.post("/v1/deliveries/redrive", {"limit": 1001}).pointers == ["/limit"]
    answer = api.post("/v1/deliveries/redrive", {"channel": "no-such"})
    assert answer.problem == "unknown_channel" and answer.pointers == ["/channel"]


def test_an_expired_one_can_be_sent_again(api, name):
    api.recipient(name, "throttle:3s")
    sent = api.send(name, expires_in="1s")
    row = api.settled(sent)["deliveries"][0]
    assert row["state"] == "expired"
    api.recipient(name, "ok")
    assert api.post(f"/v1/deliveries/{row['id']}/redrive").json == {"count": 1}


def test_asking_for_a_channel_that_never_was_makes_none(api):
    for _ in range(3):
        answer = api.get("/v1/deliveries?channel=typo")
        assert answer.status == 422 and answer.pointers == ["?channel"]


# ---- parked ----

@pytest.mark.parametrize("how, state, reason", [("delivered", "delivered", "by_operator"), ("dead", "dead", "by_operator"),
                                                ("retry", "delivered", "none")])
def test_a_parked_one_is_what_a_person_says(start, name, how, state, reason):
    daemon = start({"loopback": {"uncertain": "park"}})
    api = daemon.api
    api.category(uncertain="park")
    api.recipient(name, "uncertain")
    sent = api.send(name)
    row = api.state_of(sent, "parked")["deliveries"][0]
    assert row["reason"] == "uncertain" and api.show(sent)["state"] == "active"
    assert [each["id"] for each in api.ok("GET", "/v1/deliveries?state=parked")["items"]] == [row["id"]]
    if how == "retry":
        api.ok("POST", f"/v1/deliveries/{row['id']}/resolve", {"as": "retry"})
        wait_until(lambda: one(api, sent)["attempts"] == 2 and one(api, sent)["state"] == "parked", "it to be tried again")
        return
    answer = api.ok("POST", f"/v1/deliveries/{row['id']}/resolve", {"as": how})
    assert answer["state"] == state
    assert api.show(sent)["counts"] == {state: 1}
    answer = api.post(f"/v1/deliveries/{row['id']}/resolve", {"as": how})
    assert answer.status == 409 and answer.problem == "conflict"


def test_resolving_needs_a_word_that_is_known(api, name):
    assert api.post("/v1/deliveries/ntf_0000000000001-1/resolve", {"as": "lost"}).pointers == ["/as"]
    assert api.post("/v1/deliveries/ntf_0000000000001-1/resolve", {}).pointers == ["/as"]
    assert api.post("/v1/deliveries/ntf_0000000000001-1/resolve", {"as": "dead"}).status == 404


@pytest.mark.parametrize("policy, state", [("retry", "delivered"), ("dead", "dead")])
def test_what_is_uncertain_goes_on_as_its_category_says(start, name, policy, state):
    daemon = start({"loopback": {"attempts_max": 2}})
    api = daemon.api
    api.category(uncertain=policy)
    api.recipient(name, "uncertain")
    row = api.settled(api.send(name))["deliveries"][0]
    assert row["attempts"] == (2 if policy == "retry" else 1) and row["state"] == "dead"
    assert state in ("delivered", "dead") and len(daemon.arrived()) == row["attempts"]


# ---- channels ----

def test_a_paused_channel_lets_its_deliveries_wait_also_over_a_restart(start, name):
    daemon = start()
    api = daemon.api
    api.category()
    api.recipient(name, "ok", {"kind": "email", "address": "ok"})
    answer = api.ok("POST", "/v1/channels/loopback/pause", {"reason": "maintenance"})
    assert answer["state"] == "paused" and answer["why"] == "maintenance"
    assert api.ok("GET", "/v1/channels/loopback")["state"] == "paused"
    sent = api.send(name)
    api.state_of(sent, "delivered")
    daemon.restart()
    api = daemon.api
    shown = api.ok("GET", "/v1/channels/loopback")
    assert shown["state"] == "paused" and shown["why"] == "maintenance"
    assert {row["channel"]: row["state"] for row in api.show(sent)["deliveries"]} == {"mail": "delivered", "loopback": "queued"}
    wait_until(lambda: api.ok("GET", "/v1/channels/loopback")["queued"] == 1, "the channel to show what waits")
    api.ok("POST", "/v1/channels/loopback/resume")
    assert api.settled(sent)["counts"] == {"delivered": 2}
    wait_until(lambda: api.ok("GET", "/v1/channels/loopback")["state"] == "running", "the channel to run")


def test_a_channel_is_shown_with_its_process(api, house):
    page = api.ok("GET", "/v1/channels")
    assert [row["name"] for row in page["items"]] == ["mail", "sms", "teams", "loopback"]
    row = api.ok("GET", "/v1/channels/sms")
    assert (row["plugin"], row["kind"], row["state"], row["why"]) == ("flow_sms", "sms", "running", "")
    assert row["process"]["pid"] > 0 and row["process"]["restarts"] == 0 and row["window"] >= 1 and row["destinations"] == []
    for target in ("/v1/channels/none", "/v1/channels/none/destinations"):
        assert api.get(target).status == 404
    for action in ("pause", "resume"):
        assert api.post(f"/v1/channels/none/{action}").status == 404
    assert api.post("/v1/channels/none/test", {"address": "ok"}).status == 404


@pytest.mark.parametrize("address, state, verdict", [("ok", "delivered", "delivered"), ("reject", "dead", "rejected"),
                                                     ("defer", "dead", "deferred"), ("slow:800ms", "delivered", "delivered")])
def test_trying_a_channel_sends_one_real_message_and_says_how_it_went(api, house, address, state, verdict):
    answer = api.ok("POST", "/v1/channels/sms/test", {"address": address})
    assert answer["state"] == state and [attempt["verdict"] for attempt in answer["attempts"]] == [verdict]
    assert (answer["id"] in house.arrived_ids("sms")) == (state == "delivered")


def test_trying_a_channel_twice_with_one_key_sends_one_message(api, house, name):
    key = {"headers": {"Idempotency-Key": name}}
    first = api.post("/v1/channels/sms/test", {"address": "ok/" + name}, **key)
    again = api.post("/v1/channels/sms/test", {"address": "ok/" + name}, **key)
    assert first.status == again.status == 200 and again.data == first.data and again.headers["Idempotent-Replayed"] == "true"
    assert len([row for row in house.arrived("sms") if row[2] == "ok/" + name]) == 1
    assert api.post("/v1/channels/sms/test", {"address": "ok/other"}, **key).problem == "idempotency_mismatch"


def test_trying_a_channel_with_what_is_no_address_sends_nothing(api, house):
    before = len(house.arrived("sms"))
    assert api.post("/v1/channels/sms/test", {"address": "dance"}).pointers == ["/address"]
    assert api.post("/v1/channels/sms/test", {}).pointers == ["/address"]
    assert len(house.arrived("sms")) == before


def test_a_misconfigured_channel_stops_spends_nothing_and_goes_on_when_it_is_resumed(start, name):
    daemon = start({"loopback": {}, "mail": of_kind("email")})
    api = daemon.api
    api.category()
    api.recipient(name, "misconfigured")
    api.recipient(name + "-2", {"kind": "email", "address": "ok"})
    sent = api.send(name)
    wait_until(lambda: api.ok("GET", "/v1/channels/loopback")["state"] == "misconfigured", "the channel to stop")
    wait_until(lambda: one(api, sent)["state"] == "queued", "the delivery to wait")
    assert api.ok("GET", "/v1/channels/loopback")["why"]
    assert api.settled(api.send(name + "-2"))["counts"] == {"delivered": 1}
    assert wait_until(lambda: daemon.events("channel_misconfigured"), "an event that says so")


def test_a_destination_that_fails_is_shown_as_ill_and_others_go_on(start, name):
    daemon = start({"loopback": {}}, {"delivery.breaker_failures": "3", "delivery.block_least": "20s"})
    api = daemon.api
    api.category()
    for n in range(8):
        api.recipient(f"{name}-{n}", f"defer@ill/{n}")
    api.recipient(name, "ok@well")
    api.send(*[f"{name}-{n}" for n in range(8)])
    ill = wait_until(lambda: api.ok("GET", "/v1/channels/loopback/destinations")["items"], "the destination to be blocked")
    assert [row["name"] for row in ill] == ["ill"] and ill[0]["state"] in ("blocked", "probing") and ill[0]["why"]
    assert api.settled(api.send(name))["counts"] == {"delivered": 1}


def test_a_crash_is_retried_alone_and_is_poison_the_third_time(start, name):
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category()
    api.recipient(name, "crash")
    api.recipient(name + "-well", "ok")
    sent = api.send(name)
    row = api.settled(sent, 60)["deliveries"][0]
    assert (row["state"], row["reason"], row["crash_marks"]) == ("dead", "poison", 3)
    assert api.settled(api.send(name + "-well"), 60)["counts"] == {"delivered": 1}
    assert api.ok("GET", "/v1/channels/loopback")["process"]["restarts"] >= 3


# ---- draining ----

def test_a_stopping_daemon_finishes_what_is_in_hand_and_takes_nothing_new(start, name):
    import signal
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category()
    api.recipient(name, "slow:2s")
    sent = api.send(name)
    wait_until(daemon.arrived, "it to be on the wire")
    idle = daemon.client(over_tcp=False)
    assert idle.get("/readyz").status == 200
    daemon.process.send_signal(signal.SIGTERM)
    answer = wait_until(lambda: (lambda a: a if a.status == 503 else None)(idle.get("/readyz")), "readiness to say 503", 2)
    assert answer.problem == "draining" and 1 <= int(answer.headers["Retry-After"]) <= 120
    answer = idle.post("/v1/notifications", {"category": "news", "to": [{"recipient": name}]})
    assert answer.status == 503 and answer.problem == "draining" and answer.headers["Retry-After"]
    assert idle.get("/healthz").status == 200
    assert daemon.wait() == 0
    daemon.start()
    assert daemon.api.show(sent)["counts"] == {"delivered": 1} and len(daemon.arrived()) == 1
