"""Prism, a validating mock, in front of one vendor description: every request is held against the schema."""

import json
import os
import pathlib
import socket
import subprocess
import time
from http import client

START_S = 90  # it compiles the description first: 8 to 14 s on an idle machine


def program():
    """Where tools/install-deps puts it, or HERALD_PRISM."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    named = os.environ.get("HERALD_PRISM") or os.path.join(cache, "herald/prism/node_modules/.bin/prism")
    return named if os.access(named, os.X_OK) else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def violations_of(answer):
    """What was wrong with the request.  Prism also judges the answers that it makes up itself: not our matter."""
    found = json.loads(answer.getheader("sl-violations") or "[]")
    return [one for one in found if one["location"][:1] != ["response"]]


class Prism:
    """Starts at once, is waited for at the first request, so that several start side by side."""

    def __init__(self, description, log):
        self.port = free_port()
        self.log = pathlib.Path(log)
        self.is_up = False
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                [program(), "mock", "-h", "127.0.0.1", "-p", str(self.port), str(description)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def wait(self):
        until = time.monotonic() + START_S
        while not self.is_up:
            if "Prism is listening" in self.log.read_text(errors="replace"):
                self.is_up = True
            elif self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("Prism did not start:\n" + self.log.read_text(errors="replace")[-2000:])
            else:
                time.sleep(0.1)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, method, target, headers, body):
        """target goes onto the request line as it is.  Returns status, what was violated, body."""
        self.wait()
        connection = client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body=body.encode() if body else None, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            return answer.status, violations_of(answer), text
        finally:
            connection.close()
