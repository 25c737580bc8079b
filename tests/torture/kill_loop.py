#!/usr/bin/python3
"""kill -9 at random moments under load, and a ledger that knows better than the daemon.

The ledger is kept here, outside: what was answered 202, with which words.  The sink is loopback's record file: a line
per message that arrived.  Between a kill and the next start this test reads the boards itself.  Then:

  lost         answered 202, but neither ended as it should nor arrived
  duplicates   arrived more than once; allowed only as often as the board showed it ON_WIRE at a kill of its process
  phantoms     arrived, but nobody was promised it

  --kill daemon    only heraldd: its channel processes finish what is on the wire; no duplicate is allowed
  --kill channel   only the channel processes, under a daemon that stays
  --kill both      heraldd and its channel processes
"""
import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

import boards
from house import Connection, House, kill_hard, wait_gone

CATEGORY = {"title": {"en": "torture"}, "consent": "none", "channels": {"loopback": True}, "expires_in": "72h"}
ENDED = ("sent", "delivered", "dead", "expired", "suppressed", "cancelled", "parked")
OPEN = ("held", "queued", "leased")


class Ledger:
    """What was asked for, and what was promised."""

    def __init__(self):
        self.lock = threading.Lock()
        self.next = 0
        self.unknown = []  # asked, and the answer never came
        self.promised = {}  # sequence -> notification id
        self.replays = self.refused = 0
        self.refusals = collections.Counter()  # why

    def take(self):
        with self.lock:
            if self.unknown:
                return self.unknown.pop()
            self.next += 1
            return self.next - 1

    def give_back(self, sequence):
        with self.lock:
            self.unknown.append(sequence)

    def promise(self, sequence, notification, is_replay):
        with self.lock:
            self.replays += is_replay
            known = self.promised.setdefault(sequence, notification)
            assert known == notification, f"{sequence}: one key, two notifications: {known} and {notification}"


def body_of(sequence, random_source):
    deed = random_source.choice(["ok", "ok", "ok", "slow:5ms", "slow:20ms", "slow:60ms"])
    return {"category": "torture", "to": [{"addresses": [{"kind": "loopback", "address": f"{deed}/{sequence}"}]}],
            "content": {"default": {"subject": f"seq-{sequence}", "text": f"number {sequence}"}}}


def post(connection, sequence, ledger):
    """True: answered, go on; False: the connection broke with this request under way."""
    # The same body for the same sequence, also when it is asked again.
    body = json.dumps(body_of(sequence, random.Random(sequence))).encode()
    try:
        connection.request("POST", "/v1/notifications", body,
                           {"Content-Type": "application/json", "Idempotency-Key": f"key-{sequence}"})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException):
        ledger.give_back(sequence)
        return False
    if answer.status == 202:
        ledger.promise(sequence, json.loads(text)["id"], answer.getheader("Idempotent-Replayed") == "true")
        return True
    ledger.give_back(sequence)
    if answer.status in (409, 429, 503):
        ledger.refused += 1
        ledger.refusals[json.loads(text).get("detail", "")[:100]] += 1
        time.sleep(0.01)
        return True
    raise AssertionError(f"{answer.status}: {text[:500]}")


class Load:
    def __init__(self, house, ledger, threads):
        self.house, self.ledger = house, ledger
        self.is_on = True
        self.faults = []
        self.broken = 0  # connections that broke with a request under way
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = None
        while self.is_on:
            try:
                if connection is None:
                    connection = Connection(self.house.socket)
                    connection.connect()
                if not post(connection, self.ledger.take(), self.ledger):
                    self.broken += 1
                    connection.close()
                    connection = None
            except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BlockingIOError):
                connection = None
                time.sleep(0.005)
            except Exception as fault:  # pylint: disable=broad-except
                self.faults.append(repr(fault))
                return

    def stop(self):
        self.is_on = False
        for thread in self.threads:
            thread.join()
        assert not self.faults, self.faults

    def finish(self):
        """What was asked and never answered is asked again, with the same keys."""
        connection = Connection(self.house.socket)
        while self.ledger.unknown:
            if not post(connection, self.ledger.take(), self.ledger):
                connection.close()
                connection = Connection(self.house.socket)


