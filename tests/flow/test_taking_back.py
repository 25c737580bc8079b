"""Who says no is obeyed from the moment of the answer: cancel, opt-out, suppression, forgetting somebody.

The oracle is what arrived at the far end (the loopback plugin's record): after the answer, no line is added."""
import random
import threading
import time

from programs import wait_until


def test_cancel_counts_what_it_took_back_and_what_was_too_late(start, name):
    daemon = start()
    api = daemon.api
    api.category()
    api.recipient(name, {"kind": "email", "address": "ok"}, {"kind": "sms", "address": "slow:1500ms"}, "ok")
    api.ok("POST", "/v1/channels/loopback/pause")
    sent = api.send(name)
    api.state_of(sent, "delivered")
    wait_until(lambda: daemon.arrived("sms"), "the sms to be on the wire")
    assert api.ok("POST", f"/v1/notifications/{sent}/cancel") == {"cancelled": 1, "too_late": 2}
    states = {row["channel"]: row["state"] for row in api.show(sent)["deliveries"]}
    assert states["loopback"] == "cancelled" and states["mail"] == "delivered"
    api.ok("POST", "/v1/channels/loopback/resume")
    assert api.settled(sent)["counts"] == {"delivered": 2, "cancelled": 1}
    assert daemon.arrived() == []
    assert api.ok("POST", f"/v1/notifications/{sent}/cancel") == {"cancelled": 0, "too_late": 2}
    assert api.post("/v1/notifications/ntf_0000000000001/cancel").status == 404


def test_nothing_starts_after_a_cancel_was_answered(start, name):
    daemon = start({"loopback": {"window": 4, "window_max": 4, "options": {"delay": "3ms"}}})
    api = daemon.api
    api.category()
    for n in range(30):
        api.recipient(f"{name}-{n}", f"ok/{n}")
    for _ in range(15):
        sent = api.send(*[f"{name}-{n}" for n in range(30)])
        time.sleep(random.uniform(0, 0.03))
        counts = api.ok("POST", f"/v1/notifications/{sent}/cancel")
        arrived = [row for row in daemon.arrived() if row[0].startswith(sent)]
        whole = api.settled(sent)
        after = [row for row in daemon.arrived() if row[0].startswith(sent)]
        assert after == arrived
        assert whole["counts"].get("cancelled", 0) == counts["cancelled"]
        assert whole["counts"].get("delivered", 0) == len(after)
        assert counts["cancelled"] + len(after) == 30


def race_sends(daemon, name, say_no, say_yes, seconds):
    """One caller sends to somebody as fast as it can while another says no and yes again; answers how often it did.
    Between the answer to a no and the next yes, nothing may arrive."""
    api = daemon.api
    api.category()
    api.recipient(name, f"ok/{name}")
    is_over, sent = threading.Event(), [0]

    def sender():
        client = daemon.client(key=daemon_key)
        while not is_over.is_set():
            answer = client.post("/v1/notifications", {"category": "news", "to": [{"recipient": name}]})
            assert answer.status in (202, 503), answer
            sent[0] += answer.status == 202
        client.close()

    daemon_key = daemon.key("send")
    threads = [threading.Thread(target=sender) for _ in range(3)]
    for thread in threads:
        thread.start()
    path = daemon.folder / "loopback.record"
    turns, end = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            say_no()
            size = path.stat().st_size if path.exists() else 0
            time.sleep(random.uniform(0, 0.004))
            late = path.read_bytes()[size:] if path.exists() else b""
            assert late == b"", f"turn {turns}: arrived after the answer: {late}"
            say_yes()
            time.sleep(random.uniform(0, 0.004))
            turns += 1
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert sent[0] > 0
    return turns, sent[0]


