"""What the documentation shows is what happens: commands run and answers are compared with times,
process numbers and hashes masked; configurations load; C++ compiles; tables are complete.

    ```console   lines behind "$ " run in order in one folder per page, "> " continues a command;
                 `serve` stays in the background
    ```toml      `paceline config` accepts it
    ```cpp       compiles, all blocks of a page together
"""

import os
import pathlib
import re
import signal
import subprocess

import pytest
from conftest import START_DEADLINE, free_port, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PORTS = ("8000", "9000")  # that the pages show
COMMAND_DEADLINE = 60


def blocks(page, language):
    """(line, text) of every fenced block of that language."""
    pattern = rf"^```{re.escape(language)}\n(.*?)^```$"
    text = page.read_text()
    return [(text.count("\n", 0, match.start()) + 1, match[1])
            for match in re.finditer(pattern, text, re.M | re.S)]


def pages_with(language):
    return [pytest.param(page, id=str(page.relative_to(ROOT)))
            for page in PAGES if blocks(page, language)]


def transcript(page):
    """[line, command, output lines] of every command of the page."""
    steps = []
    for line, text in blocks(page, "console"):
        for number, shown in enumerate(text.splitlines(), line + 1):
            if shown.startswith("$ "):
                steps.append([number, shown[2:], []])
            elif shown.startswith("> ") and not steps[-1][2]:
                steps[-1][1] += "\n" + shown[2:]
            else:
                steps[-1][2].append(shown)
    return steps


MASKS = [(re.compile(pattern, re.M), mask) for pattern, mask in [
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"(monitor {2}.*http://127\.0\.0\.1):\d+( \(8001 is taken\))?", r"\1:PORT"),
    (r"^Date: .*", "Date: TIME"),
    (r"\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b", "HEX"),
    (r"\d+ cpus? \(affinity \d+, (no quota|quota [\d.]+)\)( - 1 for the system|, at least 1)?",
     "CPUS"),
    (r"(CPUS.*?) = \d+ workers?", r"\1 = N workers"),
    (r": \d+ workers?(?= and|,)", ": N workers"),
    (r'"(cpus|affinity)":\d+', r'"\1":N'),
    (r'"(quota|memory_cap)":(null|[\d.]+)', r'"\1":N'),
    (r'"(pid|uptime_s|requests|connections)":[\d.]+', r'"\1":N'),
    (r"(supervisor|keeper|monitor|pid|pid=) ?( *)\d+\b", r"\1 N"),
    (r'"(rate|p50|p95|p99)":[\d.e-]+', r'"\1":N'),
    (r"up \d+ s", "up N s"),
    (r"^(\d) +\d+ +(\w+) +(\d+) +\d+s +\d+ +\d+$", r"\1 \2 \3"),
    (r"ttl=\d+", "ttl=N"),
    (r"# paceline\.toml:\d+:\d+$", "# paceline.toml:L:C"),
    (r"(\"ms\":|ms=)[\d.e-]+", r"\1N"),
    (r"(_bytes(?:\{[^}]*\})?[= ])\d[\d.e+]*", r"\1N"),
]]


def masked(text):
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    # The order of header lines is not a promise.
    header = re.compile(r"[A-Z][A-Za-z-]*: ")
    for first, line in enumerate(lines):
        if line.startswith("HTTP/1.1 "):
            last = first + 1
            while last < len(lines) and header.match(lines[last]):
                last += 1
            lines[first + 1 : last] = sorted(lines[first + 1 : last])
    return lines


class Sandbox:
    """A folder, ports and a PATH of their own; what a page starts ends with it."""

    def __init__(self, folder, programs):
        self.folder = folder
        self.ports = {shown: str(free_port()) for shown in PORTS}
        self.servers = []
        self.listen = f"127.0.0.1:{self.ports['8000']}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PACELINE_")}
        self.environment = {**kept, "PATH": f"{programs}:{kept['PATH']}"}

    def translate(self, command):
        command = command.replace("./dev run -- ", "paceline serve ")
        command = command.replace("./dev run", "paceline serve").replace("build/release/bin/", "")
        for shown, real in self.ports.items():
            command = re.sub(rf"\b{shown}\b", real, command)
        return command

    def seen(self, output):
        output = output.replace(str(self.folder), "/srv/app")
        for shown, real in self.ports.items():
            output = re.sub(rf"\b{real}\b", shown, output)
        return output

    def run(self, command):
        """The output, and whether there may be more of it than the page shows."""
        command = self.translate(command)
        if re.search(r"^(paceline|hello|blocking) serve", command):
            return self.serve(command), True
        result = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment,
            timeout=COMMAND_DEADLINE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        return self.seen(result.stdout), False

    def serve(self, command):
        path = self.folder.with_name(f"{self.folder.name}-{len(self.servers)}.out")
        with open(path, "w") as log:
            server = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
                # In place of the default, which another test may use.
                env={**self.environment, "PACELINE_SERVER_LISTEN": self.listen})
        self.servers.append(server)
        wait_until(lambda: "Ctrl-C" in path.read_text() or server.poll() is not None,
                   lambda: f"{command}: {path.read_text()}", START_DEADLINE)
        # The monitor is where it found a free port.
        if monitor := re.search(r"^  monitor  http://127\.0\.0\.1:(\d+)", path.read_text(), re.M):
            self.ports.setdefault("8001", monitor[1])
        return self.seen(path.read_text())

    def close(self):
        for server in self.servers:
            if server.poll() is None:
                server.send_signal(signal.SIGTERM)
        for server in self.servers:
            server.wait(COMMAND_DEADLINE)


