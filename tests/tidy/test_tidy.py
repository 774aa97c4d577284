"""Holds the tree to its own rules: sizes, includes, names of things that must not appear.

Each test reads the sources as text and lists every place that breaks its rule.
"""

import ast
import collections
import os
import pathlib
import re
import warnings

import pytest
from cplusplus import await_problem, blank, capturing_lambdas, functions, line_of

ROOT = pathlib.Path(__file__).resolve().parents[2]

FILE_LINES_MAX = 800
FILE_LINES_USUAL = 500
FUNCTION_LINES_MAX = 70
HEADER_LINES_MAX = 350
COLUMNS_MAX = 100

# docs/architecture.md, section 3. A module may include the front doors of lower rows.
ROWS = {
    6: {"app"},
    5: {"proof"},
    4: {"load", "service", "monitor"},
    3: {"client", "goals"},
    2: {"http", "cache", "sqlite", "postgres", "redis", "cluster"},
    1: {"loop", "metrics"},
    0: {"core"},
}
ROW_OF = {module: row for row, modules in ROWS.items() for module in modules}

NOT_OURS = {".git", "build", "node_modules", "paceline-data", "__pycache__", "corpus"}
Source = collections.namedtuple("Source", "name text code")


def read_tree():
    sources = []
    for folder, below, names in os.walk(ROOT):
        below[:] = sorted(set(below) - NOT_OURS)
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue
            code = blank(text) if path.suffix in (".cpp", ".h") else ""
            sources.append(Source(str(path.relative_to(ROOT)), text, code))
    return sources


TREE = read_tree()
CPP = [source for source in TREE if source.code]
PYTHON = [source for source in TREE if source.name.endswith(".py")]
WRITTEN = [
    source
    for source in TREE
    if source.name.endswith((".cpp", ".h", ".py", ".cmake", "CMakeLists.txt"))
    or source.name in ("dev", ".ci/run", "packages.txt")
]


def report(problems):
    assert not problems, "\n" + "\n".join(problems)


def places(sources, pattern, message):
    """Every match of `pattern` in the text of the sources."""
    found = []
    for source in sources:
        for match in re.finditer(pattern, source.text):
            found.append(f"{source.name}:{line_of(source.text, match.start())}: {message(match)}")
    return found


def test_files_are_short():
    lengths = {source.name: source.text.count("\n") for source in WRITTEN}
    for name, lines in lengths.items():
        if FILE_LINES_USUAL < lines <= FILE_LINES_MAX:
            warnings.warn(f"{name} has {lines} lines; most files need fewer than 300")
    report([f"{n}: {l} lines, max {FILE_LINES_MAX}" for n, l in lengths.items()
            if l > FILE_LINES_MAX])


def test_headers_are_readable_in_one_sitting():
    report([f"{source.name}: {source.text.count(chr(10))} lines, max {HEADER_LINES_MAX}"
            for source in CPP
            if source.name.endswith(".h") and source.text.count("\n") > HEADER_LINES_MAX])


def test_lines_are_narrow():
    report([f"{source.name}:{number}: {len(line)} columns, max {COLUMNS_MAX}"
            for source in WRITTEN
            for number, line in enumerate(source.text.splitlines(), 1)
            if len(line) > COLUMNS_MAX and source.name != "packages.txt"])


def test_functions_are_short():
    problems = []
    for source in CPP:
        for head, first, last in functions(source.code):
            if last - first + 1 > FUNCTION_LINES_MAX:
                problems.append(f"{source.name}:{first}: {last - first + 1} lines, "
                                f"max {FUNCTION_LINES_MAX}: {head[:60]}")
    for source in PYTHON:
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    problems.append(f"{source.name}:{node.lineno}: {lines} lines: {node.name}")
    report(problems)


