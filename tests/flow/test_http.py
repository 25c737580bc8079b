"""The listener against hostile bytes, over raw sockets: refused with a problem, closed where it is doubtful, nothing changed."""
import hashlib
import json
import socket
import threading
import time

import pytest

from programs import wait_until

BODY = b'{"category":"news","to":[{"recipient":"raw"}]}'


@pytest.fixture(scope="module")
def raw(house):
    house.api.category()
    house.api.recipient("raw")
    return Raw(house, house.key("admin"))


class Raw:
    def __init__(self, house, key):
        self.house, self.key = house, key.encode()

    def connect(self):
        one = socket.create_connection(("127.0.0.1", self.house.port), timeout=20)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one

    def head(self, line=b"POST /v1/notifications HTTP/1.1", *fields, host=b"Host: h"):
        rows = [line] + ([host] if host is not None else []) + [b"Authorization: Bearer " + self.key,
                                                                b"Content-Type: application/json", *fields]
        return b"\r\n".join(rows) + b"\r\n\r\n"

    def answers(self, data, seconds=5):
        """[(status, head, body)] of everything that came until the far end closed or said nothing more; was it closed?"""
        with self.connect() as one:
            try:
                one.sendall(data)
            except OSError:
                pass
            got, is_closed = b"", True
            try:
                while True:
                    one.settimeout(0.3 if is_whole(got) else seconds)
                    chunk = one.recv(65536)
                    if not chunk:
                        break
                    got += chunk
            except TimeoutError:
                is_closed = False
            except OSError:
                pass
        return parse(got), is_closed

    def one(self, data, **more):
        found, is_closed = self.answers(data, **more)
        assert len(found) <= 1, found
        return found[0] if found else (0, b"", b""), is_closed

    def hash(self):
        """Of everything that somebody could have changed."""
        api, digest = self.house.api, hashlib.sha256()
        for target in ("/v1/notifications?limit=1000", "/v1/recipients?limit=1000", "/v1/categories?limit=1000",
                       "/v1/suppressions?limit=1000", "/v1/keys?limit=1000"):
            for item in api.get(target).json["items"]:
                for moving in ("state", "counts"):
                    item.pop(moving, None)
                digest.update(json.dumps(item).encode())
        return digest.hexdigest()


def is_whole(got):
    """Is there nothing to wait for but the close of the connection?"""
    try:
        return bool(parse(got))
    except (ValueError, IndexError):
        return False


def parse(got):
    found = []
    while got:
        # The library's own pages close the connection (and repeat their head in front of themselves).
        if found and b"Herald-Request-Id" not in found[-1][1]:
            break
        head, _, rest = got.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = 0
        for row in head.split(b"\r\n")[1:]:
            if row.lower().startswith(b"content-length:"):
                length = int(row.split(b":")[1])
        found.append((status, head, rest[:length]))
        got = rest[length:]
    return found


def is_problem(answer, *statuses):
    """An answer of ours: a problem with its request's id.  What the library refuses by itself is a page of its own."""
    status, head, body = answer
    assert status in statuses, answer
    if b"Content-Type: application/problem+json" in head:
        assert json.loads(body)["request_id"].encode() in head and json.loads(body)["status"] == status
    return True


# ---- T1: who may say where a request ends ----

LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
SECOND = b"DELETE /v1/recipients/raw HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n"

