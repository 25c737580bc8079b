#!/usr/bin/python3
"""A plugin that crashes, hangs, spins, lies, floods or forks stops its own channel and no other.

Two channels of loopback.  The good one carries a closed loop of notifications all the time; the bad one is given one
evil deed after the other.  For each deed: the good channel's throughput beside it, as a ratio to the one before (the
machine is shared with whatever else runs: only a standstill is a fault), and what became of the evil
delivery (at a destination of its own, so that no breaker mixes them up).  At the end every good notification has arrived exactly once, and the daemon never restarted.
"""
import argparse
import collections
import json
import pathlib
import shutil
import sys
import tempfile
import threading
import time

from house import Connection, House

CATEGORY = {"title": {"en": "torture"}, "consent": "none", "channels": {"loopback": True}}
# deed: the states and reasons in which it may end
DEEDS = {
    "crash": {("dead", "poison")},
    "crash:wire": {("dead", "attempts_exhausted")},
    "hang": {("dead", "attempts_exhausted")},
    "hang:wire": {("dead", "attempts_exhausted")},
    "spin": {("dead", "attempts_exhausted")},
    "lie": {("delivered", "none")},
    "flood": {("delivered", "none")},
    "fork": {("delivered", "none")},
}
RATIO_LEAST = 0.05  # it goes on; how well is a figure to read on a quiet machine


class Good:
    """The neighbour: as many notifications as go, one after the other, from a few threads."""

    def __init__(self, house, threads):
        self.house = house
        self.ids = []
        self.lock = threading.Lock()
        self.is_on = True
        self.fault = None
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = Connection(self.house.socket)
        body = json.dumps({"category": "torture", "channels": ["good"], "content": {"default": {"text": "x"}},
                           "to": [{"addresses": [{"kind": "loopback", "channel": "good", "address": "ok"}]}]})
        while self.is_on:
            connection.request("POST", "/v1/notifications", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 202:
                self.fault = f"{answer.status}: {text[:300]}"
                return
            with self.lock:
                self.ids.append(json.loads(text)["id"])

    def rate(self, seconds):
        before = len(self.ids)
        began = time.monotonic()
        time.sleep(seconds)
        return (len(self.ids) - before) / (time.monotonic() - began)

    def stop(self):
        self.is_on = False
        for thread in self.threads:
            thread.join()


def send_evil(house, deed):
    status, answer = house.ask("POST", "/v1/notifications", {
        "category": "torture", "channels": ["bad"], "content": {"default": {"text": "x"}},
        "to": [{"addresses": [{"kind": "loopback", "channel": "bad", "address": f"{deed}@{deed[:4]}"}]}]})
    return answer["id"] if status == 202 else None


def state_of(house, id_):
    row = house.ask("GET", f"/v1/deliveries/{id_}-1")[1]
    return row["state"], row["reason"]


def try_deed(house, good, deed, seconds):
    """(ratio, how it ended, seconds until then)"""
    quiet = good.rate(seconds)
    began = time.monotonic()
    while (id_ := send_evil(house, deed)) is None:
        assert time.monotonic() - began < 60, "the bad channel does not come back"
        time.sleep(0.1)
    beside = good.rate(seconds)
    while (end := state_of(house, id_))[0] in ("queued", "leased") and time.monotonic() - began < 90:
        time.sleep(0.1)
    return beside / quiet, end, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("--seconds", type=float, default=2, help="of measuring, before and beside each deed")
    parser.add_argument("--deeds", nargs="*", default=list(DEEDS))
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="herald-neighbours-"))
    channels = [{"name": name, "plugin": "loopback", "window": 16, "uncertain": "retry", "attempt_timeout": "2s",
                 "attempts_max": 2, "options": {"record": str(folder / f"record-{name}")}} for name in ("good", "bad")]
    house = House(args.build, folder, channels)
    faults = []
    try:
        house.start()
        status, answer = house.ask("PUT", "/v1/categories/torture", CATEGORY)
        assert status in (200, 201), answer
        good = Good(house, 4)
        for deed in args.deeds:
            ratio, end, took = try_deed(house, good, deed, args.seconds)
            print(json.dumps({"deed": deed, "ratio": round(ratio, 2), "ended": end, "seconds": round(took, 1)}), flush=True)
            if end not in DEEDS[deed]:
                faults.append(f"{deed} ended as {end}")
            if ratio < RATIO_LEAST:
                faults.append(f"beside {deed} the good channel went at {ratio:.2f} of its rate")
        good.stop()
        if good.fault:
            faults.append(good.fault)
        time.sleep(1)
        arrived = collections.Counter(line.split(" ", 1)[0] for line in (folder / "record-good").read_text().splitlines())
        missing = [id_ for id_ in good.ids if arrived[f"{id_}-1"] != 1]
        if missing:
            faults.append(f"{len(missing)} good ones did not arrive exactly once, like {missing[0]}")
        code = house.stop()
        if code != 0:
            faults.append(f"the daemon ended with {code}")
        print(json.dumps({"good": len(good.ids), "faults": len(faults)}))
    finally:
        if house.process is not None and house.process.poll() is None:
            house.kill()
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print(f"see {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
