"""A worker that cannot start is tried again and again, less and less often, while its siblings
serve; when the cause is gone, all is well again."""

import itertools
import os
import signal

from conftest import wait_until

from fixtures.client import Connection, ask, request_bytes
from fixtures.load import PATIENCE
from fixtures.recovery import connections_to, prove_recovery, put, wait_whole

DEATHS = 4


def test_a_worker_that_cannot_start_backs_off_and_recovers(serve):
    cluster = serve("--workers", "3")
    address = cluster.address
    assert put(address, "kept", 1).status == 200
    workers = wait_whole(cluster)["workers"]
    siblings = connections_to(address, [worker["pid"] for worker in workers[1:]])
    for sibling in siblings.values():
        assert sibling.request("GET", "/data/kept").status == 200  # now in its cache
    database, away = cluster.folder / "data.db", cluster.folder / "away.db"
    database.rename(away)
    os.kill(workers[0]["pid"], signal.SIGKILL)

    def given_up_for_now():
        slot = cluster.status()["workers"][0]
        return slot if slot["state"] == "backoff" and slot["restarts"] >= DEATHS else None

    slot = wait_until(given_up_for_now, lambda: f"a crash loop: {cluster.describe()}", PATIENCE)
    assert cluster.output().count("does not exist") >= DEATHS, "the log has the reason"
    for sibling in siblings.values():
        answer = sibling.request("GET", "/data/kept")
        assert (answer.status, answer.json()["body"]) == (200, {"n": 1})
        # What is not in the cache needs the file; that it is away is noticed within a second.
        keys = itertools.count()

        def told(sibling=sibling, keys=keys):
            answer = sibling.request("GET", f"/data/other-{next(keys)}")
            assert answer.status in (404, 503)
            return answer if answer.status == 503 else None

        answer = wait_until(told, "a read that needs the file", PATIENCE)
        assert answer.code == "unavailable" and int(answer.headers["retry-after"]) >= 1
    # Also what arrives at the dead worker's socket.
    for _ in range(16):
        assert ask(address, "GET", "/").status == 200
    status = cluster.status()
    assert [worker["restarts"] for worker in status["workers"][1:]] == [0, 0]
    away.rename(database)
    status = prove_recovery(cluster)
    assert status["workers"][0]["restarts"] > slot["restarts"]
    for pid, sibling in siblings.items():
        with sibling:
            assert sibling.request("GET", "/data/kept").status == 200, f"worker {pid}"
    print(f"{status['workers'][0]['restarts']} restarts, siblings 0; ready again with the file")


def test_a_queue_without_any_worker_waits_for_the_first_that_can_start(serve):
    """Not a single worker is left: connections wait in the sockets, none is refused."""
    cluster = serve("--workers", "2")
    address = cluster.address
    pids = [worker["pid"] for worker in wait_whole(cluster)["workers"]]
    waiting = list(connections_to(address, pids).values())
    database, away = cluster.folder / "data.db", cluster.folder / "away.db"
    database.rename(away)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for connection in waiting:
        with connection:
            wait_until(connection.ended, "the dead workers' connections to end", PATIENCE)
    states = {"backoff", "starting"}
    wait_until(
        lambda: {w["state"] for w in cluster.status()["workers"]} <= states,
        "both to be away",
        PATIENCE,
    )
    waiting = [Connection(address) for _ in range(8)]
    for connection in waiting:
        connection.send(request_bytes("GET", "/"))
    assert not any(connection.readable() for connection in waiting)
    away.rename(database)
    for connection in waiting:
        with connection:
            assert connection.answer().status == 200
    prove_recovery(cluster)
