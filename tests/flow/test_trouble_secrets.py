"""What a channel process can see, and where a secret never is: environments, command lines, logs, answers, files."""
import json
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import KINDS
from daemon import Daemon
from load import send, to
from programs import BUILD, program, wait_until

CANARIES = {"file": "canary-of-a-file-7f3a", "env": "canary-of-the-environment-91c2", "literal": "canary-written-by-mistake-55d0"}
HOSTILE = {"plugin": "hostile", "plugin_dir": KINDS}
SPY = {"plugin": "spy", "plugin_dir": KINDS}


def report(path):
    """What the spy wrote, by its first word."""
    text = wait_until(lambda: path.exists() and path.read_text().endswith("end\n") and path.read_text(), "the spy's report")
    seen = {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        seen.setdefault(word, []).append(rest)
    return seen


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A daemon whose secrets are canaries, with a channel of the spy beside those that have them."""
    folder = tmp_path_factory.mktemp("secrets")
    key = folder / "key"
    key.write_text(CANARIES["file"])
    key.chmod(0o600)
    daemon = Daemon({"one": {**HOSTILE, "options": {"key": f"file:{key}"}}, "two": {**HOSTILE, "options": {"key": "env:HERALD_TEST_CANARY"}},
                     "wrong": {**HOSTILE, "options": {"key": CANARIES["literal"]}}, "spy": SPY, "loopback": {}},
                    environment={"HERALD_TEST_CANARY": CANARIES["env"]})
    daemon.api.category()
    yield daemon
    daemon.close()


def children(daemon):
    return [daemon.api.ok("GET", f"/v1/channels/{name}")["process"]["pid"] for name in daemon.channels if name != "wrong"]


def no_canary(text, where):
    data = text if isinstance(text, bytes) else text.encode()
    for name, canary in CANARIES.items():
        assert canary.encode() not in data, f"{name} is in {where}"


def test_a_channel_process_has_a_cleaned_environment_and_its_own_descriptors_only(house):
    seen = report(house.folder / "spy.record")
    names = sorted(entry.split("=")[0] for entry in seen["env"])
    assert [name for name in names if name != "TZ"] == ["HERALD_CHANNEL", "LANG", "PATH"]
    assert "HERALD_CHANNEL=spy" in seen["env"]
    kinds = {}
    for line in seen["fd"]:
        number, what, target = line.split(" ", 2)
        kinds[int(number)] = re.sub(r":\[.*|/.*/", "", target)
        assert int(number) <= 2 or what == "closes", f"{line} would be inherited by what a plugin starts"
    assert [kinds[n] for n in range(6)] == ["null", "pipe", "pipe", "socket", "socket", kinds[5]] and kinds[5].endswith(".board"), kinds
    # The others are the host's own: a bell, a watch, curl's.  No file of the daemon's, and none of this test's.
    assert {kind for number, kind in kinds.items() if number > 5} <= {"anon_inode", "socket", "pipe", "spy.so"}, kinds
    assert seen["limit"][0] == "core 0 0" and seen["dumpable"] == ["0"] and seen["no_new_privs"] == ["1"] and seen["umask"] == ["077"]
    data = next(line.split(" ")[2] for line in seen["limit"] if line.startswith("data"))
    # A sanitizer's shadow memory needs more than any limit: its builds run without one.
    assert int(data) == 128 * 1024 * 1024 or BUILD.name in ("asan", "tsan")
    assert seen["key"] == ["0"]


def test_no_environment_and_no_command_line_of_a_channel_process_holds_a_secret(house):
    for pid in children(house):
        for name in ("environ", "cmdline"):
            no_canary(Path(f"/proc/{pid}/{name}").read_bytes(), f"/proc/{pid}/{name}")
    no_canary(Path(f"/proc/{house.process.pid}/cmdline").read_bytes(), "the daemon's command line")


def test_core_files_are_off_in_every_process(house):
    for pid in [house.process.pid, *children(house)]:
        (line,) = [line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"], (pid, line)


def test_no_secret_is_in_logs_answers_errors_metrics_or_files(house):
    """After sends that went well and such that did not, and a secret that was written into the configuration by mistake."""
    api = house.api
    key = house.key("send")
    for channel in ("one", "two"):
        assert api.settled(send(api, "ok", channel=channel, kind="hostile"))["counts"] == {"delivered": 1}
    shown = api.ok("GET", "/v1/channels/wrong")
    assert shown["state"] == "misconfigured" and "key" in shown["why"], shown
    for target in ("/v1/channels", "/v1/channels/wrong", "/metrics", "/v1/audit?limit=1000", "/v1/keys", "/v1/deliveries", "/readyz", "/openapi.json"):
        answer = api.get(target)
        assert answer.status == 200, (target, answer)
        no_canary(answer.data, target)
        assert key.encode() not in answer.data, f"a key is in {target}"
    no_canary(house.log(), "the log")
    assert key not in house.log() and key.rsplit("_", 1)[1] not in house.log()
    for path in [*house.data.rglob("*"), *house.run.rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            no_canary(data, str(path))
            assert key.rsplit("_", 1)[1].encode() not in data, f"a key is in {path}"


def test_check_and_show_print_no_secret_and_plugins_see_no_environment_of_theirs(house):
    (house.conf / "30-02-wrong.yaml").rename(house.folder / "kept")
    try:
        result = subprocess.run([program("heraldd"), "--config", str(house.conf), "--check", "--show"], capture_output=True, timeout=30,
                                check=False, env={**os.environ, "HERALD_TEST_CANARY": CANARIES["env"]})
        assert result.returncode == 0, result
        no_canary(result.stdout, "--check --show")
        no_canary(result.stderr, "what a plugin said as it was described")
        assert b"env:HERALD_TEST_CANARY" in result.stdout
    finally:
        (house.folder / "kept").rename(house.conf / "30-02-wrong.yaml")
    result = subprocess.run([program("heraldd"), "--config", str(house.conf), "--check", "--show"], capture_output=True, timeout=30, check=False)
    no_canary(result.stdout + result.stderr, "--check --show of a secret that was written by mistake")


def test_the_data_directory_and_what_is_in_it_are_the_daemons_alone(house):
    modes = {path: path.lstat().st_mode & 0o777 for path in [house.data, house.run, *house.data.rglob("*"), *house.run.rglob("*")]}
    open_ones = {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077}
    assert not open_ones and modes[house.data] == 0o700 and len(modes) > 5


@pytest.mark.parametrize("make, reason", [
    (lambda path: path.chmod(0o666), "written by others"),
    (lambda path: path.parent.chmod(0o777), "written by others"),
    (lambda path: os.chown(path, 65534, 65534), "belongs to user"),
    (lambda path: (path.rename(path.parent / "real"), path.symlink_to("real")), "symbolic link"),
    (lambda path: path.write_bytes(b"no library"), "hostile.so"),
], ids=["writable-file", "writable-folder", "another-user", "link", "nonsense"])
def test_a_plugin_that_others_could_change_is_not_loaded(start, make, reason):
    folder = Path.home() / f".herald-test-{os.getpid()}"  # every folder above is ours alone
    folder.mkdir(mode=0o755)
    try:
        shutil.copy(Path(KINDS) / "hostile.so", folder / "hostile.so")
        (folder / "hostile.so").chmod(0o755)
        make(folder / "hostile.so")
        daemon = start({"loopback": {}, "bad": {"plugin": "hostile", "plugin_dir": str(folder)}})
        shown = daemon.api.ok("GET", "/v1/channels/bad")
        assert shown["state"] == "misconfigured" and reason in shown["why"], shown
        assert daemon.api.ok("GET", "/v1/channels/loopback")["state"] == "running"
    finally:
        shutil.rmtree(folder)


def test_a_secret_file_that_others_can_read_is_refused(start, tmp_path):
    key = tmp_path / "key"
    key.write_text(CANARIES["file"])
    key.chmod(0o644)
    daemon = start({"bad": {**HOSTILE, "options": {"key": f"file:{key}"}}})
    shown = daemon.api.ok("GET", "/v1/channels/bad")
    assert shown["state"] == "misconfigured" and "chmod 600" in shown["why"], shown
    no_canary(daemon.log(), "the log")


def test_hostile_words_of_a_plugin_stay_within_their_lines_and_their_share(start):
    daemon = start({"loud": HOSTILE, "loopback": {}})
    daemon.api.category()
    rows = send(daemon.api, *[f"speak/{n}" for n in range(5)], channel="loud", kind="hostile")
    assert daemon.api.settled(rows)["counts"] == {"delivered": 5}
    assert daemon.api.settled(send(daemon.api, "ok", channel="loopback"))["counts"] == {"delivered": 1}
    wait_until(lambda: '"output"' in daemon.log(), "what it printed")
    data = daemon.log_path.read_bytes()
    lines = data.split(b"\n")
    assert lines[-1] == b""
    for line in lines[:-1]:
        event = json.loads(line)
        assert event["event"] != "forged" and len(line) <= 4096
        assert not re.search(rb"[\x00-\x1f\x7f]", line), line
        assert "\u2028" not in line.decode() and "\u202e" not in line.decode()
    # A thousand lines were said; the first burst and a few a second are written, and how many were not.
    spoken = [event for event in daemon.events("plugin_log") if event["channel"] == "loud"]
    assert 1 <= len(spoken) <= 120


def test_a_plugin_of_the_daemons_own_user_cannot_look_into_the_daemon():
    """As nobody: root may look everywhere, whatever a process says of itself."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become nobody")
    nobody = pwd.getpwnam("nobody")
    folder = Path(f"/tmp/herald-nobody-{os.getpid()}")
    folder.mkdir(mode=0o700)
    conf = folder / "conf.d"
    conf.mkdir()
    (conf / "10.yaml").write_text(json.dumps({
        "server": {"listen": "127.0.0.1:0", "plugin_dir": KINDS}, "log": {"format": "json"},
        "channels": [{"name": "spy", "plugin": "spy", "options": {"record": str(folder / "report")}}]}))
    for path in (folder, conf, conf / "10.yaml"):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program("heraldd"), "--config", str(conf), "--data", str(folder / "data"), "--run", str(folder / "run")],
                                   stdout=log, stderr=log, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
                                   env={"PATH": "/usr/bin:/bin", "HERALD_TEST_CANARY": CANARIES["env"]})
    try:
        wait_until(lambda: b"daemon_started" in (folder / "log").read_bytes() or process.poll() is not None, "heraldd", 30)
        assert process.poll() is None, (folder / "log").read_text()
        seen = report(folder / "report")
        parent = dict(line.split(" ", 1) for line in seen["parent"])
        assert set(parent) == {"environ", "mem", "maps", "fd/0", "cwd", "ptrace"}
        for what, outcome in parent.items():
            assert outcome in ("Permission denied", "Operation not permitted"), (what, outcome)
        assert all(CANARIES["env"] not in line for line in seen["env"])
    finally:
        process.terminate()
        assert process.wait(40) == 0
        shutil.rmtree(folder)
