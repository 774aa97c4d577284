"""A stop under load: nobody who got a connection is left without an answer."""

import signal

import pytest
from conftest import accepts, alive, wait_until

from fixtures.client import Answer, Broken, Connection, Refused, ask, request_bytes
from fixtures.load import PATIENCE, Load, plain_requests
from fixtures.proc import taken
from fixtures.recovery import prove_recovery, wait_whole

DRAINS = 20

# A read that takes about a second: a counter in SQL.
SLOW = """
[[resource]]
path = "/slow"
rows = "many"
ttl = "0"
read = '''
WITH RECURSIVE step(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM step WHERE n < 4000000)
SELECT count(*) AS id FROM step'''
"""


def stop_by_signal(number):
    return lambda cluster: cluster.process.send_signal(number)


def stop_by_command(cluster):
    result = cluster.control("stop")
    assert result.returncode == 0, result.stderr


def drain(cluster, loads, stop, before=300):
    """Stops the cluster under `loads`; each ends by itself when no connection can be made."""
    for load in loads:
        load.wait_for_more(before)
    cluster.wait_ready()
    for load in loads:
        load.expect_refusals()
    stop(cluster)
    code = cluster.wait_exit()
    for load in loads:
        load.server_is_gone()
        load.join()
    return code


def assert_none_failed(cluster, loads):
    for load in loads:
        assert not load.failures, f"{load.failures[:3]} of {len(load.failures)}"
        assert not load.refused_early, "refused before the signal"
        assert not [s for s in load.answers if s >= 500], load.answers
    assert "killed" not in cluster.output(), cluster.describe()


@pytest.mark.request_path
@pytest.mark.parametrize(
    "stop",
    [stop_by_signal(signal.SIGTERM), stop_by_signal(signal.SIGINT), stop_by_command],
    ids=["SIGTERM", "SIGINT", "stop"],
)
def test_no_request_fails_when_a_loaded_cluster_stops(serve, stop):
    cluster = serve("--workers", "3")
    address = cluster.address
    with Load(address, 4) as kept, Load(address, 4, keep_alive=False) as fresh:
        code = drain(cluster, [kept, fresh], stop)
    assert_none_failed(cluster, [kept, fresh])
    assert code == 0
    print(f"{kept.answered + fresh.answered} answered, 0 failed, exit code {code}")
    prove_recovery(serve("--workers", "3", folder=cluster.folder))


def test_no_connection_is_lost_between_two_accepts_when_clusters_stop_again_and_again(
    serve, hello, tmp_path
):
    """Each request has a connection of its own, so every stop meets handshakes at all stages."""
    answered = 0
    for number in range(DRAINS):
        cluster = serve("--workers", "2", program=hello, folder=tmp_path / f"hello-{number}")
        loads = [
            Load(cluster.address, 6, keep_alive=False, requests=plain_requests),
            Load(cluster.address, 2, requests=plain_requests),
        ]
        with loads[0], loads[1]:
            assert drain(cluster, loads, stop_by_signal(signal.SIGTERM), before=40) == 0
        assert_none_failed(cluster, loads)
        answered += sum(load.answered for load in loads)
    print(f"{DRAINS} stops: {answered} answered, 0 failed")


def half_sent(address, key):
    """A PUT in the hands of a worker that waits for the rest of its body."""
    connection = Connection(address)
    request = request_bytes("PUT", f"/data/{key}", b'{"n":1}')
    connection.send(request[:-3])
    wait_until(lambda: taken(address[1], connection.port), "a worker to read the request", PATIENCE)
    return connection, request[-3:]


@pytest.mark.request_path
def test_requests_in_flight_are_finished_after_the_sockets_have_closed(serve, tmp_path):
    config = tmp_path / "slow.toml"
    config.write_text(SLOW)
    # The default resources come with the default file only.
    cluster = serve(str(config), "--workers", "2", "--set", "database.schema=SELECT 1")
    address = cluster.address
    # Both are in flight: one waits for SQL, one for its client.
    slow = Connection(address)
    slow.send(request_bytes("GET", "/slow"))
    wait_until(lambda: taken(address[1], slow.port), "a worker to read the request", PATIENCE)
    assert not slow.readable(), "too fast to be in flight"
    cluster.process.send_signal(signal.SIGTERM)
    with slow:
        answer = slow.answer()
    assert answer.status == 200 and answer.json() == [{"id": 4000000}]
    assert answer.ends_connection
    assert cluster.wait_exit() == 0
    prove_recovery_of_config(serve(str(config), folder=cluster.folder))


def prove_recovery_of_config(cluster):
    wait_whole(cluster)
    assert ask(cluster.address, "GET", "/").status == 200


@pytest.mark.request_path
def test_a_body_that_arrives_after_the_sockets_have_closed_is_taken(serve):
    cluster = serve("--workers", "2")
    address = cluster.address
    connection, rest = half_sent(address, "late")
    idle = Connection(address)
    assert idle.request("GET", "/").status == 200
    cluster.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not accepts(*address), "the sockets to close", PATIENCE)
    assert alive(cluster.pid)
    with connection, idle:
        connection.send(rest)
        answer: Answer = connection.answer()
        assert (answer.status, answer.json()["body"]) == (200, {"n": 1})
        assert answer.ends_connection
        wait_until(idle.ended, "idle connections to be closed", PATIENCE)
    assert cluster.wait_exit() == 0
    again = serve("--workers", "2", folder=cluster.folder)
    assert ask(again.address, "GET", "/data/late").json()["body"] == {"n": 1}
    prove_recovery(again)


@pytest.mark.parametrize("end", ["second signal", "limit"])
def test_what_hangs_is_killed_by_the_limit_or_a_second_signal(serve, end):
    limit = "1s" if end == "limit" else "30s"
    cluster = serve("--workers", "2", "--set", f"server.drain_timeout={limit}")
    address = cluster.address
    connection, _ = half_sent(address, "stuck")
    cluster.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not accepts(*address), "the sockets to close", PATIENCE)
    if end == "second signal":
        cluster.process.send_signal(signal.SIGTERM)
    # The body's own time limits (10 s between two reads) must not be what ends it.
    code = cluster.wait_exit(deadline=9)
    with connection, pytest.raises(Broken):
        connection.answer()
    assert code == 0
    assert "killed" in cluster.output()
    with pytest.raises(Refused):
        Connection(address)
    prove_recovery(serve("--workers", "2", folder=cluster.folder))
