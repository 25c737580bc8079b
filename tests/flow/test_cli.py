"""herald, the command line: tables for people, the API's bytes for programs, and an exit code that says how it went."""
import json
import os
import re
import socket
import subprocess
import threading

import pytest

from programs import BUILD, program

CODES = {"done": 0, "refused": 1, "words": 2, "away": 3, "nothing": 4, "timed out": 5}


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout.decode(), done.stderr.decode()

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"

    @property
    def rows(self):
        return [re.split(r"  +", line.strip()) for line in self.out.splitlines()]


def run(*words, stdin=b"", **environment):
    env = {name: value for name, value in os.environ.items() if not name.startswith("HERALD_") and name != "NO_COLOR"}
    return Result(subprocess.run([program("herald"), *words], input=stdin, capture_output=True, timeout=90, check=False,
                                 env={**env, **environment}))


@pytest.fixture
def herald(house, api):
    def call(*words, **more):
        return run(*words, HERALD_SOCKET=str(house.socket_path), **more)
    return call


# ---- one story ----

def test_a_story_from_a_recipient_to_a_dead_letter(herald, api, name):
    who = name[:30]
    body = json.dumps({"name": "Ada", "addresses": [{"kind": "email", "address": "ok"}, {"kind": "sms", "address": "reject"}]})
    assert herald("recipients", "put", who, stdin=body.encode()).out == f"{who} is stored\n"
    shown = herald("recipients", "show", who)
    assert shown.code == 0 and "name: Ada" in shown.out
    assert [row[0] for row in herald("recipients", "--limit", "1000").rows[:1]] == ["RECIPIENT"]

    explained = herald("explain", "news", "--to", who)
    assert explained.code == 0 and explained.out.splitlines()[0] == who and "because category news allows email" in explained.out
    assert re.search(r"^  bot +not: .*\(no_address; address\)$", explained.out, re.M)

    sent = herald("send", "news", "--to", who, "--text", "Hello {{who}}", "--data", "who=you", "--subject", "Hi")
    assert sent.code == 0 and re.match(r"ntf_\w{13} accepted", sent.out)
    notification = sent.out.split()[0]
    api.settled(notification)
    shown = herald("show", notification)
    assert shown.code == 0 and "mail" in shown.out and "dead" in shown.out and "Left out:" in shown.out and "no_address" in shown.out
    timeline = herald("show", notification, "--timeline")
    assert timeline.code == 0 and "accepted" in timeline.out and "rejected" in timeline.out

    dead = herald("deliveries", "--state", "dead", "--recipient", who)
    assert dead.code == 0 and dead.rows[0][:4] == ["DELIVERY", "RECIPIENT", "CHANNEL", "STATE"] and dead.rows[1][3] == "dead"
    delivery = dead.rows[1][0]
    one = herald("deliveries", "show", delivery)
    assert one.code == 0 and "rejected" in one.out
    assert herald("redrive", delivery).out == f"{delivery} is sent again\n"
    api.settled(notification)
    assert herald("redrive", "--recipient", who, "--limit", "5").out == "1 deliveries are sent again\n"
    assert herald("cancel", notification).code == 0
    assert herald("notifications", "--recipient", who).rows[1][0] == notification
    assert herald("recipients", "delete", who).out == f"{who} is forgotten\n"
    assert herald("recipients", "show", who).code == CODES["nothing"]


def test_choices_are_set_by_their_paths(herald, api, name):
    api.recipient(name)
    assert herald("prefs", "set", name, "channels.sms=false", "categories.order.shipped.channels.email=false",
                  "categories.order.shipped.channels.sms=true", "categories.news=false", "unsubscribed_all=false",
                  'order=["bot","email"]').code == 0
    got = api.get(f"/v1/recipients/{name}/preferences").json
    assert got["channels"] == {"sms": False} and got["order"] == ["bot", "email"]
    assert got["categories"] == {"order.shipped": {"channels": {"email": False, "sms": True}}, "news": False}
    assert herald("prefs", "set", name, "channels.sms=null").code == 0
    assert "sms" not in api.get(f"/v1/recipients/{name}/preferences").json.get("channels", {})
    effective = herald("prefs", name, "--effective")
    assert effective.code == 0 and effective.rows[0] == ["CATEGORY", "CHANNEL", "ALLOWED", "REASON", "WHY"]
    assert herald("prefs", "history", name).code == 0
    assert herald("prefs", "set", name, "nonsense").code == CODES["words"]
    assert herald("prefs", "set", name, "colour=red").code == CODES["refused"]


