"""The monitor of a healthy instance: what it answers, to whom, and what bad questions get."""

import json
import socket
import subprocess
import threading

import pytest
from conftest import alive, free_port, wait_until
from wire import Wire, ask

from fixtures.monitor import OPEN_METRICS, PATIENCE, Monitor, Stream, samples_of
from fixtures.proc import open_files

REQUESTS = "http_server_request_duration_seconds_count"
CLIENTS_MAX = 32  # Streams::clients_max


@pytest.fixture
def monitor(cluster):
    return Monitor(cluster)


def shape(value):
    """What a value is made of, without its numbers."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    return [] if isinstance(value, list) else type(value).__name__


def test_it_is_alive_and_ready(monitor):
    for path, text in (("/livez", "alive\n"), ("/readyz", "ready\n")):
        reply = monitor.ask(path)
        assert (reply.status, reply.text()) == (200, text)
        assert monitor.ask(path, local=True).status == 200


def test_metrics_pass_promtool_and_the_openmetrics_parser(cluster, monitor):
    with Wire(cluster.address) as wire:
        for n in range(20):
            wire.ask("PUT", f"/data/{n}", "{}")
            wire.ask("GET", f"/data/{n}")
    for path in ("/metrics", "/metrics?per_worker=1"):
        plain = monitor.ask(path)
        assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        checked = subprocess.run(["promtool", "check", "metrics"], input=plain.body,
                                 capture_output=True)  # fmt: skip
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
        open_metrics = monitor.ask(path, Accept=OPEN_METRICS)
        assert open_metrics.headers["Content-Type"].startswith("application/openmetrics-text")
        assert open_metrics.text().endswith("# EOF\n")
        assert samples_of(open_metrics.text())


def test_requests_are_counted_over_all_workers(cluster, monitor):
    for n in range(30):
        ask(cluster.address, "GET", f"/data/{n}")

    def counted():
        samples = monitor.metrics()
        return sum(v for (name, labels), v in samples.items()
                   if name == REQUESTS and ("http_route", "/data/{id}") in labels)  # fmt: skip

    wait_until(lambda: counted() == 30, lambda: f"30 requests, not {counted()}")
    by_worker = monitor.metrics("/metrics?per_worker=1")
    each = {}
    for (name, labels), value in by_worker.items():
        if name == REQUESTS:
            worker = dict(labels)["worker"]
            each[worker] = each.get(worker, 0) + value
    assert sum(each.values()) == 30


def test_a_request_is_an_example_of_its_duration(cluster, monitor):
    def example():
        ask(cluster.address, "GET", "/data/1", X_Request_Id="look-for-me")
        return '# {request_id="look-for-me"}' in monitor.ask("/metrics", Accept=OPEN_METRICS).text()

    wait_until(example, "an exemplar with the client's id", PATIENCE)


def test_the_snapshot_has_the_documented_shape(cluster, monitor):
    for n in range(10):
        ask(cluster.address, "GET", f"/data/{n}")
    snapshot = monitor.wait_snapshot(
        lambda s: s["key"]["throughput"]["total"] >= 10 and s["key"]["latency"]["p95"], "a p95")
    assert list(snapshot) == [
        "schema", "time", "instance", "state", "reasons", "key", "status", "goals",
        "availability", "loop", "memory", "workers", "processes", "dependencies", "cache",
        "routes", "alerts", "incidents", "heat", "self"]  # fmt: skip
    assert snapshot["schema"] == 1
    status = cluster.status()
    assert snapshot["instance"]["monitor"] == status["monitor"]["listen"]
    assert snapshot["instance"]["listen"] == status["listen"]
    assert snapshot["instance"]["phase"] == "running"
    pids = [[worker["pid"] for worker in part["workers"]] for part in (snapshot, status)]
    assert pids[0] == pids[1]
    assert {worker["state"] for worker in snapshot["workers"]} == {"ready"}
    assert {p["role"] for p in snapshot["processes"]} == {"keeper", "monitor", "supervisor"}
    assert all(alive(p["pid"]) for p in snapshot["processes"])
    assert snapshot["instance"]["supervisor_pid"] == cluster.pid
    assert len(snapshot["heat"]) == 17
    key = snapshot["key"]
    assert list(key) == ["throughput", "latency", "utilization", "errors", "concurrency",
                         "headroom"]  # fmt: skip
    assert key["throughput"]["total"] >= 10
    assert 0 < key["latency"]["p50"] <= key["latency"]["p95"] <= key["latency"]["p99"]
    assert 0 < key["utilization"]["memory"] < 1
    assert [goal["name"] for goal in snapshot["goals"]] == [
        "p95", "p99", "error_rate", "availability", "cpu", "memory", "headroom"]  # fmt: skip
    for part in ("goals", "alerts", "workers", "stalls", "incidents"):
        reply = monitor.ask(f"/api/v1/{part}").json()
        assert (reply["schema"], part in reply) == (1, True)
    local = monitor.ask("/api/v1/snapshot", local=True).json()
    assert shape(local["key"]) == shape(monitor.snapshot()["key"])


def test_history_has_a_row_a_second(monitor):
    def rows():
        history = monitor.ask("/api/v1/history").json()
        assert set(map(len, history["columns"].values())) == {len(history["heat"])}
        return history if len(history["heat"]) >= 3 else None

    history = wait_until(rows, "three rows", PATIENCE)
    assert (history["resolution_s"], len(history["heat_bounds_s"])) == (1, 16)
    assert list(history["columns"]) == [
        "time", "rate", "p50", "p95", "p99", "error_ratio", "cpu", "memory", "loop", "lag",
        "in_flight", "connections", "2xx", "3xx", "4xx", "5xx", "pss"]  # fmt: skip
    assert monitor.ask("/api/v1/history?resolution=1m").json()["resolution_s"] == 60
    assert monitor.ask("/api/v1/history?resolution=1h").status == 400


def test_the_stream_sends_snapshots(monitor):
    with Stream(monitor.address) as stream:
        assert stream.status() == 200
        times = [stream.snapshot()["time"] for _ in range(3)]
    assert times == sorted(set(times))


def test_five_hundred_clients_of_which_some_never_read(cluster, monitor):
    """The cap holds, those within it are served, and neither the monitor nor a worker suffers."""
    pid = cluster.status()["monitor"]["pid"]
    files = open_files(pid)
    streams, served, refused = [], 0, 0
    try:
        for _ in range(500):
            streams.append(Stream(monitor.address))
        for number, stream in enumerate(streams):
            if number % 3 == 0:
                continue  # this one never reads
            try:
                status = stream.status()
            except (EOFError, ConnectionError):
                refused += 1
                continue
            served += status == 200
            refused += status == 503
        assert 0 < served <= CLIENTS_MAX
        assert served + refused == len([n for n in range(500) if n % 3 != 0])
        assert monitor.ask("/api/v1/snapshot", local=True).json()["self"]["clients"] <= CLIENTS_MAX
        assert ask(cluster.address, "GET", "/").status == 200
    finally:
        for stream in streams:
            stream.socket.close()
    wait_until(lambda: open_files(pid) <= files + 4, "the descriptors to be given back", PATIENCE)
    with Stream(monitor.address) as stream:
        assert stream.status() == 200
        wait_until(lambda: stream.snapshot()["self"]["clients"] == 1, "the others to be forgotten",
                   PATIENCE)
    assert cluster.status()["monitor"]["pid"] == pid


def test_a_forged_host_or_origin_is_refused(monitor):
    for host in ("evil.example", "evil.example:8001", "127.0.0.1.evil.example"):
        assert monitor.ask("/api/v1/snapshot", Host=host).status == 403
        assert monitor.ask("/metrics", Host=host).status == 403
    for host in ("localhost", "127.0.0.1:1", "[::1]:8001"):
        assert monitor.ask("/livez", Host=host).status == 200
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        assert monitor.ask("/api/v1/snapshot", Origin=origin).status == 403
    own = f"http://{monitor.address[0]}:{monitor.address[1]}"
    assert monitor.ask("/api/v1/snapshot", Origin=own).status == 200
    assert "Access-Control-Allow-Origin" not in monitor.ask("/livez").headers


def test_a_token_in_the_wrong_place_is_named(monitor):
    token = monitor.token
    for query in (f"?token={token}", f"?access_token={token}", "?token", f"?a=1&token={token}"):
        reply = monitor.ask(f"/api/v1/snapshot{query}")
        assert (reply.status, reply.json()["code"]) == (400, "token_in_url")
        assert token not in reply.text()
    for header in (f"Basic {token}", token, f"Bearer {token}x", "Bearer"):
        assert monitor.ask("/api/v1/snapshot", Authorization=header).status == 401


def test_an_action_needs_the_token_and_a_session_its_origin(monitor):
    assert monitor.ask("/api/v1/session", "POST").status == 401
    assert monitor.ask("/api/v1/session", "GET").status == 405
    bearer = {"Authorization": f"Bearer {monitor.token}"}
    evil = monitor.ask("/api/v1/session", "POST", Origin="http://evil.example", **bearer)
    assert evil.status == 403
    signed_in = monitor.ask("/api/v1/session", "POST", **bearer)
    assert signed_in.status == 204
    cookie = signed_in.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    session = cookie.partition(";")[0]
    own = f"http://{monitor.address[0]}:{monitor.address[1]}"
    assert monitor.ask("/api/v1/session", "DELETE", Cookie=session).status == 401
    assert monitor.ask("/api/v1/session", "DELETE", Cookie=session, Origin=own).status == 204
    assert monitor.ask("/api/v1/session", "DELETE", Cookie=session, Origin=own).status == 401


def test_every_answer_forbids_what_a_page_could_do_with_it(monitor):
    for path in ("/", "/livez", "/metrics", "/api/v1/snapshot", "/nothing"):
        reply = monitor.ask(path)
        if reply.status == 404:
            continue  # the server's own, without content of ours
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_the_token_file_belongs_to_its_owner_alone(serve, monitor, cluster):
    file = cluster.folder / "admin.token"
    assert file.stat().st_mode & 0o777 == 0o600
    first = monitor.token
    assert cluster.stop() == 0
    again = serve("--workers", "1", folder=cluster.folder)
    assert Monitor(again).token == first
    assert again.stop() == 0
    file.chmod(0o644)
    refused = serve("--workers", "1", folder=cluster.folder, wait=False)
    assert refused.wait_exit() == 1
    assert "admin.token can be read by others" in refused.output()


def test_an_address_that_was_set_must_be_free_and_a_default_need_not(serve):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = serve("--workers", "1", "--set", f"monitor.listen=127.0.0.1:{port}", wait=False)
        assert refused.wait_exit() == 1
        said = refused.output()
        assert f"the monitor cannot listen on 127.0.0.1:{port}" in said
        assert "monitor.listen" in said
    first, second = serve("--workers", "1"), serve("--workers", "1")
    addresses = {Monitor(cluster).address for cluster in (first, second)}
    assert len(addresses) == 2
    assert "(8001 is taken)" in second.output()


def test_the_monitor_may_be_off_or_elsewhere(serve):
    off = serve("--workers", "1", "--set", "monitor.listen=off")
    assert off.status()["monitor"] is None
    assert "  monitor  " not in off.output()
    assert ask(off.address, "GET", "/").status == 200
    port = free_port()
    there = serve("--workers", "1", "--set", f"monitor.listen=127.0.0.1:{port}")
    assert there.status()["monitor"]["listen"] == f"127.0.0.1:{port}"
    assert f"  monitor  http://127.0.0.1:{port}\n" in there.output()


def test_what_cannot_be_public_is_refused(serve):
    public = 'monitor.public=["metrics", "dashboard"]'
    refused = serve("--workers", "1", "--set", public, wait=False)
    assert refused.wait_exit() == 1
    assert '"dashboard" cannot be public' in refused.output()


def test_a_million_random_urls_leave_the_series_bounded(cluster, monitor):
    """Pipelined, so that it takes seconds."""
    before = len(monitor.metrics())
    batch, sent = 5000, 0
    while sent < 1_000_000:
        urls = (b"GET /r%x/%x?q=%x HTTP/1.1\r\nHost: t%d\r\n\r\n" % (n * 2654435761, n, n, n)
                for n in range(sent, sent + batch))  # fmt: skip
        with socket.create_connection(cluster.address, 20) as client:
            sender = threading.Thread(target=client.sendall, args=(b"".join(urls),))
            sender.start()
            answers = b""
            while answers.count(b"HTTP/1.1 404 ") < batch:
                data = client.recv(1 << 20)
                assert data, answers[-500:]
                answers += data
            sender.join()
        sent += batch
    samples = monitor.metrics()
    assert len(samples) < before + 100
    unmatched = sum(v for (name, labels), v in samples.items()
                    if name == REQUESTS and ("http_route", "unmatched") in labels)  # fmt: skip
    assert unmatched == sent
    assert "r9e37" not in json.dumps(monitor.snapshot())
