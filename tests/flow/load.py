"""Work for a daemon: many deliveries at once, or callers that never stop and keep a ledger of what they were answered."""
import http.client
import threading
import time

from programs import wait_until


def to(address, channel=None, kind="loopback"):
    """An entry of `to`: somebody known by an address only."""
    return {"addresses": [{"kind": kind, "address": address, **({"channel": channel} if channel else {})}]}


def send(api, *addresses, channel=None, kind="loopback", **more):
    """The id of one notification to all these addresses."""
    channels = {"channels": [channel]} if channel else {}
    return api.send(*[to(address, channel, kind) for address in addresses], **channels, **more)


def arrivals(daemon, channel, since=0):
    """How many lines the channel's record has got since a place in it."""
    path = daemon.folder / f"{channel}.record"
    if not path.exists():
        return 0
    with open(path, "rb") as record:
        record.seek(since)
        return record.read().count(b"\n")


def place(daemon, channel):
    path = daemon.folder / f"{channel}.record"
    return path.stat().st_size if path.exists() else 0


def throughput(daemon, channel, count=2000, batch=250, seconds=60):
    """Deliveries a second, from the first request to the last arrival."""
    begun, since = time.monotonic(), place(daemon, channel)
    for first in range(0, count, batch):
        send(daemon.api, *[f"ok/{first + n}" for n in range(min(batch, count - first))], channel=channel)
    wait_until(lambda: arrivals(daemon, channel, since) >= count, f"{count} arrivals at {channel}", seconds)
    return count / (time.monotonic() - begun)


class Callers:
    """Threads that send one notification after the other, each with a key of its own, and write down every answer.

    What is answered 202 is promised; what gets no answer, or a 503, is asked again with the same key until somebody answers."""

    def __init__(self, daemon, count=4, address="ok", channel=None, over_tcp=True, pause=0.0, key=None):
        self.daemon, self.address, self.channel, self.over_tcp, self.pause, self.key = daemon, address, channel, over_tcp, pause, key
        self.accepted, self.answers, self.refused, self.broken = {}, {}, {}, []
        self.lock, self.is_over = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def _body(self, key):
        return {"category": "news", "to": [to(f"{self.address}/{key}", self.channel)],
                **({"channels": [self.channel]} if self.channel else {})}

    def _note(self, key, answer):
        with self.lock:
            self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
            if answer.status == 202:
                self.accepted[key] = answer.json["id"]
            else:
                detail = answer.json.get("detail")
                self.refused[detail] = self.refused.get(detail, 0) + 1

    def _run(self, caller):
        number, key = 0, None
        client = self.daemon.client(over_tcp=self.over_tcp, key=self.key, timeout=20)
        while not self.is_over.is_set():
            if key is None:
                number += 1
                key = f"k{id(self) % 10007}-{caller}-{number}"
            try:
                answer = client.post("/v1/notifications", self._body(key), headers={"Idempotency-Key": key})
            except (OSError, http.client.HTTPException) as trouble:
                with self.lock:
                    self.broken.append((time.monotonic(), type(trouble).__name__, str(trouble)))
                client.close()
                time.sleep(0.01)
                continue
            self._note(key, answer)
            if answer.status != 503:
                key = None
            else:
                time.sleep(0.02)
            if answer.headers.get("Connection", "").lower() == "close":
                client.close()
            if self.pause:
                time.sleep(self.pause)
        client.close()

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()
        return self


def check_ledger(daemon, accepted, channel="loopback", seconds=30, may_repeat=False):
    """Each promised notification is delivered, and arrived once; nothing arrived that was not promised or asked for."""
    wanted = set(accepted.values())
    api = daemon.api

    def waiting():
        return [state for state in ("held", "queued", "leased") if api.ok("GET", f"/v1/deliveries?state={state}&limit=1")["items"]]

    wait_until(lambda: not waiting(), "everything to be settled", seconds)
    arrived = [delivery.rsplit("-", 1)[0] for delivery in daemon.arrived_ids(channel)]
    lost = sorted(wanted - set(arrived))
    assert not lost, (len(lost), [api.show(one) for one in lost[:3]])
    twice = len(arrived) - len(set(arrived))
    assert may_repeat or twice == 0, f"{twice} arrived twice"
    return {"promised": len(wanted), "arrived": len(set(arrived)), "twice": twice}


def deliveries(api, state, limit=1000):
    rows, after = [], ""
    while True:
        page = api.ok("GET", f"/v1/deliveries?state={state}&limit={limit}{after}")
        rows += page["items"]
        if not page.get("next"):
            return rows
        after = f"&after={page['next']}"


def metrics(api):
    """{'name{label="x",...}': value} of /metrics."""
    found = {}
    for line in api.get("/metrics").data.decode().splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    return found


def metric(api, name, **labels):
    """The sum of a metric's series that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(value for series, value in metrics(api).items()
               if series.split("{")[0] == name and all(label in series for label in wanted))
