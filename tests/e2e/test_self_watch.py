"""What a process tells about its loop and its memory, seen from outside while it happens."""

import json
import re
import subprocess
import threading
import urllib.request

import pytest
from conftest import wait_until

STALL_MS = 3000
THRESHOLD = ("--set", "loop.threshold=500ms")  # a busy machine is no stall


def ask_monitor(cluster, path):
    """The monitor's answer over the folder's own socket."""
    result = subprocess.run(
        ["curl", "-sS", "--max-time", "5", "--unix-socket", cluster.folder / "monitor.sock",
         f"http://monitor{path}"], capture_output=True, text=True)
    return result.stdout


def stalls(cluster):
    answer = ask_monitor(cluster, "/api/v1/snapshot")
    return json.loads(answer)["loop"]["stalls"] if answer.startswith("{") else []


def series(cluster, name):
    """{labels: value} of a metric."""
    found = re.findall(rf"^{name}(?:\{{(.*?)\}})? (\S+)$", ask_monitor(cluster, "/metrics"), re.M)
    return {labels: float(value) for labels, value in found}


@pytest.fixture
def blocking(paceline):
    """The program of examples/blocking from the same build."""
    return paceline.with_name("blocking")


def test_a_stall_is_shown_while_it_lasts_and_told_once(serve, blocking):
    cluster = serve("--workers", "1", *THRESHOLD, program=blocking)
    url = f"{cluster.url}/block/{STALL_MS}"
    request = threading.Thread(target=lambda: urllib.request.urlopen(url, timeout=60).read())
    request.start()
    seen = wait_until(lambda: stalls(cluster), cluster.describe)
    assert request.is_alive(), "the stall was seen only after its end"
    assert len(seen) == 1
    assert (seen[0]["route"], seen[0]["site"], seen[0]["worker"]) == ("/block/{ms}", "compute", 0)
    assert seen[0]["ongoing"]
    assert any(re.match(r"compute .*main\.cpp:\d+", frame) for frame in seen[0]["stack"])
    assert any(frame.startswith("main ") for frame in seen[0]["stack"])
    request.join()

    over = wait_until(lambda: [s for s in stalls(cluster) if not s["ongoing"]], cluster.describe)
    assert over[0]["duration_s"] >= STALL_MS / 1000 * 0.9
    wait_until(lambda: "event loop goes on" in cluster.output(), cluster.describe)
    assert cluster.output().count("event loop stalled") == 1
    wait_until(lambda: series(cluster, "paceline_loop_stalls_total") == {'site="compute"': 1},
               cluster.describe)


def test_a_coroutine_that_goes_on_is_known_by_its_route(serve, blocking):
    """It is resumed by a timer, far from the request that began it."""
    cluster = serve("--workers", "1", *THRESHOLD, program=blocking)
    assert urllib.request.urlopen(cluster.url + "/late/1500", timeout=60).read() == b"1500 ms\n"
    seen = wait_until(lambda: stalls(cluster), cluster.describe)
    assert (seen[0]["route"], seen[0]["site"]) == ("/late/{ms}", "compute")
    assert any(re.match(r"compute examples/blocking/main\.cpp:\d+", f) for f in seen[0]["stack"])


def test_what_waits_elsewhere_is_no_stall(serve, blocking):
    cluster = serve("--workers", "1", *THRESHOLD, program=blocking)
    for path in ("/wait/1500", "/offload/1500"):
        assert urllib.request.urlopen(cluster.url + path, timeout=60).read() == b"1500 ms\n"
    assert "event loop stalled" not in cluster.output()
    assert stalls(cluster) == []


def test_the_threshold_is_the_configured_one(serve, blocking):
    cluster = serve("--workers", "1", "--set", "loop.threshold=0", program=blocking)
    urllib.request.urlopen(cluster.url + "/block/300", timeout=60).read()
    cluster.stop()
    assert "event loop stalled" not in cluster.output()


def test_every_process_logs_its_memory(serve):
    cluster = serve("--workers", "1", "--set", "memory.log=true", "--set", "memory.interval=1s",
                    "--set", "log.format=json", "--set", "memory.limit=1GiB")

    def lines():
        found = {}
        for line in cluster.output().splitlines():
            if '"event":"memory"' in line:
                entry = json.loads(line)
                found[entry["role"]] = entry
        return found

    wait_until(lambda: {"supervisor", "keeper", "worker 0"} <= set(lines()), cluster.describe)
    worker = lines()["worker 0"]
    assert worker["limit_bytes"] == 1 << 30
    assert 0 < worker["pss_bytes"] <= worker["rss_bytes"]
    assert 0 < worker["heap_used_bytes"] <= worker["heap_total_bytes"]
    assert lines()["keeper"]["limit_bytes"] == 0
    wait_until(lambda: series(cluster, "paceline_memory_limit_bytes") == {"": 1 << 30},
               cluster.describe)
