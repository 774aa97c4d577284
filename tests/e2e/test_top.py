"""`paceline top`: the monitor's snapshot in a terminal."""

import copy
import json
import os
import re
import signal
import socketserver
import subprocess
import threading
import time

import pytest
from conftest import wait_until
from fixtures.terminal import Terminal

from wire import ask

SNAPSHOT = {
    "schema": 1,
    "instance": {"version": "0.1.0", "generation": 1, "uptime_s": 7260, "phase": "running",
                 "listen": ["127.0.0.1:8000"]},
    "state": "amber",
    "reasons": ["p95 0.31 s, goal 0.2 s"],
    "key": {
        "throughput": {"rate": 12345.6, "received_bytes_rate": 1258291, "sent_bytes_rate": 3565158},
        "latency": {"p50": 0.0012, "p95": 0.31, "p99": 0.48},
        "utilization": {"cpu": 0.45, "memory": 0.12, "memory_limit_bytes": 2**33, "loop_max": 0.6},
        "errors": {"ratio": 0.0005, "rate": 6.2, "rejected_total": 17},
        "concurrency": {"average": 3.21, "in_flight": 4, "connections": 120},
        "headroom": 0.4,
    },
    "goals": [{"name": "p95", "state": "missed"}, {"name": "cpu", "state": "met"}],
    "availability": {"ratio": 0.9999, "goal": 0.999, "period_s": 2592000, "budget_left": 0.93},
    "alerts": [],
    "workers": [
        {"slot": slot, "pid": 4000 + slot, "state": "ready", "rate": 1000 - slot, "restarts": slot,
         "in_flight": 1, "p95": 0.01, "utilization": 0.5, "cpu": 0.5, "lag_max": 0.001,
         "rss": 50 << 20, "connections": 3, "age_s": 100}
        for slot in range(30)
    ],
}  # fmt: skip


