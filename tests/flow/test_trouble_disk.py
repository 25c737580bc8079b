"""A full disk and a failing one: new work is refused in words, what was promised ends, and nothing is lost or doubled."""
import os
import shutil
import subprocess
import time

import pytest

from daemon import Daemon
from load import Callers, check_ledger, send, to
from programs import program, wait_until

DISK_MIB, FLOOR_KIB, BALLAST_KIB = 24, 4096, 2048


@pytest.fixture
def disk(tmp_path):
    """A small file system of memory."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "none", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk, leave_kib):
    """A file that leaves so much room and no more, whoever else writes meanwhile."""
    with open(disk / "filler", "ab", buffering=0) as filler:
        while (free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - leave_kib * 1024) > 0:
            try:
                filler.write(b"x" * min(free, 256 * 1024))
            except OSError:
                break
    return disk / "filler"


def body(n, channel="loopback"):
    # Words of some size: a store that only moved rows within its pages would never feel a full disk.
    return {"category": "news", "channels": [channel], "to": [to(f"ok/{n}", channel)], "content": {"default": {"text": f"{n} " + 4096 * "w"}}}


@pytest.fixture
def house(disk):
    daemon = Daemon({"loopback": {}, "rest": {}}, {"store.path": str(disk), "store.ballast": f"{BALLAST_KIB}KiB",
                                                   "store.free_space_floor": f"{FLOOR_KIB}KiB"})
    daemon.api.category()
    yield daemon
    daemon.close()


@pytest.mark.parametrize("leave_kib", [0, 4, 256, 1024, FLOOR_KIB - 64])
def test_on_a_full_disk_new_work_gets_503_and_what_was_accepted_ends(house, disk, leave_kib, capsys):
    api = house.api
    api.ok("POST", "/v1/channels/rest/pause", {"reason": "until the disk is full"})
    accepted = {}
    for n in range(400):
        answer = api.post("/v1/notifications", body(n, "rest"))
        assert answer.status == 202, answer
        accepted[n] = answer.json["id"]
    filler = fill(disk, leave_kib)

    refusals = 0

    def refused():
        nonlocal refusals
        answer = api.post("/v1/notifications", body("more"))
        if answer.status == 202:
            accepted[f"more{len(accepted)}"] = answer.json["id"]
            return False
        assert answer.status == 503 and answer.problem in ("store_full", "store_unavailable"), answer
        assert 1 <= int(answer.headers["Retry-After"]) <= 120, answer
        refusals += 1
        return answer.problem == "store_full"

    # The daemon looks at least once a second.
    wait_until(refused, "new work to be refused", 10)
    ready = api.get("/readyz")
    assert ready.status == 503 and "free" in ready.json["detail"] + "free" and "Retry-After" in ready.headers
    assert house.event("store_full")["level"] == "fault"

    # Everything that was promised goes on, on the room that is left and that of the ballast.
    begun = time.monotonic()
    answer = wait_until(lambda: (lambda a: a if a.status < 300 else None)(api.post("/v1/channels/rest/resume")), "the channel to be resumed", 20)
    assert answer.status < 300
    wait_until(lambda: api.ok("GET", "/v1/channels/rest")["queued"] == 0 and api.ok("GET", "/v1/channels/rest")["in_flight"] == 0,
               "what was promised to be sent", 30)
    wait_until(lambda: not api.ok("GET", "/v1/deliveries?state=leased&limit=1")["items"] and
               not api.ok("GET", "/v1/deliveries?state=queued&limit=1")["items"], "what was promised to be settled", 30)
    drained = time.monotonic() - begun
    assert len(house.arrived_ids("rest")) == len(set(house.arrived_ids("rest"))) == 400
    wanted = {identity for identity in accepted.values()}
    assert wanted <= {row.rsplit("-", 1)[0] for row in house.arrived_ids("rest") + house.arrived_ids("loopback")}

    # Space comes back: so does everything, by itself.
    filler.unlink()
    begun = time.monotonic()
    wait_until(lambda: api.post("/v1/notifications", body("again")).status == 202, "new work to be taken again", 10)
    took = time.monotonic() - begun
    assert took <= 5.0 and api.get("/readyz").status == 200
    assert house.event("store_ready") and house.events("daemon_failed") == []
    wait_until(lambda: (disk / "ballast").exists() and (disk / "ballast").stat().st_blocks * 512 >= BALLAST_KIB * 1024, "the ballast")
    with capsys.disabled():
        print(f"\n{leave_kib:5} KiB left: {refusals} refused, drained in {drained:.2f} s, taking work again after {took:.2f} s", end="")


def test_callers_of_a_disk_that_fills_and_empties_lose_nothing(house, disk):
    callers = Callers(house, count=3, channel="loopback", over_tcp=False)
    for leave in (0, 128, 2048, 0):
        wait_until(lambda: len(callers.accepted) > 50, "some work")
        filler = fill(disk, leave)
        refused = callers.answers.get(503, 0)
        wait_until(lambda: callers.answers.get(503, 0) > refused + 3, "refusals", 20)
        filler.unlink()
        taken = len(callers.accepted)
        wait_until(lambda: len(callers.accepted) > taken + 3, "new work", 20)
    callers.stop()
    assert set(callers.answers) <= {202, 503} and callers.broken == []
    assert check_ledger(house, callers.accepted)["promised"] > 50


def test_two_daemons_on_one_data_directory_the_second_refuses(start):
    daemon = start({"loopback": {}})
    second = subprocess.run([program("heraldd"), "--config", str(daemon.conf), "--data", str(daemon.data), "--run", str(daemon.folder / "run2"),
                             "--set", "server.listen=127.0.0.1:0", "--log-format", "json"], capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 1 and "another daemon uses the data directory" in second.stderr, second
    daemon.api.category()
    assert daemon.api.settled(send(daemon.api, "ok"))["counts"] == {"delivered": 1}
    assert daemon.api.get("/readyz").status == 200


class Traced(Daemon):
    """A daemon that strace makes fail at a system call: inject is strace's own word for it."""

    def __init__(self, inject, **more):
        self.inject, self.tracer = inject, None
        super().__init__(**more)

    def start(self, is_ready=True):
        super().start(is_ready)

    def attach(self):
        """From now on."""
        self.tracer = subprocess.Popen(["strace", "-f", "-qq", "-p", str(self.process.pid), "-e", f"trace={self.inject.split(':')[0]}",
                                        "-e", f"inject={self.inject}", "-o", str(self.folder / "strace")],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: "TracerPid:\t0" not in open(f"/proc/{self.process.pid}/status").read(), "strace to hold it")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_failed_sync_tells_everybody_503_ends_with_70_and_loses_nothing(capsys):
    """No second sync is tried: what the failed one left is unknown until it is read back."""
    daemon = Traced("fdatasync:error=EIO:when=1+", channels={"loopback": {}})
    try:
        daemon.api.category()
        callers = Callers(daemon, count=32, channel="loopback", over_tcp=False)
        wait_until(lambda: len(callers.accepted) > 200, "some work")
        daemon.attach()
        status = daemon.process.wait(20)
        daemon.tracer.wait(10)
        calls = [line for line in (daemon.folder / "strace").read_text().splitlines() if "fdatasync(" in line]
        failed = [line for line in calls if "INJECTED" in line]
        assert status == 70 and len(failed) == 1, (status, calls)
        told = dict(callers.refused)
        assert daemon.event("daemon_failed")["level"] == "fault" and daemon.event("writer_failed")
        daemon.start()  # as the service manager would
        taken = len(callers.accepted)
        wait_until(lambda: len(callers.accepted) > taken + 50, "callers to go on", 20)
        callers.stop()
        unknown = sum(count for detail, count in told.items() if "same Idempotency-Key" in (detail or ""))
        figures = check_ledger(daemon, callers.accepted)
        with capsys.disabled():
            print(f"\n{figures}, {unknown} were told that it is unknown, {len(callers.broken)} connections broke with the process", end="")
        assert unknown >= 1 and set(callers.answers) <= {202, 503}
    finally:
        if daemon.process.poll() is None:
            daemon.close()
        else:
            shutil.rmtree(daemon.folder, ignore_errors=True)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_write_that_fails_once_is_like_a_sync_that_fails():
    """What a failed write left in the log is as unknown: the callers hear 503, the process ends, the next one reads what is there."""
    daemon = Traced("pwrite64:error=EIO:when=20", channels={"loopback": {}})
    try:
        daemon.api.category()
        callers = Callers(daemon, count=4, channel="loopback", over_tcp=False)
        wait_until(lambda: len(callers.accepted) > 50, "some work")
        daemon.attach()
        assert daemon.process.wait(20) == 70
        daemon.tracer.wait(10)
        daemon.start()
        taken = len(callers.accepted)
        wait_until(lambda: len(callers.accepted) > taken + 50, "callers to go on", 20)
        callers.stop()
        assert set(callers.answers) <= {202, 503}
        check_ledger(daemon, callers.accepted)
    finally:
        daemon.close()
