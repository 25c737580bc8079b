"""A message that crashes its plugin is found out by three crashes and harms nobody else; what never answers is taken back."""
import os
import signal
import time

import pytest

from conftest import KINDS
from daemon import Daemon
from load import check_ledger, deliveries, send
from programs import wait_until


def attempts(api, delivery):
    return [(a["verdict"], a["status"]) for a in api.ok("GET", f"/v1/deliveries/{delivery}")["attempts"]]


def died(daemon, channel):
    return [e for e in daemon.events("channel_died") if e["channel"] == channel]


@pytest.mark.parametrize("deed", ["crash", "quit", "leak"])
def test_a_poisoned_message_is_dead_after_exactly_three_crashes_and_its_neighbours_lose_nothing(start, deed):
    plugin = {} if deed == "crash" else {"plugin": "hostile", "plugin_dir": KINDS}
    kind = "loopback" if deed == "crash" else "hostile"
    daemon = start({"frail": {**plugin, "memory_max": "64MiB", "window": 8, "window_max": 8}})
    api = daemon.api
    api.category(uncertain="retry")
    # One notification, so that the poison is among its neighbours when the first crash comes.
    rows = send(api, *[f"{deed}/poison" if n == 5 else f"ok/{n}" for n in range(40)], kind=kind)
    done = api.settled(rows, 40)
    assert done["counts"] == {"delivered": 39, "dead": 1}
    (poison,) = [d for d in done["deliveries"] if d["state"] == "dead"]
    assert poison["reason"] == "poison" and poison["address"] == f"{deed}/poison" and poison["crash_marks"] == 3
    assert [d for d in done["deliveries"] if d.get("crash_marks") and d is not poison] == []
    assert len(died(daemon, "frail")) == 3
    (said,) = daemon.events("delivery_poison")
    assert said["delivery"] == poison["id"] and said["level"] == "fault"
    ids = daemon.arrived_ids("frail")
    assert len(set(ids)) == 39 and poison["id"] not in ids


def test_a_mark_is_committed_before_the_message_is_tried_again(start):
    """Daemon and process both die at the second crash: the third is the last all the same."""
    daemon = start({"frail": {}})
    daemon.api.category()
    rows = send(daemon.api, "crash")
    wait_until(lambda: died(daemon, "frail"), "the first crash")
    wait_until(lambda: daemon.api.show(rows)["deliveries"][0].get("crash_marks", 0) >= 1, "its mark")
    daemon.restart(signal.SIGKILL)
    done = daemon.api.settled(rows, 40)["deliveries"][0]
    assert (done["state"], done["reason"], done["crash_marks"]) == ("dead", "poison", 3)


def test_a_process_that_is_killed_from_outside_costs_its_messages_nothing(start):
    """What was not on the wire is tried again; what was, is uncertain, and sent again here."""
    daemon = start({"loopback": {"uncertain": "retry", "options": {"delay": "20ms"}}})
    daemon.api.category()
    promised = {}
    for turn in range(5):
        for n in range(30):
            promised[turn, n] = send(daemon.api, f"ok/{turn}-{n}")
        process = daemon.api.ok("GET", "/v1/channels/loopback")["process"]["pid"]
        if process:
            os.kill(process, signal.SIGKILL)
        wait_until(lambda: daemon.api.ok("GET", "/v1/channels/loopback")["process"]["pid"] not in (0, process), "a successor", 20)
    figures = check_ledger(daemon, promised, may_repeat=True)
    assert figures["promised"] == 150 and [d for d in deliveries(daemon.api, "dead")] == []


@pytest.fixture(scope="module")
def house():
    daemon = Daemon({"loopback": {"attempt_timeout": "1s"}, "stopped": {"plugin": "hostile", "plugin_dir": KINDS, "attempt_timeout": "1s"}},
                    {"delivery.backoff_least": "60s", "server.drain_timeout": "2s"})
    daemon.api.category()
    yield daemon
    daemon.close()


def test_an_attempt_that_is_overdue_and_never_was_on_the_wire_is_deferred(house):
    begun = time.monotonic()
    rows = send(house.api, "hang")
    wait_until(lambda: attempts(house.api, f"{rows}-1")[:1] == [("deferred", attempts(house.api, f"{rows}-1")[0][1])], "the watch", 10)
    assert 1.0 <= time.monotonic() - begun < 4.0
    row = house.api.show(rows)["deliveries"][0]
    assert row["state"] == "queued" and row["reason"] == "backoff"


def test_an_attempt_that_is_overdue_on_the_wire_is_uncertain_and_parked(house):
    rows = send(house.api, "hang:wire")
    done = house.api.state_of(rows, "parked", 10)["deliveries"][0]
    assert done["reason"] == "uncertain" and attempts(house.api, done["id"])[0][0] == "uncertain"
    assert house.arrived_ids().count(done["id"]) == 1
    assert house.event("delivery_parked")["delivery"] == done["id"]
    # A person looks, and decides.
    house.api.ok("POST", f"/v1/deliveries/{done['id']}/resolve", {"as": "delivered"})
    assert house.api.show(rows)["counts"] == {"delivered": 1}


def test_the_daemon_takes_back_what_a_stopped_process_holds(house):
    """The host's own watch is stopped with it: the daemon's swap is enough, without waiting for anybody."""
    begun = time.monotonic()
    process = house.api.ok("GET", "/v1/channels/stopped")["process"]["pid"]
    rows = send(house.api, "stop", channel="stopped", kind="hostile")
    wait_until(lambda: attempts(house.api, f"{rows}-1")[0][0] == "deferred", "the daemon to take it back", 12)
    assert time.monotonic() - begun < 8
    os.kill(process, signal.SIGKILL)  # the watchdog would, some seconds later
    wait_until(lambda: house.api.ok("GET", "/v1/channels/stopped")["process"]["pid"] not in (0, process), "a successor")
    assert house.api.settled(send(house.api, "ok", channel="stopped", kind="hostile"))["counts"] == {"delivered": 1}
