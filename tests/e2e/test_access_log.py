"""The access log: which requests are told, with which fields, and what is never told."""

import json
import re

import pytest
from conftest import wait_until
from wire import Wire

pytestmark = pytest.mark.request_path

SECRET = "Geheimnis"
FILE = """
[database]
schema = "CREATE TABLE t (id TEXT PRIMARY KEY, n REAL)"
[[resource]]
path = "/t/{id}"
read = "SELECT id, n FROM t WHERE id = :id"
write = "INSERT INTO t VALUES (:id, json_extract(:body, '$.n')) RETURNING id, n"
[[resource]]
path = "/field"
query = { document = "{}" }
read = "SELECT json_extract(:document, '$.a') AS a"
"""
UNKNOWN_METHOD = 501  # the simplest 5xx that a client can cause
FAST = "log.slow=1h"  # nothing counts as slow, however busy the machine is


@pytest.fixture
def logging(serve, tmp_path):
    """logging(key=value, …) starts one worker with these keys of [log]."""
    (tmp_path / "app.toml").write_text(FILE)

    def start(*settings):
        sets = [part for setting in settings for part in ("--set", setting)]
        return serve(tmp_path / "app.toml", "--workers", "1", *sets)

    return start


def entries(cluster):
    """The access lines so far, as objects."""
    lines = [json.loads(line) for line in cluster.output().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "request"]


def entries_before_the_end(cluster, wire):
    """All access lines of what this connection asked so far, and of one error behind it: what is
    not there by then was not logged."""
    assert wire.ask("BREW", "/", X_Request_Id="end").status == UNKNOWN_METHOD

    def logged():
        found = entries(cluster)
        return found if found and found[-1]["id"] == "end" else None

    return wait_until(logged, lambda: f"the line of the last request: {cluster.output()}")[:-1]


def test_by_default_errors_are_logged_and_nothing_else(logging):
    cluster = logging(FAST)
    with Wire(cluster.address) as wire:
        assert wire.ask("PUT", "/t/a", '{"n": 1}').status == 200
        assert wire.ask("GET", "/t/a").status == 200
        assert wire.ask("GET", "/t/none").status == 404
        assert wire.ask("GET", "/field?document=x").status == 500
        answer = wire.ask("BREW", "/t/a", X_Request_Id="last")
        assert answer.status == UNKNOWN_METHOD
        failed, unknown = entries_before_the_end(cluster, wire)
    assert (failed["route"], failed["status"], failed["level"]) == ("/field", 500, "warning")
    assert list(unknown) == ["time", "level", "role", "event", "id", "method", "route", "status",
                             "bytes", "ms"]  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", unknown.pop("time"))
    assert 0 < unknown.pop("ms") < 60_000
    assert unknown == {
        "level": "warning",
        "role": "worker 0",
        "event": "request",
        "id": "last",
        "method": "_OTHER",
        "route": "unmatched",
        "status": UNKNOWN_METHOD,
        "bytes": answer.size,
    }


def test_a_slow_answer_counts_as_an_error(logging):
    cluster = logging("log.slow=1us")
    with Wire(cluster.address) as wire:
        stored = wire.ask("PUT", "/t/a", "{}")
        miss = wire.ask("GET", "/t/a")
        hit = wire.ask("GET", "/t/a")
        lines = entries_before_the_end(cluster, wire)
    told = [(e["level"], e["method"], e["route"], e["status"], e["bytes"], e.get("cache"))
            for e in lines]  # fmt: skip
    assert told == [
        ("info", "PUT", "/t/{id}", 200, stored.size, None),
        ("info", "GET", "/t/{id}", 200, miss.size, "source"),
        ("info", "GET", "/t/{id}", 200, hit.size, "l1"),
    ]
    assert all(entry["ms"] >= 0.001 for entry in lines)
    ids = {entry["id"] for entry in lines}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", id_) for id_ in ids)


def test_all_logs_every_request_in_order(logging):
    cluster = logging("log.access=all", FAST)
    with Wire(cluster.address) as wire:
        for number in range(50):
            assert wire.ask("GET", "/t/a", X_Request_Id=f"r{number}").status == 404
        ids = [entry["id"] for entry in entries_before_the_end(cluster, wire)]
    assert ids == [f"r{number}" for number in range(50)]


def test_a_fraction_logs_every_hundredth_and_every_error(logging):
    cluster = logging("log.access=1/100", FAST)
    with Wire(cluster.address) as wire:
        for number in range(1, 251):
            wire.ask("GET", "/t/a", X_Request_Id=f"r{number}")
        ids = [entry["id"] for entry in entries_before_the_end(cluster, wire)]
    assert ids == ["r100", "r200"]


def test_off_logs_no_request(logging):
    cluster = logging("log.access=off", "log.slow=1us")
    with Wire(cluster.address) as wire:
        assert wire.ask("GET", "/t/a").status == 404
        assert wire.ask("BREW", "/t/a").status == UNKNOWN_METHOD
    assert cluster.stop() == 0  # the log is written out
    assert entries(cluster) == []


def test_text_has_the_same_fields(logging):
    cluster = logging("log.access=all", "log.format=text", FAST)
    with Wire(cluster.address) as wire:
        wire.ask("GET", "/t/none")
        answer = wire.ask("GET", "/t/none", X_Request_Id="last")

    def last():
        found = [line for line in cluster.output().splitlines() if " id=last " in line]
        return found[0] if found else None

    line = wait_until(last, lambda: f"the line of the last request: {cluster.output()}")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info worker 0: request id=last method=GET "
        rf"route=/t/{{id}} status=404 bytes={answer.size} ms=[\d.e-]+ cache=l1",
        line,
    )


def test_values_of_clients_are_never_logged(logging):
    cluster = logging("log.access=all", "log.level=debug", "log.slow=1us")
    with Wire(cluster.address) as wire:
        wire.ask("PUT", f"/t/{SECRET}", json.dumps({"n": SECRET}), Cookie=SECRET)
        wire.ask("PUT", f"/t/{SECRET}", json.dumps({"n": SECRET}))  # there already: 409
        wire.ask("PUT", "/t/x", f'"{SECRET}')  # not JSON
        wire.ask("GET", f"/t/{SECRET}?key={SECRET}", Authorization=f"Bearer {SECRET}")
        assert wire.ask("GET", f"/field?document={SECRET}").status == 500
        wire.ask("GET", f"/{SECRET}/{SECRET}?{SECRET}={SECRET}")
        wire.ask("BREW", f"/{SECRET}", X_Request_Id=f"{SECRET} is not an id")
        assert len(entries_before_the_end(cluster, wire)) == 7
    assert cluster.stop() == 0
    assert SECRET not in cluster.output()


def test_a_line_has_the_id_that_the_client_gave(logging):
    cluster = logging("log.access=all")
    with Wire(cluster.address) as wire:
        assert wire.ask("GET", "/", X_Request_Id="mine-1").status == 200
        wire.ask("GET", "/field")
        first, second = entries_before_the_end(cluster, wire)
    assert first["id"] == "mine-1"
    assert re.fullmatch("[0-9a-f]{16}", second["id"])
