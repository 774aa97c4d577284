"""wrk's scripts: the nine that its package installs run unchanged, beside wrk itself on the same
nginx, whose log says what was asked; and scripts that are wrong."""

import collections
import pathlib
import re
import signal
import subprocess

import pytest
from conftest import free_port, wait_until
from rivals import DEADLINE, link, run, shape, theirs

SCRIPTS = pathlib.Path("/usr/share/doc/wrk/examples/scripts")
NINE = ["addr", "auth", "counter", "delay", "pipeline", "post", "report", "setup", "stop"]

Asked = collections.namedtuple("Asked", "method uri counter token type length status")


@pytest.fixture
def ours(paceline, tmp_path):
    return link(paceline, tmp_path, "wrk")


class Nginx:
    """Answers everything; `/resource` only with the token that `/authenticate` gives."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        parts = "\n".join(f"{name}_temp_path {folder}/{name};"
                          for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
  {parts} keepalive_requests 10000000;
  log_format asked "$request_method|$request_uri|$http_x_counter|$http_x_token|$content_type|"
                   "$content_length|$status";
  access_log {folder}/access.log asked;
  server {{
    listen 127.0.0.1:{self.port};
    location / {{ return 200 "hello"; }}
    location = /authenticate {{ add_header X-Token secret; return 200 "welcome"; }}
    location = /resource {{ if ($http_x_token != secret) {{ return 401; }} return 200 "resource"; }}
  }}
}}
""")

    def __enter__(self):
        self.process = subprocess.Popen(
            [theirs("nginx"), "-c", self.folder / "nginx.conf", "-p", self.folder],
            stderr=subprocess.DEVNULL)
        wait_until(lambda: (self.folder / "pid").exists() and (self.folder / "pid").read_text(),
                   "nginx")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE)

    def asked(self):
        """What the log has; then it is empty."""
        log = self.folder / "access.log"
        lines = log.read_text().splitlines()
        with open(log, "r+") as file:
            file.truncate(0)
        return [Asked(*line.lstrip("\0").split("|")) for line in lines]


@pytest.fixture
def nginx(tmp_path):
    with Nginx(tmp_path) as server:
        yield server


def by_uri(asked):
    return collections.Counter(each.uri for each in asked)


def check_auth(asked, _):
    counts = by_uri(asked)
    assert set(counts) == {"/authenticate", "/resource"}
    assert all(each.status == "200" for each in asked)
    assert counts["/authenticate"] <= 6  # one a thread, and what was sent before its answer


def check_counter(asked, _):
    assert all(each.uri == "/" + each.counter for each in asked)
    assert max(int(each.counter) for each in asked) > 10


def check_pipeline(asked, _):
    counts = by_uri(asked)
    assert set(counts) == {"/?foo", "/?bar", "/?baz"}
    assert max(counts.values()) - min(counts.values()) <= 4


def check_post(asked, _):
    assert {(each.method, each.type, each.length) for each in asked} == {
        ("POST", "application/x-www-form-urlencoded", "16")}


def check_setup(asked, out):
    made = re.findall(r"thread \d made (\d+) requests and got (\d+) responses", out)
    assert len(made) == 2
    # The first thread makes one that is not sent, and a request of each connection may be open.
    assert 0 <= sum(int(m) for m, _ in made) - sum(int(got) for _, got in made) <= 5
    assert 0 <= sum(int(m) for m, _ in made) - len(asked) <= 5


def check_stop(asked, out):
    """A hundred answers by each of two threads, and what came in the same turn of its loop."""
    assert 200 <= int(re.search(r"(\d+) requests in", out).group(1)) <= 204
    assert 200 <= len(asked) <= 208


def check_delay(asked, _):
    """Four connections, each at most a hundred times a second."""
    assert 4 <= len(asked) <= 420


def check_report(_, out):
    values = re.findall(r"^([\d.]+)%,(\d+)$", out, re.M)
    assert [percent for percent, _ in values] == ["50", "90", "99", "99.999"]
    assert sorted(int(value) for _, value in values) == [int(value) for _, value in values]


