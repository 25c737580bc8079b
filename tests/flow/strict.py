"""A gate before herald-sandbox: whatever wants to pass is first held against the vendor's own strict description.

Prism judges a request but cannot carry on a conversation (it makes up token and thread id at every call), the sandbox
can.  So each request of the plugins goes, byte for byte, to Prism first; what violates the description is answered with
a 400 and remembered, what keeps it goes on to the sandbox, whose answer is the answer."""
import http.client
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from programs import SOURCE

sys.path.append(str(SOURCE / "tests" / "contract" / "acs"))
import prism  # noqa: E402

SPECS = SOURCE.parent / "shared" / "specs"
DESCRIPTIONS = {
    "sms": "acs-sms/sms-2026-01-23.strict.json",
    "connector": "bot/ConnectorAPI.strict.json",
    "identity": "acs-identity/identity-2023-10-01.bundled.json",
    "chat": "acs-chat/chat-2024-03-07.bundled.json",
}
SERVICE_OF = {"sms": "sms", "teams": "connector", "identities": "identity", "chat": "chat"}
HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding", "te", "expect"}


class Gate:
    """judged: (service, method, path, violations), in order.  passed: what no description is there for (Entra's tokens)."""

    def __init__(self, sandbox_host, folder):
        self.sandbox_host = sandbox_host
        self.judged, self.passed = [], []
        self.lock = threading.Lock()
        self.mocks = {name: prism.Prism(SPECS / path, folder / f"prism.{name}") for name, path in DESCRIPTIONS.items()}
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, answer = gate.handle(self.command, self.path, dict(self.headers.items()), body)
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = take

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = "127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def wait(self):
        for mock in self.mocks.values():
            mock.wait()

    def handle(self, method, target, headers, body):
        service = SERVICE_OF.get(urlsplit(target).path.split("/")[1])
        violations = []
        if service is None:
            with self.lock:
                self.passed.append((method, target))
        else:
            violations = self.judge(service, method, target, headers, body)
            with self.lock:
                self.judged.append((service, method, target, violations))
        if violations:
            return 400, {"Content-Type": "application/json"}, json.dumps(
                {"error": {"code": "Violation", "message": json.dumps(violations)}}).encode()
        return self.forward(method, target, headers, body)

    def judge(self, service, method, target, headers, body):
        own = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP | {"host"}}
        path = target[len("/teams"):] if service == "connector" else target
        status, violations, text = self.mocks[service].ask(method, path, own, body.decode())
        return violations or ([] if 200 <= status < 300 else [f"{status} {text}"])

    def forward(self, method, target, headers, body):
        # Host stays as it came: it is part of what was signed.
        own = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        connection = http.client.HTTPConnection(self.sandbox_host, timeout=30)
        try:
            connection.request(method, target, body=body or None, headers=own)
            answer = connection.getresponse()
            data = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP | {"date"}}
            return answer.status, kept, data
        finally:
            connection.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)
        for mock in self.mocks.values():
            mock.close()
