"""`paceline bench` in the manner of wrk, wrk2 and ab, beside the installed programs: the same flags
on the same server give reports of the same shape, and counts that agree."""

import re
import socket

import pytest
from conftest import wait_until
from rivals import from_line, link, run, shape, theirs, value


@pytest.fixture
def ours(paceline, tmp_path):
    """ours("wrk") is a link by that name to the program under test."""
    return lambda name: link(paceline, tmp_path, name)


@pytest.fixture
def web(serve, hello):
    return serve("--workers", "1", program=hello)


@pytest.mark.parametrize("options", [
    ["-t2", "-c4", "-d1s"],
    ["-t1", "-c2", "-d1", "--latency"],
    ["-c", "5", "--threads=2", "--duration", "1s", "-H", "X-Name: value", "--timeout", "3s"],
])
def test_wrk_reports_have_one_shape(ours, web, options):
    url = web.url + "/"
    expected, got = run(theirs("wrk"), *options, url), run(ours("wrk"), *options, url)
    assert (got.returncode, got.stderr) == (0, "")
    assert shape(got.stdout) == shape(expected.stdout)
    columns = [re.sub(r"[\d.]+[a-zA-Z%]*", lambda m: "#" * len(m.group()), line)
               for line in got.stdout.splitlines() if "Avg" in line]
    assert columns == [line for line in expected.stdout.splitlines() if "Avg" in line]


def test_wrk_counts_what_the_server_counts(ours, web):
    def served():
        return sum(worker["requests"] for worker in web.status()["workers"])

    got = run(ours("wrk"), "-t1", "-c2", "-n", 1234, web.url + "/")
    assert "  1234 requests in " in got.stdout
    wait_until(lambda: served() >= 1234, lambda: f"1234, not {served()}")
    assert served() == 1234
    missing = run(ours("wrk"), "-t1", "-c2", "-n", 100, web.url + "/nothing")
    assert "  Non-2xx or 3xx responses: 100\n" in missing.stdout and missing.returncode == 0


def test_wrk_says_what_went_wrong_with_sockets(ours):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        got = run(ours("wrk"), "-t1", "-c3", "-d", "500ms", "-T", "100ms", url)
    assert "  Socket errors: connect 0, read 0, write 0, timeout 3\n" in got.stdout
    assert got.returncode == 0


@pytest.mark.parametrize("options, message", [
    (["-c", "1", "-t", "2", "http://127.0.0.1:1/"], "number of connections must be >= threads\n"),
    (["foo"], "invalid URL: foo\n"),
    (["-d", "1s", "http://127.0.0.1:1/"], "unable to connect to 127.0.0.1:1 Connection refused\n"),
    (["http://no.invalid/"], "unable to resolve no.invalid:"),
    (["-z", "http://127.0.0.1:1/"], "wrk: invalid option -- 'z'\n"),
    (["-t"], "wrk: option requires an argument -- 't'\n"),
    (["-d", "0", "http://127.0.0.1:1/"], ""),
    ([], ""),
    (["-v"], ""),
])
def test_wrk_refuses_in_its_words(ours, options, message):
    expected, got = run("wrk", *options), run("wrk", *options, executable=ours("wrk"))
    assert got.returncode == expected.returncode == 1
    assert expected.stderr.startswith(message)
    assert got.stderr.startswith(message)
    assert got.stdout.startswith("wrk ") == expected.stdout.startswith("wrk ")
    assert ("Usage: wrk <options> <url>" in got.stdout) == ("Usage: " in expected.stdout)


def test_wrk2_is_an_open_loop_with_its_spectrum(ours, paceline, web):
    url = web.url + "/"
    got = run(paceline, "bench", "--compat", "wrk2", "-t2", "-c4", "-d1s", "-R", "1k", "-U", url)
    lines = got.stdout.splitlines()
    assert got.returncode == 0, got
    assert "  Latency Distribution (HdrHistogram - Recorded Latency)" in lines
    assert "\n  Latency Distribution (HdrHistogram - Uncorrected" in got.stdout
    assert lines.count("  Detailed Percentile spectrum:") == 2
    assert re.search(r"^100\.000% +[\d.]+[um]?s *$", got.stdout, re.M)
    assert re.search(r"^#\[Max     = .*, Total count    =         1000\]$", got.stdout, re.M)
    assert "  1000 requests in 1.00s, " in got.stdout
    assert value(got.stdout, "Requests/sec:") == 1000
    assert run(ours("wrk2"), "-R", "1k", "-d1s", url).returncode == 0
    none = run(ours("wrk2"), "-d1s", url)
    assert none.returncode == 1
    assert none.stderr == "Throughput MUST be specified with the --rate or -R option\n"