AMBIGUOUS = {
    "length and chunked": [b"Content-Length: 4", b"Transfer-Encoding: chunked"],
    "two lengths": [b"Content-Length: 5", b"Content-Length: 6"],
    "two equal lengths": [b"Content-Length: 5", b"Content-Length: 5"],
    "a list of lengths": [b"Content-Length: 5, 5"],
    "chunked twice": [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
    "chunked and gzip": [b"Transfer-Encoding: chunked, gzip"],
    "gzip and chunked": [b"Transfer-Encoding: gzip, chunked"],
    "xchunked": [b"Transfer-Encoding: xchunked"],
    "chunked with an extension": [b"Transfer-Encoding: chunked;ext=1"],
    "a control byte before chunked": [b"Transfer-Encoding: \x0bchunked"],
    "a blank before the colon": [b"Transfer-Encoding : chunked"],
    "an underscore": [b"Transfer_Encoding: chunked", LENGTH],
    "identity": [b"Transfer-Encoding: identity"],
    "in quotes": [b'Transfer-Encoding: "chunked"'],
    "empty": [b"Transfer-Encoding: ", LENGTH],
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_two_opinions_about_the_end_of_a_request_are_refused_and_what_follows_is_not_read(raw, case):
    before = raw.hash()
    found, is_closed = raw.answers(raw.head(b"POST /v1/notifications HTTP/1.1", *AMBIGUOUS[case]) + CHUNKED + SECOND % raw.key)
    assert len(found) == 1 and is_closed and is_problem(found[0], 400), found
    assert raw.hash() == before


def test_chunks_are_no_part_of_http_1_0(raw):
    before = raw.hash()
    found, is_closed = raw.answers(raw.head(b"POST /v1/notifications HTTP/1.0", b"Transfer-Encoding: chunked") + CHUNKED)
    assert is_closed and len(found) == 1 and is_problem(found[0], 400) and raw.hash() == before


# ---- T2: lengths ----

@pytest.mark.parametrize("length", ["-1", "+5", "0x5", "05", "5_0", "1e3", '""', "18446744073709551621", "9223372036854775808",
                                    "99999999999999999999", "5 5", "five", "5.0"])
def test_a_length_is_digits(raw, length):
    before = raw.hash()
    answer, is_closed = raw.one(raw.head(b"POST /v1/notifications HTTP/1.1", b"Content-Length: " + length.encode()) + BODY)
    assert is_closed and is_problem(answer, 400, 413) and raw.hash() == before


def test_too_long_a_body_is_refused_before_it_is_read(raw):
    answer, is_closed = raw.one(raw.head(b"POST /v1/notifications HTTP/1.1", b"Content-Length: 300000"))
    assert answer[0] == 413 and is_closed and b"too_large" in answer[2]
    answer, is_closed = raw.one(raw.head(b"POST /v1/notifications HTTP/1.1", b"Content-Length: 300000", b"Expect: 100-continue"))
    assert answer[0] == 413 and is_closed and b"100 Continue" not in answer[1]


def test_a_body_has_at_most_256_kib_and_not_one_byte_more(raw):
    api = raw.house.api
    text = b'{"category":"news","to":[{"recipient":"raw"}],"test":true}'
    fits = text + b" " * (256 * 1024 - len(text))
    assert api.post("/v1/notifications", fits).status == 202
    answer = raw.house.client(key=raw.key.decode()).post("/v1/notifications", fits + b" ")
    assert answer.status == 413 and answer.problem == "too_large" and "262144" in answer.json["detail"]


def test_a_body_that_breaks_off_changes_nothing(raw):
    before = raw.hash()
    for data in (raw.head(b"POST /v1/notifications HTTP/1.1", LENGTH) + BODY[:20],
                 raw.head(b"POST /v1/notifications HTTP/1.1", b"Transfer-Encoding: chunked") + CHUNKED[:-5]):
        with raw.connect() as one:
            one.sendall(data)
        time.sleep(0.1)
    assert raw.hash() == before


@pytest.mark.parametrize("line", [b"GET /v1/recipients HTTP/1.1", b"DELETE /v1/recipients/raw HTTP/1.1"])
def test_a_request_that_takes_no_body_has_none(raw, line):
    before = raw.hash()
    answer, _ = raw.one(raw.head(line, b"Content-Length: 2") + b"{}")
    assert is_problem(answer, 400) and raw.hash() == before


def test_a_body_needs_a_length_or_chunks(raw):
    answer, _ = raw.one(raw.head())
    assert is_problem(answer, 411) and b"length_required" in answer[2]


# ---- T3: chunks ----

CHUNKS = {
    "too large a size": b"FFFFFFFFFFFFFFFF0\r\n",
    "negative": b"-1\r\n{}\r\n0\r\n\r\n",
    "with a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "with 0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "no size": b"\r\n{}\r\n0\r\n\r\n",
    "a word": b"zz\r\n{}\r\n0\r\n\r\n",
    "longer than it said": b"2\r\n{}xyz\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("case", CHUNKS)
def test_a_chunk_that_is_none_is_refused_or_ends_the_connection(raw, case):
    before = raw.hash()
    found, is_closed = raw.answers(raw.head(b"PUT /v1/categories/chunk HTTP/1.1", b"Transfer-Encoding: chunked") + CHUNKS[case]
                                   + SECOND % raw.key)
    assert is_closed and all(answer[0] >= 400 for answer in found) and len(found) <= 1, found
    assert raw.hash() == before


def test_a_million_small_chunks_are_too_large_and_nobody_waits(raw):
    with raw.connect() as one:
        one.settimeout(30)
        one.sendall(raw.head(b"PUT /v1/categories/chunk HTTP/1.1", b"Transfer-Encoding: chunked"))
        try:
            for _ in range(100):
                one.sendall(b"1\r\na\r\n" * 10000)
            one.sendall(b"0\r\n\r\n")
        except OSError:
            pass
        assert parse(one.recv(65536))[0][0] == 413


def test_trailers_have_no_say(raw):
    """Authorization, Host or a length behind the body are not believed."""
    data = b"PUT /v1/categories/trailer HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer, _ = raw.one(data + b"2\r\n{}\r\n0\r\nAuthorization: Bearer " + raw.key + b"\r\n\r\n")
    assert answer[0] == 401
    assert raw.house.api.get("/v1/categories/trailer").status == 404


# ---- T5: lines and fields ----

LINES = {
    "a NUL in a name": [b"X\0: a"],
    "beyond ASCII in a name": [b"X\xe9: a"],
    "a blank in a name": [b"X Y: a"],
    "a control byte in a value": [b"X: a\x01b"],
    "DEL in a value": [b"X: a\x7fb"],
    "a bare CR in a value": [b"X: a\rb"],
    "two hosts": [b"Host: other"],
    "two keys": [b"Authorization: Bearer x"],
    "two types": [b"Content-Type: text/plain"],
    "two idempotency keys": [b"Idempotency-Key: a", b"Idempotency-Key: b"],
}


@pytest.mark.parametrize("case", LINES)
def test_a_field_that_is_none_is_refused_and_the_connection_closed(raw, case):
    before = raw.hash()
    found, is_closed = raw.answers(raw.head(b"POST /v1/notifications HTTP/1.1", LENGTH, *LINES[case]) + BODY + SECOND % raw.key)
    assert is_closed and len(found) <= 1 and all(is_problem(answer, 400) for answer in found), found
    assert raw.hash() == before


@pytest.mark.parametrize("host", [None, b"Host: a b", b"Host: [::1", b"Host: h:80x", b"Host: ", b"Host: h/x", b"Host: u@h"])
def test_a_host_must_be_there_and_be_one(raw, host):
    before = raw.hash()
    answer, is_closed = raw.one(raw.head(b"POST /v1/notifications HTTP/1.1", LENGTH, host=host) + BODY)
    assert is_closed and is_problem(answer, 400) and raw.hash() == before


@pytest.mark.parametrize("host", [b"Host: [::1]:8470", b"Host: 127.0.0.1:1", b"Host: herald.example", b"Host: my_host"])
def test_a_host_may_be_any_name_or_address(raw, host):
    assert raw.one(raw.head(b"GET /v1/recipients/raw HTTP/1.1", host=host))[0][0] == 200


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/11.1", b"HTTP/1", b"http/1.1", b"HTTPS/1.1"])
def test_only_http_1_is_spoken(raw, version):
    answer, is_closed = raw.one(raw.head(b"GET /v1/recipients/raw " + version))
    assert is_closed and (answer[0] == 0 or is_problem(answer, 400, 505))


# ---- T6: targets ----

@pytest.mark.parametrize("target, statuses", [
    (b"//v1/recipients/raw", (404,)), (b"/v1//recipients", (404,)), (b"/v1/..%2fhealthz", (404,)), (b"/v1/../healthz", (404,)),
    (b"/%2e%2e/healthz", (404,)), (b"/v1/./recipients", (404,)), (b"/v1/recipients/", (404,)), (b"/V1/recipients", (404,)),
    (b"/%76%31/recipients", (200,)), (b"/%c0%af", (400,)), (b"/%00", (400,)), (b"/%0d%0aSet-Cookie:x", (400,)), (b"/%ff", (400,)),
    (b"\\admin", (400,)), (b"http://other/v1/recipients", (400, 404)), (b"*", (400,)), (b"/v1/recipients/%2e%2e", (404,)),
    (b"/v1/recipients/..%2f..%2fraw", (404,)), (b"/healthz;x=1", (404,)), (b"/healthz%3fx", (404,)), (b"/healthz#x", (404,)),
    (b"/v1/recipients?limit=%00", (400,)), (b"/v1/recipients?limit=%zz", (400,)), (b"/v1/recipients?%ff=1", (400,)),
    (b"/v1/recipients?" + b"x" * 64 + "ä".encode() * 200 + b"=1", (400, 422)),
])
def test_a_target_has_one_form(raw, target, statuses):
    answer, _ = raw.one(raw.head(b"GET " + target + b" HTTP/1.1"))
    assert answer[0] == 200 or is_problem(answer, *statuses), answer
    assert answer[0] in statuses and b"Set-Cookie" not in answer[1]


def test_a_request_line_has_at_most_4_kib(raw):
    assert raw.one(raw.head(b"GET /v1/recipients/" + b"x" * 128 + b" HTTP/1.1"))[0][0] == 404
    at = b"GET /v1/recipients?after=" + b"x" * (4096 - len("/v1/recipients?after=")) + b" HTTP/1.1"
    assert raw.one(raw.head(at))[0][0] == 200
    answer, _ = raw.one(raw.head(at[:-9] + b"x HTTP/1.1"))
    assert answer[0] == 414 and b"uri_too_long" in answer[2]
    answer, _ = raw.one(raw.head(b"GET /" + b"x" * 65536 + b" HTTP/1.1"))
    assert answer[0] in (0, 400, 414, 431)


# ---- T8: many and large fields ----

def test_a_head_has_at_most_64_fields_and_16_kib(raw):
    fields = [b"X-%d: y" % n for n in range(61)]  # with Host, Authorization and Content-Type: 64
    line = b"GET /v1/recipients/raw HTTP/1.1"
    assert raw.one(raw.head(line, *fields))[0][0] == 200
    answer, is_closed = raw.one(raw.head(line, *fields, b"X-One: more"))
    assert answer[0] == 431 and b"headers_too_large" in answer[2] and is_closed
    used = len(raw.head(line)) - len(line) - 4
    assert raw.one(raw.head(line, b"X: " + b"y" * (16384 - used - 5)))[0][0] == 200
    assert raw.one(raw.head(line, b"X: " + b"y" * (16384 - used)))[0][0] == 431
    assert raw.one(raw.head(line, b"X: " + b"y" * 100000))[0][0] in (0, 431)


def test_a_pipeline_is_answered_in_order(raw):
    with raw.connect() as one:
        one.settimeout(20)
        one.sendall(raw.head(b"GET /v1/recipients/raw HTTP/1.1") * 300 +
                    raw.head(b"GET /v1/recipients/nobody HTTP/1.1", b"Connection: close"))
        got = b""
        while chunk := one.recv(65536):
            got += chunk
    assert [answer[0] for answer in parse(got)] == [200] * 300 + [404]


# ---- T9: methods, upgrades, overrides ----

@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"OPTIONS", b"PROPFIND", b"get", b"A" * 8192])
def test_a_method_that_a_resource_does_not_take_is_405_with_those_it_does(raw, method):
    answer, _ = raw.one(raw.head(method + b" /v1/recipients/raw HTTP/1.1"))
    assert is_problem(answer, 405), answer
    assert b"Allow: GET, HEAD, PUT, PATCH, DELETE" in answer[1]


def test_the_preface_of_http_2_is_no_request(raw):
    answer, is_closed = raw.one(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert is_closed and answer[0] in (0, 400, 505)


def test_an_upgrade_or_an_override_is_not_followed(raw):
    answer, _ = raw.one(raw.head(b"GET /v1/recipients/raw HTTP/1.1", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
                                 b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"))
    assert answer[0] == 200
    answer, _ = raw.one(raw.head(b"GET /v1/recipients/raw HTTP/1.1", b"X-HTTP-Method-Override: DELETE"))
    assert answer[0] == 200 and raw.house.api.get("/v1/recipients/raw").status == 200


def test_head_is_get_without_a_body(raw):
    with raw.connect() as one:
        one.sendall(raw.head(b"HEAD /v1/recipients/raw HTTP/1.1", b"Connection: close"))
        got = b""
        while chunk := one.recv(65536):
            got += chunk
    assert got.startswith(b"HTTP/1.1 200") and b"ETag" in got and got.endswith(b"\r\n\r\n") and got.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_asking_changes_nothing(raw, method):
    api, before = raw.house.api, raw.hash()
    for path in api.get("/openapi.json").json["paths"]:
        if path == "/v1/events":
            continue
        target = path.replace("{id}", "raw").replace("{name}", "news").replace("{kind}", "loopback").replace("{address}", "ok")
        assert api.request(method, target).status < 500
    assert raw.hash() == before


# ---- T10: media types ----

@pytest.mark.parametrize("fields, status", [
    ([b"Content-Encoding: gzip"], 415), ([b"Content-Encoding: br"], 415), ([b"Content-Encoding: deflate,gzip"], 415),
    ([b"Content-Encoding: identity"], 202), ([b"Content-Encoding: zstd"], 415),
])
def test_a_body_in_an_encoding_is_not_read(raw, fields, status):
    answer, _ = raw.one(raw.head(b"POST /v1/notifications HTTP/1.1", LENGTH, *fields) + BODY)
    assert answer[0] == status


@pytest.mark.parametrize("kind, status", [
    ("application/json", 202), ("application/json; charset=utf-8", 202), ('application/json;charset="UTF-8"', 202),
    ("APPLICATION/JSON", 202), ("application/merge-patch+json", 202), ("application/json; charset=utf-16", 415),
    ("application/json; charset=utf-8859", 415), ("text/plain", 415), ("multipart/form-data", 415), ("", 415),
    ("application/x-www-form-urlencoded", 415), ("application/jsonp", 415), ("text/json", 415), ("application/+json", 415),
])
def test_a_body_is_json_in_utf_8(house, raw, kind, status):
    answer = house.api.post("/v1/notifications", BODY, headers={"Content-Type": kind})
    assert answer.status == status
    if status == 415:
        assert answer.problem == "media_type"


@pytest.mark.parametrize("accept, status", [("*/*", 200), ("application/json", 200), ("application/*", 200), ("text/html", 406),
                                            ("text/html, */*;q=0.1", 200), ("image/png", 406)])
def test_who_would_not_read_json_is_told(house, raw, accept, status):
    answer = house.api.get("/v1/recipients/raw", headers={"Accept": accept})
    assert answer.status == status
    if status == 406:
        assert answer.problem == "not_acceptable"
    assert house.api.get("/metrics", headers={"Accept": "text/plain"}).status == 200


# ---- T11: who says who I am ----

def test_what_a_caller_says_of_hosts_and_addresses_is_not_believed(house, raw):
    answer = house.api.get("/v1/recipients/nobody", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example",
                                                             "X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"})
    assert answer.status == 404 and b"evil" not in answer.data and answer.json["type"].startswith("https://herald.example/problems/")


def test_every_answer_has_an_id_that_is_its_own(house, raw):
    ids = [house.api.get(target).headers["Herald-Request-Id"] for target in ("/healthz", "/v1/recipients", "/none", "/v1/recipients?x=1")]
    assert len(set(ids)) == 4 and all(one.startswith("req_") for one in ids)


# ---- T7: slow peers ----

def test_a_head_must_come_within_its_time_however_slowly(start):
    daemon = start({"loopback": {}}, {"server.header_timeout": "2s"})
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=15) as one:
        begun = time.monotonic()
        data = b"GET /healthz HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 100
        for at in range(len(data)):
            try:
                one.sendall(data[at:at + 1])
            except OSError:
                break
            time.sleep(0.1)
            if time.monotonic() - begun > 12:
                break
        assert time.monotonic() - begun < 6


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(start):
    daemon = start({"loopback": {}}, {"server.header_timeout": "1s", "server.idle_timeout": "2s"})
    busy = daemon.client()
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=15) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"200" in one.recv(65536)
        begun = time.monotonic()
        one.settimeout(0.2)
        is_closed = False
        while not is_closed and time.monotonic() - begun < 10:
            assert busy.get("/healthz").status == 200
            try:
                is_closed = one.recv(1) == b""
            except TimeoutError:
                pass
            except OSError:
                is_closed = True
        assert is_closed and 1 < time.monotonic() - begun < 6


def test_a_body_must_come_with_a_kibibyte_a_second(start):
    daemon = start({"loopback": {}})
    key = daemon.key("categories").encode()
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=15) as one:
        one.sendall(b"PUT /v1/categories/slow HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 10000\r\n\r\n" % key)
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 20:
                one.sendall(b" ")
                time.sleep(0.2)
        except OSError:
            pass
        assert 4 < time.monotonic() - begun < 12


