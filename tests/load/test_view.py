"""What `paceline bench` shows while it runs: a frame on a terminal, lines elsewhere."""

import subprocess

import pytest
from conftest import free_port
from fixtures.bench import DEADLINE
from fixtures.nginx import nginx
from fixtures.terminal import Terminal


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    port = free_port()
    with nginx(folder, f"server {{ listen 127.0.0.1:{port}; return 200 hello; }}"):
        yield f"http://127.0.0.1:{port}/"


def test_a_frame_lives_on_a_terminal_and_the_report_follows(paceline, url):
    command = [paceline, "bench", url, "-R", "50", "-d", "60s"]
    with Terminal(command, columns=90, rows=30) as terminal:
        terminal.wait_for("2s of 1m")
        text = terminal.text()
        for part in ("answers/s", "p99", "this second  p50", "failed       0 this second",
                     "status       200: 1", "Ctrl-C ends"):
            assert part in text, text
        assert text.count("answers/s") == 1  # in place, not one below the other
        terminal.press("\x03")
        terminal.wait_for("interrupted")
        assert terminal.wait_exit() == 105
        text = terminal.text()
        assert "answers/s" not in text and "load test of " + url in text, text


def test_a_small_terminal_gets_what_fits(paceline, url):
    with Terminal([paceline, "bench", url, "-R", "50", "-d", "60s"], columns=30, rows=6) as small:
        small.wait_for("2s of 1m")
        assert small.text().count("of 1m") == 1
        assert "answers/s" in small.text() and "status" not in small.text()


def test_without_a_terminal_there_are_lines(paceline, url):
    command = [paceline, "bench", url, "-R", "50", "-d", "5500ms"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert run.stderr.startswith("5s  ") and run.stderr.count("\n") == 1, run.stderr
    assert "  p99 " in run.stderr and run.stdout.startswith("load test of ")
    quiet = subprocess.run([*command, "-q"], capture_output=True, text=True, timeout=DEADLINE)
    assert quiet.stderr == ""