AB = [
    ["-n", "300", "-c", "3"],
    ["-kqn200", "-c4", "-d"],
    ["-n", "20", "-k", "-S", "-l", "-H", "X-Name: value", "-C", "a=b"],
    ["-n", "5", "-i", "-k"],
    ["-n", "1"],
]


@pytest.mark.parametrize("options", AB, ids=" ".join)
def test_ab_reports_have_one_shape(ours, web, options):
    url = web.url + "/"
    expected, got = run(theirs("ab"), *options, url), run(ours("ab"), *options, url)
    assert got.returncode == expected.returncode == 0, got
    assert got.stderr == expected.stderr  # the progress

    def comparable(text):
        """Whether a warning about the mean is printed depends on the times."""
        text = re.sub(r"^(WARNING|ERROR): .*\n .*\n", "", text, flags=re.M)
        return shape(from_line(text, "Benchmarking"))

    assert comparable(got.stdout) == comparable(expected.stdout)
    for name in ("Document Length:", "Complete requests:", "Failed requests:", "Server Port:",
                 "Concurrency Level:", "Total transferred:", "HTML transferred:"):
        if f"{name:<24}Variable\n" not in expected.stdout:
            assert value(got.stdout, name) == value(expected.stdout, name), name
    if "Keep-Alive" in expected.stdout:
        name = "Keep-Alive requests:"
        assert value(got.stdout, name) == value(expected.stdout, name)


def test_ab_posts_a_file_and_writes_its_own(ours, cluster, tmp_path):
    body = tmp_path / "body.json"
    body.write_text('{"name":"Ada"}')
    url = cluster.url + "/data"
    files = ["-e", tmp_path / "out.csv", "-g", tmp_path / "out.tsv"]
    options = ["-n", 20, "-c", 2, "-p", body, "-T", "application/json", "-l", *files]
    seen = {}
    for program in theirs("ab"), ours("ab"):
        done = run(program, *options, url)
        assert done.returncode == 0, done
        assert value(done.stdout, "Complete requests:") == 20 and "Non-2xx" not in done.stdout
        csv = (tmp_path / "out.csv").read_text().splitlines()
        gnuplot = (tmp_path / "out.tsv").read_text().splitlines()
        assert len(csv) == 102 and len(gnuplot) == 21
        seen[program] = (csv[0], gnuplot[0], [len(line.split("\t")) for line in gnuplot],
                         re.findall(r"^.*kb/s.*$", "\n".join(shape(done.stdout)), re.M))
    first, second = seen.values()
    assert first == second
    row = gnuplot[1].split("\t")
    assert re.fullmatch(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \d{4}", row[0])


@pytest.mark.parametrize("options, message, code", [
    ([], "ab: wrong number of arguments\n", 22),
    (["-n", "0", "http://127.0.0.1:1/"], None, 1),
    (["-n", "2", "-c", "3", "http://127.0.0.1:1/"],
     "ab: Cannot use concurrency level greater than total number of requests\n", 22),
    (["http://127.0.0.1:1"], "ab: invalid URL\n", 22),
    (["-p", "missing", "http://127.0.0.1:1/"],
     "ab: Could not open POST data file (missing): No such file or directory\n", 1),
    (["-n", "3", "http://127.0.0.1:1/"], "apr_socket_recv: Connection refused (111)\n", 111),
])
def test_ab_refuses_in_its_words(ours, options, message, code):
    expected, got = run("ab", *options), run("ab", *options, executable=ours("ab"))
    assert got.returncode == expected.returncode == code
    if message:
        assert expected.stderr.startswith(message)
        assert got.stderr.startswith(message)


@pytest.mark.parametrize("options", [["-w"], ["-w", "-x", "border=1", "-y", "a=b", "-k", "-l"]])
def test_ab_makes_tables_of_html(ours, web, options):
    command = ["-n", "5", *options, web.url + "/"]
    expected, got = run(theirs("ab"), *command), run(ours("ab"), *command)
    assert got.returncode == expected.returncode == 0, got
    assert shape(from_line(got.stdout, "..done")) == shape(from_line(expected.stdout, "..done"))


def test_ab_does_not_go_on_without_an_option_that_it_does_not_know(ours):
    """ab itself says so and runs."""
    for options in ["-Q"], ["-b", "5"]:
        got = run("ab", *options, "http://127.0.0.1:1/", executable=ours("ab"))
        assert got.returncode == 22 and got.stderr.startswith("ab: ") and got.stdout == ""


def test_ab_ends_at_a_limit_of_time(ours, web):
    got = run(ours("ab"), "-t", 1, "-n", 100_000_000, "-k", "-q", web.url + "/")
    assert got.returncode == 0
    assert 0.9 < value(got.stdout, "Time taken for tests:") < 20


def test_an_unknown_manner_is_refused(paceline):
    done = run(paceline, "bench", "--compat", "hey", "http://127.0.0.1:1/")
    assert done.returncode == 1 and "wrk2" in done.stderr
