"""`paceline capacity` against servers whose capacity is known, or that have none."""

import http.server
import json
import signal
import socketserver
import subprocess
import threading

import pytest
from conftest import free_port, wait_until

DEADLINE = 150
SLEEP = 0.01  # of the one-by-one server, so at most 100 requests/s


class OneByOne(http.server.BaseHTTPRequestHandler):
    """Serves one request at a time, over all connections."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    status = 200

    def do_GET(self):
        with self.lock:
            threading.Event().wait(SLEEP)  # the server's work: nobody sets it
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


@pytest.fixture
def one_by_one():
    handler = type("Handler", (OneByOne,), {"lock": threading.Lock()})
    server = Threads(("127.0.0.1", 0), handler)
    server.handler = handler
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}/"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def capacity(paceline, tmp_path):
    def run(*options):
        file = tmp_path / "capacity.json"
        command = [paceline, "capacity", *map(str, options), "--json", file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
        done.data = json.loads(file.read_text()) if file.exists() else None
        return done

    return run


def test_finds_the_capacity_of_a_server_that_serves_one_by_one(capacity, one_by_one):
    run = capacity(one_by_one.url, "-c", 32, "--goal", "p(95)<250ms", "--goal", "error_rate<5%",
                   "--trial", "2s", "--trial-max", "4s", "--confirm", "3s", "--warmup", "200ms",
                   "--width", 25, "--expected", 20)
    data = run.data
    assert run.returncode == 0, run
    # Python's own work comes on top of the sleep; no rate above 1 / SLEEP can hold.
    assert 30 <= data["capacity"] <= 1 / SLEEP, run.stdout
    assert data["confirmed"] and data["headroom_enough"]
    assert data["capacity"] < data["failing_rate"], run.stdout
    assert data["binding_goal"] in ("p(95)<250ms", "keeps up")
    verdicts = {trial["verdict"] for trial in data["trials"]}
    assert verdicts >= {"passed", "failed"}
    assert "confirmed over 3s" in run.stdout and "headroom    enough" in run.stdout


def test_a_server_that_misses_a_goal_at_rest_has_no_capacity(capacity, one_by_one):
    one_by_one.handler.status = 503
    run = capacity(one_by_one.url)
    assert run.returncode == 99
    assert run.data["capacity"] == 0 and run.data["trials"] == []
    assert "missed at rest already: 100 %" in run.stdout
    one_by_one.handler.status = 200
    slow = capacity(one_by_one.url, "--goal", "p(50)<5ms")
    assert slow.returncode == 99 and "p(50)<5ms is missed at rest already" in slow.stdout


def test_says_what_the_instance_behind_the_url_used(capacity, serve, hello):
    web = serve("--workers", "1", program=hello)
    run = capacity(web.url + "/", "--dir", web.folder, "--rate-max", 200, "--trial", "1s",
                   "--trial-max", "2s", "--warmup", "200ms", "--confirm", "2s",
                   "--goal", "p(95)<200ms", "--goal", "error_rate<1%")
    assert run.returncode == 0, run
    assert run.data["capacity"] == 200 and run.data["failing_rate"] == 0
    for trial in run.data["trials"]:
        assert {"cpu", "loop", "memory"} <= trial["server"].keys(), trial
        assert 0 <= trial["server"]["loop"] <= 1
    assert "on the server's host" in run.stdout


@pytest.mark.parametrize("options,words", [
    (["--goal", "p(99)"], "p(99)"),
    (["--goal", "p(99)<5 parsecs"], "parsecs"),
    (["--goal", "p(101)<5ms"], "a percentile is above 0 and below 100"),
    (["--goal", "medium<5ms"], "unknown measure"),
    (["--goal", "avg<5ms"], "a capacity is found for p(99)<500ms and error_rate<0.1%"),
    (["--goal", "p(99)[10s]<5ms"], "a capacity is found for p(99)<500ms and error_rate<0.1%"),
    (["--goal", "error_rate<200%"], "200%"),
    (["--trial", "0s"], "--trial is above 0"),
    (["--dir", "nowhere"], "nowhere"),
    (["-t", "4", "-c", "2"], "4 threads need at least as many connections"),
])
def test_bad_options_are_named(capacity, one_by_one, options, words):
    run = capacity(one_by_one.url, *options)
    assert run.returncode == 1
    assert words in run.stderr


def test_nobody_there(capacity):
    run = capacity(f"http://127.0.0.1:{free_port()}/")
    assert run.returncode == 1
    assert "refused" in run.stderr.lower()


def test_ends_at_once_when_interrupted_and_says_what_it_found(paceline, one_by_one, tmp_path):
    file = tmp_path / "capacity.json"
    command = [paceline, "capacity", one_by_one.url, "--goal", "p(95)<2s", "--trial", "1s",
               "--trial-max", "1s", "--json", file]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    head = [process.stdout.readline() for _ in range(6)]  # up to the first trial's row
    assert "range" in head[5], head
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=30)[0]
    assert process.returncode == 105
    assert "interrupted" in rest
    assert json.loads(file.read_text())["stopped"] == "interrupted"
    wait_until(lambda: process.poll() is not None, "the end")
