"""Writes through every worker while processes die in turn: what was acknowledged stays, and no
worker answers anything older."""

import os
import random
import signal
import sqlite3
import threading

from conftest import wait_until

from fixtures.client import ask
from fixtures.history import History, run_all
from fixtures.load import PATIENCE
from fixtures.recovery import connections_to, prove_recovery, put, wait_whole

SEED = 20260
ROWS = 10_000
WRITERS = 5
FAULT = "PACELINE_INTERNAL_FAULT"


class Pids:
    """The workers' pids, looked up by one thread for all writers."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.keepers = set()
        self.pids = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.look()

    def look(self):
        status = self.cluster.status()
        if status:
            self.pids = [w["pid"] for w in status["workers"] if w["state"] == "ready"]
            self.keepers |= {status["keeper"]["pid"]} if status["keeper"] else set()
        return status

    def _run(self):
        while not self._stop.wait(0.05):
            self.look()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def kill_in_turn(cluster, progress, threads):
    """Kills keeper and workers, one after the other, at seeded points of the work."""
    chance = random.Random(SEED)
    victims = ["keeper", 0, "keeper", 1, 2, "keeper", 0, "keeper", 1, 2]
    points = sorted(chance.sample(range(ROWS // 20, ROWS - ROWS // 20), len(victims)))
    for point, victim in zip(points, victims):
        wait_until(
            lambda: progress() >= point or not any(t.is_alive() for t in threads),
            lambda: f"{point} acknowledged writes; there are {progress()}",
            PATIENCE,
        )
        status = wait_whole(cluster)
        pid = status["keeper"]["pid"] if victim == "keeper" else status["workers"][victim]["pid"]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            assert victim == "keeper"  # the fault inside was faster
    return victims


def read_back(cluster, histories):
    """Every row through every worker, then the file itself. Returns how many rows there are."""
    pids = [w["pid"] for w in wait_whole(cluster)["workers"]]
    database = sqlite3.connect(f"file:{cluster.folder}/data.db?mode=ro", uri=True)
    stored = dict(database.execute("SELECT id, json_extract(body, '$.n') FROM data"))
    database.close()
    connections = connections_to(cluster.address, pids)
    turn = list(connections.items())
    for history in histories:
        for n, (key, row) in enumerate(history.rows.items()):
            if not row.allows(stored.get(key, 0)):
                history.older.append(f"{key}: {stored.get(key)} in the file, {row}")
            # New rows from one worker each; hot ones from all.
            for pid, connection in turn if "hot" in key else [turn[n % len(turn)]]:
                answer = connection.request("GET", f"/data/{key}")
                value = answer.json()["body"]["n"] if answer.status == 200 else 0
                if value != stored.get(key, 0):
                    history.older.append(f"{key}: {value} from {pid}, {stored.get(key)} in file")
    for connection in connections.values():
        connection.close()
    return stored


def test_acknowledged_writes_stay_and_no_worker_answers_older_ones(serve):
    cluster = serve("--workers", "3", environment={FAULT: "kill_after_commit:900"})
    address = cluster.address
    with Pids(cluster) as pids:
        histories = [History(f"w{n}", address, lambda: pids.pids, SEED) for n in range(WRITERS)]
        threads, errors = run_all(histories, ROWS // WRITERS)
        victims = kill_in_turn(cluster, lambda: sum(h.written for h in histories), threads)
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        assert not errors, errors[0]
    stored = read_back(cluster, histories)
    older = [line for history in histories for line in history.older]
    sums = {
        name: sum(getattr(history, name) for history in histories)
        for name in ("written", "reads", "hits", "unknown", "retried", "lost_reads")
    }
    killed_inside = len(pids.keepers) - 1 - victims.count("keeper")
    print(
        f"{len(stored)} rows, seed {SEED}, {len(victims)} kills in turn, keepers seen: "
        f"{len(pids.keepers)} (so at least {max(killed_inside, 0)} died between COMMIT and the "
        f"versions): {sums}, {len(older)} older or missing"
    )
    assert not older, f"{older[:5]} of {len(older)}"
    acknowledged = {k for h in histories for k, row in h.rows.items() if row.acknowledged}
    assert acknowledged <= stored.keys()
    assert sum(len(h.rows) for h in histories) >= ROWS
    prove_recovery(cluster)


def test_a_commit_whose_keeper_died_before_telling_is_seen_by_every_worker(serve):
    """The third commit of each keeper is its last: it is on disk, nobody was told, and every
    worker holds the row's older value in its cache."""
    cluster = serve("--workers", "3", environment={FAULT: "kill_after_commit:3"})
    address = cluster.address
    status = wait_whole(cluster)
    assert [put(address, "row", n).status for n in (1, 2)] == [200, 200]
    pids = [worker["pid"] for worker in status["workers"]]
    connections = connections_to(address, pids)
    for connection in connections.values():
        for expected in ("fwd=uri-miss", "hit"):
            answer = connection.request("GET", "/data/row")
            assert answer.json()["body"] == {"n": 2}
            assert expected in answer.headers["cache-status"]
    answer = put(address, "row", 3)
    assert (answer.status, answer.code) == (503, "outcome_unknown")

    def seen_dead():
        now = cluster.status()
        return now["keeper"] and now["keeper"]["pid"] != status["keeper"]["pid"]

    wait_until(seen_dead, "the next keeper", PATIENCE)
    for connection in connections.values():
        with connection:
            assert connection.request("GET", "/data/row").json()["body"] == {"n": 3}
    assert put(address, "row", 4).status == 200
    assert ask(address, "GET", "/data/row").json()["body"] == {"n": 4}
    assert [w["restarts"] for w in cluster.status()["workers"]] == [0, 0, 0]
