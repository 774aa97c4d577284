"""The database's file loses its name under a running instance: nothing is acknowledged that would
be lost, and writes go on when the file is back, or with the file that took its place."""

import shutil

from conftest import wait_until

from fixtures.client import ask
from fixtures.load import PATIENCE
from fixtures.recovery import prove_recovery, put, wait_whole


def refused(cluster):
    """Not one write is acknowledged."""
    for n in range(20):
        answer = put(cluster.address, f"lost-{n}", n)
        assert (answer.status, answer.code) == (503, "unavailable"), answer
        assert int(answer.headers["retry-after"]) >= 1


def test_no_write_is_acknowledged_while_the_file_is_away(serve):
    cluster = serve("--workers", "2")
    assert put(cluster.address, "kept", 1).status == 200
    keeper = wait_whole(cluster)["keeper"]["pid"]
    database, away = cluster.folder / "data.db", cluster.folder / "away.db"
    database.rename(away)
    refused(cluster)
    wait_until(lambda: "database_gone" in cluster.output(), "the reason in the log", PATIENCE)
    assert not database.exists(), "nothing begins anew by itself"
    away.rename(database)
    assert put(cluster.address, "kept", 2).status == 200, "at once, and by the same keeper"
    prove_recovery(cluster)
    assert cluster.status()["keeper"]["pid"] == keeper
    wait_until(lambda: "database_back" in cluster.output(), "that it is said", PATIENCE)


def test_a_file_that_takes_the_place_is_opened_anew(serve):
    """As a restored backup does. What was acknowledged before is in the file that was replaced."""
    cluster = serve("--workers", "2")
    address = cluster.address
    assert put(address, "both", 1).status == 200
    keeper = wait_whole(cluster)["keeper"]["pid"]
    database, backup = cluster.folder / "data.db", cluster.folder / "backup.db"
    stopped = serve("--workers", "1")  # its folder gives a whole file
    assert put(stopped.address, "restored", 7).status == 200
    assert stopped.control("stop").returncode == 0
    shutil.copyfile(stopped.folder / "data.db", backup)
    backup.rename(database)
    assert put(address, "lost", 1).status in (200, 503)  # 200 only from the file that is there
    wait_until(
        lambda: (cluster.status()["keeper"] or {}).get("pid") not in (None, keeper),
        lambda: f"another keeper: {cluster.describe()}",
        PATIENCE,
    )
    assert "was replaced by another file" in cluster.output()
    prove_recovery(cluster)

    def restored():
        answer = ask(address, "GET", "/data/restored")
        return answer.status == 200 and answer.json()["body"] == {"n": 7}

    wait_until(restored, "what the other file has", PATIENCE)
    assert ask(address, "GET", "/data/lost").status == 404