def include_problem(name, target):
    """Why `name` must not include "target", or None."""
    if not target.startswith("paceline/"):
        return f'"{target}" is not a full path that begins with paceline/'
    parts = name.split("/")
    door = re.fullmatch(r"paceline/(\w+)\.h", target)
    if parts[0] != "paceline":
        return None if door else f"{target} is the inside of a module; use its front door"
    own = parts[1].removesuffix(".h")
    module = target.split("/")[1].removesuffix(".h")
    if module == own:
        return None
    if own not in ROW_OF or module not in ROW_OF:
        return f"{module if own in ROW_OF else own} is in no row of the module table"
    if not door:
        return f"{target} is the inside of {module}; use paceline/{module}.h"
    if ROW_OF[module] >= ROW_OF[own]:
        return f"{own} (row {ROW_OF[own]}) must not use {module} (row {ROW_OF[module]})"
    return None


def test_includes_follow_the_module_table():
    problems = []
    for source in CPP:
        for match in re.finditer(r'^#include ([<"])([^">]+)[">]', source.text, re.M):
            place = f"{source.name}:{line_of(source.text, match.start())}"
            if match[1] == '"':
                problem = include_problem(source.name, match[2])
                problems += [f"{place}: {problem}"] if problem else []
            elif match[2].startswith(("paceline/", ".")):
                problems.append(f"{place}: our own headers stand in quotes, by their full path")
    report(problems)


def test_cmake_links_what_the_table_allows():
    text = (ROOT / "CMakeLists.txt").read_text()
    problems = []
    for match in re.finditer(r"paceline_module\((\w+)(?: DEPENDS ([a-z ]+))?", text):
        lower = {module for module, row in ROW_OF.items() if row < ROW_OF[match[1]]}
        for module in (match[2] or "").split():
            if module not in lower:
                problems.append(f"CMakeLists.txt: {match[1]} must not depend on {module}")
    report(problems)


def test_the_table_is_the_one_in_the_architecture():
    page = ROOT / "docs/architecture.md"
    if not page.exists():
        return
    documented = {}
    for row, modules in re.findall(r"^\| (\d) \| (.*) \|$", page.read_text(), re.M):
        documented[int(row)] = set(re.findall(r"`(\w+)`", re.sub(r"\([^()]*\)", "", modules)))
    assert documented == ROWS


def test_every_fuzz_target_has_a_corpus():
    report([f"{path.relative_to(ROOT)}: no input in corpus/{path.stem}/ beside it"
            for path in (ROOT / "paceline").glob("*/*_fuzz.cpp")
            if not any((path.parent / "corpus" / path.stem).glob("*"))])


def test_what_runs_with_thread_sanitizer_exists_and_is_complete():
    listed = set(re.findall(r"^(\w+ \w+)$", (ROOT / "tests/tsan.txt").read_text(), re.M))
    every, problems = set(), []
    for source in CPP:
        if not source.name.endswith("_test.cpp"):
            continue
        module, threaded = source.name.split("/")[1], set()
        for head, first, last in functions(source.code):
            suite = re.match(r"TEST(?:_[FP])?\((\w+),", head)
            if suite:
                every.add(f"{module} {suite[1]}")
                body = "\n".join(source.code.splitlines()[first - 1 : last])
                if re.search(r"\bstd::j?thread\b", body):
                    threaded.add(f"{module} {suite[1]}")
        problems += [f"tests/tsan.txt lacks `{line}`, which starts threads"
                     for line in sorted(threaded - listed)]
    problems += [f"tests/tsan.txt: there is no suite `{line}`" for line in sorted(listed - every)]
    report(problems)


def test_no_capturing_lambda_is_a_coroutine():
    report([f"{source.name}:{line_of(source.code, offset)}: a capturing lambda is a coroutine; "
            "name the function and pass what it needs"
            for source in CPP
            for offset, body in capturing_lambdas(source.code)
            if re.search(r"\bco_(await|return|yield)\b", body)])


