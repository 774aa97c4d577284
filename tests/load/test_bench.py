"""`paceline bench` against real servers: what it counts is what they counted, what it writes is
what others read, and a server that stands still shows where it should."""

import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import xml.dom.minidom

import pytest
from conftest import ROOT, free_port, wait_until
from fixtures.bench import DEADLINE, bench  # noqa: F401
from fixtures.nginx import nginx

FOLDER = pathlib.Path(__file__).resolve().parent


@pytest.fixture
def web(serve, hello):
    """The smallest server of ours."""
    return serve("--workers", "1", program=hello)


def served(cluster):
    """Requests that the workers have counted."""
    return sum(worker["requests"] for worker in cluster.status()["workers"])


def expect_served(cluster, count):
    """Workers publish their counts a few times a second."""
    wait_until(lambda: served(cluster) >= count, lambda: f"{count}, not {served(cluster)}")
    assert served(cluster) == count


def test_counts_are_those_of_the_server(bench, web):
    before = served(web)
    run = bench(web.url + "/", "-c", 7, "-t", 2, "-n", 2000)
    assert run.code == 0, run
    assert run.data["requests"]["completed"] == 2000
    assert run.data["status"] == {"200": 2000}
    assert run.data["connects"] == 7
    expect_served(web, before + 2000)
    closed = bench(web.url + "/nothing", "-n", 30, "--close")
    assert closed.data["status"] == {"404": 30} and closed.data["connects"] == 30


def test_the_second_line_says_which_loop(bench, web):
    closed = bench(web.url + "/", "-n", 10)
    assert closed.data["mode"] == "closed" and not closed.data["coordinated_omission_free"]
    line = closed.out.splitlines()[1]
    assert line.startswith("closed loop") and "not free of coordinated omission" in line
    opened = bench(web.url + "/", "-R", 200, "-n", 50)
    assert opened.data["mode"] == "open" and opened.data["coordinated_omission_free"]
    line = opened.out.splitlines()[1]
    assert line.startswith("open loop") and "are free of coordinated omission" in line


def test_an_open_loop_plans_every_request(bench, web):
    before = served(web)
    run = bench(web.url + "/", "--plan", "200ms@100,300ms@100..300", "-t", 2, "--arrivals",
                "uniform")
    requests = run.data["requests"]
    assert requests["planned"] == requests["completed"] == 80
    assert run.data["latency_us"]["response"]["count"] == 80
    assert run.data["latency_us"]["lag"]["count"] == 80
    expect_served(web, before + 80)
    first = bench(web.url + "/", "-R", 400, "-d", "500ms", "--arrivals", "poisson", "--seed", 7)
    again = bench(web.url + "/", "-R", 400, "-d", "500ms", "--arrivals", "poisson", "--seed", 7)
    assert first.data["requests"]["planned"] == again.data["requests"]["planned"] != 200


def test_nginx_over_tcp_and_a_unix_socket(bench, tmp_path):
    port = free_port()
    (tmp_path / "big").write_bytes(b"x" * 300_000)
    site = f"""server {{ listen 127.0.0.1:{port}; listen unix:{tmp_path}/web.sock;
        location = /small {{ return 200 "hello"; }} }}"""
    with nginx(tmp_path, site, "keepalive_requests 100;"):
        url = f"http://127.0.0.1:{port}"
        # nginx closes each connection after 100 requests: no error, but connections anew.
        small = bench(f"{url}/small", "-n", 1000, "-c", 3, "--pipeline", 4)
        assert small.code == 0, small
        assert small.data["requests"]["completed"] + small.data["errors"]["read"] == 1000
        plain = bench(f"{url}/small", "-n", 1000, "-c", 3)
        assert plain.data["requests"]["completed"] == 1000 and plain.data["connects"] >= 10
        big = bench(f"{url}/big", "-n", 20, "-c", 2)
        assert big.data["bytes_body"] == 20 * 300_000
        head = bench(f"{url}/big", "-n", 20, "-X", "HEAD")
        assert head.data["bytes_body"] == 0 and head.data["status"] == {"200": 20}
        old = bench(f"{url}/small", "-n", 300, "-c", 3, "--http1.0")
        assert old.data["status"] == {"200": 300} and old.data["connects"] < 10
        closed = bench(f"{url}/small", "-n", 300, "-c", 3, "--http1.0", "--close")
        assert closed.data["connects"] == 300 and closed.code == 0
        log = (tmp_path / "access.log").read_text()
        assert log.count("HTTP/1.0") == 600
        unix = bench("http://name/small", "--unix-socket", tmp_path / "web.sock", "-n", 500)
        assert unix.data["status"] == {"200": 500}
        post = bench(f"{url}/small", "-n", 5, "--body", "x" * 70_000)
        assert post.data["requests"]["completed"] == 5