class FakeMonitor:
    """Answers with whatever `snapshot` is, at a socket where top looks for a monitor."""

    def __init__(self, folder):
        self.snapshot, self.fixed_time, self.status = copy.deepcopy(SNAPSHOT), None, "200 OK"
        self.silent = threading.Event()
        monitor = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                request = self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                assert request == b"GET /api/v1/snapshot HTTP/1.1\r\n"
                if monitor.silent.is_set():
                    return
                body = monitor.body()
                head = f"HTTP/1.1 {monitor.status}\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() + body)

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self.path = folder / "monitor.sock"
        folder.mkdir(exist_ok=True)
        self._server = Server(str(self.path), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def body(self):
        if isinstance(self.snapshot, bytes):
            return self.snapshot
        return json.dumps({**self.snapshot, "time": self.fixed_time or time.time()}).encode()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self.path.unlink()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "instance"


@pytest.fixture
def monitor(folder):
    fake = FakeMonitor(folder)
    yield fake
    if fake.path.exists():
        fake.stop()


@pytest.fixture
def top(paceline, folder):
    """top(*arguments, …) starts it on a terminal; what still runs at the end is killed."""
    terminals = []

    def start(*arguments, instance=folder, **options):
        command = [str(paceline), "top", "--dir", str(instance), *arguments]
        terminals.append(Terminal(command, **options))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.__exit__()


def once(paceline, folder, *arguments, **options):
    return subprocess.run([paceline, "top", "--dir", folder, "--once", *arguments],
                          capture_output=True, text=True, timeout=20, **options)  # fmt: skip


def test_it_fills_a_small_terminal_and_a_large_one(monitor, top):
    terminal = top()
    text = terminal.wait_for("q quit")
    lines = text.split("\n")
    assert lines[0].startswith("paceline 0.1.0  127.0.0.1:8000  up 2h")
    assert lines[0].endswith("AMBER")
    for part in ("12.3k/s  in 1.2M/s", "p95 310ms", "cpu 45%  loop 60%", "0.05%  6.2/s",
                 "4 now  120 connections", "p95 missed  cpu met", "alerts       none"):  # fmt: skip
        assert part in text
    assert re.search(r"^   0    4000 ready +1k ", text, re.M)
    assert "AGE" not in text and "1-11 of 30" in text, text
    terminal.wait_for("▅▅")  # the second snapshot
    terminal.resize(120, 40)
    text = terminal.wait_for(lambda text: "1-27 of 30" in text)
    assert "AGE" in text and len(text.split("\n")) == 40


def test_keys_sort_reverse_scroll_and_leave(monitor, top):
    terminal = top(rows=20)
    first = lambda text: re.search(r"^ +(\d+) +\d+ ready", text, re.M)  # noqa: E731

    def wait_first(slot):
        terminal.wait_for(lambda text: first(text) and first(text)[1] == str(slot))

    wait_first(0)
    terminal.press("r")
    terminal.wait_for("(reversed)")
    wait_first(29)
    terminal.press("r\x1bOD")  # left of the first column is the last one
    terminal.wait_for("sort: RST")
    wait_first(29)
    terminal.press("\x1bOC")
    terminal.wait_for("sort: #")
    for _ in range(3):
        terminal.press("s")
    terminal.wait_for("sort: REQ/S")
    terminal.press("\x1bOB\x1bOB")
    wait_first(2)
    terminal.press("\x1bOA")
    wait_first(1)
    terminal.press("q")
    assert terminal.wait_exit() == 0
    assert b"\x1b[?1049l" in terminal.written, "the screen from before comes back"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(monitor, top, number):
    terminal = top()
    terminal.wait_for("q quit")
    os.kill(terminal.pid, number)
    assert terminal.wait_exit() == 0
    assert b"\x1b[?1049l" in terminal.written


def test_what_is_old_is_called_stale_until_there_is_news(monitor, top):
    terminal = top()
    terminal.wait_for("AMBER")
    monitor.status = "503 Service Unavailable"
    terminal.wait_for("STALE 3s")
    monitor.status = "200 OK"
    terminal.wait_for("AMBER")
    monitor.fixed_time = 1.0  # an answer, but always the same
    terminal.wait_for("no newer snapshot")
    monitor.fixed_time = None
    terminal.wait_for("AMBER")
    terminal.press("q")
    assert terminal.wait_exit() == 0


def test_what_comes_from_outside_cannot_move_the_cursor(monitor, top, paceline, folder):
    evil = "\x1b[2J\x1b]0;title\x07\x9b31m\r\n\x00"
    monitor.snapshot["reasons"] = [evil]
    monitor.snapshot["instance"]["listen"] = [evil]
    monitor.snapshot["workers"][0].update(state="blocked", blocked_s=3, doing="GET /" + evil)
    result = once(paceline, folder)
    assert result.returncode == 0
    assert not re.search(r"[^\n -~]", result.stdout), result.stdout
    terminal = top()
    text = terminal.wait_for("q quit")
    assert "\\x1b[2J\\x1b]0;title\\x07" in text
    assert b"\x1b]0;" not in terminal.written and b"\x07" not in terminal.written


def test_once_prints_a_frame_of_all_workers_or_the_snapshot_itself(monitor, paceline, folder):
    result = once(paceline, folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(re.findall(r"^ +\d+ +\d+ ready ", result.stdout, re.M)) == 30
    assert max(map(len, result.stdout.split("\n"))) <= 80 and "q quit" not in result.stdout
    monitor.fixed_time = 12.5
    result = once(paceline, folder, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {**SNAPSHOT, "time": 12.5}


def test_what_is_no_snapshot_is_told(monitor, paceline, folder):
    for body in (b"", b"<html>", b'{"schema":2}'):
        monitor.snapshot = body
        result = once(paceline, folder)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == "paceline: not a snapshot that this version understands\n"


def test_without_an_instance_or_a_terminal_it_says_what_to_do(paceline, folder, monitor):
    result = subprocess.run([paceline, "top", "--dir", folder], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert "top needs a terminal; `paceline top --once` prints one frame" in result.stderr
    monitor.stop()
    result = once(paceline, folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"no Paceline runs in {folder}; start one with `paceline serve" in result.stderr
    result = once(paceline, folder, "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.returncode, error["code"]) == (1, "not_found")
    assert error["hint"] == f"start one: paceline serve --dir {folder}"
    result = subprocess.run([paceline, "top", "--json"], capture_output=True, text=True)
    assert result.returncode == 1 and "--once" in result.stderr


def test_an_unknown_terminal_is_told(monitor, top):
    terminal = top(environment={"TERM": "no-such-terminal"})
    assert terminal.wait_exit() == 1
    assert b"this terminal is unknown" in terminal.written


def test_an_instance_without_monitor_is_told(serve, paceline):
    cluster = serve("--workers", "1", "--set", "monitor.listen=off")
    result = once(paceline, cluster.folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert "runs without a monitor" in result.stderr


def test_it_shows_a_running_cluster_and_survives_its_monitor(serve, paceline, top):
    cluster = serve("--workers", "2")
    for _ in range(20):
        assert ask(cluster.address, "GET", "/").status == 200
    status = cluster.status()

    def whole():
        result = once(paceline, cluster.folder, "--json")
        assert result.returncode == 0, result.stderr
        snapshot = json.loads(result.stdout)
        states = [worker["state"] for worker in snapshot["workers"]]
        return snapshot if states == ["ready", "ready"] and snapshot["routes"] else None

    snapshot = wait_until(whole, lambda: f"both workers and a route: {cluster.describe()}")
    assert [w["pid"] for w in snapshot["workers"]] == [w["pid"] for w in status["workers"]]
    text = once(paceline, cluster.folder).stdout
    for worker in status["workers"]:
        assert re.search(rf"^ +{worker['slot']} +{worker['pid']} ready ", text, re.M), text
    assert re.search(r"^ +\d\S* +\d\S*s +0%  GET /$", text, re.M), text
    terminal = top(instance=cluster.folder)
    terminal.wait_for("q quit")
    monitor = status["monitor"]["pid"]
    os.kill(monitor, signal.SIGSTOP)
    terminal.wait_for("STALE")
    os.kill(monitor, signal.SIGCONT)
    terminal.wait_for(lambda text: "STALE" not in text)
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: (cluster.status()["monitor"] or {}).get("pid") not in (None, monitor),
               "another monitor")  # fmt: skip
    seen = terminal.written
    terminal.wait_for(lambda text: terminal.written != seen and "STALE" not in text)
    terminal.press("q")
    assert terminal.wait_exit() == 0
