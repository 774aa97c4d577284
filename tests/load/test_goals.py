"""Goals of `paceline bench`: what is met, missed and not to be decided, in the report, in JSON and
by exit code."""

import subprocess

import pytest
from conftest import free_port
from fixtures.bench import DEADLINE, bench  # noqa: F401
from fixtures.nginx import nginx


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("goals")
    port = free_port()
    with nginx(folder, f"""server {{ listen 127.0.0.1:{port}; location /ok {{ return 200; }}
        location /bad {{ return 503; }} location /none {{ return 444; }} }}"""):
        yield f"http://127.0.0.1:{port}"


def states(run):
    return [(each["expr"], each["state"]) for each in run.data["goals"]]


def test_goals_that_are_met(bench, url):  # noqa: F811
    run = bench(url + "/ok", "-n", 3000, "--goals", "--goal", "count(5xx)==0", "--goal", "rate>1")
    assert run.code == 0, run.out
    assert states(run) == [("p95 < 200ms", "met"), ("p99 < 500ms", "met"),
                           ("error_rate < 0.1%", "met"), ("count(5xx)==0", "met"),
                           ("rate>1", "met")]
    assert run.data["goals"][0]["value"] < 200
    assert "  goals       p95 < 200ms: " in run.out


def test_a_goal_that_is_missed(bench, url):  # noqa: F811
    run = bench(url + "/bad", "-n", 100, "--goals", "--goal", "count{status:5xx}==0")
    assert run.code == 99
    assert states(run)[2:] == [("error_rate < 0.1%", "missed"), ("count{status:5xx}==0", "missed")]
    assert run.data["goals"][2]["value"] == 1 and run.data["goals"][3]["value"] == 100
    assert "error_rate < 0.1%: 100%, missed (100 of 100 requests are bad)" in run.out
    slow = bench(url + "/ok", "-n", 300, "--goal", "p(99)<0.000001")
    assert slow.code == 99


def test_too_few_requests_decide_nothing(bench, url):  # noqa: F811
    run = bench(url + "/ok", "-n", 100, "--goals")
    assert run.code == 98
    assert states(run)[1] == ("p99 < 500ms", "unknown")
    assert run.data["goals"][1]["reason"] == "100 requests cannot decide it: 299 can"


def test_no_answer_at_all_is_no_verdict(bench, url):  # noqa: F811
    run = bench(url + "/none", "-n", 100, "--goals")
    assert run.code == 1
    assert states(run) == [(expr, "missed") for expr, _ in states(run)]
    assert run.data["goals"][0]["value"] is None


def test_a_missed_goal_ends_the_run(bench, url):  # noqa: F811
    run = bench(url + "/bad", "-c", 1, "-d", "40s", "--goal", "count(5xx)<100 abort")
    assert run.code == 99, run.out
    assert run.data["elapsed_s"] < 30
    assert run.data["ended_by"] == "count(5xx)<100 abort"
    assert run.data["verdict"] == "valid" and "  ended       by the goal" in run.out
    window = bench(url + "/bad", "-c", 1, "-d", "40s", "--goal", "error_rate[1s]<1%",
                   "--abort-on-fail")
    assert window.code == 99 and window.data["elapsed_s"] < 30


@pytest.mark.parametrize("options, message", [
    (["--goal", "p(99)"], 'bench: a goal is such as "p(99)<500", not "p(99)"'),
    (["--goal", "value<5"], "bench: unknown measure value in a goal"),
    (["--abort-on-fail"], "bench: --abort-on-fail needs a goal"),
])
def test_bad_goals_are_named(paceline, options, message):
    run = subprocess.run([paceline, "bench", "http://127.0.0.1:1/", *options],
                         capture_output=True, text=True, timeout=DEADLINE)
    assert run.returncode == 1 and run.stderr.startswith(message), run.stderr
