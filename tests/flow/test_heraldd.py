"""heraldd as an operator meets it: its words, its exit status, its configuration, its signals."""
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from programs import BUILD

PROGRAM = BUILD / "bin" / "heraldd"


def run(*words, **more):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30, **more)


class Folder:
    """A place for one daemon: configuration, data, run."""

    def __init__(self, path):
        self.path = path
        (path / "conf").mkdir()
        self.write({"server": {"listen": "127.0.0.1:0"}, "log": {"format": "json"},
                    "channels": [{"name": "loop", "plugin": "loopback"}]})

    def write(self, config):
        (self.path / "conf" / "10.yaml").write_text(json.dumps(config))

    @property
    def words(self):
        return ["--config", self.path / "conf", "--data", self.path / "data", "--run", self.path / "run"]

    def events(self):
        lines = (self.path / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait_event(self, name, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [event for event in self.events() if event["event"] == name]
            if found:
                return found[-1]
            time.sleep(0.01)
        raise AssertionError(f"no {name} in {self.events()}")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def running(folder):
    """start(env): a daemon that is ready."""
    processes = []

    def start(**env):
        with open(folder.path / "log", "wb") as log:
            processes.append(subprocess.Popen([PROGRAM, *folder.words], stderr=log, env={**os.environ, **env}))
        folder.wait_event("daemon_started")
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_help_and_version_say_what_it_is():
    assert run("--help").returncode == 0
    assert "--config DIR" in run("--help").stdout
    assert run("--version").stdout.startswith("heraldd ")


@pytest.mark.parametrize("words", [["--nonsense"], ["--config"], ["--set", "no-equals-sign"], ["--show"],
                                   ["--log-format", "xml"], ["stray"]])
def test_words_that_make_no_sense_end_with_2_and_the_usage(words):
    answer = run(*words)
    assert answer.returncode == 2
    assert answer.stderr.startswith("heraldd: ") and "Exit status" in answer.stderr


def test_a_good_configuration_is_good_and_shown(folder):
    answer = run(*folder.words, "--check", "--show")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "127.0.0.1:0" in answer.stdout and "10.yaml" in answer.stdout
    assert not (folder.path / "data").exists()


def test_an_option_the_plugin_does_not_have_is_found_with_its_place(folder):
    folder.write({"channels": [{"name": "loop", "plugin": "loopback", "options": {"recrod": "x"}}]})
    answer = run(*folder.words, "--check")
    assert answer.returncode == 1
    assert "10.yaml:1:" in answer.stderr and "recrod" in answer.stderr


def test_an_option_the_plugin_requires_is_missed(folder):
    folder.write({"channels": [{"name": "sms", "plugin": "acs_sms"}]})
    answer = run(*folder.words, "--check")
    assert answer.returncode == 1
    assert "requires" in answer.stderr


def test_a_plugin_that_is_not_there_is_said(folder):
    folder.write({"channels": [{"name": "fax", "plugin": "fax"}]})
    answer = run(*folder.words, "--check")
    assert answer.returncode == 1
    assert "plugin 'fax' of channel 'fax' cannot be loaded" in answer.stderr


def test_a_configuration_with_a_fault_starts_nothing(folder):
    folder.write({"server": {"listne": "127.0.0.1:0"}})
    answer = run(*folder.words)
    assert answer.returncode == 1
    assert "listne" in answer.stderr
    assert not (folder.path / "data").exists()


def test_two_daemons_never_share_a_data_folder(folder, running):
    running()
    answer = run(*folder.words)
    assert answer.returncode == 1
    assert '"daemon_failed"' in answer.stderr


def test_an_address_in_use_is_named(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = run(*folder.words, "--set", f"server.listen=127.0.0.1:{port}")
    assert answer.returncode == 1
    assert str(port) in answer.stderr


def test_term_ends_it_in_order_with_0(folder, running):
    process = running()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert [event["event"] for event in folder.events()][-1] == "daemon_stopped"


def test_a_reload_with_a_fault_changes_nothing_and_says_so(folder, running):
    process = running()
    folder.write({"channels": [{"name": "loop", "plugin": "loopback", "widnow": 3}]})
    process.send_signal(signal.SIGHUP)
    assert "widnow" in folder.wait_event("config_refused")["why"]
    assert process.poll() is None
    assert not [event for event in folder.events() if event["event"] == "channel_drained"]


def test_a_reload_says_what_waits_for_a_restart(folder, running):
    process = running()
    folder.write({"server": {"listen": "127.0.0.1:0", "api_threads": 3}, "log": {"format": "json"},
                  "channels": [{"name": "loop", "plugin": "loopback"}]})
    process.send_signal(signal.SIGHUP)
    folder.wait_event("config_reloaded")
    assert "api_threads" in folder.wait_event("config_warning")["what"]


def test_a_reload_starts_new_channels_and_drains_those_that_went(folder, running):
    process = running()
    folder.write({"log": {"format": "json"}, "channels": [{"name": "other", "plugin": "loopback"}]})
    process.send_signal(signal.SIGHUP)
    assert folder.wait_event("channel_drained")["channel"] == "loop"
    until = time.monotonic() + 20
    while (started := [e["channel"] for e in folder.events() if e["event"] == "channel_started"]) != ["loop", "other"]:
        assert time.monotonic() < until, started
        time.sleep(0.01)


def test_whoever_started_it_is_told_when_it_is_ready(folder, running, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20)
        process = running(NOTIFY_SOCKET=path)
        assert listener.recv(100) == b"READY=1"
        process.send_signal(signal.SIGTERM)
        assert listener.recv(100) == b"STOPPING=1"
        assert process.wait(30) == 0
