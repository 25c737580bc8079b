"""A reload under load fails no request; a wrong file changes nothing; secrets rotate; a misconfigured channel stops once and comes back."""
import hashlib
import json
import signal
import time

from conftest import KINDS
from load import Callers, check_ledger, send, to
from programs import wait_until

HOSTILE = {"plugin": "hostile", "plugin_dir": KINDS}


def reload(daemon, channels=None, says="config_reloaded"):
    """The event that answers SIGHUP."""
    if channels is not None:
        daemon.configure(channels)
    begin = len(daemon.log().encode())
    daemon.process.send_signal(signal.SIGHUP)
    return wait_until(lambda: daemon.event(says, begin), says)


def digests(daemon, channel):
    """Of the secret that the plugin had, for each arrival."""
    path = daemon.folder / f"{channel}.record"
    return [line.split(" ")[4] for line in path.read_text().splitlines()] if path.exists() else []


def test_fifty_reloads_under_load_fail_no_request_and_lose_nothing(start, capsys):
    """Every reload replaces the process of the channel that is sending, and adds or removes another one."""
    daemon = start({"loopback": {}})
    daemon.api.category()
    callers = Callers(daemon, count=3, channel="loopback", key=daemon.key("send"))
    slowest = 0.0
    for turn in range(50):
        channels = {"loopback": {"options": {"delay": f"{turn % 3}ms"}, "window": 8 + turn}}
        if turn % 2 == 0:
            channels["second"] = {}
        begun = time.monotonic()
        reload(daemon, channels)
        slowest = max(slowest, time.monotonic() - begun)
    callers.stop()
    assert callers.broken == [] and list(callers.answers) == [202], (callers.broken[:3], callers.answers, callers.refused)
    figures = check_ledger(daemon, callers.accepted)
    died = daemon.events("channel_died") + daemon.events("channel_hung")
    with capsys.disabled():
        print(f"\n50 reloads, {figures['promised']} requests, slowest reload {1000 * slowest:.0f} ms", end="")
    assert figures["promised"] > 100 and died == []


def test_a_broken_file_keeps_the_old_configuration_and_names_the_place(start):
    daemon = start({"loopback": {}})
    daemon.api.category()
    (daemon.conf / "90-broken.yaml").write_text("delivery:\n  block_least: soon\n")
    refused = reload(daemon, says="config_refused")
    assert "90-broken.yaml:2" in refused["why"] and "block_least" in refused["why"], refused
    assert daemon.api.settled(send(daemon.api, "ok"))["counts"] == {"delivered": 1}
    (daemon.conf / "90-broken.yaml").write_text("delivery: [\n")
    assert "90-broken.yaml:" in reload(daemon, says="config_refused")["why"]
    (daemon.conf / "90-broken.yaml").unlink()
    reload(daemon)
    assert len(daemon.events("config_refused")) == 2 and daemon.event("channel_died") is None


def test_channels_come_go_and_change_with_a_reload(start):
    daemon = start({"one": {}, "two": {}})
    daemon.api.category()
    pids = {name: daemon.api.ok("GET", f"/v1/channels/{name}")["process"]["pid"] for name in ("one", "two")}
    waits = send(daemon.api, "slow:700ms", channel="two")
    reload(daemon, {"one": {}, "three": {}})
    wait_until(lambda: daemon.api.get("/v1/channels/three").status == 200 and
               daemon.api.ok("GET", "/v1/channels/three")["state"] == "running", "the new channel")
    assert daemon.api.ok("GET", "/v1/channels/one")["process"]["pid"] == pids["one"], "what did not change goes on"
    assert daemon.api.settled(send(daemon.api, "ok", channel="three"))["counts"] == {"delivered": 1}
    # What the removed one had in hand is finished; nothing new is taken for it.
    assert daemon.api.settled(waits)["counts"] == {"delivered": 1}
    gone = daemon.api.post("/v1/notifications", {"category": "news", "channels": ["two"], "to": [to("ok", "two")]})
    assert gone.status == 422, gone
    reload(daemon, {"one": {"options": {"delay": "1ms"}}, "three": {}})
    wait_until(lambda: daemon.api.ok("GET", "/v1/channels/one")["process"]["pid"] not in (0, pids["one"]), "a changed channel's new process")
    assert daemon.api.settled(send(daemon.api, "ok", channel="one"))["counts"] == {"delivered": 1}


