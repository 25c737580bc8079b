"""The same Idempotency-Key is one notification and one answer: again, at once from many sides, and over a restart."""
import signal
import threading

import pytest


def body(who, **more):
    return {"category": "news", "to": [{"recipient": who}], **more}


def keyed(key):
    return {"Idempotency-Key": key}


def test_the_same_key_and_body_get_the_first_answer_again(api, house, name):
    api.recipient(name)
    first = api.post("/v1/notifications", body(name), headers=keyed(name))
    again = api.post("/v1/notifications", body(name), headers=keyed(name))
    assert first.status == again.status == 202 and again.data == first.data
    assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    quoted = api.post("/v1/notifications", body(name), headers=keyed(f'"{name}"'))
    assert quoted.data == first.data
    assert len(api.ok("GET", f"/v1/notifications?recipient={name}")["items"]) == 1


def test_the_same_key_with_another_body_or_another_path_is_a_mismatch(api, name):
    api.recipient(name)
    api.post("/v1/notifications", body(name), headers=keyed(name))
    answer = api.post("/v1/notifications", body(name, correlation_id="other"), headers=keyed(name))
    assert answer.status == 422 and answer.problem == "idempotency_mismatch"
    answer = api.post("/v1/keys", {"scopes": ["read"]}, headers=keyed(name))
    assert answer.status == 422 and answer.problem == "idempotency_mismatch"


def test_a_refusal_is_not_remembered(api, name):
    assert api.post("/v1/notifications", body(name), headers=keyed(name)).status == 422
    api.recipient(name)
    answer = api.post("/v1/notifications", body(name), headers=keyed(name))
    assert answer.status == 202 and "Idempotent-Replayed" not in answer.headers


def test_keys_of_two_tenants_have_nothing_to_do_with_each_other(house, api, name):
    api.recipient(name)
    first = api.post("/v1/notifications", body(name), headers=keyed(name))
    other = house.caller("admin", tenant=name[:24].strip("-"))
    other.category()
    other.recipient(name)
    answer = other.post("/v1/notifications", body(name, correlation_id="of another"), headers=keyed(name))
    assert answer.status == 202 and answer.json["id"] != first.json["id"]


@pytest.mark.parametrize("key, status", [("k" * 255, 202), ("k" * 256, 400), ("", 202), ('""', 400), ("a b", 400), ("k\xe9y", 400)])
def test_a_key_is_visible_ascii_of_at_most_255(api, name, key, status):
    api.recipient(name)
    answer = api.post("/v1/notifications", body(name, correlation_id=key[:5].strip() or "x"), headers={"Idempotency-Key": key})
    assert answer.status == status, answer
    if status == 400:
        assert answer.problem == "malformed_request"


def race(house, key, request, racers=64):
    """The answers of so many callers who start together, each on a connection of its own; who hears that the first is
    still at work comes again."""
    barrier, answers, lock = threading.Barrier(racers), [], threading.Lock()

    def one():
        client = house.client(key=key)
        client.get("/healthz")
        barrier.wait()
        while True:
            answer = request(client)
            if answer.status != 409:
                break
            assert answer.problem == "idempotency_in_flight" and int(answer.headers["Retry-After"]) >= 1
        with lock:
            answers.append(answer)
        client.close()

    threads = [threading.Thread(target=one) for _ in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == racers
    return answers


def test_sixty_four_at_once_make_exactly_one(start, name):
    daemon = start({"loopback": {}})
    api = daemon.api
    api.category()
    api.recipient(name)
    key = daemon.key("send")
    for turn in range(12):
        answers = race(daemon, key, lambda client: client.post("/v1/notifications", body(name, correlation_id=str(turn)),
                                                               headers=keyed(f"race-{turn}")))
        assert {answer.status for answer in answers} == {202} and len({answer.data for answer in answers}) == 1
        assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
        made = api.ok("GET", f"/v1/notifications?correlation_id={turn}")["items"]
        assert [row["id"] for row in made] == [answers[0].json["id"]]
    api.settled(answers[0].json["id"])
    assert len(daemon.arrived()) == len(set(daemon.arrived_ids())) == 12


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_key_is_known_after_a_restart(start, name, number):
    daemon = start({"loopback": {}})
    daemon.api.category()
    daemon.api.recipient(name)
    first = daemon.api.post("/v1/notifications", body(name), headers=keyed(name))
    daemon.restart(number)
    again = daemon.api.post("/v1/notifications", body(name), headers=keyed(name))
    assert again.status == 202 and again.data == first.data and again.headers["Idempotent-Replayed"] == "true"
    mismatch = daemon.api.post("/v1/notifications", body(name, correlation_id="x"), headers=keyed(name))
    assert mismatch.problem == "idempotency_mismatch"


def test_a_key_that_is_made_again_comes_without_its_secret(api, name):
    first = api.post("/v1/keys", {"scopes": ["read"]}, headers=keyed(name))
    again = api.post("/v1/keys", {"scopes": ["read"]}, headers=keyed(name))
    assert first.status == again.status == 201 and again.headers["Idempotent-Replayed"] == "true"
    assert first.json["key"] and "key" not in again.json and again.json["id"] == first.json["id"]


def test_a_repeat_of_an_event_with_a_key_is_the_same_answer(api, name):
    api.recipient(name)
    more = {"dedup": {"key": name, "for": "1h"}}
    first = api.post("/v1/notifications", body(name, **more), headers=keyed(name + "1"))
    other = api.post("/v1/notifications", body(name, **more), headers=keyed(name + "2"))
    again = api.post("/v1/notifications", body(name, **more), headers=keyed(name + "2"))
    assert other.json["id"] == again.json["id"] == first.json["id"] and other.json["duplicate"] is again.json["duplicate"] is True
