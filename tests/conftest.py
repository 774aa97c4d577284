"""Fixtures for tests of whole programs.

    ./dev test                                        builds and runs everything
    pytest-3 --paceline=build/dev/bin/paceline tests  runs these alone

A test starts its own servers on loopback, in its own folder, and every fixture stops what it
started. No test sleeps for a fixed time: `wait_until` polls a condition with a deadline
(`from conftest import wait_until`). Names of test files are unique across the folders.
"""

import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_DEADLINE = 20.0  # seconds; generous, since a sanitizer build on a busy machine is slow
STOP_DEADLINE = 40.0  # the drain limit is 30 s
POLL_INTERVAL = 0.01


def pytest_addoption(parser):
    parser.addoption(
        "--paceline",
        default=str(ROOT / "build/dev/bin/paceline"),
        help="the program under test; its build folder is two levels up",
    )


def pytest_ignore_collect(collection_path, config):
    """The dashboard is tested with what only a build with tests has: a program, a browser's
    library."""
    if collection_path != ROOT / "tests/dashboard":
        return None
    build = pathlib.Path(config.getoption("--paceline")).resolve().parents[1]
    cache = build / "CMakeCache.txt"
    return True if cache.exists() and "PACELINE_TESTS:BOOL=OFF" in cache.read_text() else None


def pytest_terminal_summary(terminalreporter, config):
    """A failure prints the command that repeats it."""
    for kind in ("failed", "error"):
        for report in terminalreporter.stats.get(kind, []):
            program = os.path.relpath(config.getoption("--paceline"), ROOT)
            test = shlex.quote(f"tests/{report.nodeid}")
            terminalreporter.write_line(
                f"again: {sys.executable} -m pytest --paceline={program} {test}"
            )


def wait_until(condition, what, deadline=START_DEADLINE):
    """Polls `condition` until it returns something true, and returns that. `what` completes the
    sentence "waited … for"; it may be a function, called when the deadline has passed."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            pytest.fail(f"waited {deadline} s for {what() if callable(what) else what}")
        time.sleep(POLL_INTERVAL)  # between two polls; the only one in all tests


def free_port():
    """A loopback port that was free a moment ago. Prefer port 0 and `Cluster.url`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(host, port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def descendants(pid):
    """Every live process below `pid`, by /proc; zombies do not count."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended while we looked
        if fields[0] not in "ZX":
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


class Cluster:
    """A running `paceline serve` (or an application's own), its folder and its output."""

    def __init__(self, program, folder, arguments, environment):
        self.program = str(program)
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_path = self.folder.with_name(self.folder.name + ".log")
        self.command = [self.program, "serve", "--dir", str(self.folder), *map(str, arguments)]
        self.environment = {**os.environ, **environment}
        self.started = set()  # every process we ever saw, to know that none is left
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=self.environment,
            cwd=self.folder.parent,
        )

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log_path.read_text(errors="replace")

    def describe(self):
        return f"{shlex.join(self.command)}\n{self.output()}"

    def control(self, *arguments, timeout=STOP_DEADLINE):
        """Runs another command of the same program on the same folder."""
        return subprocess.run(
            [self.program, *arguments, "--dir", str(self.folder)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment,
        )

    def status(self):
        """`status --json`, or None while there is none."""
        result = self.control("status", "--json")
        return json.loads(result.stdout) if result.returncode == 0 else None

    def wait_ready(self, deadline=START_DEADLINE):
        """Until every wanted worker is ready; returns the status."""

        def ready():
            if self.process.poll() is not None:
                pytest.fail(f"exit code {self.process.returncode} at start: {self.describe()}")
            status = self.status()
            self.started.update(descendants(self.pid))
            workers = [w for w in status["workers"] if w["state"] == "ready"] if status else []
            return status if workers and len(workers) >= status["worker_count"]["wanted"] else None

        return wait_until(ready, lambda: f"all workers: {self.describe()}", deadline)

    @property
    def address(self):
        """(host, port) of the first TCP listener, with the real port behind port 0."""
        for listen in self.status()["listen"]:
            if not listen.startswith("unix:"):
                host, _, port = listen.rpartition(":")
                return host.strip("[]"), int(port)
        raise LookupError("no TCP listener")

    @property
    def url(self):
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def wait_exit(self, deadline=STOP_DEADLINE):
        """The exit code; then no process that belonged to it may be left."""
        try:
            code = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {deadline} s: {self.describe()}")
        wait_until(
            lambda: not any(alive(pid) for pid in self.started),
            lambda: f"the end of {[p for p in self.started if alive(p)]}: {self.describe()}",
        )
        return code

    def stop(self, number=signal.SIGTERM):
        self.started.update(descendants(self.pid))
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait_exit()

    def clean_up(self):
        """For the fixture: whatever state the test left, nothing goes on running."""
        left = set(descendants(self.pid)) | {pid for pid in self.started if alive(pid)}
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.log.close()


@pytest.fixture(scope="session")
def paceline(request):
    """The program under test."""
    program = pathlib.Path(request.config.getoption("--paceline")).resolve()
    assert program.exists(), f"{program} is missing; ./dev build makes it"
    return program


@pytest.fixture(scope="session")
def build_folder(paceline):
    return paceline.parent.parent


@pytest.fixture(scope="session")
def hello(paceline):
    """The program of examples/hello from the same build."""
    return paceline.with_name("hello")


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def serve(paceline, tmp_path, request):
    """serve(*arguments, …) starts a cluster on a free loopback port in a fresh folder, waits until
    it is ready and stops it when the test ends; without a drain if the test failed half-way."""
    clusters = []

    def start(*arguments, folder=None, program=paceline, environment=None, wait=True):
        if not any(str(a).startswith("--listen") for a in arguments):
            arguments = ("--listen", "127.0.0.1:0", *arguments)
        folder = folder or tmp_path / f"instance{len(clusters) or ''}"
        cluster = Cluster(program, folder, arguments, environment or {})
        clusters.append(cluster)
        if wait:
            cluster.wait_ready()
        return cluster

    yield start
    try:
        for cluster in clusters:
            if cluster.process.poll() is None:
                code = cluster.stop()
                assert code == 0, f"exit code {code} after SIGTERM: {cluster.describe()}"
        for cluster in clusters:
            # A child that a sanitizer ended was replaced, and the test may not have noticed.
            assert "Sanitizer" not in cluster.output(), cluster.describe()
    finally:
        for cluster in clusters:
            cluster.clean_up()


@pytest.fixture
def cluster(serve):
    """Two workers with the embedded default configuration."""
    return serve("--workers", "2")
