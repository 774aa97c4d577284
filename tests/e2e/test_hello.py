"""examples/hello: an application with the library's commands, without a data service."""

import pathlib
import subprocess

import pytest
from conftest import ROOT, free_port
from wire import Wire, ask

pytestmark = pytest.mark.request_path


def test_hello_answers_where_it_was_told_to(serve, hello):
    port = free_port()
    cluster = serve("--listen", f"127.0.0.1:{port}", "--workers", "1", program=hello)
    with Wire(("127.0.0.1", port)) as wire:
        for _ in range(2):
            answer = wire.ask("GET", "/")
            assert (answer.status, answer.body) == (200, b"Hello, world\n")
            assert answer.names() == ["Content-Type", "Content-Length"]
            assert answer["Content-Type"] == "text/plain"
        assert wire.ask("GET", "/data/1").problem() == (404, None)
        assert wire.ask("POST", "/", "x")["Allow"] == "GET, HEAD"
    status = cluster.status()
    assert status["listen"] == [f"127.0.0.1:{port}"]
    assert (status["keeper"], len(status["workers"])) == (None, 1)
    first = cluster.output().splitlines()[0]
    assert first == f"hello {status['version']}: 1 worker, supervisor {cluster.pid}"
    assert f"  try      curl http://127.0.0.1:{port}/" in cluster.output().splitlines()


def test_hello_has_no_database_and_leaves_nothing_but_its_lock(serve, hello):
    cluster = serve("--workers", "1", "--set", "monitor.listen=off", program=hello)
    assert cluster.status()["monitor"] is None
    assert sorted(path.name for path in cluster.folder.iterdir()) == ["control.sock", "lock", "pid"]
    assert cluster.stop() == 0
    assert [path.name for path in cluster.folder.iterdir()] == ["lock"]


def test_hello_has_resources_when_it_configures_them(serve, hello, tmp_path):
    configuration = tmp_path / "hello.toml"
    configuration.write_text(
        "[database]\nschema = 'CREATE TABLE t (id INTEGER PRIMARY KEY)'\n"
        "[[resource]]\npath = '/t/{id}'\nread = 'SELECT id FROM t WHERE id = :id'\n"
        "write = 'INSERT INTO t VALUES (:id) RETURNING id'\n"
    )
    cluster = serve(configuration, "--workers", "1", program=hello)
    assert cluster.status()["keeper"]["pid"] > 0
    assert ask(cluster.address, "PUT", "/t/5", "{}").body == b'{"id":5}'
    assert ask(cluster.address, "GET", "/").body == b"Hello, world\n"  # its own, not the index


def test_hello_is_short():
    lines = (ROOT / "examples/hello/main.cpp").read_text().splitlines()
    assert len(lines) <= 15


def test_hello_has_the_same_commands_under_its_own_name(hello, tmp_path):
    shown = subprocess.run([hello, "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    for command in ("serve", "status", "stop", "init", "config"):
        assert f"\n  {command} " in shown.stdout
    gone = subprocess.run(
        [hello, "status", "--dir", tmp_path / "none"], capture_output=True, text=True
    )
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr == (
        f"hello: no Paceline runs in {tmp_path}/none; "
        f"start one with `hello serve --dir {tmp_path}/none`\n"
    )


def affinity():
    """How many processors this process may use, by /proc, as the children will see it."""
    status = pathlib.Path("/proc/self/status").read_text()
    mask = status.partition("Cpus_allowed:")[2].split()[0]
    return bin(int(mask.replace(",", ""), 16)).count("1")


def test_the_worker_count_follows_the_affinity(serve, hello, tmp_path):
    wrapper = tmp_path / "pinned"
    allowed = pathlib.Path("/proc/self/status").read_text().partition("Cpus_allowed_list:")[2]
    one = allowed.split()[0].replace("-", ",").split(",")[0]
    wrapper.write_text(f'#!/bin/sh\nexec taskset -c {one} {hello} "$@"\n')
    wrapper.chmod(0o755)
    for policy, wanted, rule in [("auto", 1, ", at least 1"), ("cpu", 1, ", at least 1"),
                                 ("io", 2, " * 2")]:  # fmt: skip
        cluster = serve("--workers", policy, program=wrapper, folder=tmp_path / policy)
        count = cluster.status()["worker_count"]
        assert (count["wanted"], count["policy"], count["affinity"], count["cpus"]) == (
            wanted, policy, 1, 1)  # fmt: skip
        quota = "no quota" if count["quota"] is None else f"quota {count['quota']:.4g}"
        plural = "s" if wanted > 1 else ""
        assert count["reason"] == (
            f"{policy}: 1 cpu (affinity 1, {quota}){rule} = {wanted} worker{plural}"
        )
        assert f"  workers  {count['reason']}" in cluster.output().splitlines()
        assert cluster.stop() == 0


def test_a_number_of_workers_is_taken_as_it_is(serve, hello):
    cluster = serve("--workers", "3", program=hello)
    status = cluster.status()
    assert [worker["slot"] for worker in status["workers"]] == [0, 1, 2]
    count = status["worker_count"]
    assert (count["wanted"], count["policy"], count["affinity"]) == (3, "3", affinity())
    assert count["reason"].startswith("3: the configured number")
