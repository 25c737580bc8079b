#!/usr/bin/python3
"""Every 202 is written after the sync that covers it: watched from outside, system call by system call.

    sync_before_answer.py --build DIR [--count N]

Order: one connection, one request after the other, under strace.  For each 202 there must be, between the arrival of its request
and the moment it is sent, a write to the write-ahead log followed by an fdatasync of it that has returned.
Delay: every fdatasync is made to take 200 ms longer; then no answer may come sooner, whoever asks."""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

from house import Connection, House

BODY = {"category": "news", "to": [{"addresses": [{"kind": "loopback", "address": "ok"}]}],
        "content": {"default": {"text": "x"}}}
CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<at>\d+\.\d+) (?P<rest>.*)$")


class Watched(House):
    """A House whose daemon runs under strace."""

    def __init__(self, build, folder, strace):
        super().__init__(build, folder, [{"name": "loop", "plugin": "loopback"}],
                         [f"server.plugin_dir={build}/plugins", f"server.host_program={build}/bin/herald-channel",
                          "server.api_threads=1"])
        real = self.program
        self.program = pathlib.Path(folder) / "heraldd"
        self.program.write_text(f"#!/bin/sh\nexec strace -f -ttt -y -o {folder}/strace {strace} -- {real} \"$@\"\n")
        self.program.chmod(0o755)

    def stop_watched(self):
        # strace passes the signal on only when it is sent to its child.
        for pid in self.children():
            subprocess.run(["kill", "-TERM", str(pid)], check=False)
        self.process.wait(60)


def post(connection, number):
    began = time.monotonic()
    connection.request("POST", "/v1/notifications", json.dumps(BODY),
                       {"Content-Type": "application/json", "Idempotency-Key": f"n-{number}"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 202, (answer.status, text)
    return time.monotonic() - began


def calls(path):
    """(instant of begin, instant of end, text) of every call, the halves of interrupted ones joined."""
    open_calls, found = {}, []
    for line in path.read_text(errors="replace").splitlines():
        match = CALL.match(line)
        if not match:
            continue
        pid, at, rest = match["pid"], float(match["at"]), match["rest"]
        if rest.endswith("<unfinished ...>"):
            open_calls[pid] = (at, rest)
        elif rest.startswith("<..."):
            began, text = open_calls.pop(pid, (at, ""))
            found.append((began, at, text + rest))
        else:
            found.append((at, at, rest))
    return sorted(found)


def check_order(build, count):
    with tempfile.TemporaryDirectory() as folder:
        house = Watched(build, folder, "-e trace=fdatasync,pwrite64,recvfrom,sendto,sendmsg,write,writev -s 40")
        house.start()
        house.ask("PUT", "/v1/categories/news", {})
        connection = Connection(house.socket)
        for number in range(count):
            post(connection, number)
        connection.close()
        house.stop_watched()
        arrived, wrote, synced, answers, wrong = None, None, None, 0, 0
        for began, ended, text in calls(pathlib.Path(folder) / "strace"):
            if "POST /v1/notifications" in text and text.startswith("recv"):
                arrived, wrote, synced = began, None, None
            elif text.startswith("pwrite64") and "herald.db-wal" in text and arrived:
                wrote = wrote or ended
            elif text.startswith("fdatasync") and "herald.db-wal" in text and wrote and began >= wrote:
                synced = synced or (began, ended)  # a later one covers the settle
            elif "HTTP/1.1 202" in text and arrived:
                answers += 1
                wrong += not (wrote and synced and synced[1] <= began)
                arrived = None
        print(f"order: {answers} answers, {wrong} not covered by a sync")
        return answers == count and wrong == 0


def check_delay(build):
    with tempfile.TemporaryDirectory() as folder:
        house = Watched(build, folder, "-e trace=fdatasync -e inject=fdatasync:delay_enter=200000")
        house.start()
        house.ask("PUT", "/v1/categories/news", {}, timeout=30)
        times = []

        def ask(first):
            connection = Connection(house.socket, 30)
            for number in range(3):
                times.append(post(connection, first + number))
            connection.close()

        threads = [threading.Thread(target=ask, args=(100 * i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        house.stop_watched()
        print(f"delay: {len(times)} answers, the fastest after {min(times) * 1000:.0f} ms, with each sync 200 ms longer")
        return len(times) == 24 and min(times) >= 0.2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--count", type=int, default=300)
    arguments = parser.parse_args()
    build = pathlib.Path(arguments.build).resolve()
    results = [check_order(build, arguments.count), check_delay(build)]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
