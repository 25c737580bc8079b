"""Bodies that are no JSON, too much JSON, or JSON of the wrong shape: a problem with a place, nothing changed, nothing echoed."""
import json
import os
import time
from pathlib import Path

import pytest

TARGET = "/v1/notifications"
GOOD = {"category": "news", "to": [{"recipient": "json"}]}


@pytest.fixture
def ask(api):
    """The answer to a body; checks that a refusal is a problem and made nothing."""
    if api.get("/v1/recipients/json").status == 404:
        api.recipient("json", "ok")

    def post(body, target=TARGET):
        before = len(api.ok("GET", "/v1/notifications?limit=1000&recipient=json")["items"])
        begun = time.process_time()
        answer = api.post(target, body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode())
        assert time.process_time() - begun < 5
        after = len(api.ok("GET", "/v1/notifications?limit=1000&recipient=json")["items"])
        assert answer.status == 202 and after == before + 1 or answer.status >= 400 and after == before, answer
        return answer

    return post


def with_data(data):
    return b'{"category":"news","to":[{"recipient":"json"}],"data":' + (data if isinstance(data, bytes) else data.encode()) + b"}"


# ---- T12: depth ----

def deep(levels, opening="[", closing="]"):
    return opening * levels + (closing * levels)


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_a_body_is_nested_32_deep_and_no_deeper(ask, opening, closing):
    inner = opening * 31 + ("1" if opening != "[" else "") + closing * 31  # below the body's own level
    assert ask(with_data('{"x":' + opening * 30 + ("1" if opening != "[" else "") + closing * 30 + "}")).status == 202
    answer = ask(with_data('{"x":' + inner + "}"))
    assert answer.status == 400 and answer.problem == "too_deep"
    for levels in (2048, 2049, 40000):
        answer = ask(opening * levels)
        assert answer.status == 400 and answer.problem == "too_deep"


# ---- T13: values ----

def test_a_body_has_at_most_ten_thousand_values(ask):
    own = 6  # the body, category, to, its entry, recipient, data
    assert ask(with_data('{"x":[' + ",".join(["1"] * (10000 - own - 1)) + "]}")).status == 202
    answer = ask(with_data('{"x":[' + ",".join(["1"] * (10000 - own)) + "]}"))
    assert answer.status == 400 and answer.problem == "too_deep"


