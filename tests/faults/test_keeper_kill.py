"""The keeper dies: reads go on, writes wait or are told to come back, one keeper comes again."""

import collections
import os
import signal
import threading

import pytest
from conftest import descendants, wait_until

from fixtures.client import ask
from fixtures.load import PATIENCE
from fixtures.proc import is_stopped, name
from fixtures.recovery import connections_to, prove_recovery, put, wait_whole

ROWS = 200
UNAVAILABLE = {"unavailable", "outcome_unknown"}


class KeeperWatch:
    """Looks at the process table without pause: how many keepers were there at most?"""

    def __init__(self, cluster):
        self.most, self.seen = 0, set()
        self._cluster = cluster
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.is_set():
            pids = {p for p in descendants(self._cluster.pid) if name(p).startswith("keeper")}
            self.most = max(self.most, len(pids))
            self.seen |= pids
            self._stop.wait(0.002)  # leaves the machine to the others


def keeper_pid(cluster):
    status = cluster.status()
    return status["keeper"]["pid"] if status and status["keeper"] else None


def kill_keeper(cluster):
    """Kills the keeper of a whole cluster; returns its pid when the supervisor has seen it die."""
    pid = wait_whole(cluster)["keeper"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: keeper_pid(cluster) != pid, "the death to be seen")
    return pid


class Writer:
    """Writes one row again and again, one request at a time, and sorts the answers."""

    def __init__(self, address):
        self.words = collections.Counter()
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.01):
            answer = put(self._address, "away", 1)
            if answer.status == 503 and answer.code == "unavailable":
                assert int(answer.headers["retry-after"]) >= 1
            self.words[answer.code or answer.status] += 1


@pytest.mark.request_path
def test_reads_go_on_and_writes_are_told_to_come_back_while_the_keeper_is_away(serve):
    cluster = serve("--workers", "2")
    address = cluster.address
    for n in range(ROWS):
        assert put(address, f"row-{n}", n).status == 200
    pids = [worker["pid"] for worker in wait_whole(cluster)["workers"]]
    connections = connections_to(address, pids)
    sources = collections.Counter()  # of the reads that certainly met no keeper
    killed = set()

    def enough():
        if keeper_pid(cluster) is not None:
            killed.add(kill_keeper(cluster))  # the pause to the next one doubles
        before = collections.Counter()
        for connection in connections.values():
            for n in (0, sum(sources.values()) % ROWS):
                answer = connection.request("GET", f"/data/row-{n}")
                assert answer.status == 200, answer
                assert answer.json()["body"] == {"n": n}
                before["hit" if "; hit" in answer.headers["cache-status"] else "miss"] += 1
        if keeper_pid(cluster) is None:
            sources.update(before)
        return min(sources["hit"], sources["miss"], writer.words["unavailable"] * 10) >= 10

    with KeeperWatch(cluster) as watch, Writer(address) as writer:
        wait_until(enough, lambda: f"enough of each: {sources} {writer.words}", PATIENCE)
        for connection in connections.values():
            connection.close()
        prove_recovery(cluster)
    assert set(writer.words) <= {200, *UNAVAILABLE}
    assert watch.most == 1, "two keepers ran at once"
    assert watch.seen - killed, "the last one was seen"
    print(
        f"{len(killed)} keepers killed; reads without a keeper, all 200: {dict(sources)}; "
        f"writes: {dict(writer.words)}; never more than {watch.most} keeper"
    )


def test_writes_wait_for_a_keeper_that_comes_back_soon(serve):
    """What a frozen keeper had got has an unknown outcome; what came after its death waits for
    the next one, which is started at once. Every answer is true."""
    cluster = serve("--workers", "2")
    address = cluster.address
    pid = wait_whole(cluster)["keeper"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(pid), "the keeper to stop")
    answers = {}

    def write_all(numbers):
        threads = [threading.Thread(target=write, args=(n,), daemon=True) for n in numbers]
        for thread in threads:
            thread.start()
        return threads

    def write(n):
        answers[n] = put(address, f"waiting-{n}", n)

    writers = write_all(range(8))
    assert ask(address, "GET", "/").status == 200, "reads go on"
    os.kill(pid, signal.SIGKILL)
    writers += write_all(range(8, 16))
    for writer in writers:
        writer.join(PATIENCE)
    assert len(answers) == 16
    prove_recovery(cluster)
    for n, answer in answers.items():
        found = ask(address, "GET", f"/data/waiting-{n}")
        if answer.status == 200:
            assert found.json()["body"] == {"n": n}
        else:
            assert (answer.status, answer.code) in {(503, code) for code in UNAVAILABLE}
            if answer.code == "unavailable":
                assert found.status == 404, "it said that nothing was written"
    words = [answer.code or answer.status for _, answer in sorted(answers.items())]
    print(f"8 writes to a frozen keeper, then 8 after it was killed: {words}")