def test_slow_peers_keep_nobody_waiting(house, raw):
    slow = []
    for n in range(200):
        one = raw.connect()
        one.sendall((raw.head(b"POST /v1/notifications HTTP/1.1", LENGTH) + BODY)[:10 + n])
        slow.append(one)
    waits, client = [], house.client(key=raw.key.decode())
    for _ in range(200):
        begun = time.monotonic()
        assert client.get("/v1/recipients/raw").status == 200
        waits.append(time.monotonic() - begun)
    for one in slow:
        one.close()
    assert sorted(waits)[190] < 0.05, sorted(waits)[-10:]


def test_ten_slow_ones_and_the_others_go_on(house, raw):
    """Somebody whose address takes long to be checked, or whose answer is long awaited, holds a connection and no thread."""
    key = raw.key.decode()
    house.api.recipient("slow-one", "ok")
    results = []

    def slow():
        results.append(house.client(key=key).post("/v1/channels/loopback/test", {"address": "slow:1500ms"}).status)

    threads = [threading.Thread(target=slow) for _ in range(10)]
    for thread in threads:
        thread.start()
    client, count, begun = house.client(key=key), 0, time.monotonic()
    while time.monotonic() - begun < 1.2:
        assert client.post("/v1/notifications", BODY).status == 202
        count += 1
    for thread in threads:
        thread.join()
    assert results == [200] * 10 and count > 50


def test_connections_past_the_limit_wait_or_are_turned_away_and_the_others_are_served(start):
    daemon = start({"loopback": {}}, {"server.connections_max": "64", "server.api_threads": "2"})
    many = []
    for _ in range(200):
        try:
            many.append(socket.create_connection(("127.0.0.1", daemon.port), timeout=1))
        except OSError:
            break
    assert daemon.api.get("/healthz").status == 200  # its own socket has room of its own
    for one in many:
        one.close()
    wait_until(lambda: daemon.client().get("/healthz").status == 200, "room again", 20)


# ---- T20 and the rest of the head ----

def test_traces_are_taken_when_they_are_good_and_begun_when_not(house, raw):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for value in (trace, "00-" + "0" * 32 + "-b7ad6b7169203331-01", "x" * 55, trace.upper(), trace + "-x", ""):
        assert house.api.post("/v1/notifications", BODY, headers={"traceparent": value}).status == 202
