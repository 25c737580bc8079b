#!/usr/bin/python3
"""SIGTERM and SIGHUP at random moments under load: nothing is lost, nothing is repeated, nobody is cut off.

  --do drain    SIGTERM, wait for exit 0 within the time a drain may take, start again
  --do twice    SIGTERM and a moment later another: it ends at once, and still loses nothing
  --do reload   SIGHUP, with the channel's settings changed each time (a new process beside the old one); every
                fourth configuration has a fault and must change nothing

A request that was accepted must be answered: when its connection broke, asking again with the same key tells (it is a
replay then).  A drain and a reload may leave none unanswered, and a reload breaks no connection at all.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

from house import House
from kill_loop import CATEGORY, ENDED, OPEN, Ledger, Load


class Life:
    def __init__(self, args, folder):
        self.args = args
        self.random = random.Random(args.seed)
        self.record = folder / "record"
        self.house = House(args.build, folder, [self.channel(16)])
        self.ledger = Ledger()
        self.faults = []
        self.longest = 0.0

    def channel(self, window):
        return {"name": "loop", "plugin": "loopback", "window": window, "window_max": window, "uncertain": "retry",
                "options": {"record": str(self.record)}}

    def drain(self, is_twice):
        began = time.monotonic()
        self.house.process.send_signal(signal.SIGTERM)
        if is_twice:
            time.sleep(self.random.uniform(0, 0.02))
            self.house.process.send_signal(signal.SIGTERM)
        code = self.house.process.wait(40)
        self.longest = max(self.longest, time.monotonic() - began)
        if code not in ((0, 3) if is_twice else (0,)):
            self.faults.append(f"ended with {code}")
        self.house.start()

    def reload(self, turn):
        path = self.house.folder / "conf" / "10-test.yaml"
        config = json.loads(path.read_text())
        is_faulty = turn % 4 == 3
        config["channels"] = [self.channel(8 + turn % 9)]
        good = json.dumps(config)
        if is_faulty:
            config["channels"][0]["widnow"] = 1
        path.write_text(json.dumps(config))
        event = '"config_refused"' if is_faulty else '"config_reloaded"'
        seen = self.house.log_text().count(event)
        self.house.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 10
        while self.house.log_text().count(event) == seen and time.monotonic() < until:
            time.sleep(0.005)
        if self.house.log_text().count(event) == seen:
            self.faults.append(f"no {event} within 10 s")
        path.write_text(good)

    def verdict(self, broken):
        states, arrived = {}, collections.Counter()
        for state in ENDED:
            states.update((id_, state) for id_ in self.house.deliveries(state))
        for line in self.record.read_text().splitlines():
            arrived[line.split(" ", 1)[0]] += 1
        ids = {f"{id_}-1" for id_ in self.ledger.promised.values()}
        lost = [id_ for id_ in ids if states.get(id_) != "delivered" or arrived[id_] == 0]
        twice = [id_ for id_, count in arrived.items() if count > 1]
        self.faults += [f"lost: {id_} is {states.get(id_)}, arrived {arrived[id_]} times" for id_ in lost]
        self.faults += [f"twice: {id_}" for id_ in twice]
        if set(arrived) - ids:
            self.faults.append(f"{len(set(arrived) - ids)} arrived that nobody was promised")
        unanswered = self.ledger.replays
        if unanswered and self.args.do != "twice":
            self.faults.append(f"{unanswered} requests were accepted and never answered")
        if broken and self.args.do == "reload":
            self.faults.append(f"{broken} connections broke with a request under way")
        return {"do": self.args.do, "seed": self.args.seed, "cycles": self.args.cycles, "promised": len(ids),
                "delivered": sum(1 for state in states.values() if state == "delivered"), "lost": len(lost),
                "duplicates": len(twice), "unanswered": unanswered, "broken": broken,
                "refused": self.ledger.refused, "refusals": dict(self.ledger.refusals),
                "longest_stop_s": round(self.longest, 2)}

    def run(self):
        self.house.start()
        status, answer = self.house.ask("PUT", "/v1/categories/torture", CATEGORY)
        assert status in (200, 201), answer
        load = Load(self.house, self.ledger, self.args.threads)
        try:
            for turn in range(self.args.cycles):
                time.sleep(self.random.uniform(0.02, 0.3))
                if self.args.do == "reload":
                    self.reload(turn)
                else:
                    self.drain(self.args.do == "twice")
        finally:
            load.stop()
        load.finish()
        until = time.monotonic() + 120
        while any(self.house.ask("GET", f"/v1/deliveries?state={state}&limit=1")[1]["items"] for state in OPEN):
            assert time.monotonic() < until, "not quiet after two minutes"
            time.sleep(0.1)
        figures = self.verdict(load.broken)
        code = self.house.stop()
        if code != 0:
            self.faults.append(f"the last stop ended with {code}")
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("--do", choices=("drain", "twice", "reload"), default="drain")
    parser.add_argument("--cycles", type=int, default=30)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="herald-life-"))
    life = Life(args, folder)
    try:
        figures = life.run()
    except BaseException:
        print(f"seed {args.seed}, see {folder}", file=sys.stderr)
        raise
    finally:
        if life.house.process is not None and life.house.process.poll() is None:
            life.house.kill()
    print(json.dumps(figures))
    for fault in life.faults[:20]:
        print(fault, file=sys.stderr)
    if life.faults:
        print(f"{len(life.faults)} faults; seed {args.seed}, see {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