def test_no_send_starts_after_an_opt_out_was_answered(start, name):
    daemon = start({"loopback": {}})
    target = f"/v1/recipients/{name}/preferences"
    turns, sent = race_sends(daemon, name, lambda: daemon.api.ok("PUT", target, {"unsubscribed_all": True}),
                             lambda: daemon.api.ok("PUT", target, {}), 12)
    assert turns > 100 and sent > 100, (turns, sent)


def test_no_send_starts_after_a_suppression_was_answered(start, name):
    daemon = start({"loopback": {}})
    target = f"/v1/suppressions/loopback/ok%2F{name}"
    turns, _ = race_sends(daemon, name, lambda: daemon.api.ok("PUT", target, {}), lambda: daemon.api.delete(target), 5)
    assert turns > 50


def test_no_send_starts_after_a_channel_was_paused(start, name):
    daemon = start({"loopback": {}})
    turns, _ = race_sends(daemon, name, lambda: daemon.api.ok("POST", "/v1/channels/loopback/pause"),
                          lambda: daemon.api.ok("POST", "/v1/channels/loopback/resume"), 5)
    assert turns > 50


def test_an_opt_out_holds_for_what_waits(start, name):
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category()
    api.recipient(name, "ok")
    api.ok("POST", "/v1/channels/loopback/pause")
    sent = api.send(name)
    api.ok("PATCH", f"/v1/recipients/{name}/preferences", {"channels": {"loopback": False}})
    api.ok("POST", "/v1/channels/loopback/resume")
    (row,) = api.settled(sent)["deliveries"]
    assert (row["state"], row["reason"]) == ("suppressed", "opted_out_channel") and daemon.arrived() == []


def test_a_change_that_still_allows_it_only_delays_what_waits(start, name):
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category()
    api.recipient(name, "ok")
    api.ok("POST", "/v1/channels/loopback/pause")
    sent = api.send(name)
    api.ok("PATCH", f"/v1/recipients/{name}/preferences", {"channels": {"email": False}})
    api.ok("POST", "/v1/channels/loopback/resume")
    assert api.settled(sent)["counts"] == {"delivered": 1} and len(daemon.arrived()) == 1


def test_forgetting_somebody_ends_what_waits_and_keeps_the_history(start, name):
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category()
    api.recipient(name, "ok")
    done = api.send(name)
    api.settled(done)
    api.ok("POST", "/v1/channels/loopback/pause")
    waits = api.send(name)
    assert api.delete(f"/v1/recipients/{name}").status == 204
    (row,) = api.settled(waits)["deliveries"]
    assert (row["state"], row["reason"]) == ("cancelled", "by_caller")
    assert api.get(f"/v1/recipients/{name}").status == 404 and api.delete(f"/v1/recipients/{name}").status == 404
    assert api.show(done)["counts"] == {"delivered": 1}
    api.ok("POST", "/v1/channels/loopback/resume")
    assert len(daemon.arrived()) == 1


def test_an_address_that_was_taken_away_is_not_sent_to(start, name):
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category()
    api.recipient(name, "ok/old")
    api.ok("POST", "/v1/channels/loopback/pause")
    sent = api.send(name)
    api.recipient(name, "ok/new")
    api.ok("POST", "/v1/channels/loopback/resume")
    (row,) = api.settled(sent)["deliveries"]
    assert row["state"] == "suppressed" and row["reason"] == "no_address" and daemon.arrived() == []


def test_two_choices_made_at_once_are_both_kept(start, name):
    """A PATCH is read, merged and written: none may drop what another wrote in between."""
    daemon = start({"loopback": {}})
    daemon.api.recipient(name, "ok")
    key = daemon.key("preferences")
    target = f"/v1/recipients/{name}/preferences"

    def patch(category):
        client = daemon.client(key=key)
        answer = client.patch(target, {"categories": {category: False}})
        assert answer.status == 200, answer
        client.close()

    threads = [threading.Thread(target=patch, args=(f"c{n}",)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert daemon.api.ok("GET", target)["categories"] == {f"c{n}": False for n in range(40)}
