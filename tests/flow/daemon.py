"""A heraldd of a test's own: a private data folder, loopback channels, a small HTTP client over TCP and the admin socket."""
import http.client
import json
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from programs import BUILD, end_process, program, wait_until

FINAL = ("sent", "delivered", "dead", "expired", "suppressed", "cancelled")


class Answer:
    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data

    @property
    def json(self):
        return json.loads(self.data) if self.data else None

    @property
    def lines(self):
        return [json.loads(line) for line in self.data.splitlines()]

    @property
    def problem(self):
        """The last segment of a problem's type: the part that is the contract."""
        assert self.headers.get("Content-Type") == "application/problem+json", self
        return self.json["type"].rsplit("/", 1)[1]

    @property
    def pointers(self):
        return [fault["pointer"] for fault in self.json.get("faults", [])]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.data[:2000]!r}"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("herald", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """One caller: a key over TCP, or nobody in particular over the admin socket.  Keeps its connection."""

    def __init__(self, daemon, key=None, tenant=None, over_tcp=True, timeout=60):
        self.daemon, self.key, self.tenant, self.over_tcp, self.timeout = daemon, key, tenant, over_tcp, timeout
        self.connection = None

    def connect(self):
        if self.over_tcp:
            return http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=self.timeout)
        return _UnixConnection(str(self.daemon.socket_path), self.timeout)

    def request(self, method, target, body=None, headers=None):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json"} if data is not None else {}
        if self.key:
            all_headers["Authorization"] = f"Bearer {self.key}"
        if self.tenant:
            all_headers["Herald-Tenant"] = self.tenant
        all_headers.update(headers or {})
        if data is None and method in ("POST", "PUT", "PATCH"):
            all_headers.setdefault("Content-Length", "0")
        is_old = self.connection is not None
        if not is_old:
            self.connection = self.connect()
        try:
            try:
                self.connection.request(method, target, body=data, headers=all_headers)
            except BrokenPipeError:
                pass  # refused before the body was read: the answer is there
            answer = self.connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if is_old and isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError)):
                return self.request(method, target, body, headers)  # it rested too long and was closed
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def post(self, target, body=None, **more):
        return self.request("POST", target, body, **more)

    def put(self, target, body=None, **more):
        return self.request("PUT", target, body, **more)

    def patch(self, target, body, **more):
        return self.request("PATCH", target, body, **more)

    def delete(self, target, **more):
        return self.request("DELETE", target, **more)

    # ---- what tests do again and again ----

    def ok(self, method, target, body=None, **more):
        answer = self.request(method, target, body, **more)
        assert 200 <= answer.status < 300, answer
        return answer.json

    def category(self, name="news", **more):
        body = {"content": {"default": {"subject": "About {{category.name}}", "text": "Hello"}}, **more}
        return self.ok("PUT", f"/v1/categories/{name}", body)

    def recipient(self, who, *addresses, **more):
        """Addresses are texts (of kind loopback) or whole objects."""
        rows = [{"kind": "loopback", "address": a} if isinstance(a, str) else a for a in addresses or ("ok",)]
        return self.ok("PUT", f"/v1/recipients/{quote(who, safe='')}", {"addresses": rows, **more})

    def send(self, *to, category="news", headers=None, **more):
        """The id of an accepted notification.  to: recipients' ids, or whole entries."""
        entries = [{"recipient": one} if isinstance(one, str) else one for one in to]
        return self.ok("POST", "/v1/notifications", {"category": category, "to": entries, **more}, headers=headers)["id"]

    def show(self, notification):
        return self.ok("GET", f"/v1/notifications/{notification}")

    def settled(self, notification, seconds=20):
        """The notification once every delivery of it is at an end."""
        def look():
            whole = self.show(notification)
            done = whole["state"] == "done" and all(d["state"] in FINAL for d in whole["deliveries"])
            return whole if done else None
        return wait_until(look, f"{notification} to be done", seconds)

    def state_of(self, notification, state, seconds=20):
        """The notification once a delivery of it is in that state."""
        def look():
            whole = self.show(notification)
            return whole if any(d["state"] == state for d in whole["deliveries"]) else None
        return wait_until(look, f"a delivery of {notification} to be {state}", seconds)


