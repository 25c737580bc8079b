"""Every request of acs_sms and acs_bot, byte for byte, before the vendor's strict descriptions.

Needs the descriptions in ../shared (skipped without) and Prism (tools/install-deps installs it)."""

import json
import os
import pathlib
import subprocess
from urllib.parse import urlsplit

import pytest

import prism

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("HERALD_BUILD") or SOURCE / "build/dev").resolve()
SPECS = SOURCE.parent / "shared/specs"

DESCRIPTIONS = {
    "sms": "acs-sms/sms-2026-01-23.strict.json",
    "connector": "bot/ConnectorAPI.strict.json",
    "identity": "acs-identity/identity-2023-10-01.bundled.json",
    "chat": "acs-chat/chat-2024-03-07.bundled.json",
}

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="no vendor descriptions: ../shared/specs is not there")


@pytest.fixture(scope="module")
def mocks(tmp_path_factory):
    if prism.program() is None:
        pytest.fail("Prism is not there: run tools/install-deps, or name it in HERALD_PRISM")
    logs = tmp_path_factory.mktemp("prism")
    running = {name: prism.Prism(SPECS / path, logs / name) for name, path in DESCRIPTIONS.items()}
    yield running
    for mock in running.values():
        mock.close()


def service_of(request):
    parts = urlsplit(request["url"])
    if parts.hostname == "smba.trafficmanager.net":
        return "connector"
    return {"sms": "sms", "identities": "identity", "chat": "chat"}[parts.path.split("/")[1]]


def target_of(request, service):
    parts = urlsplit(request["url"])
    path = parts.path.removeprefix("/teams") if service == "connector" else parts.path
    return path + ("?" + parts.query if parts.query else "")


def headers_of(request):
    headers = dict(request["headers"])
    if request["token"]:  # the host adds it
        headers["Authorization"] = "Bearer fake-access-token"
    return headers


@pytest.fixture(scope="module")
def requests(tmp_path_factory):
    """What the plugins asked, by service."""
    found = {name: [] for name in DESCRIPTIONS}
    for plugin in ("acs_sms", "acs_bot"):
        path = tmp_path_factory.mktemp("record") / plugin
        subprocess.run([BUILD / "tests" / f"record_{plugin}", path], check=True, timeout=60)
        for line in path.read_text().splitlines():
            request = json.loads(line)
            found[service_of(request)].append(request)
    return found


@pytest.mark.parametrize("service,least", [("sms", 8), ("connector", 8), ("identity", 2), ("chat", 4)])
def test_every_request_is_accepted(mocks, requests, service, least):
    assert len(requests[service]) >= least
    for request in requests[service]:
        status, violations, text = mocks[service].ask(
            request["method"], target_of(request, service), headers_of(request), request["body"])
        assert 200 <= status < 300 and not violations, f"{status} {violations}\n{text}\n{request}"


BROKEN = [
    ("sms", lambda request: request["body"].replace('"to":"+', '"to":"00')),
    ("sms", lambda request: request["body"].replace('"message"', '"massage"')),
    ("sms", lambda request: request["body"].replace('"enableDeliveryReport"', '"report"')),
    ("connector", lambda request: request["body"].replace('"id"', '"ident"')),
    ("identity", lambda request: request["body"].replace('"scopes"', '"scope"')),
    ("chat", lambda request: request["body"].replace('"topic"', '"title"')),
]


@pytest.mark.parametrize("service,breaks", BROKEN)
def test_the_mock_refuses_what_is_broken(mocks, requests, service, breaks):
    """Else its acceptance would say nothing."""
    request = requests[service][0]
    assert breaks(request) != request["body"]
    status, violations, _ = mocks[service].ask(
        request["method"], target_of(request, service), headers_of(request), breaks(request))
    assert status >= 400 or violations


@pytest.mark.parametrize("service,missing", [
    ("sms", "Authorization"), ("sms", "x-ms-date"), ("sms", "x-ms-content-sha256"), ("connector", "Authorization"),
    ("chat", "Authorization")])
def test_the_mock_misses_every_header_of_ours(mocks, requests, service, missing):
    request = requests[service][0]
    headers = headers_of(request)
    del headers[missing]
    status, _, _ = mocks[service].ask(request["method"], target_of(request, service), headers, request["body"])
    assert status >= 400