def stand_still(process, seconds, begin):
    """SIGSTOP and SIGCONT, `seconds` apart, once `begin` is set."""
    begin.wait(DEADLINE)
    process.send_signal(signal.SIGSTOP)
    threading.Event().wait(seconds)  # the length of the stall is what is tested
    process.send_signal(signal.SIGCONT)


def with_a_stall(bench, url, process, seconds, *options):
    begin = threading.Event()
    thread = threading.Thread(target=stand_still, args=(process, seconds, begin))
    thread.start()
    timer = threading.Timer(1.0, begin.set)
    timer.start()
    try:
        return bench(url, *options)
    finally:
        timer.join()
        thread.join()


class StillServer:
    """A server of one process, so that one signal stops all of it."""

    CODE = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello"
def serve(peer):
    while data := peer.recv(65536):
        peer.sendall(ANSWER * data.count(b"\\r\\n\\r\\n"))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

    def __enter__(self):
        self.process = subprocess.Popen(["python3", "-c", self.CODE], stdout=subprocess.PIPE)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_a_stall_shows_in_an_open_loop_and_hides_in_a_closed_one(bench):
    """Gil Tene's ^Z: stopped for S of T seconds, the open loop's p-quantile is S - (1 - p) * T."""
    stall, length, rate = 1.0, 5.0, 200
    with StillServer() as server:
        opened = with_a_stall(bench, server.url, server.process, stall,
                              "-R", rate, "-d", f"{length:.0f}s", "-c", 10)
        closed = with_a_stall(bench, server.url, server.process, stall,
                              "-d", f"{length:.0f}s", "-c", 2)
    response = opened.data["latency_us"]["response"]
    assert response["count"] == rate * length
    expected = (stall - 0.01 * length) * 1e6
    assert response["p99"] > 0.9 * expected, opened.out
    assert response["p90"] > 0.9 * (stall - 0.1 * length) * 1e6, opened.out
    assert opened.data["latency_us"]["lag_connections"]["p99"] > 0.5 * expected, opened.out
    # The same stall, and the closed loop has two answers that know of it.
    service = closed.data["latency_us"]["service"]
    assert service["max"] > 0.9 * stall * 1e6, closed.out
    assert service["p99"] < 0.1 * stall * 1e6, closed.out


def test_ctrl_c_reports_what_was_done(paceline, web, tmp_path):
    file = tmp_path / "out.json"
    process = subprocess.Popen(
        [paceline, "bench", web.url + "/", "-d", "60s", "-R", "200", "--json", file],
        stdout=subprocess.PIPE, text=True)
    before = served(web)
    wait_until(lambda: served(web) > before + 5, "some requests")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 105, out
    data = json.loads(file.read_text())
    assert data["verdict"] == "interrupted" and "interrupted" in out
    requests = data["requests"]
    assert requests["planned"] == requests["completed"] + requests["unfinished"] + \
        requests["unsent"] + requests["failed"]
    assert 5 < requests["planned"] < 60 * 200


