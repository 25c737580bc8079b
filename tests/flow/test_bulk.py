"""POST /v1/notifications/bulk: a line is a notification, durable as it comes; a bad one stops no other."""
import json
import time

import pytest

LINES = {"Content-Type": "application/x-ndjson"}


def bulk(client, lines, **headers):
    data = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    return client.post("/v1/notifications/bulk", data, headers={**LINES, **headers})


def line(who, **more):
    return {"category": "news", "to": [{"recipient": who}], **more}


def test_a_thousand_lines_are_a_thousand_notifications_in_order(start, name):
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category()
    api.recipient(name, "ok")
    answer = bulk(api, [line(name, correlation_id=f"c{n}") for n in range(1000)])
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    rows = answer.lines
    assert [row["line"] for row in rows] == list(range(1, 1001)) and len({row["id"] for row in rows}) == 1000
    for n in (0, 499, 999):
        assert api.settled(rows[n]["id"])["correlation_id"] == f"c{n}"
    for row in rows:
        api.settled(row["id"])
    assert sorted(daemon.arrived_ids()) == sorted(row["id"] + "-1" for row in rows)


def test_a_bad_line_is_told_and_the_others_are_done(api, name):
    api.recipient(name)
    answer = bulk(api, [line(name), b"{nonsense", line("nobody-" + name), b"", b"   ", {"category": "news"}, line(name, colour=1),
                        b'{"category":"news","category":"x"}', b"[" * 40, b'{"a":"\xff"}', line(name, digest_key="x"),
                        line(name, category="no.such"), line(name)])
    rows = answer.lines
    assert answer.status == 200 and [row["line"] for row in rows] == [1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13]
    problems = {row["line"]: row["problem"]["type"].rsplit("/", 1)[1] for row in rows if "problem" in row}
    assert problems == {2: "malformed_json", 3: "invalid", 6: "invalid", 7: "invalid", 8: "duplicate_key", 9: "too_deep",
                        10: "not_utf8", 11: "unsupported", 12: "unknown_category"}
    assert rows[4]["problem"]["faults"][0]["pointer"] == "/colour"
    assert len(api.ok("GET", f"/v1/notifications?recipient={name}")["items"]) == 2


def test_keys_go_into_the_lines_and_a_second_bulk_repeats_nothing(api, name):
    api.recipient(name)
    lines = [line(name, idempotency_key=f"{name}-{n}") for n in range(120)]
    first, again = bulk(api, lines).lines, bulk(api, lines).lines
    assert [row["id"] for row in again] == [row["id"] for row in first] and all(row["replayed"] for row in again)
    (twice,) = bulk(api, [line(name, idempotency_key=f"{name}-3", correlation_id="other")]).lines
    assert twice["problem"]["type"].endswith("/idempotency_mismatch")
    same = bulk(api, [line(name, idempotency_key=f"{name}-new")] * 3).lines
    assert len({row["id"] for row in same}) == 1 and [row.get("replayed", False) for row in same].count(False) == 1
    answer = bulk(api, lines, **{"Idempotency-Key": "x"})
    assert answer.status == 422 and answer.problem == "invalid"


def test_lines_are_durable_while_the_body_still_comes(house, api, name):
    """The body is read as a stream: what a connection that breaks had brought is there."""
    api.recipient(name)
    client = house.client(key=house.key("send"))
    connection = client.connect()
    connection.putrequest("POST", "/v1/notifications/bulk")
    connection.putheader("Authorization", f"Bearer {client.key}")
    connection.putheader("Content-Type", "application/x-ndjson")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    for n in range(130):
        data = json.dumps(line(name, correlation_id=f"{name}-{n}")).encode() + b"\n"
        connection.send(b"%x\r\n%s\r\n" % (len(data), data))
    end = time.monotonic() + 10
    while len(api.ok("GET", f"/v1/notifications?recipient={name}&limit=1000")["items"]) < 130 and time.monotonic() < end:
        time.sleep(0.02)
    connection.close()
    items = api.ok("GET", f"/v1/notifications?recipient={name}&limit=1000")["items"]
    assert [row["correlation_id"] for row in items] == [f"{name}-{n}" for n in reversed(range(130))]


def test_a_last_line_without_an_end_and_windows_line_ends_are_lines(api, name):
    api.recipient(name)
    data = json.dumps(line(name)).encode()
    answer = api.post("/v1/notifications/bulk", data + b"\r\n" + data, headers=LINES)
    assert [row["line"] for row in answer.lines] == [1, 2] and all("id" in row for row in answer.lines)
    assert api.post("/v1/notifications/bulk", b"\n\n", headers=LINES).data == b""


def test_a_line_may_be_as_long_as_a_single_call_and_no_longer(api, name):
    api.recipient(name)
    short = json.dumps(line(name, data={"x": ""})).encode()
    fits = json.dumps(line(name, data={"x": "y" * (256 * 1024 - len(short))})).encode()
    assert len(fits) == 256 * 1024
    rows = bulk(api, [fits, fits + b" ", line(name)]).lines
    assert [("id" in row) for row in rows] == [True, False, True]
    assert rows[1]["problem"]["status"] == 413


def test_a_bulk_has_at_most_eight_mebibytes(house, api, name):
    api.recipient(name)
    one = json.dumps(line(name, test=True, data={"x": "y" * 200000})).encode() + b"\n"
    body = one * (8 * 1024 * 1024 // len(one))
    body += b" " * (8 * 1024 * 1024 - len(body))
    assert len(body) == 8 * 1024 * 1024
    answer = api.post("/v1/notifications/bulk", body, headers=LINES)
    assert answer.status == 200 and len(answer.lines) == len(body) // len(one)
    answer = house.caller("send").post("/v1/notifications/bulk", body + b" ", headers=LINES)
    assert answer.status == 413 and answer.problem == "too_large"


def test_a_flood_of_bad_lines_is_answered_within_bounds_and_says_where_it_stopped(house, api):
    before = rss(house)
    answer = api.post("/v1/notifications/bulk", b"x\n" * (4 * 1024 * 1024), headers=LINES)
    rows = answer.lines
    assert answer.status == 200 and len(answer.data) <= 16 * 1024 * 1024
    assert [row["line"] for row in rows] == list(range(1, len(rows) + 1)) and len(rows) < 4 * 1024 * 1024
    assert "nothing from this line on was read" in rows[-1]["problem"]["detail"]
    assert rss(house) - before < 150 * 1024


def rss(house):
    """KiB"""
    for row in open(f"/proc/{house.process.pid}/status"):
        if row.startswith("VmRSS:"):
            return int(row.split()[1])
    raise AssertionError("no VmRSS")


def test_a_large_bulk_does_not_keep_its_neighbours_waiting(house, api, name):
    import threading
    api.recipient(name)
    body = b"".join(json.dumps(line(name, test=True)).encode() + b"\n" for _ in range(8000))
    key = house.key("send")
    thread = threading.Thread(target=lambda: house.client(key=key).post("/v1/notifications/bulk", body, headers=LINES))
    thread.start()
    waits = []
    client = house.client(key=house.key("read"))
    while thread.is_alive():
        begun = time.monotonic()
        assert client.get("/v1/channels").status == 200
        waits.append(time.monotonic() - begun)
    thread.join()
    assert len(waits) > 3 and sorted(waits)[len(waits) * 9 // 10] < 0.25, sorted(waits)[-5:]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data"])
def test_a_bulk_is_ndjson(api, kind):
    answer = api.post("/v1/notifications/bulk", b"{}\n", headers={"Content-Type": kind})
    assert answer.status == 415 and answer.problem == "media_type"
