"""What the daemon says of itself: openapi.json, the page made from it, metrics, health."""
import json
import re
import subprocess
from pathlib import Path

import pytest

from programs import SOURCE, wait_until

PAGE = SOURCE / "docs" / "api" / "openapi.yaml"


def test_the_description_has_every_route_every_problem_and_every_reason(house):
    described = house.client().get("/openapi.json").json
    assert described["openapi"] == "3.1.0" and described["info"]["title"] == "Herald"
    ids = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids)) > 40
    names = described["components"]["schemas"]["Problem"]["x-names"]
    table = re.findall(r"^\tX\((\w+), (\d+),", (SOURCE / "core/http/problem.h").read_text(), re.M)
    assert names == [name for name, _ in table] and {status for _, status in table} >= {"400", "401", "403", "404", "405", "409"}
    reasons = re.findall(r"^\tX\(\d+, (\w+),", (SOURCE / "core/model/reason.h").read_text(), re.M)
    assert described["components"]["schemas"]["Reason"]["enum"] == reasons
    assert len(described["components"]["schemas"]["DeliveryState"]["enum"]) == 10


def references(tree):
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from references(value)


def test_the_description_is_whole(house):
    """What OpenAPI 3.1 asks of a document, as far as this one uses it."""
    described = house.api.get("/openapi.json").json
    for reference in references(described):
        at = described
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert method in ("get", "put", "post", "patch", "delete")
            assert operation["summary"] and operation["responses"]["default"] and "security" in operation
            parameters = [each for each in operation["parameters"] if "$ref" not in each]
            assert [each["name"] for each in parameters if each["in"] == "path"] == re.findall(r"\{(\w+)\}", path)
            assert len({(each["in"], each["name"]) for each in parameters}) == len(parameters)
            assert all(each["schema"]["type"] and each.get("required", False) == (each["in"] == "path") for each in parameters)
            assert ("requestBody" in operation) <= (method in ("put", "post", "patch"))


def test_every_query_parameter_that_is_described_is_taken_and_no_other(house):
    described = house.api.get("/openapi.json").json
    for path, methods in described["paths"].items():
        if "get" not in methods or path == "/v1/events":
            continue
        target = re.sub(r"\{\w+\}", "none", path)
        assert house.api.get(target + "?nonsense=1").pointers == ["?nonsense"]
        for parameter in methods["get"]["parameters"]:
            if parameter.get("in") == "query":
                answer = house.api.get(f"{target}?{parameter['name']}=%01")
                assert answer.status in (200, 400, 404, 422)


def test_the_page_in_docs_is_what_the_daemon_says(house):
    result = subprocess.run([str(SOURCE / "tools/openapi"), "--check", "-"], input=house.api.get("/openapi.json").data, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    assert PAGE.exists()


def test_the_metrics_are_what_prometheus_reads_and_tell_what_happened(house, api, name):
    api.recipient(name, "ok", {"kind": "email", "address": "reject"})
    api.settled(api.send(name))
    text = wait_until(lambda: (lambda t: t if 'herald_deliveries_total{channel="mail"' in t else None)(api.get("/metrics").data.decode()),
                      "the metrics to tell")
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert check.returncode == 0 and check.stderr == "" and check.stdout == "", check
    kind = house.client().get("/metrics").headers["Content-Type"]
    assert kind.startswith("text/plain; version=0.0.4")
    for wanted in ("herald_accepts_total", "herald_deliveries_total", "herald_http_requests_total", "herald_events_total", "_bucket{", "process_"):
        assert wanted in text, wanted
    samples = {line.rsplit(" ", 1)[0] for line in text.splitlines() if line and not line.startswith("#")}
    assert len(samples) == sum(1 for line in text.splitlines() if line and not line.startswith("#"))


def test_metrics_have_no_room_for_names_that_callers_choose(house, api):
    """A label's values are few: no id, no address, no path as it came."""
    for n in range(200):
        api.get(f"/v1/recipients/who-{n}")
        api.get(f"/none/such/{n}")
    text = api.get("/metrics").data.decode()
    assert "who-1" not in text and "/none/such" not in text


def test_health_and_readiness_are_two_questions(house):
    client = house.client()
    assert client.get("/healthz").json == {"status": "alive"}
    ready = client.get("/readyz")
    assert ready.status == 200 and ready.json["status"] == "ready" and ready.json["free_bytes"] > 0


def test_events_can_be_watched_and_end_when_the_daemon_does(start):
    daemon = start({"loopback": {}})
    connection = daemon.client(over_tcp=False).connect()
    connection.request("GET", "/v1/events?follow=true", headers={"Accept": "text/event-stream"})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.getheader("Content-Type") == "text/event-stream"
    daemon.api.category()
    daemon.api.recipient("u", "ok")
    sent = daemon.api.send("u")
    lines = []
    while not any(sent in line for line in lines):
        lines.append(answer.readline().decode())
    event = json.loads(lines[-1].removeprefix("data: "))
    assert event["event"] == "delivery_settled" and event["delivery"] == sent + "-1"
    assert daemon.stop() == 0
    rest = answer.read().decode()
    connection.close()
    assert rest == "" or rest.endswith("\n\n") or rest.endswith("\n")


@pytest.mark.parametrize("path", ["/openapi.json", "/metrics", "/healthz"])
def test_descriptions_take_no_parameters(house, path):
    assert house.client().get(path + "?x=1").status == 422