def test_what_waits_for_a_removed_channel_waits_until_it_is_there_again(start):
    daemon = start({"one": {}, "two": {}})
    daemon.api.category()
    daemon.api.ok("POST", "/v1/channels/two/pause", {"reason": "a rest"})
    waits = send(daemon.api, "ok", channel="two")
    reload(daemon, {"one": {}})
    assert daemon.api.show(waits)["counts"] == {"queued": 1}
    reload(daemon, {"one": {}, "two": {}})
    daemon.api.ok("POST", "/v1/channels/two/resume")
    assert daemon.api.settled(waits)["counts"] == {"delivered": 1}


def test_a_secret_behind_the_same_reference_is_read_again_on_reload(start, tmp_path):
    key = tmp_path / "key"
    key.write_text("first-canary")
    key.chmod(0o600)
    channels = {"loopback": {}, "safe": {**HOSTILE, "options": {"key": f"file:{key}"}}}
    daemon = start(channels)
    daemon.api.category()
    before = {name: daemon.api.ok("GET", f"/v1/channels/{name}")["process"]["pid"] for name in channels}
    daemon.api.settled(send(daemon.api, "ok", channel="safe", kind="hostile"))
    reload(daemon)
    daemon.api.settled(send(daemon.api, "ok", channel="safe", kind="hostile"))
    assert daemon.api.ok("GET", "/v1/channels/safe")["process"]["pid"] == before["safe"], "nothing changed: no new process"
    key.write_text("second-canary")
    reload(daemon)
    wait_until(lambda: daemon.api.ok("GET", "/v1/channels/safe")["process"]["pid"] not in (0, before["safe"]), "the new process")
    daemon.api.settled(send(daemon.api, "ok", channel="safe", kind="hostile"))
    assert digests(daemon, "safe") == [hashlib.sha256(word).hexdigest() for word in (b"first-canary", b"first-canary", b"second-canary")]
    assert daemon.api.ok("GET", "/v1/channels/loopback")["process"]["pid"] == before["loopback"]
    # A secret that cannot be read any more: the last good one goes on, and it is said.
    key.unlink()
    reload(daemon)
    why = wait_until(lambda: daemon.api.ok("GET", "/v1/channels/safe")["why"], "a complaint")
    assert "older configuration" in why and str(key) in why
    assert daemon.api.settled(send(daemon.api, "ok", channel="safe", kind="hostile"))["counts"] == {"delivered": 1}


def misconfigured(daemon, channel):
    return [e for e in daemon.events("channel_misconfigured") if e["channel"] == channel]


def test_a_misconfigured_channel_stops_with_one_event_and_no_attempt_spent_and_a_reload_mends_it(start):
    bad = {**HOSTILE, "options": {"mood": "misconfigured"}}
    daemon = start({"loopback": {}, "bad": bad})
    daemon.api.category()
    rows = send(daemon.api, *[f"ok/{n}" for n in range(30)], channel="bad", kind="hostile")
    wait_until(lambda: daemon.api.ok("GET", "/v1/channels/bad")["state"] == "misconfigured", "the channel to stop")
    more = send(daemon.api, "ok/more", channel="bad", kind="hostile")
    beside = [send(daemon.api, f"ok/{n}", channel="loopback") for n in range(20)]
    for notification in beside:
        assert daemon.api.settled(notification)["counts"] == {"delivered": 1}
    shown = daemon.api.ok("GET", "/v1/channels/bad")
    assert "401" in shown["why"], shown
    assert wait_until(lambda: daemon.api.show(rows)["counts"] == {"queued": 30}, "all of them to wait")
    assert daemon.api.show(more)["counts"] == {"queued": 1}
    (said,) = misconfigured(daemon, "bad")
    assert said["why"] == "401: the key is not good" and said["level"] == "fault"
    reload(daemon, {"loopback": {}, "bad": {**HOSTILE, "options": {"mood": "well"}}})
    for notification in (rows, more):
        done = daemon.api.settled(notification, 40)
        assert set(done["counts"]) == {"delivered"}
    assert len(misconfigured(daemon, "bad")) == 1
    state = daemon.api.ok("GET", "/v1/channels/bad")
    assert (state["state"], state["why"]) == ("running", "")


