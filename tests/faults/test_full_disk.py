"""No room for the database: writes are refused, reads go on, and room heals it."""

import errno
import os
import resource
import shutil
import stat
import subprocess

import pytest
from conftest import wait_until

from fixtures.client import ask
from fixtures.load import PATIENCE
from fixtures.recovery import connections_to, prove_recovery, wait_whole

ROWS = 40
BODY = b'"' + b"x" * 4000 + b'"'  # about a page each
DISK = "8m"


def namespace():
    """How to get a mount namespace of one's own here, or None where the system forbids it."""
    for flags in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        command = ["unshare", *flags, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if shutil.which("unshare") and subprocess.run(command, capture_output=True).returncode == 0:
            return flags
    return None


class SmallDisk:
    """A tmpfs that only the cluster sees, and that ends with it."""

    def __init__(self, tmp_path, paceline, flags):
        self.mount = tmp_path / "disk"
        self.mount.mkdir()
        self.program = tmp_path / "serve-on-a-small-disk"
        mount = f'mount -t tmpfs -o size={DISK} tmpfs "{self.mount}"'
        self.program.write_text(
            f'#!/bin/sh\n[ "$1" = serve ] || exec "{paceline}" "$@"\n'
            f'exec unshare {" ".join(flags)} sh -c \'{mount} && exec "$0" "$@"\' '
            f'"{paceline}" "$@"\n'
        )
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)
        self.database = self.mount / "data.db"

    def fill(self, cluster):
        self.filler = f"/proc/{cluster.pid}/root{self.mount}/filler"
        try:
            with open(self.filler, "wb", buffering=0) as filler:
                while True:
                    filler.write(b"\0" * 4096)
        except OSError as error:
            assert error.errno == errno.ENOSPC

    def free(self, _cluster):
        os.unlink(self.filler)


class SmallFile:
    """Without the right to mount: a limit on the size of the keeper's files."""

    def __init__(self, tmp_path, paceline):
        self.program = paceline
        self.database = tmp_path / "data.db"

    def fill(self, cluster):
        size = os.stat(f"{self.database}-wal").st_size
        self._limit(cluster, max(size, 4096))

    def free(self, cluster):
        self._limit(cluster, resource.RLIM_INFINITY)

    def _limit(self, cluster, size):
        pid = wait_whole(cluster)["keeper"]["pid"]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture(params=["disk", "file"])
def store(request, tmp_path, paceline):
    flags = namespace() if request.param == "disk" else None
    return SmallDisk(tmp_path, paceline, flags) if flags else SmallFile(tmp_path, paceline)


def test_writes_are_refused_and_reads_go_on_without_room(serve, store):
    cluster = serve(
        *("--workers", "2", "--set", f"database.url=sqlite:{store.database}"),
        program=store.program,
    )
    address = cluster.address

    def write(n):
        return ask(address, "PUT", f"/data/row-{n}", BODY)

    for n in range(ROWS):
        assert write(n).status == 200
    before = wait_whole(cluster)
    store.fill(cluster)
    acknowledged, refusals = set(range(ROWS)), {}

    def refused():
        """Room that the log had left over may take some more."""
        n = len(acknowledged) + sum(refusals.values())
        answer = write(n)
        if answer.status == 200:
            acknowledged.add(n)
            return False
        assert answer.status == 503, answer
        assert answer.code in ("exhausted", "unavailable", "outcome_unknown")
        refusals[answer.code] = refusals.get(answer.code, 0) + 1
        return sum(refusals.values()) >= 5

    wait_until(refused, "writes to be refused", PATIENCE)
    pids = [worker["pid"] for worker in before["workers"]]
    for connection in connections_to(address, pids).values():
        with connection:
            for n in sorted(acknowledged):
                for _ in range(2):  # from the file, from the cache
                    assert connection.request("GET", f"/data/row-{n}").status == 200
    after = wait_whole(cluster)
    assert after["keeper"] == before["keeper"], f"the keeper lives on: {cluster.describe()}"
    assert [w["restarts"] for w in after["workers"]] == [0, 0]
    store.free(cluster)
    prove_recovery(cluster)
    for n in acknowledged:
        assert ask(address, "GET", f"/data/row-{n}").status == 200
    assert write(0).status == 200
    print(f"{type(store).__name__}: {len(acknowledged)} taken, then 503 {refusals}; room: 200")
