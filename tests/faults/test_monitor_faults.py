"""The monitor while processes die or hang: it asks nobody, so it goes on answering."""

import os
import random
import signal

from conftest import wait_until

from fixtures.load import Load
from fixtures.monitor import OPEN_METRICS, PATIENCE, Monitor, samples_of, went_back
from fixtures.proc import is_stopped
from fixtures.recovery import prove_recovery, wait_whole

KILLS = 20
SEED = 8001  # printed with a failure by pytest: the kills are the same in every run


def pids_of(status):
    """{role: pid} of everything that may be killed."""
    pids = {f"worker {w['slot']}": w["pid"] for w in status["workers"] if w["pid"]}
    for role in ("keeper", "monitor"):
        if status[role]:
            pids[role] = status[role]["pid"]
    return pids


def patient_samples(monitor):
    """The metrics; a monitor that is being replaced is asked again."""

    def asked():
        try:
            reply = monitor.ask("/metrics", Accept=OPEN_METRICS)
        except OSError:
            return None  # it died with our question in its hands
        return samples_of(reply.text())

    return wait_until(asked, "the metrics", PATIENCE)


def test_no_counter_goes_back_whoever_dies(serve):
    cluster = serve("--workers", "3")
    monitor = Monitor(cluster)
    chance = random.Random(SEED)
    with Load(cluster.address, threads=2) as load:
        load.expect_refusals()
        before = patient_samples(monitor)
        for _ in range(KILLS):
            victims = wait_until(lambda: pids_of(cluster.status()), "a victim", PATIENCE)
            role = chance.choice(sorted(victims))
            try:
                os.kill(victims[role], signal.SIGKILL)
            except ProcessLookupError:
                continue
            for _ in range(3):
                now = patient_samples(monitor)
                assert not went_back(before, now), f"after the kill of {role}"
                before = now
    wait_whole(cluster)

    def all_restarts_are_counted():  # at the monitor's next look, within a second
        now = patient_samples(monitor)
        assert not went_back(before, now)
        restarts = sum(worker["restarts"] for worker in cluster.status()["workers"])
        return now[("paceline_worker_restarts_total", ())] == restarts

    wait_until(all_restarts_are_counted, "every restart in the counter", PATIENCE)
    prove_recovery(cluster)


def test_gauges_of_a_dead_worker_vanish(serve):
    cluster = serve("--workers", "2")
    monitor = Monitor(cluster)

    def resident():
        return [dict(labels)["worker"]
                for name, labels in monitor.metrics("/metrics?per_worker=1")
                if name == "process_resident_memory_bytes" and "worker" in dict(labels)]

    wait_until(lambda: len(resident()) == 2, "both workers' memory", PATIENCE)
    # It cannot come back at once: the second death within 10 s has a pause.
    for _ in range(2):
        pid = wait_until(lambda: cluster.status()["workers"][0]["pid"], "worker 0", PATIENCE)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: cluster.status()["workers"][0]["pid"] != pid, "its death", PATIENCE)
    wait_until(lambda: len(resident()) <= 2, "no more than two")
    wait_whole(cluster)
    wait_until(lambda: len(resident()) == 2, "both again", PATIENCE)


def test_all_workers_stopped_and_it_says_so(serve):
    cluster = serve("--workers", "2")
    monitor = Monitor(cluster)
    pids = [worker["pid"] for worker in cluster.status()["workers"]]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        wait_until(lambda pid=pid: is_stopped(pid), f"{pid} to stop")
    try:
        snapshot = monitor.wait_snapshot(lambda s: s["state"] == "red", "red")
        assert {worker["state"] for worker in snapshot["workers"]} <= {"silent", "blocked"}
        assert "no worker serves" in snapshot["reasons"]
        samples = monitor.metrics()
        alive = samples[("paceline_workers", (("state", "ready"),))]
        assert (alive, samples[("paceline_serving", ())]) == (0, 0)
        assert monitor.ask("/livez").status == 200
        with_history = monitor.ask("/api/v1/history").json()
        assert with_history["columns"]["time"]
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    monitor.wait_snapshot(
        lambda s: {w["state"] for w in s["workers"]} == {"ready"}, "ready workers")
    prove_recovery(cluster)


def test_a_killed_monitor_comes_back_with_its_history(serve):
    cluster = serve("--workers", "1")
    monitor = Monitor(cluster)

    def rows():
        return monitor.ask("/api/v1/history").json()["columns"]["time"]

    seen = wait_until(lambda: rows() if len(rows()) >= 3 else None, "three rows", PATIENCE)
    pid = cluster.status()["monitor"]["pid"]
    os.kill(pid, signal.SIGKILL)

    def back():
        status = cluster.status()["monitor"]
        return status if status and status["pid"] != pid else None

    assert wait_until(back, "another monitor", PATIENCE)["listen"] == ":".join(
        map(str, monitor.address))
    snapshot = monitor.wait_snapshot(lambda s: s["incidents"], "incidents")
    assert any("monitor ended: signal 9" in i["text"] for i in snapshot["incidents"])
    assert rows()[: len(seen)] == seen
    assert snapshot["availability"]["down_s"] == 0
    prove_recovery(cluster)


def test_readiness_ends_with_the_drain_and_life_does_not(serve):
    cluster = serve("--workers", "1")
    monitor = Monitor(cluster)
    pid = cluster.status()["workers"][0]["pid"]
    os.kill(pid, signal.SIGSTOP)  # so that the drain takes until we let it go on
    try:
        cluster.process.send_signal(signal.SIGTERM)
        wait_until(lambda: monitor.ask("/readyz").text() == "draining\n", "draining", PATIENCE)
        assert monitor.ask("/readyz").status == 503
        assert monitor.ask("/livez").status == 200
        monitor.wait_snapshot(lambda s: s["instance"]["phase"] == "draining", "the phase")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert cluster.wait_exit() == 0