def test_categories_suppressions_channels_keys_and_the_audit(herald, house, name):
    category = name[:30]
    assert herald("categories", "put", category, stdin=b'{"content":{"default":{"text":"x"}}}').code == 0
    assert category in herald("categories", "--limit", "1000").out and herald("categories", "show", category).code == 0
    assert herald("categories", "delete", category).code == 0 and herald("categories", "show", category).code == CODES["nothing"]
    assert herald("suppressions", "add", "loopback", "ok/" + name, "--reason", "bounce").code == 0
    assert "ok/" + name in herald("suppressions").out
    assert herald("suppressions", "remove", "loopback", "ok/" + name).code == 0
    assert herald("suppressions", "remove", "loopback", "ok/" + name).code == CODES["nothing"]
    table = herald("channels")
    assert [row[0] for row in table.rows] == ["CHANNEL", "mail", "sms", "teams", "loopback"]
    assert herald("channels", "show", "sms").code == 0
    assert herald("channels", "pause", "teams", "--reason", "lunch").code == 0
    assert "lunch" in herald("channels").out and herald("channels", "resume", "teams").code == 0
    tried = herald("channels", "test", "sms", "ok")
    assert tried.code == 0 and "delivered" in tried.out
    made = herald("keys", "create", "--scope", "read", "--scope", "send", "--name", "mine", "--rate", "10/s")
    key = made.out.strip()
    assert made.code == 0 and re.fullmatch(r"key_\w{13}_[0-9a-f]{64}", key) and "once" in made.err
    assert key not in herald("keys").out and "mine" in herald("keys", "--limit", "1000").out
    assert run("notifications", "--limit", "1", HERALD_URL=f"http://127.0.0.1:{house.port}", HERALD_KEY=key).code in (0, 4)
    assert herald("keys", "revoke", key.rsplit("_", 1)[0]).code == 0
    assert run("notifications", HERALD_URL=f"http://127.0.0.1:{house.port}", HERALD_KEY=key).code == CODES["refused"]
    assert "key.revoke" in herald("audit", "--limit", "5").out
    verified = herald("audit", "verify")
    assert verified.code == 0 and verified.out.startswith("the chain holds: ")


def test_json_is_exactly_what_the_api_answered(herald, api, name):
    api.recipient(name, "ok", name="Ada")
    sent = api.send(name)
    api.settled(sent)
    api.ok("POST", "/v1/keys", {"scopes": ["read"]})
    for words, target in ((("recipients", "show", name), f"/v1/recipients/{name}"), (("show", sent), f"/v1/notifications/{sent}"),
                          (("show", sent, "--timeline"), f"/v1/notifications/{sent}/timeline"), (("prefs", name), f"/v1/recipients/{name}/preferences"),
                          (("notifications", "--recipient", name), f"/v1/notifications?recipient={name}"),
                          (("deliveries", "show", sent + "-1"), f"/v1/deliveries/{sent}-1"), (("categories", "show", "news"), "/v1/categories/news"),
                          (("keys",), "/v1/keys"), (("audit", "--limit", "3"), "/v1/audit?limit=3")):
        result = herald("--json", *words)
        assert result.code == 0 and result.out.encode() == api.get(target).data + b"\n", words
    refused = herald("--json", "show", "ntf_0000000000001")
    assert refused.code == CODES["nothing"] and json.loads(refused.out)["status"] == 404 and "There is nothing here" in refused.err


# ---- exit codes ----

def test_what_was_refused_is_1_and_says_why_with_each_fault(herald):
    result = herald("send", "no.such", "--to", "nobody")
    assert result.code == CODES["refused"] and result.out == "" and "/category: there is no category no.such" in result.err


@pytest.mark.parametrize("words", [(), ("dance",), ("send", "--colour"), ("send", "--colour", "blue"), ("show",), ("show", "a", "b"), ("send", "--no-such", "x"),
                                   ("send", "news", "--to"), ("send", "news", "--data", "x"), ("--timeout", "soon", "channels"), ("send", "news", "--test=yes"),
                                   ("completion", "fish"), ("recipients", "put"), ("keys", "revoke")])
