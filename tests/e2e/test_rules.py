"""`paceline config rules`: what Prometheus' own tools say of it, with series that must make every
alert fire and series that must not."""

import json
import re
import subprocess

import pytest

TOTAL = "paceline_slo_requests_total"
FAILED = "paceline_slo_requests_failed_total"
COUNT = "http_server_request_duration_seconds_count"
BUCKET = 'http_server_request_duration_seconds_bucket{le="%s"}'
PAGE, TICKET = "ErrorBudgetBurnPage", "ErrorBudgetBurnTicket"

# (alert, series by minute, minute when it fires or None, minutes when it does not). A counter is
# written start+step x times, as promtool reads it.
CASES = {
    "a fast burn pages":
        (PAGE, {TOTAL: "0+600x180", FAILED: "0x60 0+120x120"}, 75, [60, 61]),
    "a burn that is over does not page for long":
        (PAGE, {TOTAL: "0+600x240", FAILED: "0x60 0+600x5 3000x175"}, 64, [100]),
    "a slow burn pages later":
        (PAGE, {TOTAL: "0+10000x500", FAILED: "0x100 0+80x400"}, 450, [110]),
    "few requests page nobody":
        (PAGE, {TOTAL: "0+1x120", FAILED: "0+1x120"}, None, [30, 60, 100]),
    "two failures page nobody":
        (PAGE, {TOTAL: "0+1x20 20x100", FAILED: "0+0x10 2x100"}, None, [15, 40]),
    "half a percent is a ticket":
        (TICKET, {TOTAL: "0+10000x300", FAILED: "0+50x300"}, 180, []),
    "half a percent is no page":
        (PAGE, {TOTAL: "0+10000x300", FAILED: "0+50x300"}, None, [60, 180, 290]),
    "a tenth within the budget is nothing":
        (TICKET, {TOTAL: "0+10000x300", FAILED: "0+9x300"}, None, [60, 180, 290]),
    "p95 above its goal":
        ("LatencyP95AboveGoal", {COUNT: "0+600x30", BUCKET % "0.2": "0+540x30"}, 12, [4]),
    "p95 within its goal":
        ("LatencyP95AboveGoal", {COUNT: "0+600x30", BUCKET % "0.2": "0+571x30"}, None, [12, 25]),
    "p95 of a few slow requests":
        ("LatencyP95AboveGoal", {COUNT: "0+2x30", BUCKET % "0.2": "0+1x30"}, None, [12, 25]),
    "p99 above its goal":
        ("LatencyP99AboveGoal", {COUNT: "0+600x30", BUCKET % "0.5": "0+590x30"}, 12, [4]),
    "p99 within its goal":
        ("LatencyP99AboveGoal", {COUNT: "0+600x30", BUCKET % "0.5": "0+595x30"}, None, [12, 25]),
    "errors above the goal":
        ("ErrorRateAboveGoal", {TOTAL: "0+600x30", FAILED: "0+2x30"}, 12, [4]),
    "errors within the goal":
        ("ErrorRateAboveGoal", {TOTAL: "0+6000x30", FAILED: "0+5x30"}, None, [12, 25]),
    "cpu above": ("CpuAboveGoal", {"paceline_cpu_used_ratio": "0.75x30"}, 8, [3]),
    "cpu below": ("CpuAboveGoal", {"paceline_cpu_used_ratio": "0.65x30"}, None, [8, 25]),
    "memory above": ("MemoryAboveGoal", {"paceline_memory_used_ratio": "0.85x30"}, 8, [3]),
    "memory below": ("MemoryAboveGoal", {"paceline_memory_used_ratio": "0.75x30"}, None, [8, 25]),
    "no headroom": ("HeadroomBelowGoal", {"paceline_headroom_ratio": "0.45x30"}, 8, [3]),
    "headroom": ("HeadroomBelowGoal", {"paceline_headroom_ratio": "0.55x30"}, None, [8, 25]),
    "a blocked loop": ("EventLoopLagHigh", {"paceline_loop_lag_max_seconds": "0.15x30"}, 2, []),
    "a busy loop": ("EventLoopLagHigh", {"paceline_loop_lag_max_seconds": "0.09x30"}, None, [5]),
    "a full worker":
        ("WorkerMemoryHigh", {"paceline_worker_memory_used_ratio": "0.85x30"}, 3, [0]),
    "crashes": ("WorkerCrashLoop", {"paceline_worker_crashes_total": "0x5 0+1x20"}, 14, [6]),
    "three crashes": ("WorkerCrashLoop", {"paceline_worker_crashes_total": "0x5 0+1x3 3x20"},
                      None, [9, 20]),
    "nobody serves": ("ServiceDown", {"paceline_serving": "1x5 0x10"}, 7, [3]),
}


