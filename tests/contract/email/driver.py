"""Runs email_driver: one plugin, one host, some messages; gives back what happened."""
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve()
BINARY_DIR = pathlib.Path(os.environ.get("HERALD_BINARY_DIR", HERE.parents[3] / "build" / "dev"))
DRIVER = BINARY_DIR / "tests" / "email_driver"
PLUGIN = BINARY_DIR / "plugins" / "email.so"

DELIVERED, SENT, DEFERRED, THROTTLED, REJECTED, UNREACHABLE, UNCERTAIN, MISCONFIGURED = range(1, 9)


class Run:
    def __init__(self, events, seconds, stderr):
        self.events, self.seconds, self.stderr = events, seconds, stderr
        self.completes = [e for e in events if e["event"] == "complete"]
        self.outcomes = {e["index"]: e for e in self.completes}
        self.on_wire = [e["index"] for e in events if e["event"] == "on_wire"]
        self.meters = next((e for e in events if e["event"] == "meters"), None)

    def verdicts(self):
        return [self.outcomes[i]["verdict"] for i in sorted(self.outcomes)]


def message(number, address=None, **more):
    return dict({"delivery_id": "ntf_TEST%09d-1" % number, "address": address or "user%d@example.test" % number,
                 "subject": "Message %d" % number, "text": "Hello %d\n" % number}, **more)


def options(port, **more):
    return dict({"relay_host": "127.0.0.1", "port": port, "security": "none", "from": "herald@example.com",
                 "helo": "client.example.com", "setup_timeout": 5000, "message_timeout": 5000}, **more)


def send(given, messages, environment=None, prefix=(), seconds=120, **more):
    """Send and return a Run.  Every message must have been completed, once."""
    job = dict({"options": given, "messages": messages}, **more)
    done = subprocess.run(list(prefix) + [str(DRIVER), str(PLUGIN)], input=json.dumps(job).encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds,
                          env=dict({"PATH": "/usr/bin:/bin"}, **(environment or {})))
    stderr = done.stderr.decode(errors="replace")
    assert done.returncode == 0, stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    run = Run(events, events[-1]["ms"] / 1000, stderr)
    if run.meters is not None:
        refused = set(more.get("refuse", []))
        assert sorted(e["index"] for e in run.completes) == [i for i in range(len(messages)) if i not in refused]
        assert all(e["times"] == 1 for e in run.completes)
    return run