class Daemon:
    """channels: name -> settings of the channel; `options` in it are the plugin's.  Each records what arrived at it."""

    def __init__(self, channels=None, settings=None, environment=None, with_record=True):
        # A short path: a socket's has 107 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="herald-flow-", dir="/tmp"))
        self.conf, self.data, self.run = (self.folder / name for name in ("conf.d", "data", "run"))
        self.socket_path = self.run / "admin.sock"
        self.settings = {"server.listen": "127.0.0.1:0", "server.plugin_dir": str(BUILD / "plugins"), "log.level": "debug",
                         "delivery.backoff_least": "1s", **(settings or {})}
        self.environment, self.with_record = environment or {}, with_record
        self.conf.mkdir()
        self.configure(channels if channels is not None else {"loopback": {}})
        self.process, self.port = None, None
        self.log_path = self.folder / "heraldd.log"
        self.clients = []
        self.start()

    def configure(self, channels):
        self.channels = channels
        for old in self.conf.glob("30-*.yaml"):
            old.unlink()
        for number, (name, settings) in enumerate(channels.items()):
            own = {"name": name, "plugin": "loopback", **settings}
            record = {"record": str(self.folder / f"{name}.record")} if self.with_record else {}
            own["options"] = {**record, **own.get("options", {})}
            (self.conf / f"30-{number:02}-{name}.yaml").write_text(json.dumps({"channels": [own]}))  # JSON is YAML

    def start(self, is_ready=True):
        import os
        self.is_ended_by_us = False
        with open(self.log_path, "ab") as log:
            begin = log.tell()
            words = [program("heraldd"), "--config", str(self.conf), "--data", str(self.data), "--run", str(self.run),
                     "--log-format", "json"]
            for name, value in self.settings.items():
                words += ["--set", f"{name}={value}"]
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment})
        started = wait_until(lambda: self.event("daemon_started", begin) or self._died(), "heraldd to start", 60)
        self.port = started["port"]
        self.api = self.client(over_tcp=False)
        if is_ready:
            wait_until(lambda: self.api.get("/readyz").status == 200, "heraldd to be ready")

    def _died(self):
        assert self.process.poll() is None, f"heraldd ended with {self.process.returncode}:\n{self.log()[-4000:]}"
        return None

    def client(self, **more):
        client = Client(self, **more)
        self.clients.append(client)
        return client

    def key(self, *scopes, tenant=None, **more):
        """A new key's text."""
        body = {"scopes": list(scopes) or ["admin"], **({"tenant": tenant} if tenant else {}), **more}
        return self.api.ok("POST", "/v1/keys", body)["key"]

    def caller(self, *scopes, **more):
        return self.client(key=self.key(*scopes, **more))

    # ---- what it said and did ----

    def log(self, begin=0):
        with open(self.log_path, "rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    def events(self, name=None, begin=0):
        found = []
        for line in self.log(begin).splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and name in (None, event.get("event")):
                found.append(event)
        return found

    def event(self, name, begin=0):
        found = self.events(name, begin)
        return found[-1] if found else None

    def arrived(self, channel="loopback"):
        """[(delivery id, attempt, address)] in the order of arrival."""
        path = self.folder / f"{channel}.record"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(words[0], int(words[1]), words[2]) for words in (line.split(" ") for line in lines)]

    def arrived_ids(self, channel="loopback"):
        return [row[0] for row in self.arrived(channel)]

    # ---- ends ----

    def _forget_clients(self):
        for client in self.clients:
            client.close()

    def stop(self, number=signal.SIGTERM, seconds=45):
        self.is_ended_by_us = True
        self._forget_clients()
        return end_process(self.process, number, seconds)

    def wait(self, seconds=45):
        """The exit status of a daemon that was told to end."""
        self.is_ended_by_us = True
        return self.process.wait(seconds)

    def kill(self):
        self.is_ended_by_us = True
        self._forget_clients()
        self.process.kill()
        self.process.wait()

    def restart(self, number=signal.SIGTERM):
        if number == signal.SIGKILL:
            self.kill()
        else:
            assert self.stop(number) == 0, self.log()[-4000:]
        self.start()

    def close(self):
        """Ends it in order; whatever it or a sanitizer complained of is a failure of the test."""
        is_over = self.process.poll() is not None
        status = self.process.returncode if is_over and not self.is_ended_by_us else self.stop() if not is_over else 0
        log = self.log()
        for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer", "CHECK"):
            assert mark not in log, log[log.index(mark) - 2000:][:8000]
        shutil.rmtree(self.folder, ignore_errors=True)
        assert status == 0, log[-4000:]


def until(seconds):
    """A loop's turns until the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
