"""valgrind's memcheck watches a daemon through a short life: no bad access, no leak."""
import os
import re
import shutil
import signal
import subprocess

import pytest

from conftest import KINDS
from daemon import Daemon
from load import send, to
from programs import program, wait_until

pytestmark = pytest.mark.skipif(shutil.which("valgrind") is None or os.environ.get("HERALD_BUILD", "").endswith(("asan", "tsan")),
                                reason="needs valgrind, and programs without sanitizers")


class Watched(Daemon):
    """Its channel processes run as they are: valgrind follows no fork."""

    def start(self, is_ready=True):
        run = subprocess.Popen

        def under_valgrind(words, **more):
            if words[0] == program("heraldd"):
                words = ["valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible", "--errors-for-leak-kinds=definite,indirect,possible",
                         "--child-silent-after-fork=yes", "--error-exitcode=99", "--track-fds=no", f"--log-file={self.folder}/valgrind", *words]
            return run(words, **more)

        subprocess.Popen = under_valgrind
        try:
            super().start(is_ready)
        finally:
            subprocess.Popen = run

    def verdict(self):
        return (self.folder / "valgrind").read_text()


def test_a_short_life_is_clean_under_memcheck(capsys):
    daemon = Watched({"loopback": {}, "frail": {"attempt_timeout": "1s"}, "wrong": {"plugin": "bad_4", "plugin_dir": KINDS}},
                     {"server.host_program": program("herald-channel")}, environment={"LD_PRELOAD": f"{KINDS}/known_pidfd.so"})
    try:
        api = daemon.api
        api.category(content={"default": {"subject": "About {{order}}", "text": "Hello {{recipient.name}}"}})
        api.recipient("ada", {"kind": "loopback", "address": "ok"}, name="Ada", locale="de")
        api.ok("PATCH", "/v1/recipients/ada/preferences", {"categories": {"news": {"enabled": True}}})
        rows = [api.send("ada", data={"order": n}) for n in range(20)]
        rows.append(send(api, *[f"ok/{n}" for n in range(50)], content={"default": {"text": "x"}}))
        for notification in rows:
            assert set(api.settled(notification, 60)["counts"]) == {"delivered"}
        words = {"content": {"default": {"text": "x"}}}
        for address in ("reject", "unreachable", "defer:1", "throttle:1s", "uncertain", "learn", "lie", "sent"):
            send(api, address, **words)
        send(api, "crash", channel="frail", **words)
        wait_until(lambda: daemon.event("channel_died"), "the crash", 30)
        wait_until(lambda: api.ok("GET", "/v1/channels/frail")["state"] == "running", "a successor", 30)
        # Requests of all kinds, wrong ones too.
        assert api.post("/v1/notifications", b'{"category": ').status == 400
        assert api.post("/v1/notifications", {"category": "news", "to": []}).status == 422
        assert api.ok("POST", "/v1/explain", {"category": "news", "to": [{"recipient": "ada"}], "data": {"order": 1}})["recipients"]
        lines = b"\n".join(b'{"category": "news", "to": [{"recipient": "ada"}], "data": {"order": %d}}' % n for n in range(20)) + b"\nnonsense\n"
        bulk = api.post("/v1/notifications/bulk", lines, headers={"Content-Type": "application/x-ndjson"})
        assert bulk.status == 200 and len(bulk.lines) == 21
        for target in ("/v1/channels", "/v1/deliveries", "/v1/notifications", "/v1/audit", "/v1/audit/verify", "/metrics", "/openapi.json", "/v1/keys",
                       "/v1/recipients/ada/preferences?effective=true", "/v1/nothing"):
            assert api.get(target).status in (200, 404), target
        key = daemon.caller("send")
        assert key.post("/v1/notifications", {"category": "news", "to": [to("ok")], **words}, headers={"Idempotency-Key": "k"}).status == 202
        assert key.post("/v1/notifications", {"category": "news", "to": [to("ok")], **words}, headers={"Idempotency-Key": "k"}).status == 202
        waits = api.send("ada", data={"order": 1}, send_at="2030-01-01T00:00:00Z")
        api.ok("POST", f"/v1/notifications/{waits}/cancel")
        api.ok("POST", "/v1/channels/loopback/pause", {"reason": "a rest"})
        api.ok("POST", "/v1/channels/loopback/resume")
        for delay in ("1ms", "2ms", "nonsense"):
            begin = len(daemon.log().encode())
            daemon.configure({"loopback": {"options": {"delay": delay}}, "frail": {} if delay == "1ms" else {"attempt_timeout": "2s"}})
            if delay == "2ms":
                (daemon.conf / "90-broken.yaml").write_text("log: [\n")
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: daemon.event("config_reloaded", begin) or daemon.event("config_refused", begin), "the reload", 60)
            (daemon.conf / "90-broken.yaml").unlink(missing_ok=True)
        status = daemon.stop(seconds=90)
        verdict = daemon.verdict()
        lost = re.findall(r"(definitely|indirectly|possibly) lost: ([\d,]+) bytes", verdict)
        with capsys.disabled():
            print(f"\n{verdict.splitlines()[-1].split('== ')[1]}; {lost or 'no leaks are possible'}", end="")
        assert status == 0, verdict[-6000:]
        assert "ERROR SUMMARY: 0 errors" in verdict and "unhandled amd64-linux syscall" not in verdict, verdict[-6000:]
    finally:
        if daemon.process.poll() is None:
            daemon.kill()
        shutil.rmtree(daemon.folder, ignore_errors=True)


def test_a_channel_process_makes_no_bad_access(start, tmp_path):
    """What it still has at its end it leaves to the end: a plugin's thread may hold it after close.  So leaks are not asked for."""
    wrapper = tmp_path / "herald-channel"
    wrapper.write_text(f'#!/bin/sh\nexec valgrind --leak-check=no --child-silent-after-fork=yes --error-exitcode=99 --log-file={tmp_path}/verdict.%p '
                       f'{program("herald-channel")} "$@"\n')
    wrapper.chmod(0o755)
    roomy = {"memory_max": "16GiB"}  # valgrind's own needs are not the plugin's
    daemon = start({"loopback": roomy}, {"server.host_program": str(wrapper)})
    daemon.api.category()
    assert daemon.api.settled(send(daemon.api, *[f"ok/{n}" for n in range(50)]), 60)["counts"] == {"delivered": 50}
    for address in ("reject", "defer:1", "throttle:1s", "uncertain", "learn", "sent", "flood", "fork", "slow:100ms"):
        send(daemon.api, address)
    begin = len(daemon.log().encode())
    daemon.configure({"loopback": {**roomy, "options": {"delay": "1ms"}}})
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.event("channel_drained", begin), "the older process to end", 60)
    daemon.api.settled(send(daemon.api, "ok"), 60)
    assert daemon.stop(seconds=90) == 0
    verdicts = [path.read_text() for path in tmp_path.glob("verdict.*")]
    assert len(verdicts) == 2 and all("ERROR SUMMARY: 0 errors" in verdict for verdict in verdicts), verdicts
