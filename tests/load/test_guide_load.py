"""The guide's five commands of ab and wrk against examples/guide, as they stand but for the port
and the length of wrk's runs: by ab and wrk themselves, and by ours under their names."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from rivals import DEADLINE, link, run, theirs, value

GUIDE = [
    "ab -n 10000 -c 100 http://localhost:8000/",
    "ab -n 10000 -c 100 -k http://localhost:8000/",
    "ab -n 1000 -c 10 -p data.json -T application/json http://localhost:8000/api",
    "wrk -t12 -c400 -d30s http://localhost:8000/",
    "wrk -t12 -c400 -d30s -s script.lua http://localhost:8000/",
]
FOLDER = ROOT / "examples/guide"


@pytest.fixture
def application(serve):
    return serve("--workers", "1", FOLDER / "app.toml")


def here(command, application):
    """The command with the port of the test, and a second in place of wrk's thirty."""
    port = application.address[1]
    return command.replace(":8000/", f":{port}/").replace("-d30s", "-d1s")


def shell(command, path):
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=FOLDER,
                          timeout=DEADLINE, env={**os.environ, "PATH": path})
    assert done.returncode == 0, done
    return done.stdout


def requests_without_failure(out):
    """How many requests a report counts; every one of them was answered with 2xx or 3xx."""
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    if "requests in" in out:
        return int(re.search(r"(\d+) requests in", out).group(1))
    assert value(out, "Failed requests:") == 0, out
    if "Keep-Alive" in out:
        assert value(out, "Keep-Alive requests:") == value(out, "Complete requests:")
    return int(value(out, "Complete requests:"))


@pytest.mark.parametrize("command", GUIDE)
def test_the_guides_commands_meet_no_failure(command, application, paceline, tmp_path):
    program = command.split()[0]
    link(paceline, tmp_path, program)
    standard = os.path.dirname(theirs(program))
    paths = {"theirs": standard, "ours": f"{tmp_path}:{os.environ['PATH']}"}
    assert shutil.which(program, path=paths["ours"]) == str(tmp_path / program)
    for path in paths.values():
        count = requests_without_failure(shell(here(command, application), path))
        wanted = re.search(r"-n (\d+)", command)
        assert count == int(wanted.group(1)) if wanted else count > 100


def test_the_guides_paths_answer(application):
    url = application.url
    for path in "/", "/api", "/data/42":
        done = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url + path)
        assert done.stdout == "200", path


def test_the_same_by_the_native_command(application, paceline):
    url = application.url
    for options in (["-n", 2000, "-c", 100, url + "/"],
                    ["-n", 200, "-c", 10, "--body-file", FOLDER / "data.json",
                     "-H", "Content-Type: application/json", url + "/api"],
                    ["-t", 2, "-c", 40, "-n", 2000, "-s", FOLDER / "script.lua", url + "/"]):
        done = run(paceline, "bench", *options)
        assert done.returncode == 0, done
        assert "failed" not in done.stdout, done.stdout


def test_the_page_shows_the_commands_that_are_tested():
    page = (ROOT / "docs/guide/load-testing.md").read_text()
    for command in GUIDE:
        program = command.split()[0]
        ours = command.replace(program, f"paceline bench --compat {program}", 1)
        assert f"| `{command}` | `{ours}` |" in page
