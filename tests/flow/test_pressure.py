"""Too much, no room, going down: who is refused hears it with a time to come again, and what was promised is kept."""
import http.client
import random
import signal
import threading
import time

import pytest

from programs import wait_until


def is_told_to_wait(answer, *problems):
    assert answer.status in (429, 503), answer
    assert answer.problem in problems and 1 <= int(answer.headers["Retry-After"]) <= 120, answer
    return True


def test_without_room_on_the_disk_new_work_is_refused_and_what_was_promised_goes_on(start, name):
    daemon = start({"loopback": {}})
    daemon.api.category()
    daemon.api.recipient(name, "slow:1s")
    sent = daemon.api.send(name)
    waits = [daemon.api.send(name) for _ in range(3)]
    assert daemon.stop() == 0
    daemon.settings["store.free_space_floor"] = "1TiB"
    daemon.start(is_ready=False)
    api = daemon.api
    ready = wait_until(lambda: (lambda a: a if a.status == 503 else None)(api.get("/readyz")), "readiness to say no")
    assert is_told_to_wait(ready, "store_full")
    answer = api.post("/v1/notifications", {"category": "news", "to": [{"recipient": name}]})
    assert is_told_to_wait(answer, "store_full") and api.get("/healthz").status == 200
    for one in [sent, *waits]:
        assert api.settled(one)["counts"] == {"delivered": 1}
    answer = api.post("/v1/notifications/bulk", b"{}\n", headers={"Content-Type": "application/x-ndjson"})
    assert is_told_to_wait(answer, "store_full")
    assert api.put(f"/v1/recipients/{name}/preferences", {"unsubscribed_all": True}).status == 200


def test_when_too_many_writes_wait_new_ones_are_refused_and_nothing_is_lost(start, name):
    daemon = start({"loopback": {}}, {"store.queue_max": "16", "server.api_threads": "4"})
    api = daemon.api
    api.category()
    api.recipient(name, "ok")
    key, accepted, refused, lock = daemon.key("send"), [], [], threading.Lock()

    def flood():
        client = daemon.client(key=key)
        for _ in range(12):
            line = b'{"category":"news","to":[{"recipient":"%s"}]}\n' % name.encode()
            answer = client.post("/v1/notifications/bulk", line * 50, headers={"Content-Type": "application/x-ndjson"})
            with lock:
                if answer.status != 200:
                    refused.append(is_told_to_wait(answer, "overloaded"))
                    continue
                for row in answer.lines:
                    if "id" in row:
                        accepted.append(row["id"])
                    else:
                        refused.append(row["problem"]["status"] == 503 and row["problem"]["type"].endswith("/overloaded"))
        client.close()

    threads = [threading.Thread(target=flood) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused and all(refused) and accepted
    for one in accepted:
        api.settled(one, 60)
    assert sorted(daemon.arrived_ids()) == sorted(one + "-1" for one in accepted)


def test_a_stop_under_load_keeps_every_promise_and_drops_no_answer(start, name):
    """SIGTERM while callers send: each 202 is delivered once, and who got no answer had made nothing."""
    daemon = start({"loopback": {}})
    daemon.api.category()
    daemon.api.recipient(name, "ok")
    key = daemon.key("send")
    accepted, lost, serial, lock = {}, [], [0], threading.Lock()

    def send(port_of_life, is_over):
        client = daemon.client(key=key, timeout=20)
        while not is_over.is_set():
            with lock:
                serial[0] += 1
                mark = f"s-{serial[0]}"
            try:
                answer = client.post("/v1/notifications", {"category": "news", "to": [{"recipient": name}], "correlation_id": mark})
            except (OSError, ValueError, http.client.HTTPException):
                with lock:
                    lost.append(mark)
                break
            with lock:
                if answer.status == 202:
                    assert mark not in accepted
                    accepted[mark] = answer.json["id"]
                else:
                    assert is_told_to_wait(answer, "draining", "overloaded")
        client.close()

    for _ in range(4):
        is_over = threading.Event()
        threads = [threading.Thread(target=send, args=(daemon.port, is_over)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.1, 0.5))
        begun = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait() == 0 and time.monotonic() - begun < 30
        is_over.set()
        for thread in threads:
            thread.join()
        daemon.start()
    api = daemon.api
    for mark, one in accepted.items():
        assert api.settled(one)["correlation_id"] == mark
    for mark in lost:
        assert api.ok("GET", f"/v1/notifications?correlation_id={mark}")["items"] == [], mark
    assert sorted(daemon.arrived_ids()) == sorted(one + "-1" for one in accepted.values()) and len(accepted) > 50


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_ends_at_once(start, number):
    daemon = start({"loopback": {}})
    keep = daemon.client()
    assert keep.get("/healthz").status == 200
    begun = time.monotonic()
    daemon.process.send_signal(number)
    assert daemon.wait() == 0 and time.monotonic() - begun < 3