@pytest.mark.parametrize("options, message", [
    (["http://127.0.0.1:1/"], "bench: connect to 127.0.0.1:1: Connection refused"),
    (["http://no.invalid/"], "bench: cannot resolve no.invalid: "),
    (["ftp://127.0.0.1/"], "bench: http:// and https:// are spoken, not ftp"),
    (["127.0.0.1:80/"], "bench: a URL begins with http:// or https://: http://127.0.0.1:80/"),
    (["http://a/", "-t", "4", "-c", "2"],
     "bench: 4 threads need at least as many connections, not 2"),
    (["http://a/", "-d", "5s", "-n", "5"], "bench: -d and -n both say when to end"),
    (["http://a/", "--plan", "5s"], "bench: a plan's step is LENGTH@RATE"),
    (["http://a/", "--plan", "5s@1", "-R", "1"], "bench: --plan says rate and length"),
    (["http://a/", "--arrivals", "poisson"], "bench: --arrivals needs a rate"),
    (["http://a/", "-H", "x"], "bench: a header is \"Name: value\", not x"),
    (["http://a/", "-d", "5"], "bench: -d: "),
    (["http://a/", "--body-file", "missing"], "bench: open missing"),
    (["http://a/", "--json", "/dev/null"], "bench: not a regular file: /dev/null"),
    (["http://a/", "--hlog", "no/folder"], "bench: write in no/: No such file or directory"),
])
def test_bad_input_is_named(paceline, options, message):
    run = subprocess.run([paceline, "bench", *options], capture_output=True, text=True,
                         timeout=DEADLINE)
    assert run.returncode == 1
    assert run.stderr.startswith(message), run.stderr
    assert run.stdout == "" and run.stderr.count("\n") == 1


