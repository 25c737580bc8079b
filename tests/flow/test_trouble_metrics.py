"""Every figure that /metrics promises moves when what it counts happens."""
import os
import re
import shutil
import signal
import subprocess

import pytest

from conftest import KINDS
from load import metric, metrics, send, to
from programs import SOURCE, wait_until

HOSTILE = {"plugin": "hostile", "plugin_dir": KINDS}


def promised():
    """(name, type) of METRIC_TABLE."""
    text = (SOURCE / "core" / "telemetry" / "metric.h").read_text()
    return re.findall(r'X\(\w+, (COUNTER|GAUGE|HISTOGRAM), "(herald_\w+)"', text)


@pytest.fixture(scope="module")
def house():
    from daemon import Daemon
    daemon = Daemon({"loopback": {}, "frail": {}, "loud": HOSTILE}, {"delivery.breaker_failures": "2"})
    daemon.api.category()
    yield daemon
    daemon.close()


def happen(house):
    """A little of everything."""
    api = house.api
    assert api.settled(send(api, "ok/1", "ok/2"))["counts"] == {"delivered": 2}
    api.recipient("somebody", {"kind": "loopback", "address": "ok"})
    api.ok("PUT", "/v1/recipients/somebody/preferences", {"channels": {"loopback": False}})
    assert api.settled(api.send("somebody"))["counts"] == {}
    assert api.post("/v1/notifications", {"category": "unheard-of", "to": [to("ok")]}).status == 422
    send(api, *[f"defer@ill.example/{n}" for n in range(4)])
    api.state_of(send(api, "uncertain"), "parked")
    send(api, "slow:5s")
    os.kill(api.ok("GET", "/v1/channels/frail")["process"]["pid"], signal.SIGKILL)
    api.ok("POST", "/v1/channels/loud/pause", {"reason": "a rest"})
    send(api, "ok", channel="loud", kind="hostile")
    send(api, *[f"ok/{n}" for n in range(300)])  # more events of a kind than are written


def test_every_metric_of_the_table_moves(house):
    happen(house)
    api = house.api
    labels = {"herald_planned_total": [{"channel": "loopback", "reason": "none"}, {"reason": "opted_out_channel"}],
              "herald_accepts_total": [{"outcome": "accepted"}, {"outcome": "refused"}],
              "herald_deliveries_total": [{"verdict": "delivered"}, {"verdict": "deferred", "reason": "backoff"}],
              "herald_queue_depth": [{"channel": "loud"}], "herald_in_flight": [{"channel": "loopback"}],
              "herald_channel_restarts_total": [{"channel": "frail"}], "herald_attempts_uncertain_total": [{"channel": "loopback"}],
              "herald_destinations_blocked": [{"channel": "loopback"}], "herald_events_total": [{"event": "channel_died"}]}
    at_rest = {"herald_writer_waiting_operations"}  # of this very moment: see below
    for kind, name in promised():
        suffix = "_count" if kind == "HISTOGRAM" else ""
        for wanted in labels.get(name, [{}]):
            if name in at_rest:
                assert name in metrics(api)
            else:
                wait_until(lambda: metric(api, name + suffix, **wanted) > 0, f"{name}{suffix} {wanted} to move", 10)


def test_gauges_show_what_is_there_now(house):
    api = house.api
    before = metric(api, "herald_http_connections")
    others = [house.client() for _ in range(5)]
    for other in others:
        assert other.get("/healthz").status == 200
    assert metric(api, "herald_http_connections") == before + 5
    for other in others:
        other.close()
    wait_until(lambda: metric(api, "herald_http_connections") == before, "connections to be counted out")
    free = shutil.disk_usage(house.data).free
    assert abs(metric(api, "herald_store_free_bytes") - free) < 1 << 30
    begun = metric(api, "herald_writer_batch_operations_sum")
    wait_until(lambda: api.settled(send(api, "ok")), "one more")
    # Its accept and its settle, at least.
    assert metric(api, "herald_writer_batch_operations_sum") >= begun + 2
    assert metric(api, "herald_writer_commit_seconds_sum") > 0


def test_promtool_has_nothing_to_complain_of(house):
    if not shutil.which("promtool"):
        pytest.skip("needs promtool (package prometheus)")
    result = subprocess.run(["promtool", "check", "metrics"], input=house.api.get("/metrics").data, capture_output=True, timeout=30, check=False)
    assert result.returncode == 0 and not result.stderr, result


def test_the_page_for_operators_names_every_event_and_says_what_it_means():
    text = (SOURCE / "core" / "telemetry" / "event.h").read_text()
    page = (SOURCE / "docs" / "operating.md").read_text()
    events = re.findall(r'X\((\w+), (\w+),\s*"([^"]*)"\)', text)
    assert len(events) > 30
    missing = [name for name, level, sentence in events if f"| `{name}` | {level.lower()} | {sentence} |" not in re.sub(r"[ ]+", " ", page)]
    assert missing == []


def test_every_event_is_emitted_somewhere():
    names = re.findall(r"X\((\w+), (?:DEBUG|INFO|NOTICE|WARNING|FAULT)", (SOURCE / "core" / "telemetry" / "event.h").read_text())
    code = "".join(path.read_text() for path in (SOURCE / "core").rglob("*.c"))
    assert [name for name in names if f"EVENT_{name}" not in code] == []
