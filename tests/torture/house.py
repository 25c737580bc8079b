"""A heraldd of its own for one test: started, asked over its admin socket, killed, started again."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class House:
    def __init__(self, build, folder, channels, overrides=()):
        self.program = pathlib.Path(build) / "bin" / "heraldd"
        self.folder = pathlib.Path(folder)
        self.overrides = list(overrides)
        self.process = None
        self.starts = 0
        (self.folder / "conf").mkdir(parents=True)
        config = {"server": {"listen": "127.0.0.1:0"}, "log": {"format": "json"}, "channels": channels}
        # JSON is YAML.
        (self.folder / "conf" / "10-test.yaml").write_text(json.dumps(config))

    @property
    def socket(self):
        return self.folder / "run" / "admin.sock"

    def start(self, wait=True, timeout=40):
        self.starts += 1
        log = open(self.folder / f"log.{self.starts}", "wb")
        words = [str(self.program), "--config", str(self.folder / "conf"), "--data", str(self.folder / "data"),
                 "--run", str(self.folder / "run")]
        for override in self.overrides:
            words += ["--set", override]
        self.process = subprocess.Popen(words, stderr=log, stdout=log)
        log.close()
        if wait:
            self.wait_ready(timeout)

    def log_text(self, start=None):
        return (self.folder / f"log.{start or self.starts}").read_text(errors="replace")

    def wait_ready(self, timeout=40):
        until = time.monotonic() + timeout
        while '"daemon_started"' not in self.log_text():
            if self.process.poll() is not None:
                raise AssertionError(f"heraldd ended with {self.process.returncode}: {self.log_text()[-2000:]}")
            if time.monotonic() > until:
                raise AssertionError(f"heraldd is not ready after {timeout} s: {self.log_text()[-2000:]}")
            time.sleep(0.005)

    def children(self):
        try:
            text = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except FileNotFoundError:
            return []
        pids = [int(pid) for pid in text.split()]
        # Processes are started by the dispatcher's thread: ask every thread.
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            try:
                pids += [int(pid) for pid in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
        return sorted(set(pids))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self):
        """SIGSTOP, and wait until every thread stands: the signal is taken by one of them, whenever it gets its turn."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        while any(state_of(task / "stat") not in ("T", "Z", "gone") for task in tasks.iterdir()):
            time.sleep(0.0005)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, timeout=40):
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def ask(self, method, path, body=None, headers=None, timeout=10):
        connection = Connection(self.socket, timeout)
        try:
            data = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, (json.loads(text) if text else None)
        finally:
            connection.close()

    def deliveries(self, state):
        """All deliveries in a state: {text id: row}."""
        rows, after = {}, ""
        while True:
            status, page = self.ask("GET", f"/v1/deliveries?state={state}&limit=1000{after}")
            assert status == 200, (status, page)
            rows.update((row["id"], row) for row in page["items"])
            if not page.get("next"):
                return rows
            after = f"&after={page['next']}"


def state_of(stat):
    """One letter: R, S, T (stopped), Z ...; "gone" when there is no such process."""
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


def kill_hard(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_gone(pids, timeout=10):
    """They are not our children: until /proc has them no more (or only as a zombie)."""
    until = time.monotonic() + timeout
    for pid in pids:
        while time.monotonic() < until and state_of(pathlib.Path(f"/proc/{pid}/stat")) not in ("Z", "gone"):
            time.sleep(0.002)