def test_wrong_words_are_2_and_nothing_is_asked(words):
    result = run(*words, HERALD_SOCKET="/nowhere/socket")
    assert result.code == CODES["words"], result
    assert result.err or result.out.startswith("Usage: herald")


def test_a_daemon_that_cannot_be_reached_is_3():
    result = run("channels", HERALD_SOCKET="/nowhere/admin.sock")
    assert result.code == CODES["away"] and "/nowhere/admin.sock" in result.err
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert run("channels", HERALD_URL=f"http://127.0.0.1:{free.getsockname()[1]}", HERALD_KEY="x").code == CODES["away"]


def test_nothing_found_is_4(herald):
    assert herald("notifications", "--correlation-id", "no-such").code == CODES["nothing"]
    assert herald("show", "ntf_0000000000001").code == CODES["nothing"]
    assert herald("notifications", "--correlation-id", "no-such").err == "Nothing found.\n"


def test_an_answer_that_does_not_come_is_5(tmp_path):
    path = tmp_path / "deaf.sock"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        result = run("channels", "--timeout", "1", HERALD_SOCKET=str(path))
    assert result.code == CODES["timed out"]


# ---- care ----

@pytest.mark.parametrize("url", ["http://example.com", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://127.0.0.1@example.com",
                                 "http://localhost:x@example.com:80/", "ftp://localhost", "http://[::1].example.com", "nonsense://x"])
def test_a_key_never_travels_in_the_clear(url):
    result = run("channels", HERALD_URL=url, HERALD_KEY="key_secret")
    assert result.code == CODES["words"] and "secret" not in result.err


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}", "http://localhost:{}", "http://127.0.0.1:{}/"])
def test_on_this_machine_it_may(house, url):
    assert run("channels", HERALD_URL=url.format(house.port).rstrip("/"), HERALD_KEY=house.key("read")).code == 0


def test_what_others_wrote_cannot_steer_the_terminal(herald, api, name):
    evil = "\x1b[2J\x07\u009b31mAda\r\n"
    api.recipient(name, "ok", name=evil, attributes={"x": evil})
    for words in (("recipients", "show", name), ("recipients", "--limit", "1000")):
        out = herald(*words).out
        assert "Ada" in out and not any(c in out for c in "\x1b\x07\u009b\r")
    assert json.loads(herald("--json", "recipients", "show", name).out)["name"] == evil


def test_colours_are_for_terminals_and_for_who_asks(herald):
    assert "\x1b[" not in herald("channels").out
    assert "\x1b[" in herald("channels", "--colour", "always").out
    assert "\x1b[" not in herald("channels", "--colour", "never").out


def test_ids_with_slashes_and_blanks_are_one_argument(herald, api):
    who = "a/b c%ä?#"
    assert herald("recipients", "put", who, stdin=b'{"addresses":[]}').code == 0
    assert api.get("/v1/recipients/a%2Fb%20c%25%C3%A4%3F%23").json["id"] == who
    assert herald("recipients", "show", who).code == 0 and herald("recipients", "delete", who).code == 0


def test_the_same_key_is_one_notification(herald, api, name):
    api.recipient(name)
    words = ("send", "news", "--to", name, "--idempotency-key", name)
    assert herald(*words).out == herald(*words).out


def test_a_body_from_a_file_takes_options_on_top(herald, api, name, tmp_path):
    api.recipient(name)
    path = tmp_path / "body.json"
    path.write_text(json.dumps({"category": "none", "to": [{"recipient": "nobody"}], "correlation_id": "from-file"}))
    sent = herald("send", "news", "--file", str(path), "--to", name)
    assert sent.code == 0 and api.show(sent.out.split()[0])["correlation_id"] == "from-file"
    path.write_text('{"a":1,')
    bad = herald("send", "news", "--file", str(path))
    assert bad.code == CODES["words"] and f"{path}:1:" in bad.err
    assert herald("send", "news", "--file", str(tmp_path / "none")).code == CODES["words"]


# ---- what is printed from the table of commands ----

def commands():
    listed = re.search(r"^Commands:\n(.*?)\n\n", run("--help").out, re.M | re.S).group(1)
    return [re.split(r"  +", line.strip())[0] for line in listed.splitlines()]