def test_a_misconfigured_channel_tries_again_when_it_is_resumed_and_spends_no_attempt_on_it(start):
    daemon = start({"bad": {**HOSTILE, "attempts_max": 2, "options": {"mood": "misconfigured"}}})
    daemon.api.category()
    rows = send(daemon.api, "ok/1", "ok/2", channel="bad", kind="hostile")
    for turn in range(4):
        wait_until(lambda: len(misconfigured(daemon, "bad")) == turn + 1, "the channel to stop again")
        wait_until(lambda: daemon.api.ok("GET", "/v1/channels/bad")["state"] == "misconfigured", "the state")
        wait_until(lambda: daemon.api.show(rows)["counts"] == {"queued": 2}, "both to wait")
        daemon.api.ok("POST", "/v1/channels/bad/resume")
    wait_until(lambda: len(misconfigured(daemon, "bad")) == 5, "the fifth stop")
    # Five times tried, twice allowed: none of them was spent.
    wait_until(lambda: daemon.api.show(rows)["counts"] == {"queued": 2}, "both to wait")


def test_options_that_the_plugin_refuses_stop_the_channel_with_one_event_and_a_reload_mends_it(start):
    daemon = start({"loopback": {}, "bad": {**HOSTILE, "options": {"mood": "refuse"}}})
    daemon.api.category()
    shown = daemon.api.ok("GET", "/v1/channels/bad")
    assert shown["state"] == "misconfigured" and "mood" in shown["why"]
    assert daemon.api.settled(send(daemon.api, "ok", channel="loopback"))["counts"] == {"delivered": 1}
    assert len(misconfigured(daemon, "bad")) == 1
    reload(daemon, {"loopback": {}, "bad": {**HOSTILE, "options": {"mood": "well"}}})
    wait_until(lambda: daemon.api.ok("GET", "/v1/channels/bad")["state"] == "running", "the mended channel")
    assert daemon.api.settled(send(daemon.api, "ok", channel="bad", kind="hostile"))["counts"] == {"delivered": 1}
    # Mended the other way round, a running channel keeps its older options and says so.
    reload(daemon, {"loopback": {}, "bad": {**HOSTILE, "options": {"mood": "refuse"}}})
    why = wait_until(lambda: daemon.api.ok("GET", "/v1/channels/bad")["why"], "a complaint")
    assert "older configuration" in why and daemon.api.ok("GET", "/v1/channels/bad")["state"] == "running"
    assert daemon.api.settled(send(daemon.api, "ok", channel="bad", kind="hostile"))["counts"] == {"delivered": 1}
    assert len(misconfigured(daemon, "bad")) == 2


def test_a_line_of_the_old_file_is_not_in_force_after_the_reload(start):
    """The log's level and a channel's attempts are read again; what needs a start says so."""
    daemon = start({"loopback": {"attempts_max": 5}})
    (daemon.conf / "40-more.yaml").write_text(json.dumps({"store": {"queue_max": 100}}))
    reload(daemon)
    warning = wait_until(lambda: daemon.event("config_warning"), "a warning")
    assert "queue_max" in warning["what"] and "40-more.yaml" in warning["where"], warning