@pytest.mark.parametrize("unit", ["{}", "[]", '""', "0", "null"])
def test_a_bomb_of_small_values_is_refused_before_it_costs_memory(house, ask, unit):
    def rss():
        return int(Path(f"/proc/{house.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    before = rss()
    for _ in range(5):
        assert ask("[" + ",".join([unit] * ((256 * 1024 - 2) // (len(unit) + 1))) + "]").problem == "too_deep"
    assert rss() - before < 8 * 1024 * 1024


def test_many_keys_that_look_alike_take_no_longer(ask):
    keys = ",".join(f'"k{n:05}":{n}' for n in range(9900))
    begun = time.monotonic()
    assert ask(with_data("{" + keys + "}")).status == 202
    assert time.monotonic() - begun < 1


# ---- T14: doubled keys ----

@pytest.mark.parametrize("body", ['{"category":"news","category":"x"}', '{"category":"news","to":[{"recipient":"json","recipient":"json"}]}',
                                  '{"category":"news","to":[{"recipient":"json"}],"data":{"a":1,"\\u0061":2}}'])
def test_a_key_stands_once_however_it_is_written(ask, body):
    answer = ask(body)
    assert answer.status == 400 and answer.problem == "duplicate_key"


# ---- T15: text ----

@pytest.mark.parametrize("data, problem", [
    (b'{"x":"\\ud800"}', "malformed_json"), (b'{"x":"\\udc00"}', "malformed_json"), (b'{"x":"\\udc00\\ud800"}', "malformed_json"),
    (b'{"x":"\xc0\xaf"}', "not_utf8"), (b'{"x":"\xed\xa0\x80"}', "not_utf8"), (b'{"x":"\xf4\x90\x80\x80"}', "not_utf8"),
    (b'{"x":"\xe2\x82"}', "not_utf8"), (b'{"x":"\\u0000"}', "malformed_json"), (b'{"x":"a\0b"}', "malformed_json"),
    (b'{"x":"a\nb"}', "malformed_json"), (b'{"x":"\\x41"}', "malformed_json"), (b"{'x':1}", "malformed_json"),
])
def test_text_is_utf_8_without_holes(ask, data, problem):
    answer = ask(with_data(data))
    assert answer.status == 400 and answer.problem in (problem, "malformed_json"), answer


def test_a_byte_order_mark_is_no_json(ask):
    assert ask(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()).status == 400


def test_every_other_character_is_kept_as_it_is(api, name):
    text = "\uffff\ufffe\U0010ffff\u0085\u2028\u202e😀\t\n"
    api.recipient(name, "ok", attributes={"x": text})
    assert api.get(f"/v1/recipients/{name}").json["attributes"]["x"] == text
    plan = api.ok("POST", "/v1/explain", {"category": "news", "to": [{"recipient": name}],
                                          "content": {"default": {"text": "{{recipient.attributes.x}}"}}})
    assert plan["recipients"][0]["deliveries"][0]["content"]["text"] == text


# ---- T16: numbers ----

@pytest.mark.parametrize("number", ["1e400", "-1e400", "9223372036854775808", "01", "NaN", "Infinity", "-", "+1", ".5", "5.", "0x10", "1e", "1" * 10000])
def test_a_number_that_cannot_be_is_malformed(ask, number):
    answer = ask(with_data('{"x":' + number + "}"))
    assert answer.status == 400 and answer.problem == "malformed_json"


@pytest.mark.parametrize("number", ["1e-400", "-0", "9223372036854775807", "1.5e3", "0.1"])
def test_a_number_that_can_be_is_taken(ask, number):
    assert ask(with_data('{"x":' + number + "}")).status == 202


@pytest.mark.parametrize("field, value", [("priority", 1000), ("priority", "1e3"), ("expires_in", -1), ("expires_in", "-1s"), ("expires_in", "1.5h"),
                                          ("expires_in", "0s"), ("expires_in", "999999999999999999d"), ("send_at", 1764000000), ("test", "true"),
                                          ("test", 1), ("send_at", "2026-13-01T00:00:00Z"), ("send_at", "2026-11-25T08:00:00"), ("correlation_id", "x" * 256),
                                          ("strategy", ["all"]), ("channels", "sms"), ("channels", [""]), ("replaces", "ntf_x"), ("replaces", "ntf_ILOU000000000"),
                                          ("metadata", []), ("metadata", {"x": "y" * 4096}), ("data", []), ("dedup", {}), ("dedup", {"key": ""}),
                                          ("dedup", {"key": "x", "for": "73h"}), ("content", []), ("content", {"default": {"txt": "x"}})])
def test_a_value_of_the_wrong_kind_is_told_by_its_field(ask, field, value):
    answer = ask({**GOOD, field: value})
    assert answer.status == 422 and answer.problem == "invalid" and answer.pointers[0].startswith("/" + field), answer


# ---- T17: shapes ----

@pytest.mark.parametrize("body, pointer", [
    ({**GOOD, "to": "json"}, "/to"), ({**GOOD, "to": ["json"]}, "/to/0"), ({**GOOD, "to": [{"recipient": ["json"]}]}, "/to/0/recipient"),
    ({**GOOD, "to": [{}]}, "/to/0"), ({**GOOD, "to": [{"recipient": "a", "addresses": []}]}, "/to/0"), ({**GOOD, "to": None}, "/to"),
    ({"to": GOOD["to"]}, "/category"), ({**GOOD, "category": None}, "/category"), ({**GOOD, "category": True}, "/category"),
    ({**GOOD, "__proto__": 1}, "/__proto__"), ({**GOOD, "": 1}, "/"), ({**GOOD, "idempotency_key": "x"}, "/idempotency_key"),
    ({**GOOD, "to": [{"addresses": []}]}, "/to/0/addresses"), ({**GOOD, "to": [{"recipient": ""}]}, "/to/0/recipient"),
])
def test_a_field_of_the_wrong_shape_is_told_with_its_pointer(ask, body, pointer):
    answer = ask(body)
    assert answer.status == 422 and pointer in answer.pointers, answer


@pytest.mark.parametrize("body", ["", " ", "null", "true", "1", '"x"', "{} x", "{}{}", "{} /* */", "// x\n{}", "{,}", '{"a":1,}', "[1,]", "{", "}",
                                  "[", "\x00", "{\x00}", '{"a"}', '{"a":}', "{a:1}", '{"a":undefined}', "[1 2]", '{"a":1 "b":2}', "]"])
def test_what_is_no_json_says_where(ask, body):
    answer = ask(body)
    assert answer.status in (400, 411) and answer.problem in ("malformed_json", "not_utf8", "length_required"), answer
    if answer.problem == "malformed_json":
        assert "line" in answer.json["detail"] or not body.strip()


def test_a_long_key_is_refused(ask):
    assert ask(with_data('{"' + "k" * 128 + '":1}')).status == 202
    assert ask(with_data('{"' + "k" * 129 + '":1}')).status == 400


# ---- T18: echoes ----

def test_nothing_of_the_input_gets_raw_into_the_answer_or_the_log(house, api):
    forged = b'{"\x1b[2J\r\nlevel=ERROR forged":'
    answer = api.post(TARGET, forged)
    assert answer.status == 400 and b"\x1b" not in answer.data
    for byte in (b"\x1b", b"\r", b"\n"):
        assert byte not in answer.data
    answer = api.post(TARGET, {**GOOD, "\x1b[2J\r\nforged": 1})
    assert answer.status == 422 and b"\x1b" not in answer.data and answer.pointers == ["/\x1b[2J\r\nforged"]
    log = house.log()
    assert "\x1b" not in log and all(line.startswith("{") for line in log.splitlines())


def test_a_detail_is_a_sentence_of_bounded_length(api, name):
    answer = api.post(TARGET, {"category": "x" * 64, "to": [{"recipient": "ä" * 64}], "data": {"k" * 100: 1}})
    assert len(answer.json["detail"]) < 600
    answer = api.get("/v1/recipients?" + "%C3%A4" * 600 + "=1")
    assert answer.status == 422 and len(answer.json["faults"][0]["pointer"]) <= 65


def test_the_bodies_of_a_bulk_are_read_by_the_same_rules(api):
    lines = [b'{"a":1,"a":2}', b"[" * 33, b'{"x":"\xff"}', b"nonsense", json.dumps(GOOD).encode()]
    answer = api.post("/v1/notifications/bulk", b"\n".join(lines), headers={"Content-Type": "application/x-ndjson"})
    problems = [row["problem"]["type"].rsplit("/", 1)[1] if "problem" in row else "fine" for row in answer.lines]
    assert problems == ["duplicate_key", "too_deep", "not_utf8", "malformed_json", "fine"]
