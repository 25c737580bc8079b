"""The backup of docs/operating.md: VACUUM INTO of a store that is in use, restored as the page says."""
import re
import shutil
import signal
import sqlite3

import pytest

from load import Callers, deliveries, send
from programs import SOURCE, wait_until


@pytest.mark.parametrize("without_boards", [True, False], ids=["as-the-page-says", "with-the-boards-left-there"])
def test_a_copy_of_a_store_in_use_is_restored_and_goes_on(start, without_boards):
    # The page's own statement.
    page = (SOURCE / "docs" / "operating.md").read_text()
    assert re.search(r'sqlite3 /var/lib/herald/herald.db "VACUUM INTO ', page)

    daemon = start({"loopback": {}, "rest": {}, "slow": {"options": {"delay": "3s"}}})
    api = daemon.api
    api.category()
    api.recipient("somebody", "ok")
    api.ok("POST", "/v1/channels/rest/pause", {"reason": "a rest"})
    waits = send(api, *[f"ok/{n}" for n in range(20)], channel="rest")
    done = send(api, "ok/before")
    api.settled(done)
    keyed = api.post("/v1/notifications", {"category": "news", "to": [{"recipient": "somebody"}]}, headers={"Idempotency-Key": "before"}).json
    flying = send(api, "ok/flying", channel="slow")
    api.state_of(flying, "leased")

    callers = Callers(daemon, count=3, channel="loopback", over_tcp=False)
    wait_until(lambda: len(callers.accepted) > 50, "some work")
    promised = dict(callers.accepted)
    copy = daemon.folder / "copy.db"
    with sqlite3.connect(daemon.data / "herald.db", timeout=30) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    taken = len(callers.accepted)
    wait_until(lambda: len(callers.accepted) > taken + 20, "work beside and after the backup")
    callers.stop()
    assert set(callers.answers) == {202} and callers.broken == [], (callers.answers, callers.broken[:3])
    after = send(api, "ok/after")
    assert daemon.stop() == 0

    # Restored, as the page says: the copy in place, no log beside it, no boards.
    for name in ("herald.db-wal", "herald.db-shm"):
        (daemon.data / name).unlink(missing_ok=True)
    shutil.copy(copy, daemon.data / "herald.db")
    if without_boards:
        shutil.rmtree(daemon.data / "boards")
    daemon.start()
    api = daemon.api
    assert api.ok("GET", "/v1/audit/verify")["valid"] is True
    assert api.show(done)["counts"] == {"delivered": 1} and api.get(f"/v1/notifications/{after}").status == 404
    again = api.post("/v1/notifications", {"category": "news", "to": [{"recipient": "somebody"}]}, headers={"Idempotency-Key": "before"})
    assert again.json == keyed and again.headers["Idempotent-Replayed"] == "true"
    # What was promised before the copy was made is there, and what of it was in flight then is known to be uncertain.
    wait_until(lambda: not deliveries(api, "leased"), "what was open to be resolved")
    assert api.state_of(flying, "parked")["deliveries"][0]["reason"] == "uncertain"
    for identity in promised.values():
        counts = api.show(identity)["counts"]
        assert sum(counts.values()) == 1 and set(counts) <= {"delivered", "parked", "queued"}, counts
    # What waited goes on, and ids go on behind those that are there.
    assert api.show(waits)["counts"] == {"queued": 20}
    api.ok("POST", "/v1/channels/rest/resume")
    assert api.settled(waits)["counts"] == {"delivered": 20}
    assert send(api, "ok/new") > max(promised.values())


def test_a_copy_is_made_of_a_store_whose_daemon_was_killed(start):
    """The log that a kill -9 leaves is part of the store: the copy has what it holds."""
    daemon = start({"loopback": {}})
    daemon.api.category()
    daemon.api.ok("POST", "/v1/channels/loopback/pause", {"reason": "a rest"})
    waits = [send(daemon.api, f"ok/{n}") for n in range(30)]
    daemon.kill()
    copy = daemon.folder / "copy.db"
    with sqlite3.connect(daemon.data / "herald.db", timeout=30) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    with sqlite3.connect(copy) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM notification").fetchone() == (len(waits),)
    daemon.start()
    daemon.api.ok("POST", "/v1/channels/loopback/resume")
    for notification in waits:
        assert daemon.api.settled(notification)["counts"] == {"delivered": 1}
    daemon.restart(signal.SIGTERM)
