"""The commands around a cluster: help, init, config, status, stop, and where values come from."""

import http.client
import json
import os
import pathlib
import re
import socket
import subprocess

import pytest
from conftest import free_port, wait_until
from wire import Wire, ask

OPTIONS = {
    "serve": ["file", "--workers", "--listen", "--dir", "--set"],
    "status": ["--dir", "--json"],
    "stop": ["--dir", "--json"],
    "init": ["file", "--force"],
    "config": ["file", "--set", "rules"],
}


@pytest.fixture
def run(paceline, tmp_path):
    """run(*arguments, …) runs a command to its end in the test's folder."""

    def run_command(*arguments, environment=None, cwd=tmp_path):
        return subprocess.run(
            [str(paceline), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=40,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )

    return run_command


def index(address):
    answer = ask(address, "GET", "/")
    return answer.status == 200 and "resources" in answer.json()


def test_help_names_every_command_and_option(run):
    shown = run("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    for command in OPTIONS:
        assert re.search(rf"^  {command} +\w", shown.stdout, re.M), shown.stdout
    for command, options in OPTIONS.items():
        shown = run(command, "--help")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert f"Usage: paceline {command} [OPTIONS]" in shown.stdout
        for option in options:
            assert re.search(rf"^  {option}[ =].*\w", shown.stdout, re.M), (command, option)


def test_the_version_is_that_of_the_status(run, cluster):
    assert run("--version").stdout == cluster.status()["version"] + "\n"


def test_wrong_usage_is_told_on_stderr_with_exit_code_1(run):
    for arguments in ([], ["launch"], ["serve", "--workers"], ["status", "--what"]):
        result = run(*arguments)
        assert (result.returncode, result.stdout) == (1, ""), arguments
        assert result.stderr
    assert run("statsu").stderr == "paceline: unknown command statsu; did you mean status?\n"


def test_init_writes_a_file_that_starts_unchanged(run, serve, tmp_path):
    written = run("init")
    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout == "wrote paceline.toml; start: paceline serve paceline.toml\n"
    file = tmp_path / "paceline.toml"
    text = file.read_text()
    again = run("init")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "paceline: paceline.toml exists; --force replaces it\n"
    file.write_text("# mine\n")
    assert run("init").returncode == 1
    assert file.read_text() == "# mine\n"
    assert run("init", "--force").returncode == 0
    assert file.read_text() == text

    def values(*arguments):
        lines = run("config", *arguments).stdout.splitlines()
        return [line.rpartition("   # ")[0] for line in lines]

    assert values("paceline.toml") == values()  # the same as without a file
    cluster = serve(file, "--workers", "1")
    assert ask(cluster.address, "PUT", "/data/1", "1").status == 200


def test_config_prints_every_value_with_its_origin(run, tmp_path):
    (tmp_path / "app.toml").write_text(
        "[cache.l1]\nmax = 7\nttl = '90s'\n[[resource]]\npath = '/a'\nread = 'SELECT 1 AS one'\n"
    )
    flags = ("--set", "cache.l1.max_bytes=1MiB")
    result = run("config", "app.toml", *flags, environment={"PACELINE_WORKERS": "2"})
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    for line in [
        "cache.l1.max = 7   # app.toml:2:7",
        'cache.l1.ttl = "1m30s"   # app.toml:3:7',
        'cache.l1.max_bytes = "1MiB"   # --set',
        'workers = 2   # PACELINE_WORKERS',
        'server.listen = ["127.0.0.1:8000"]   # default',
        'resource[0].path = "/a"   # app.toml:5:8',
        'resource[0].ttl = "1h"   # default',
    ]:
        assert line in lines, line
    keys = [line for line in lines if line and not line.startswith("# ")]  # alerts are explained
    assert all(re.fullmatch(r"[a-z][a-z0-9_.\[\]]* = .*   # \S+", line) for line in keys)


def test_config_masks_what_is_secret(run):
    result = run("config", "--set", "database.url=postgres://ada:s3cret@db/app?password=s3cret")
    assert "s3cret" not in result.stdout + result.stderr


def test_a_name_of_the_guide_is_translated(run, tmp_path):
    for text, expected in [
        ("numWorkers = 4", "1:1: numWorkers is called workers here: workers = 4"),
        ("gracefulShutdownTimeout = 30000",
         '1:1: gracefulShutdownTimeout is called server.drain_timeout here: '
         'server.drain_timeout = "30s"'),
        ("[cache]\nmaxSize = 1048576",
         '2:1: maxSize is called cache.l1.max_bytes here: cache.l1.max_bytes = "1MiB"'),
    ]:  # fmt: skip
        (tmp_path / "app.toml").write_text(text + "\n")
        result = run("config", "app.toml")
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == f"paceline: app.toml:{expected}\n"


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(run, tmp_path):
    (tmp_path / "app.toml").write_text("[cache.l1]\nmax = 1\n")
    environment = {"PACELINE_CACHE_L1_MAX": "2"}

    def value(*arguments, environment=None):
        shown = run("config", *arguments, environment=environment).stdout
        return re.search(r"^cache\.l1\.max = (.*)$", shown, re.M)[1]

    assert value() == "500   # default"
    assert value("app.toml") == "1   # app.toml:2:7"
    assert value("app.toml", environment=environment) == "2   # PACELINE_CACHE_L1_MAX"
    flags = ("--set", "cache.l1.max=3", "--set", "cache.l1.max=4")
    assert value("app.toml", *flags, environment=environment) == "4   # --set"


def test_serve_obeys_the_same_order(serve, tmp_path):
    (tmp_path / "app.toml").write_text("workers = 3\n[cache.l1]\nmax = 1\n")
    environment = {"PACELINE_WORKERS": "2"}
    cluster = serve(tmp_path / "app.toml", environment=environment)
    assert cluster.status()["worker_count"]["wanted"] == 2
    other = serve(tmp_path / "app.toml", "--set", "workers=1", environment=environment)
    assert other.status()["worker_count"]["wanted"] == 1
    assert (other.status()["keeper"], len(other.status()["workers"])) == (None, 1)


def test_status_has_exactly_the_documented_shape(cluster):
    status = cluster.status()
    assert list(status) == ["version", "dir", "generation", "supervisor", "listen", "keeper",
                            "monitor", "worker_count", "workers"]  # fmt: skip
    assert re.fullmatch(r"\d+\.\d+\.\d+", status["version"])
    assert status["dir"] == str(cluster.folder)
    assert status["generation"] == 1
    assert list(status["supervisor"]) == ["pid", "uptime_s", "drain_timeout_s"]
    assert status["supervisor"]["drain_timeout_s"] == 30
    assert status["supervisor"]["pid"] == cluster.pid
    assert 0 < status["supervisor"]["uptime_s"] < 60
    assert list(status["keeper"]) == ["pid"]
    assert list(status["monitor"]) == ["pid", "listen"]
    assert re.fullmatch(r"127\.0\.0\.1:\d+", status["monitor"]["listen"])
    count = status["worker_count"]
    assert list(count) == ["wanted", "policy", "cpus", "quota", "affinity", "memory_cap", "reason"]
    assert (count["wanted"], count["policy"]) == (2, "2")
    assert count["affinity"] == len(os.sched_getaffinity(0))
    for slot, worker in enumerate(status["workers"]):
        assert list(worker) == ["slot", "pid", "generation", "state", "restarts", "uptime_s",
                                "requests", "connections"]  # fmt: skip
        assert (worker["slot"], worker["generation"]) == (slot, 1)
        assert (worker["state"], worker["restarts"]) == ("ready", 0)
        assert 0 < worker["uptime_s"] <= status["supervisor"]["uptime_s"]
    pids = [worker["pid"] for worker in status["workers"]]
    pids += [status["keeper"]["pid"], status["monitor"]["pid"]]
    for pid in pids:  # all of them are the supervisor's own children
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        assert int(stat.rpartition(")")[2].split()[1]) == cluster.pid
    assert len(set(pids)) == 4


def test_status_for_people_says_the_same(cluster):
    status = cluster.status()
    shown = cluster.control("status")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[0] == f"version     {status['version']}"
    assert lines[1] == f"folder      {cluster.folder}"
    assert re.fullmatch(rf"supervisor  {cluster.pid}, up \d+ s, generation 1", lines[2])
    assert lines[3] == f"service     {status['listen'][0]}"
    assert lines[4] == f"keeper      {status['keeper']['pid']}"
    monitor = status["monitor"]
    assert lines[5] == f"monitor     {monitor['pid']}, http://{monitor['listen']}"
    assert lines[6] == f"workers     {status['worker_count']['reason']}"
    assert lines[8].split() == ["worker", "pid", "state", "restarts", "uptime", "requests",
                                "connections"]  # fmt: skip
    for line, worker in zip(lines[9:], status["workers"], strict=True):
        assert line.split()[:4] == [str(worker["slot"]), str(worker["pid"]), "ready", "0"]


def test_requests_and_connections_reach_the_status(serve):
    cluster = serve("--workers", "1")
    with Wire(cluster.address) as wire:
        for _ in range(5):
            wire.ask("GET", "/")

        def counted():
            worker = cluster.status()["workers"][0]
            return (worker["requests"], worker["connections"]) == (5, 1)

        wait_until(counted, "5 requests and 1 connection in the status")


def test_stop_returns_when_all_is_gone(cluster):
    assert index(cluster.address)
    stopped = cluster.control("stop")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert stopped.stdout == f"stopped {cluster.folder}\n"
    assert cluster.wait_exit() == 0
    left = sorted(path.name for path in cluster.folder.iterdir())
    assert left == ["admin.token", "availability.ledger", "data.db", "lock"]


def test_stop_waits_as_long_as_the_instance_drains(serve, run, tmp_path):
    cluster = serve("--workers", "1", "--set", "server.drain_timeout=55s")
    assert cluster.status()["supervisor"]["drain_timeout_s"] == 55
    assert cluster.control("stop").returncode == 0


def test_stop_has_json_too(serve):
    cluster = serve("--workers", "1")
    stopped = cluster.control("stop", "--json")
    assert (stopped.returncode, stopped.stdout) == (0, '{"stopped":true,"killed":0}\n')
    assert cluster.wait_exit() == 0


def test_when_nothing_runs_the_folder_and_the_start_are_named(run, tmp_path):
    folder = tmp_path / "none"
    for command in ("status", "stop"):
        text = f"no Paceline runs in {folder}; start one with `paceline serve --dir {folder}`"
        result = run(command, "--dir", folder)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == f"paceline: {text}\n"
        result = run(command, "--dir", folder, "--json")
        assert (result.returncode, result.stderr) == (1, "")
        error = json.loads(result.stdout)
        assert list(error) == ["error"]
        assert list(error["error"]) == ["code", "message", "hint"]
        assert (error["error"]["code"], error["error"]["message"]) == ("not_found", text)
        assert f"paceline serve --dir {folder}" in error["error"]["hint"]
    assert not folder.exists()


def test_the_folder_may_come_from_the_environment(run, cluster):
    named = run("status", "--json", environment={"PACELINE_DIR": str(cluster.folder)})
    assert json.loads(named.stdout)["supervisor"]["pid"] == cluster.pid


def test_serve_prints_what_it_started(cluster):
    status = cluster.status()
    url = cluster.url
    lines = [re.sub(r" \(8001 is taken\)$", "", line) for line in cluster.output().splitlines()]
    assert lines == [
        f"paceline {status['version']}: 2 workers and a keeper, supervisor {cluster.pid}",
        f"  workers  {status['worker_count']['reason']}",
        f"  service  {url}",
        f"  monitor  http://{status['monitor']['listen']}",
        f"  data     {cluster.folder}",
        f"  try      curl -X PUT {url}/data/42 -d '{{\"name\":\"Ada\"}}'; curl -i {url}/data/42",
        "  stop     Ctrl-C",
    ]


def test_the_line_to_try_works(cluster):
    line = re.search(r"^  try      (.*)$", cluster.output(), re.M)[1]
    shown = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=20)
    assert shown.returncode == 0
    assert shown.stdout.count('{"id":"42","body":{"name":"Ada"},"updated_at":"') == 2
    assert "\nCache-Status: paceline; fwd=uri-miss; stored; detail=source" in shown.stdout


def test_many_addresses_serve_the_same(serve, tmp_path):
    second = free_port()
    path = tmp_path / "service.sock"
    listen = ["127.0.0.1:0", f"127.0.0.1:{second}", "[::1]:0", f"unix:{path}"]
    arguments = [part for address in listen for part in ("--listen", address)]
    cluster = serve(*arguments, "--workers", "2")
    real = cluster.status()["listen"]
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d*", real[0])
    assert re.fullmatch(r"\[::1\]:[1-9]\d*", real[2])
    assert (real[1], real[3]) == (listen[1], listen[3])
    shown = ", ".join(a if a.startswith("unix:") else f"http://{a}" for a in real)
    assert f"  service  {shown}" in cluster.output().splitlines()
    ports = [int(address.rpartition(":")[2]) for address in real[:3]]
    assert ask(("127.0.0.1", ports[0]), "PUT", "/data/1", '"seen"').status == 200
    for address in [("127.0.0.1", ports[1]), ("::1", ports[2]), path]:
        assert ask(address, "GET", "/data/1").json()["body"] == "seen"
    client = http.client.HTTPConnection("::1", ports[2], timeout=20)  # someone else's client
    client.request("GET", "/data/1")
    assert client.getresponse().status == 200
    client.close()
    assert cluster.stop() == 0
    assert not path.exists()


def test_paths_may_be_longer_than_a_socket_name(serve, tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    socket_path = deep / "service.sock"
    deep.mkdir(parents=True)
    cluster = serve("--listen", f"unix:{socket_path}", "--workers", "1", folder=deep / "instance")
    assert cluster.status()["dir"] == str(deep / "instance")
    # A client has the same trap: it goes through the folder's descriptor.
    folder = os.open(deep, os.O_RDONLY)
    near = f"/proc/self/fd/{folder}/service.sock"
    assert ask(near, "PUT", "/data/1", "1").status == 200
    assert ask(near, "GET", "/data/1").json()["body"] == 1
    os.close(folder)
    assert cluster.control("stop").returncode == 0
    assert cluster.wait_exit() == 0
    assert not socket_path.exists()


def test_a_killed_instance_s_socket_file_does_not_stop_the_next(serve, tmp_path):
    path = tmp_path / "service.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    assert path.exists()
    serve("--listen", f"unix:{path}", "--workers", "1")
    assert index(path)