class Loop:
    def __init__(self, args, folder):
        self.args = args
        self.random = random.Random(args.seed)
        self.record = folder / "record"
        channel = {"name": "loop", "plugin": "loopback", "window": args.window, "window_max": args.window,
                   "uncertain": args.uncertain, "options": {"record": str(self.record)}}
        self.house = House(args.build, folder, [channel])
        self.ledger = Ledger()
        self.on_wire = collections.Counter()  # text id -> kills of its process while it was ON_WIRE
        self.on_wire_most = 0
        self.kills = 0
        self.seen = collections.Counter()  # states on the boards at the kills

    def look_at_boards(self):
        found = boards.read(self.house.folder / "data" / "boards")
        self.seen.update(state for *_, state in found)
        on_wire = [boards.text_of(notification, n) for notification, n, _attempt, state in found
                   if state == boards.ON_WIRE]
        self.on_wire_most = max(self.on_wire_most, len(on_wire))
        self.on_wire.update(on_wire)

    def wait_for_children(self):
        """After a death the next start waits a while (restart back-off); then it gets some load."""
        until = time.monotonic() + 30
        while not self.house.children():
            assert time.monotonic() < until, "no channel process was started again"
            time.sleep(0.01)
        time.sleep(self.random.uniform(0.02, self.args.between))
        return self.house.children()

    def kill_once(self):
        self.kills += 1
        if self.args.kill == "channel":
            # The daemon sleeps while we look: else it would have settled and freed what we came to read.
            children = self.wait_for_children()
            self.house.freeze()
            kill_hard(children)
            wait_gone(children)
            self.look_at_boards()
            self.house.thaw()
            return
        if self.args.kill == "daemon":
            self.house.kill()
        else:
            self.kill_both()
        self.house.start(wait=False)

    def kill_both(self):
        children = self.house.children()
        if self.random.random() < 0.5:
            self.house.kill()
            kill_hard(children)
            wait_gone(children)
            self.look_at_boards()
            return
        # The other order: the daemon has some time to notice, and dies while it settles what they left.  It sleeps
        # while we look, else it would have freed what we came to read.
        self.house.freeze()
        kill_hard(children)
        wait_gone(children)
        self.look_at_boards()
        self.house.thaw()
        time.sleep(self.random.uniform(0, 0.01))
        self.house.kill()

    def run_kills(self):
        for cycle in range(self.args.cycles):
            # Every fifth kill comes whenever it comes, also while the daemon is still starting.
            if cycle % 5 != 4:
                self.house.wait_ready()
            time.sleep(self.random.uniform(0.005, self.args.between))
            self.kill_once()
        self.house.wait_ready()

    def wait_until_quiet(self):
        until = time.monotonic() + self.args.patience
        while time.monotonic() < until:
            counts = [self.house.ask("GET", f"/v1/deliveries?state={state}&limit=1")[1]["items"] for state in OPEN]
            if not any(counts):
                return
            time.sleep(0.1)
        raise AssertionError("not quiet: " + str({state: len(self.house.deliveries(state)) for state in OPEN}))

    def verdict(self):
        states = {}
        for state in ENDED:
            states.update((id_, (state, row.get("reason"))) for id_, row in self.house.deliveries(state).items())
        arrived = collections.Counter()
        faults = []
        by_id = {f"{id_}-1": sequence for sequence, id_ in self.ledger.promised.items()}
        for line in self.record.read_text().splitlines():
            id_, _attempt, _address, _bytes, _memory, subject = line.split(" ", 5)
            arrived[id_] += 1
            if id_ not in by_id:
                faults.append(f"phantom: {line}")
            elif subject != f'"seq-{by_id[id_]}"' and subject != f"seq-{by_id[id_]}":
                faults.append(f"other words: {line}, promised as {by_id[id_]}")
        lost = parked = parked_not_on_wire = 0
        for id_ in by_id:
            state, reason = states.get(id_, ("missing", None))
            if state == "parked":
                parked += 1
                parked_not_on_wire += self.on_wire[id_] == 0
            elif state != "delivered" or arrived[id_] == 0:
                lost += 1
                faults.append(f"lost: {id_} is {state} ({reason}), arrived {arrived[id_]} times")
        duplicates = {id_: count - 1 for id_, count in arrived.items() if count > 1}
        for id_, more in duplicates.items():
            if more > self.on_wire[id_]:
                faults.append(f"duplicate: {id_} arrived {more + 1} times, ON_WIRE at {self.on_wire[id_]} kills")
        if parked_not_on_wire:
            faults.append(f"{parked_not_on_wire} parked that no board showed ON_WIRE")
        if set(states) - set(by_id):
            faults.append(f"{len(set(states) - set(by_id))} deliveries that nobody was promised")
        if self.on_wire_most > self.args.window * 2:
            faults.append(f"{self.on_wire_most} ON_WIRE at once, with a window of {self.args.window}")
        on_wire = sum(self.on_wire.values())
        touched = sum(1 for id_ in self.on_wire if arrived[id_] > 0)
        figures = {
            "kill": self.args.kill, "uncertain": self.args.uncertain, "seed": self.args.seed, "kills": self.kills,
            "promised": len(by_id), "delivered": sum(1 for s, _ in states.values() if s == "delivered"),
            "lost": lost, "duplicates": sum(duplicates.values()), "parked": parked, "on_wire_at_kills": on_wire,
            "on_wire_deliveries": len(self.on_wire),
            "on_wire_at_once": self.on_wire_most, "on_wire_arrived": touched, "replays": self.ledger.replays,
            "refused": self.ledger.refused,
            "dead": sum(1 for s, _ in states.values() if s == "dead"),
            "boards": {name: self.seen[state] for name, state in
                       (("queued", boards.QUEUED), ("in_plugin", boards.IN_PLUGIN), ("on_wire", boards.ON_WIRE),
                        ("done", boards.DONE), ("revoked", boards.REVOKED))},
        }
        return figures, faults

    def run(self):
        began = time.monotonic()
        self.house.start()
        status, answer = self.house.ask("PUT", "/v1/categories/torture", CATEGORY)
        assert status in (200, 201), answer
        load = Load(self.house, self.ledger, self.args.threads)
        try:
            self.run_kills()
        finally:
            load.stop()
        load.finish()
        self.wait_until_quiet()
        figures, faults = self.verdict()
        code = self.house.stop()
        if code != 0:
            faults.append(f"the last stop ended with {code}")
        figures["seconds"] = round(time.monotonic() - began, 1)
        return figures, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/dev", help="the build tree with bin/ and plugins/")
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--kill", choices=("daemon", "channel", "both"), default="daemon")
    parser.add_argument("--uncertain", choices=("retry", "park"), default="retry")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--between", type=float, default=0.3, help="seconds under load before a kill, at most")
    parser.add_argument("--patience", type=float, default=240, help="seconds to wait for the last delivery")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--keep", action="store_true", help="keep the folder also when all went well")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="herald-kill-"))
    loop = Loop(args, folder)
    try:
        figures, faults = loop.run()
    except BaseException:
        print(f"seed {args.seed}, see {folder}", file=sys.stderr)
        raise
    finally:
        if loop.house.process is not None and loop.house.process.poll() is None:
            loop.house.process.send_signal(signal.SIGCONT)
            loop.house.kill()
    print(json.dumps(figures))
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    if faults:
        print(f"{len(faults)} faults; seed {args.seed}, see {folder}", file=sys.stderr)
        return 1
    if not args.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