def test_a_server_that_never_answers_fails_the_run(bench):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        run = bench(url, "-n", 4, "-c", 2, "--timeout", "100ms")
    assert run.code == 1
    assert run.data["errors"]["timeout"] == 4
    assert "timeout: no whole answer in time, 4 times" in run.out
    assert "≥" in run.out


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory):
    """hdr-histogram-js, by npm from the lock file."""
    assert shutil.which("node") and shutil.which("npm"), "node 18 and npm are needed"
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(FOLDER / name, folder)
    done = subprocess.run(["npm", "ci", "--prefer-offline"], cwd=folder, capture_output=True,
                          text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    return folder


def test_another_implementation_reads_the_same(bench, web, node_modules, tmp_path):
    hlog, hgrm = tmp_path / "out.hlog", tmp_path / "out.hgrm"
    run = bench(web.url + "/", "-R", 300, "-d", "2500ms", "--hlog", hlog, "--hgrm", hgrm)
    ours = run.data["latency_us"]["response"]
    read = subprocess.run(["node", FOLDER / "read_hlog.mjs", node_modules, hlog],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert read.returncode == 0, read.stderr
    theirs = json.loads(read.stdout)
    assert theirs["intervals"] >= 3
    assert theirs["count"] == ours["count"] == 750
    for name in ("max", "p50", "p90", "p95", "p99", "p999"):
        assert theirs[name] == ours[name], name
    assert theirs["mean"] == pytest.approx(ours["mean"], rel=1e-9)

    def numbers(text):
        rows = [line.split() for line in text.splitlines() if line[:1] == " "]
        return [(float(row[0]), float(row[1]), int(row[2])) for row in rows if row[0][0].isdigit()]

    assert numbers(hgrm.read_text()) == [
        (pytest.approx(value, abs=0.0006), pytest.approx(share, abs=1e-6), count)
        for value, share, count in numbers(theirs["spectrum"])]


def test_its_packages_come_from_a_lock_file_without_a_registry():
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    assert "resolved" not in json.dumps(lock)
    assert lock["packages"]["node_modules/hdr-histogram-js"]["version"] == "3.0.1"
    assert (ROOT / "tests/load/.npmrc").exists()


def test_our_server_keeps_connections_of_http_1_0(bench, web):  # noqa: F811
    kept = bench(web.url + "/", "-n", 200, "-c", 4, "--http1.0")
    assert kept.code == 0 and kept.data["connects"] == 4 and kept.data["http"] == "1.0"


def test_logs_of_two_generators_become_one(bench, web, paceline, tmp_path):  # noqa: F811
    logs = [tmp_path / "a.hlog", tmp_path / "b.hlog"]
    for log, count in zip(logs, (300, 500)):
        assert bench(web.url + "/", "-n", count, "--hlog", log).code == 0
    merged = tmp_path / "all.hlog"
    command = [paceline, "bench", "merge", *logs, "-o", merged]
    run = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert run.returncode == 0, run.stderr
    rows = [line.split() for line in run.stdout.splitlines()[3:]]
    assert [(row[0], row[1]) for row in rows] == [
        (str(logs[0]), "300"), (str(logs[1]), "500"), ("together", "800")]
    again = subprocess.run([paceline, "bench", "merge", merged], capture_output=True, text=True,
                           timeout=DEADLINE)
    assert again.stdout.splitlines()[-1].split()[1:] == rows[-1][1:]


def test_what_cannot_be_merged_is_named(paceline, tmp_path):
    broken = tmp_path / "broken.hlog"
    for text, words in (("1,1,1,HISTFAAA\n", "line 1: "), ("", "no interval in it")):
        broken.write_text(text)
        run = subprocess.run([paceline, "bench", "merge", broken], capture_output=True, text=True,
                             timeout=DEADLINE)
        assert run.returncode == 1
        assert run.stderr.startswith(f"bench merge: {broken}: {words}"), run.stderr
    none = subprocess.run([paceline, "bench"], capture_output=True, text=True, timeout=DEADLINE)
    assert none.returncode == 1 and none.stderr.startswith("bench: a URL is needed")


def test_a_line_for_every_request(bench, web, tmp_path):  # noqa: F811
    log = tmp_path / "requests.tsv"
    run = bench(web.url + "/", "-R", 400, "-n", 200, "-c", 3, "-t", 2, "--log", log)
    head, *rows = [line.split("\t") for line in log.read_text().splitlines()]
    assert head == ["due_us", "sent_us", "first_us", "end_us", "status", "bytes", "connection",
                    "outcome"]
    assert len(rows) == run.data["requests"]["completed"] == 200
    assert {row[4] for row in rows} == {"200"} and {row[7] for row in rows} == {"ok"}
    assert sum(int(row[5]) for row in rows) == run.data["bytes_body"]
    assert {int(row[6]) for row in rows} <= {0, 1, 2}
    for row in rows:
        due, sent, first, end = map(int, row[:4])
        assert due <= sent <= first <= end
    assert sorted(int(row[0]) for row in rows) == [index * 2500 for index in range(200)]


def test_what_got_no_answer_is_in_the_log_too(bench, tmp_path):  # noqa: F811
    log = tmp_path / "requests.tsv"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        run = bench(url, "-R", 100, "-n", 10, "-c", 2, "--timeout", "10s", "--drain", "50ms",
                    "--log", log)
    assert run.code == 1
    rows = [line.split("\t") for line in log.read_text().splitlines()[1:]]
    assert sorted(row[7] for row in rows) == ["unfinished"] * 2 + ["unsent"] * 8
    assert all(row[2] == "-" for row in rows)


def test_the_page_needs_nothing_else(bench, web, tmp_path):  # noqa: F811
    page = tmp_path / "report.html"
    run = bench(web.url + "/?a<b&c", "-R", 300, "-d", "2500ms", "--html", page)
    text = page.read_text()
    assert "<h1>Load test of " + web.url + "/?a&lt;b&amp;c</h1>" in text
    assert "<script" not in text and text.count("http") == text.count(web.url) == 3
    document = xml.dom.minidom.parseString("<page>" + "".join(
        part + "</svg>" for part in re.findall(r"<svg.*?(?=</svg>)", text, re.S)) + "</page>")
    charts = document.getElementsByTagName("svg")
    assert len(charts) == 3
    lines = [path for path in charts[0].getElementsByTagName("path")
             if path.getAttribute("class") == "p99"]
    assert lines[0].getAttribute("d").count("L") + 1 == len(run.data["seconds"])
