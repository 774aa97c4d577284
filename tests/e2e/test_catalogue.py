"""docs/reference/metrics.md shows exactly the metrics that the sources declare, as they do."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'  # pieces of one literal


def declared():
    """{name: row of the table} of every MetricInfo."""
    rows = {}
    sources = sorted(p for p in ROOT.glob("paceline/*/*") if p.suffix in (".h", ".cpp"))
    for source in sources:
        text = source.read_text()
        if source.name.endswith("_test.cpp") or "MetricInfo" not in text:
            continue
        for name, rest in re.findall(
                r'\.name =\s*"((?:paceline|http|process)_\w+)"(.*?)(?=\};|\.name =)', text, re.S):
            kind = re.search(r"MetricKind::(\w+)", rest)
            labels = re.search(r"\.labels = \{([^}]*)\}", rest)
            help_text = re.search(r"\.help =\s*" + TEXT, rest)
            assert help_text, f"{source}: {name} has no help"
            rows[name] = "| `{}` | {} | {} | {} |".format(
                name, kind[1].removesuffix("_max") if kind else "counter",
                ", ".join(f"`{label}`" for label in re.findall(r'"(\w+)"', labels[1]))
                if labels else "",
                "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', help_text[1])).replace('\\"', '"'))
    return rows


def test_the_catalogue_is_what_the_sources_declare():
    page = (ROOT / "docs/reference/metrics.md").read_text()
    shown = dict(re.findall(r"^(?=(.*)$)\| `((?:paceline|http|process)_\w+)` \|.*$", page, re.M))
    shown = {name: row for row, name in shown.items()}
    rows = declared()
    assert len(rows) > 40
    problems = [f"missing or different:\n  {row}" for name, row in rows.items()
                if shown.get(name) != row]
    problems += [f"nobody declares {name}" for name in shown if name not in rows]
    assert not problems, "\n".join(problems)
