"""Too much: a writer that cannot keep up and callers over their rate get 503 and 429 with Retry-After, and nothing is lost."""
import shutil
import threading
import time

import pytest

from load import Callers, check_ledger, metric, to
from programs import wait_until
from test_trouble_disk import Traced


def body(n):
    return {"category": "news", "to": [to(f"ok/{n}")]}


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_past_the_writers_mark_new_work_gets_503_with_retry_after_and_health_answers(capsys):
    """Each sync takes a tenth of a second and sixteen writes may wait: most of sixty callers are told to come again."""
    daemon = Traced("fdatasync:delay_enter=100000", channels={"loopback": {}}, settings={"store.queue_max": "16"})
    try:
        daemon.api.category()
        daemon.attach()
        waits, slowest = [], 0.0

        class Watching(Callers):
            def _note(self, key, answer):
                super()._note(key, answer)
                if answer.status == 503:
                    waits.append((int(answer.headers["Retry-After"]), answer.problem))

        callers = Watching(daemon, count=60, over_tcp=False, pause=0.02)
        wait_until(lambda: len(waits) > 200, "refusals", 30)
        for _ in range(10):
            begun = time.monotonic()
            assert daemon.api.get("/healthz").status == 200
            slowest = max(slowest, time.monotonic() - begun)
        assert metric(daemon.api, "herald_accepts_total", outcome="busy") + metric(daemon.api, "herald_http_requests_total", status="503") > 0
        daemon.tracer.terminate()  # strace lets go of it
        daemon.tracer.wait(10)
        taken = len(callers.accepted)
        wait_until(lambda: len(callers.accepted) > taken + 100, "work at full speed again", 20)
        callers.stop()
        assert callers.broken == [] and set(callers.answers) == {202, 503}, (callers.answers, callers.broken[:3])
        assert all(1 <= seconds <= 120 for seconds, _ in waits) and {problem for _, problem in waits} <= {"overloaded", "store_unavailable", "store_full"}
        figures = check_ledger(daemon, callers.accepted)
        with capsys.disabled():
            print(f"\n{figures['promised']} taken, {len(waits)} told to come again, /healthz in {1000 * slowest:.0f} ms at most", end="")
        assert slowest < 1.0
    finally:
        daemon.close()


def test_a_key_over_its_rate_gets_429_with_retry_after_and_others_go_on(start):
    daemon = start({"loopback": {}})
    daemon.api.category()
    slow, other = daemon.key("send", rate="20/s"), daemon.caller("send")
    answers, lock = [], threading.Lock()

    def call():
        client = daemon.client(key=slow)
        while time.monotonic() < end:
            answer = client.post("/v1/notifications", body("rated"))
            with lock:
                answers.append(answer)

    begun, end = time.monotonic(), time.monotonic() + 3
    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    others = 0
    while time.monotonic() < end:
        assert other.post("/v1/notifications", body("other")).status == 202
        others += 1
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    good, held = ([a for a in answers if a.status == status] for status in (202, 429))
    assert len(good) + len(held) == len(answers) and held
    # A second's worth at once, then the rate.
    assert 20 <= len(good) <= 20 * (took + 1) + 2, (len(good), took)
    assert all(a.problem == "rate_limited" and 1 <= int(a.headers["Retry-After"]) <= 120 for a in held)
    assert others > 20
