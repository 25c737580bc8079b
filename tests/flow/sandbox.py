"""A herald-sandbox of a test's own: started on free ports, asked and scripted over its control pages."""
import base64
import hashlib
import hmac
import http.client
import json
import subprocess
from email.utils import formatdate
from urllib.parse import urlencode

from programs import end_process, program, wait_until

ACCESS_KEY = "dGVzdC1hY2Nlc3Mta2V5LW9mLXRoZS1mbG93LXRlc3Rz"


class Sandbox:
    def __init__(self, folder, *arguments):
        self.folder = folder
        self.ledger_path = folder / "sandbox.ledger"
        self.port_file = folder / "sandbox.ports"
        self.output = open(folder / "sandbox.out", "ab")
        self.process = subprocess.Popen(
            [program("herald-sandbox"), "--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--access-key", ACCESS_KEY,
             "--port-file", str(self.port_file), "--ledger", str(self.ledger_path), *arguments],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)
        wait_until(lambda: self.port_file.exists() or self.process.poll() is not None, "herald-sandbox to listen")
        assert self.process.poll() is None, (folder / "sandbox.out").read_text()
        ports = dict(line.split() for line in self.port_file.read_text().splitlines())
        self.http_host, self.smtp_host = ports["http"], ports["smtp"]
        self.smtp_port = int(self.smtp_host.rsplit(":", 1)[1])
        self.url = f"http://{self.http_host}"

    def close(self):
        status = end_process(self.process)
        self.output.close()
        return status

    # ---- raw HTTP ----

    def request(self, method, target, body=None, headers=None, timeout=20):
        """(status, parsed JSON or None, headers)"""
        connection = http.client.HTTPConnection(self.http_host, timeout=timeout)
        try:
            data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            all_headers = {"Content-Type": "application/json"} if data is not None else {}
            all_headers.update(headers or {})
            connection.request(method, target, body=data, headers=all_headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, dict(answer.getheaders())
        finally:
            connection.close()

    def sign(self, method, target, body, key=ACCESS_KEY, date=None, host=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        date = date or formatdate(usegmt=True)
        content = base64.b64encode(hashlib.sha256(data).digest()).decode()
        text = f"{method}\n{target}\n{date};{host or self.http_host};{content}"
        signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
        return {"x-ms-date": date, "x-ms-content-sha256": content,
                "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=" + signature}

    def signed(self, method, target, body=None, **how):
        data = json.dumps(body).encode() if body is not None else None
        return self.request(method, target, data, self.sign(method, target, data, **how))

    # ---- control ----

    def control(self, channel="all", **fault):
        status, answer, _ = self.request("POST", "/control", {"channel": channel, **fault})
        assert status == 200, answer
        return answer

    def arrivals(self, **filters):
        return self.request("GET", "/arrivals?" + urlencode(filters))[1]["arrivals"]

    def stats(self):
        return self.request("GET", "/stats")[1]

    def ledger(self, event=None):
        """The ledger's lines as tuples: (us, event, channel, request, to, delivery, marker, id)."""
        lines = [tuple(line.split("\t")) for line in self.ledger_path.read_text().splitlines()]
        return [line for line in lines if event in (None, line[1])]
