"""A worker dies: it is replaced, what waited in its socket is answered, and only the requests that
it had in its hands are lost."""

import os
import signal

import pytest
from conftest import alive, wait_until

from fixtures.client import Connection, request_bytes
from fixtures.load import PATIENCE, Load
from fixtures.proc import accepted_by, is_stopped, queued
from fixtures.recovery import connections_to, prove_recovery, wait_whole, worker_pids

QUEUED_WANTED = 5  # connections that must wait in the victim's socket


def worker(status, slot):
    return status["workers"][slot]


def wait_replaced(cluster, slot, before):
    """The status after the slot's worker `before` was replaced and all is ready again."""

    def replaced():
        status = wait_whole(cluster)
        return status if worker(status, slot)["pid"] != before["pid"] else None

    status = wait_until(replaced, lambda: f"a replacement: {cluster.describe()}", PATIENCE)
    assert worker(status, slot)["restarts"] == before["restarts"] + 1
    assert worker(status, slot)["generation"] == before["generation"]
    return status


def kill_slot(cluster, slot):
    pid = worker(wait_whole(cluster), slot)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: worker(cluster.status(), slot)["pid"] != pid, "the death to be seen")


def freeze(pid):
    """From now on it accepts and answers nothing."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(pid), f"{pid} to stop")


def visitors_in_queue(address):
    """Connections that have sent a request and wait in the frozen worker's socket. Those that its
    siblings took are answered."""
    visitors = {}

    def waiting():
        return {port for port, visitor in visitors.items() if not visitor.readable()}

    def enough():
        if len(waiting()) < QUEUED_WANTED:
            visitor = Connection(address)
            visitor.send(request_bytes("GET", "/data/visitor"))
            visitors[visitor.port] = visitor
        # A sibling's queue is empty again in a moment, the victim's never.
        in_queue = queued(address[1])
        return waiting() <= in_queue and len(waiting()) >= QUEUED_WANTED

    wait_until(enough, "connections in the queue", PATIENCE)
    return visitors, waiting()


@pytest.mark.request_path
def test_only_requests_in_flight_fail_when_a_worker_is_killed(serve):
    cluster = serve("--workers", "3")
    address = cluster.address
    status = wait_whole(cluster)
    excused, rounds, waited = set(), (0, 1, 2, 1), 0
    with Load(address, 4) as kept, Load(address, 4, keep_alive=False) as fresh:
        for slot in rounds:
            kept.wait_for_more(50)
            fresh.wait_for_more(50)
            victim = worker(status, slot)
            freeze(victim["pid"])
            excused |= accepted_by(victim["pid"], address[1])
            visitors, waiting = visitors_in_queue(address)
            os.kill(victim["pid"], signal.SIGKILL)
            for visitor in visitors.values():
                with visitor:
                    assert visitor.answer().status == 404, "there is no row of that name"
            waited += len(waiting)
            status = wait_replaced(cluster, slot, victim)
        kept.wait_for_more(50)
        fresh.wait_for_more(50)
    failures = kept.failures + fresh.failures
    print(
        f"{len(rounds)} workers killed: {kept.answered + fresh.answered} requests answered, "
        f"{len(failures)} failed in flight, {waited} of {waited} queued connections answered"
    )
    assert not kept.refused + fresh.refused
    strangers = [failure for failure in failures if failure.port not in excused]
    assert not strangers, "failed, but the dead worker had not accepted them"
    assert len(failures) <= len(rounds) * 8, "each of 8 connections has one request in flight"
    assert not {s for load in (kept, fresh) for s in load.answers if s >= 500}
    prove_recovery(cluster)


@pytest.mark.request_path
def test_all_workers_killed_at_once_come_back(serve):
    cluster = serve("--workers", "3")
    pids = worker_pids(cluster)
    for pid in pids:
        freeze(pid)
    with Connection(cluster.address) as waiting:
        waiting.send(request_bytes("GET", "/"))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert waiting.answer().status == 200
    wait_until(lambda: not any(alive(pid) for pid in pids), "their end")
    status = prove_recovery(cluster)
    assert not {worker["pid"] for worker in status["workers"]} & set(pids)
    assert [worker["restarts"] for worker in status["workers"]] == [1, 1, 1]


def test_repeated_deaths_back_off_while_a_sibling_answers_for_the_slot(serve):
    cluster = serve("--workers", "2", "--set", "log.level=info")
    address = cluster.address
    seen, kills = [], 0

    def backed_off():
        status = cluster.status()
        slot = worker(status, 0)
        if slot["state"] == "backoff":
            seen.append(slot)
            return True
        if slot["state"] == "ready" and kills == slot["restarts"]:
            return kill_again(slot["pid"])
        return False

    def kill_again(pid):
        nonlocal kills
        os.kill(pid, signal.SIGKILL)
        kills += 1
        return False

    # From the second death on the pause doubles; a later one is long enough to be seen.
    wait_until(backed_off, lambda: f"state backoff: {cluster.describe()}", PATIENCE)
    assert kills >= 2, "the first death is replaced at once"
    assert seen[0]["pid"] is None
    for _ in range(kills, 5):
        kill_slot(cluster, 0)
    # 400 ms or more without a worker: what arrives in its socket is the sibling's.
    for _ in range(32):
        with Connection(address) as visitor:
            assert visitor.request("GET", "/").status == 200
    wait_until(
        lambda: "adopted" in cluster.output(), lambda: f"adoption: {cluster.describe()}", PATIENCE
    )
    status = prove_recovery(cluster)
    assert worker(status, 0)["restarts"] == 5
    print(f"5 deaths in a row; state backoff seen after {seen[0]['restarts'] + 1}")


def test_an_adopted_slot_returns_to_its_worker(serve):
    """Adoption must end: later connections to the slot are its own worker's again."""
    cluster = serve("--workers", "2", "--set", "log.level=info")
    for _ in range(3):
        kill_slot(cluster, 0)
    wait_until(lambda: "adopted" in cluster.output(), "adoption", PATIENCE)
    assert "pid=0" not in cluster.output(), "a slot without a process has no number"
    pids = [w["pid"] for w in prove_recovery(cluster)["workers"]]
    freeze(pids[1])
    try:
        for connection in connections_to(cluster.address, pids[:1]).values():
            with connection:
                assert connection.request("GET", "/").status == 200
    finally:
        os.kill(pids[1], signal.SIGCONT)