def test_co_await_stands_alone():
    problems = []
    for source in CPP:
        for match in re.finditer(r"\bco_await\b", source.code):
            problem = await_problem(source.code, match.start())
            if problem and "operator co_await" not in source.code[: match.end()][-20:]:
                line = line_of(source.code, match.start())
                problems.append(f"{source.name}:{line}: co_await {problem}")
    report(problems)


def test_tests_wait_for_conditions():
    tests = [source for source in CPP if source.name.endswith("_test.cpp")]
    tests += [source for source in PYTHON
              if source.name.startswith(("tests/", "examples/"))
              and source.name != "tests/conftest.py"]  # wait_until polls there
    # A loop's own sleep runs on its clock, often a simulated one; the system's does not.
    sleep = r"\bsleep_(for|until)\(|\btime\.sleep\(|\b(u|nano)sleep\(|(?<![\w.>:])sleep[(]\d"
    report(places(tests, sleep, lambda match: f"{match[0]}…): wait for a condition"))


def test_nothing_is_left_to_do():
    marks = r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b"
    report(places(TREE, marks, lambda match: f"{match[0]}: do it or file it"))


def test_no_path_of_one_machine():
    paths = r"(?<![\w.}])/(ho" r"me|ro" r"ot|wo" r"rk|Us" r"ers)/\w+"
    report(places(TREE, paths, lambda match: f"{match[0]}: a path of one machine"))


def test_packages_stand_once_each_with_a_reason():
    lines = [line.split(None, 3) for line in (ROOT / "packages.txt").read_text().splitlines()
             if line and not line.startswith("#")]
    names = [line[1] for line in lines]
    report([f"packages.txt: {line}: group, package, proof, reason" for line in lines
            if len(line) != 4 or line[0] not in ("build", "test", "bench")]
           + [f"packages.txt: {name} stands twice" for name in set(names)
              if names.count(name) > 1])


@pytest.mark.parametrize("code, problem", [
    ("  co_await stream.write(x);", None),
    ("  auto line = co_await stream.read(a + b, c ? d : e);", None),
    ("  Result<std::size_t> got = co_await read(input);", None),
    ("  if (busy) co_await loop.turn();", None),
    ("  auto [a, b] = co_await pair();", "neither"),
    ("  use(co_await get());", "neither"),
    ("  if (co_await get()) stop();", "inside a condition"),
    ("  co_return co_await get();", "co_return"),
    ("  auto x = co_await get() + 1;", "`+`"),
    ("  PACELINE_CO_TRY(co_await get());", "neither"),
])
def test_the_await_rule_knows(code, problem):
    found = await_problem("{\n" + code + "\n}", code.index("co_await") + 2)
    assert (found is None) if problem is None else (found and problem in found)


@pytest.mark.parametrize("code, count", [
    ("spawn([&x](int y) -> Task<void> { co_return; });", 1),
    ("auto f = [this] { return co_await g(); };", 1),
    ("auto f = [] { co_return; };", 0),
    ("auto f = [&x] { return x; }; v[i] = y; [[nodiscard]] int z(int a[3]) { co_return; }", 0),
])
def test_the_lambda_scan_knows_captures(code, count):
    assert sum("co_" in body for _, body in capturing_lambdas(code)) == count


def test_the_function_scan_knows_what_a_function_is():
    text = '''
namespace a {
struct alignas(64) B : C<(3)> {
  int x = 3;
  B() : x{1}, y(2) {
    f([&] {
      return 1; });
  }
};
constexpr std::array<int, 2> table = {
    1, f(2)};
bool operator==(const B& l, const B& r) noexcept { return R"({)"; }  // {
TEST(Suite, Name) {
  if (x) {
  }
}
}
'''
    found = [(head.split("(")[0], first, last) for head, first, last in functions(blank(text))]
    assert ("bool operator==", 12, 12) in found and ("TEST", 13, 16) in found
    assert not any(head.startswith(("struct", "constexpr", "namespace")) for head, _, _ in found)