@pytest.fixture
def rules(paceline, tmp_path):
    """rules(*arguments) prints the rules to a file and has promtool check them."""

    def make(*arguments):
        file = tmp_path / "rules.yml"
        shown = subprocess.run([paceline, "config", "rules", *arguments], capture_output=True,
                               text=True, cwd=tmp_path)
        assert (shown.returncode, shown.stderr) == (0, "")
        file.write_text(shown.stdout)
        checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True,
                                 text=True)
        assert checked.returncode == 0, checked.stderr
        assert "SUCCESS" in checked.stdout
        return file

    return make


def labelled(series):
    """The series of one instance, as a scrape stores it."""
    name, _, labels = series.partition("{")
    return f'{name}{{job="shop",instance="shop:8001"' + (f",{labels}" if labels else "}")


def firing(text, alert):
    """What promtool should find: the labels and the annotation that stand in the rules."""
    rule = re.search(rf"- alert: {alert}\n.*?severity: (\w+)\n.*?summary: (\".*?\")\n", text, re.S)
    labels = {"severity": rule[1], "job": "shop"}
    if not re.search(rf"- alert: {alert}\n.*?sum by \(job\).*?labels:",
                     text[rule.start():rule.end()], re.S):
        labels["instance"] = "shop:8001"
    return {"exp_labels": labels, "exp_annotations": {"summary": json.loads(rule[2])}}


def test_series_make_every_alert_fire_and_end(rules, tmp_path):
    file = rules()
    text = file.read_text()
    assert {alert for alert, _, fires, _ in CASES.values() if fires is not None} == set(
        re.findall(r"- alert: (\w+)", text))
    tests = []
    for name, (alert, series, fires, silent) in CASES.items():
        expected = [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []}
                    for minute in silent]
        if fires is not None:
            expected.append({"eval_time": f"{fires}m", "alertname": alert,
                             "exp_alerts": [firing(text, alert)]})
        tests.append({"name": name, "interval": "1m", "alert_rule_test": expected,
                      "input_series": [{"series": labelled(s), "values": v}
                                       for s, v in series.items()]})
    # JSON is YAML.
    test_file = tmp_path / "test.yml"
    test_file.write_text(json.dumps({"rule_files": [str(file)], "evaluation_interval": "1m",
                                     "tests": tests}))
    result = subprocess.run(["promtool", "test", "rules", test_file], capture_output=True,
                            text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_scaled_period_scales_the_windows(rules):
    text = rules("--set", "slo.period=12h").read_text()
    windows = re.findall(r"record: job:paceline_slo_errors:ratio_rate(\w+)", text)
    assert windows == ["5s", "30s", "1m", "2m", "6m", "24m", "1h12m"]
    assert "\n  interval: 1s\n" in text
    assert "rate5s > 0.0144" in text
    assert "ratio_rate2s" in rules("--set", "slo.period=30m").read_text()


def test_every_kind_of_goal_has_a_rule(rules):
    also = 'goals.also=["p99.9 < 1s", "p50 < 500us", "mean < 50ms", "throughput >= 10/s"]'
    text = rules("--set", also, "--set", "goals.expected_rate=1000").read_text()
    for alert in ["LatencyP99_9AboveGoal", "LatencyP50AboveGoal", "LatencyMeanAboveGoal",
                  "ThroughputBelowGoal"]:
        assert f"- alert: {alert}\n" in text
    assert text.count("<= 1000") == 3  # cpu, memory and headroom are about normal load


def test_goals_that_are_off_have_no_rule(rules):
    text = rules("--set", "goals.availability=0", "--set", "goals.p95=0",
                 "--set", "loop.threshold=0").read_text()
    for gone in ["ErrorBudget", "LatencyP95", "EventLoopLag", "record:"]:
        assert gone not in text
    assert "LatencyP99AboveGoal" in text


@pytest.mark.parametrize("setting, message", [
    ("goals.availability=90%", "could never fire"),
    ("goals.cpu=100%", "could never fire"),
    ("goals.p95=200s", "could never fire"),
    ('goals.also=["latancy < 1s"]', 'unknown goal metric "latancy"; there are p50'),
    ('goals.also=["throughptu >= 1/s"]', "did you mean throughput?"),
    ("goals.cpu=70", "expected 0% to 100%"),
    ("slo.period=1m", "expected 10m to 366d"),
])
def test_a_goal_that_makes_no_sense_is_an_error(paceline, tmp_path, setting, message):
    for command in (["config"], ["config", "rules"]):
        shown = subprocess.run([paceline, *command, "--set", setting], capture_output=True,
                               text=True, cwd=tmp_path)
        assert (shown.returncode, shown.stdout) == (1, "")
        assert message in shown.stderr


def test_thresholds_are_printed_as_they_are_scaled(paceline, tmp_path):
    shown = subprocess.run([paceline, "config", "--set", "slo.period=7d"], capture_output=True,
                           text=True, cwd=tmp_path, check=True)
    assert "# page: more than 1.44% bad over 14m and over 1m10s\n" in shown.stdout
