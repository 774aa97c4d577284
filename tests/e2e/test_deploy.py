"""deploy/ speaks of metrics that exist, and is what the program writes."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import wait_until

from wire import ask

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
ROOT = DEPLOY.parent
HISTOGRAM_PARTS = ("_bucket", "_count", "_sum")
WORDS = {  # of PromQL: functions, aggregations, and labels of `by (…)`
    "and", "or", "by", "bool", "sum", "max", "min", "avg", "count", "rate", "increase", "topk",
    "histogram_quantile", "vector", "avg_over_time", "min_over_time", "max_over_time", "ignoring",
    "without", "unless", "on", "offset", "absent", "clamp_min",
}  # fmt: skip


def expressions(value):
    """Every `expr` of the dashboard, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "expr":
                yield inner
            else:
                yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


def metrics_in(expression):
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\b(by|without|on|ignoring) *\([^)]*\)|\{[^}]*\}|\[[^\]]*\]", " ", bare)
    names = set(re.findall(r"[a-z_:][a-zA-Z0-9_:]*", bare)) - WORDS
    return {name for name in names if ":" not in name}  # recorded by the rules themselves


def declared():
    """Every metric in the modules' declarations (MetricInfo), as the text formats call it."""
    names = set()
    for source in (ROOT / "paceline").rglob("*"):
        if source.suffix not in (".h", ".cpp") or source.stem.endswith("_test"):
            continue
        text = source.read_text()
        for found in re.finditer(r'MetricInfo \w+\{\s*\.name = "(\w+)",(.*?)\};', text, re.S):
            parts = HISTOGRAM_PARTS if "MetricKind::histogram" in found[2] else ("",)
            names |= {found[1] + part for part in parts}
    return names


def labels_of(name):
    """The labels that a metric's row in the catalogue names; `le` of a histogram's buckets."""
    text = (ROOT / "docs/reference/metrics.md").read_text()
    family = next((name.removesuffix(part) for part in HISTOGRAM_PARTS
                   if f"| `{name.removesuffix(part)}` | histogram |" in text), name)  # fmt: skip
    row = re.search(rf"^\| `{family}` \| \w+ \| (.*?) \|", text, re.M)
    assert row, f"{name} is not in the catalogue"
    return set(re.findall(r"`(\w+)`", row[1])) | ({"le"} if name.endswith("_bucket") else set())


def labels_used(expression):
    matched = re.findall(r'[{,]\s*(\w+)\s*(?:=~|!~|!=|=)\s*"', expression)
    grouped = re.findall(r"\b(?:by|on|without) *\(([^)]*)\)", expression)
    return set(matched) | {label.strip() for group in grouped for label in group.split(",")}


@pytest.fixture(scope="module")
def dashboard():
    return json.loads((DEPLOY / "grafana/paceline.json").read_text())


def test_every_metric_of_the_dashboard_is_declared(dashboard):
    used = set().union(*(metrics_in(e) for e in expressions(dashboard)))
    known = declared()
    assert len(known) > 50 and len(used) > 25
    assert used <= known, used - known


def test_every_label_of_the_dashboard_is_one_of_its_metric(dashboard):
    for expression in expressions(dashboard):
        known = set().union(*(labels_of(name) for name in metrics_in(expression)))
        # `job` is Prometheus' own, `worker` comes with ?per_worker=1.
        assert labels_used(expression) <= known | {"job", "worker"}, expression


def test_every_metric_of_the_rules_is_declared():
    rules = (DEPLOY / "prometheus/paceline.rules.yml").read_text()
    used = set(re.findall(r"\b(?:paceline|process|http_server)_\w+(?![\w:])", rules))
    used = {name for name in used if f"job:{name}" not in rules}
    assert used and used <= declared(), used - declared()


def test_panels_neither_overlap_nor_share_a_number(dashboard):
    cells, ids = set(), set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        mine = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & mine, panel["title"]
        assert panel["id"] not in ids
        cells |= mine
        ids.add(panel["id"])


def test_the_rules_are_what_the_command_writes(paceline, tmp_path):
    written = subprocess.run([paceline, "config", "rules"], capture_output=True, text=True,
                             cwd=tmp_path)  # fmt: skip
    assert (written.returncode, written.stderr) == (0, "")
    assert (DEPLOY / "prometheus/paceline.rules.yml").read_text() == written.stdout, (
        "again: paceline config rules >deploy/prometheus/paceline.rules.yml"
    )


def promtool(*arguments):
    program = shutil.which("promtool")
    assert program, "promtool is missing: ./dev deps test"
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)


def test_prometheus_takes_the_configuration_and_its_rules():
    checked = promtool("check", "config", DEPLOY / "prometheus/prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_understands_every_query_of_the_dashboard(dashboard, tmp_path):
    rules = [
        {"record": f"panel:query:{i}", "expr": e.replace("$__rate_interval", "1m")}
        for i, e in enumerate(expressions(dashboard))
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_running_instance_has_what_the_dashboard_asks_for(serve, dashboard):
    """Metrics without any series yet (no stall, no refusal) are not exposed."""
    cluster = serve("--workers", "1")
    for _ in range(10):
        assert ask(cluster.address, "GET", "/").status == 200
    used = set().union(*(metrics_in(e) for e in expressions(dashboard)))

    def shown():
        text = ask(cluster.folder / "monitor.sock", "GET", "/metrics").body.decode()
        names = set(re.findall(r"^([a-zA-Z_:][\w:]*)", text, re.M))
        return len(used & names) >= len(used) * 2 // 3

    wait_until(shown, "most of the dashboard's metrics on /metrics")