def check_addr(_, out):
    assert len(re.findall(r"^thread addr: 127\.0\.0\.1:\d+$", out, re.M)) == 2


@pytest.mark.parametrize("name", NINE)
def test_the_nine_scripts_of_wrk_run_unchanged(ours, nginx, name):
    command = ["-t2", "-c4", "-d1s", "-s", SCRIPTS / f"{name}.lua", nginx.url]
    seen = {}
    for program in theirs("wrk"), ours:
        done = run(program, *command)
        assert (done.returncode, done.stderr) == (0, ""), done
        asked = nginx.asked()
        check = globals().get("check_" + name)
        if check:
            check(asked, done.stdout)
        assert int(re.search(r"(\d+) requests in", done.stdout).group(1)) <= len(asked)
        seen[program] = shape(done.stdout)
    expected, got = seen.values()
    assert got == expected


def test_there_are_nine_scripts():
    assert sorted(path.stem for path in SCRIPTS.glob("*.lua")) == NINE


def test_words_behind_two_dashes_are_the_scripts(ours, paceline, nginx, tmp_path):
    script = tmp_path / "words.lua"
    script.write_text("function init(args) print(args[0], args[1], args[2], #args) end\n"
                      "function done(summary) print('done', summary.requests) end\n")
    url = nginx.url
    expected = f"{url}\tone\t-x\t2\n"
    wrk = run(theirs("wrk"), "-t1", "-c1", "-d1s", "-s", script, url, "--", "one", "-x")
    assert wrk.stdout.startswith(expected)
    compatible = run(ours, "-t1", "-c1", "-n5", "-s", script, url, "--", "one", "-x")
    assert compatible.stdout.startswith(expected) and compatible.stdout.endswith("done\t5\n")
    native = run(paceline, "bench", url, "-n", 5, "-c", 1, "-s", script, "--", "one", "-x")
    assert native.returncode == 0, native
    assert native.stdout.startswith(expected) and native.stdout.endswith("done\t5\n")
    without = run(paceline, "bench", url, "-n", 5, "one")
    assert without.returncode == 1
    assert without.stderr == "bench: words behind the URL are for a script (-s): one\n"


def test_a_script_runs_in_an_open_loop(ours, nginx):
    done = run(ours, "-t2", "-c4", "-d1s", "-R300", "-s", SCRIPTS / "pipeline.lua", nginx.url)
    assert done.returncode == 0, done
    assert "  300 requests in 1.00s, " in done.stdout
    assert by_uri(nginx.asked()) == {"/?foo": 100, "/?bar": 100, "/?baz": 100}


@pytest.mark.parametrize("text, message", [
    (None, "SCRIPT: cannot open SCRIPT: No such file or directory\n"),
    ("function init(\n", "SCRIPT: SCRIPT:2: <name> or '...' expected near '<eof>'\n"),
    ("error('top')", "SCRIPT:1: top\nstack traceback:\n"),
    ("function request() error('asked') end", "SCRIPT:1: asked\nstack traceback:\n"),
    ("function response() local x; x() end",
     "SCRIPT:1: attempt to call local 'x' (a nil value)\nstack traceback:\n"),
    ("function done() error('done') end", "SCRIPT:1: done\nstack traceback:\n"),
    ("function request() return 'GET /' end", "no empty line ends the headers"),
])
def test_a_script_that_is_wrong_ends_the_test_with_its_trace(
        ours, paceline, nginx, tmp_path, text, message):
    script = "wrong.lua"
    if text:
        (tmp_path / script).write_text(text)
    wrk = run(ours, "-t2", "-c2", "-n20", "-s", script, nginx.url, cwd=tmp_path)
    native = run(paceline, "bench", nginx.url, "-n", 20, "-c", 2, "-t", 2, "-s", script,
                 cwd=tmp_path)
    assert wrk.returncode == native.returncode == 1
    expected = message.replace("SCRIPT", script)
    assert wrk.stderr.startswith(expected), wrk
    assert native.stderr.startswith("bench: " + expected), native