@pytest.fixture
def sandbox(paceline, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    sandbox = Sandbox(folder, paceline.parent)
    yield sandbox
    sandbox.close()


@pytest.mark.request_path
@pytest.mark.parametrize("page", pages_with("console"))
def test_commands_answer_what_the_page_shows(page, sandbox):
    for line, command, expected in transcript(page):
        command = re.sub(r"\bcurl ", "curl -sS ", command)  # no progress: it is no terminal
        output, more = sandbox.run(command)
        shown, got = masked("\n".join(expected)), masked(output)
        if more:
            got = got[:len(shown)]
        assert got == shown, f"{page.relative_to(ROOT)}:{line}: $ {command}\n{output}"


@pytest.mark.parametrize("page", pages_with("toml"))
def test_configurations_load(page, paceline, tmp_path):
    for line, text in blocks(page, "toml"):
        file = tmp_path / f"line{line}.toml"
        file.write_text(text)
        result = subprocess.run([paceline, "config", file], capture_output=True, text=True)
        assert result.returncode == 0, f"{page.relative_to(ROOT)}:{line}: {result.stderr}"


@pytest.mark.parametrize("page", pages_with("cpp"))
def test_examples_compile(page, tmp_path):
    """Every block in a namespace of its own, headers once at the top."""
    headers, bodies = {'#include "paceline/app.h"': None}, []
    for line, text in blocks(page, "cpp"):
        body = []
        for row in text.splitlines():
            if row.startswith("#include"):
                headers[row] = None
            elif row != "using namespace paceline;":
                body.append(row)
        bodies.append(f'namespace block{line} {{\n#line {line + 1} "{page.name}"\n'
                      + "\n".join(body) + "\n}\n")
    source = tmp_path / "page.cpp"
    source.write_text("\n".join(headers) + "\nusing namespace paceline;\n" + "".join(bodies))
    result = subprocess.run(["clang++-19", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra",
                             "-Werror", f"-I{ROOT}", source], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_the_readme_shows_the_hello_example_as_it_is():
    readme = [text for _, text in blocks(ROOT / "README.md", "cpp")]
    assert (ROOT / "examples/hello/main.cpp").read_text() in readme


@pytest.fixture(scope="module")
def known_keys(paceline, tmp_path_factory):
    """{key: default as TOML} of what `paceline init` writes."""
    file = tmp_path_factory.mktemp("init") / "paceline.toml"
    subprocess.run([paceline, "init", file], check=True, capture_output=True)
    prefix, keys = "", {}
    for line in file.read_text().splitlines():
        if line.startswith("[[resource]]") and "resource.path" in keys:
            break  # from here on, the example
        if header := re.match(r"(?:# )?\[+([\w.]+)\]+(?=:|$)", line):
            prefix = header[1] + "."
        elif setting := re.match(r"#(\w+) =(?: (.*))?$", line):
            keys[prefix + setting[1]] = setting[2] or ""
    return keys


def test_every_key_of_init_is_documented_with_its_default(known_keys):
    page = (ROOT / "docs/reference/configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z0-9_.]+)` \| (?:`([^|]*)`|required) \|", page, re.M))
    problems = []
    for key, default in known_keys.items():
        shown = key.removeprefix("resource.")
        if shown not in rows:
            problems.append(f"{key} is missing")
        elif rows[shown] != default:
            problems.append(f"{key}: the page says {rows[shown]}, init says {default}")
    known = {key.removeprefix("resource.") for key in known_keys}
    problems += [f"{key}: there is no such key" for key in rows if key not in known]
    assert not problems, "\n".join(problems)


def test_the_built_in_configuration_is_the_one_shown(paceline, tmp_path):
    def described(*arguments):
        result = subprocess.run([paceline, "config", *arguments], capture_output=True, text=True,
                                cwd=tmp_path, check=True)
        return re.sub(r"   # .*$", "", result.stdout, flags=re.M)

    file = tmp_path / "shown.toml"
    file.write_text(blocks(ROOT / "docs/reference/configuration.md", "toml")[-1][1])
    assert described(file) == described()


def test_every_option_of_every_command_is_documented(paceline):
    page = (ROOT / "docs/reference/commands.md").read_text()
    usage = subprocess.run([paceline, "--help"], capture_output=True, text=True).stdout
    commands = re.findall(r"^  (\w+) {2,}", usage.partition("Subcommands:")[2], re.M)
    assert "serve" in commands
    for command in commands:
        section = re.search(rf"^## `{command}.*?(?=^## |\Z)", page, re.M | re.S)
        assert section, f"{command} has no section"
        usage = subprocess.run([paceline, command, "--help"], capture_output=True, text=True)
        for option in re.findall(r"--[a-z-]+", usage.stdout):
            assert option in section[0] or option == "--help", f"{command} {option}"


def test_every_reason_to_refuse_a_request_is_documented():
    page = (ROOT / "docs/reference/http.md").read_text()
    source = (ROOT / "paceline/http/parse_error.cpp").read_text()
    rows = re.findall(r'^    \{(\w+), "\1", (\d+),', source, re.M)
    assert len(rows) > 30
    missing = [word for word, status in rows
               if word != "none" and not re.search(rf"^\| `{word}` \| {status} \|", page, re.M)]
    assert not missing


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in PAGES])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text()):
        assert (page.parent / target).exists(), target
    words = set(re.findall(r"\./dev (\w+)", page.read_text()))
    script = (ROOT / "dev").read_text()
    assert all(re.search(rf"^  {word} ", script, re.M) for word in words), words