def test_help_names_every_command_and_each_has_its_own():
    names = commands()
    assert len(names) > 35 and {"send", "explain", "show", "redrive", "doctor", "keys create", "channels test", "watch"} <= set(names)
    for one in names:
        result = run(*one.split(), "--help")
        assert result.code == 0 and result.out.startswith(f"Usage: herald {one}") and "Options of every command:" in result.out


def test_no_command_at_all_is_told_what_there_is():
    result = run()
    assert result.code == CODES["words"] and "Usage: herald COMMAND" in result.out
    assert run("--version").out.startswith("herald 0.")


def test_completion_is_good_bash_and_completes():
    script = run("completion", "bash").out
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    ask = script + """
complete_it() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _herald; printf '%s\\n' "${COMPREPLY[@]}"; }
complete_it herald se; complete_it herald recipients pu; complete_it herald send --pri; complete_it herald recipients put --fi
"""
    done = subprocess.run(["bash"], input=ask, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["send", "put", "--priority", "--file"], done


def test_the_manual_is_good_mdoc_and_has_every_command():
    page = run("manual").out
    lint = subprocess.run(["mandoc", "-T", "lint"], input=page, capture_output=True, text=True, check=False)
    complaints = [line for line in (lint.stdout + lint.stderr).splitlines() if "referenced manual not found" not in line]
    assert complaints == []
    text = subprocess.run(["mandoc", "-T", "ascii"], input=page, capture_output=True, text=True, check=True).stdout
    text = re.sub(".\b", "", text)
    for one in commands():
        assert re.search(rf"^ +herald {one}\b", text, re.M), one


# ---- doctor, plugins ----

def test_doctor_finds_nothing_wrong_with_a_healthy_house_and_says_what_is_with_another(house, herald):
    options = [f"--config={house.conf}"]
    well = herald("doctor", *options, HERALD_PLUGIN_DIR=str(BUILD / "plugins"))
    checks = {row[1]: row[0] for row in well.rows}
    for wanted in ("configuration", "daemon", "store", "access", "clock", "channel sms", "parked", "audit"):
        assert wanted in checks, (wanted, well)
    assert well.code == 0 and set(checks.values()) == {"ok"}, well
    herald("channels", "pause", "teams", "--reason", "lunch")
    ill = herald("doctor", *options)
    herald("channels", "resume", "teams")
    assert ill.code == CODES["refused"] and "lunch" in ill.out and "herald channels resume" in ill.out
    away = run("doctor", "--socket", "/nowhere", *options)
    assert away.code == CODES["away"] and "start it" in away.out
    assert json.loads(herald("doctor", "--json", *options).out)[0]["check"] == "daemon"


def test_doctor_says_what_is_wrong_with_the_configuration(herald, tmp_path):
    (tmp_path / "10.yaml").write_text("server:\n  lisen: 127.0.0.1:1\n")
    result = herald("doctor", "--config", str(tmp_path))
    assert result.code == CODES["refused"] and "lisen" in result.out


def test_plugins_are_listed_described_and_checked_without_a_daemon():
    where = {"HERALD_PLUGIN_DIR": str(BUILD / "plugins"), "HERALD_SOCKET": "/nowhere"}
    listed = run("plugins", **where)
    assert listed.code == 0 and "loopback" in [row[0] for row in listed.rows]
    described = run("plugins", "describe", "loopback", **where)
    assert described.code == 0 and "record" in described.out
    assert json.loads(run("plugins", "describe", "loopback", "--json", **where).out)["plugin"] == "loopback"
    assert run("plugins", "check", "loopback", **where).code == 0
    assert run("plugins", "check", "nonsense", **where).code == CODES["refused"]
    assert run("plugins", "--dir", "/nowhere").code == CODES["refused"]


def test_watch_shows_what_happens(house, api, name):
    api.recipient(name)
    watch = subprocess.Popen([program("herald"), "--socket", str(house.socket_path), "watch"], stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(watch.stdout.readline, "")))
    reader.start()
    try:
        from programs import wait_until

        def look():
            sent = api.send(name)
            return [line for line in list(lines) if "delivery_settled" in line] or sent is None
        assert wait_until(look, "an event to be shown", 10)
    finally:
        watch.terminate()
        watch.wait(10)
        reader.join(10)
        watch.stdout.close()
