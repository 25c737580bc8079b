"""Time goes on, and sometimes back: what is old is pruned, what is late expires, a clock that jumps loses nothing."""
import os
import sqlite3
import struct
import time

import pytest

from conftest import KINDS
from load import Callers, check_ledger, deliveries, send, to
from programs import wait_until
from test_trouble_reload import reload

DAY = 86400


class Clock:
    """The wall clock of one daemon, as this test wants it."""

    def __init__(self, path):
        self.path = path
        self.move(0)

    def move(self, seconds):
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.write(struct.pack("<q", int(seconds * 1000)))

    @property
    def environment(self):
        return {"LD_PRELOAD": f"{KINDS}/moved_clock.so", "HERALD_TEST_CLOCK": str(self.path)}


@pytest.fixture
def clock(tmp_path):
    if os.environ.get("HERALD_BUILD", "").endswith(("asan", "tsan")):
        pytest.skip("a sanitizer wants to be preloaded first")
    return Clock(tmp_path / "clock")


def rows(daemon, question):
    with sqlite3.connect(f"file:{daemon.data}/herald.db?mode=ro", uri=True, timeout=10) as database:
        return database.execute(question).fetchone()[0]


@pytest.mark.slow  # not under a sanitizer, which wants to be preloaded first
def test_what_ended_long_ago_is_pruned_what_may_be_sent_again_later_and_what_waits_never(start, clock):
    daemon = start({"loopback": {}, "rest": {}}, environment=clock.environment)
    api = daemon.api
    api.category(expires_in="30d")
    well = send(api, *[f"ok/{n}" for n in range(50)])
    dead = send(api, "reject")
    api.settled(well), api.settled(dead)
    assert rows(daemon, "SELECT count(*) FROM audit_payload") > 0

    # A clock that jumps is not believed for a minute: each time is that of a start.
    clock.move(29 * DAY)
    daemon.restart()
    api = daemon.api
    time.sleep(1.2)  # the clerk has looked
    assert api.get(f"/v1/notifications/{well}").status == 200
    # What ends late is not yet expired when the others are old.
    api.ok("POST", "/v1/channels/rest/pause", {"reason": "a rest"})
    waits = send(api, "ok", channel="rest")
    clock.move(31 * DAY)
    daemon.restart()
    api = daemon.api
    wait_until(lambda: api.get(f"/v1/notifications/{well}").status == 404, "the old one to be pruned", 70)
    assert api.get(f"/v1/notifications/{dead}").status == 200
    assert api.show(waits)["counts"] == {"queued": 1}
    for table in ("notification", "delivery"):
        assert rows(daemon, f"SELECT count(*) FROM {table}") == 2, table
    api.ok("POST", f"/v1/deliveries/{dead}-1/redrive")
    api.settled(dead)

    clock.move(92 * DAY)
    daemon.restart()
    api = daemon.api
    wait_until(lambda: api.get(f"/v1/notifications/{dead}").status == 404, "dead ones to be pruned", 70)
    assert rows(daemon, "SELECT count(*) FROM audit_payload") > 0, "the audit's words are kept for two years"
    clock.move(800 * DAY)
    daemon.restart()
    api = daemon.api
    wait_until(lambda: rows(daemon, "SELECT count(*) FROM audit_payload WHERE seq < 3") == 0, "old words to go", 70)
    assert rows(daemon, "SELECT count(*) FROM audit") >= 3
    assert api.ok("GET", "/v1/audit/verify")["valid"] is True


@pytest.mark.slow  # not under a sanitizer, which wants to be preloaded first
def test_a_clock_that_jumps_loses_and_doubles_nothing(start, clock):
    """Forwards and backwards while work goes on: ids stay unique, and what lives ten minutes outlives the jump of a day."""
    daemon = start({"loopback": {}}, environment=clock.environment)
    daemon.api.category(expires_in="10m")
    callers = Callers(daemon, count=3, over_tcp=False)
    for seconds in (3600, -3600, 30 * 60, 0, -DAY, 5, 0):
        taken = len(callers.accepted)
        clock.move(seconds)
        wait_until(lambda: len(callers.accepted) > taken + 20, f"work after a jump to {seconds} s", 20)
    callers.stop()
    assert callers.broken == [] and list(callers.answers) == [202], (callers.answers, callers.refused)
    assert len(set(callers.accepted.values())) == len(callers.accepted)
    check_ledger(daemon, callers.accepted)
    assert [deliveries(daemon.api, state) for state in ("expired", "dead")] == [[], []]
    assert daemon.event("clock_stepped")
    # And a daemon that starts with a clock behind its own store's ids goes on from those.
    clock.move(-2 * DAY)
    daemon.restart()
    late = send(daemon.api, "ok")
    assert late > max(callers.accepted.values())
    assert daemon.api.settled(late)["counts"] == {"delivered": 1}


@pytest.mark.slow  # not under a sanitizer, which wants to be preloaded first
def test_what_was_accepted_by_a_clock_that_was_ahead_is_sent_when_it_is_right(start, clock):
    """An hour ahead at the start, as before a time server is reached: nothing waits for that hour to come."""
    clock.move(3600)
    daemon = start({"loopback": {}}, environment=clock.environment)
    daemon.api.category()
    daemon.api.ok("POST", "/v1/channels/loopback/pause", {"reason": "a rest"})
    fresh = send(daemon.api, *[f"ok/{n}" for n in range(30)])
    clock.move(0)
    daemon.restart()
    daemon.api.ok("POST", "/v1/channels/loopback/resume")
    assert daemon.api.settled(fresh, 15)["counts"] == {"delivered": 30}
    wait_until(lambda: daemon.api.ok("GET", "/v1/channels/loopback")["queued"] == 0, "the count of those that wait", 5)


def test_what_waits_for_a_paused_channel_expires_in_time(start):
    daemon = start({"loopback": {}})
    daemon.api.category()
    daemon.api.ok("POST", "/v1/channels/loopback/pause", {"reason": "a rest"})
    late, later = send(daemon.api, "ok/1", expires_in="2s"), send(daemon.api, "ok/2")
    done = daemon.api.settled(late, 10)["deliveries"][0]
    assert (done["state"], done["reason"]) == ("expired", "expired")
    assert daemon.api.show(later)["counts"] == {"queued": 1} and daemon.arrived_ids() == []


def test_expires_after_is_what_counts_where_nobody_says_and_a_reload_changes_it(start):
    def left(**more):
        answer = daemon.api.ok("POST", "/v1/explain", {"category": "news", "to": [to("ok")], **more})
        from test_trouble_destinations import at
        return round(at(answer["expires_at"]) - at(answer["at"]))

    daemon = start({"loopback": {}}, {"delivery.backoff_least": "1s"})
    daemon.api.category()
    assert left() == 72 * 3600 and left(expires_in="5m") == 300
    (daemon.conf / "40-more.yaml").write_text("delivery:\n  expires_after: 2h\n")
    reload(daemon)
    assert left() == 2 * 3600 and left(expires_in="5m") == 300
    daemon.api.category(expires_in="1h")
    assert left() == 3600
