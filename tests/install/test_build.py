"""A build in a folder of its own, far from the tree, and one on a machine without npm."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = "paceline/loop/event.cpp"


def run(*command, cwd=None):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                            cwd=cwd)  # fmt: skip
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def configure(build, *options):
    tools = {"CMAKE_CXX_COMPILER": "clang++-19", "CMAKE_MAKE_PROGRAM": "ninja",
             "PKG_CONFIG_EXECUTABLE": "pkg-config"}  # fmt: skip
    found = [f"-D{name}={shutil.which(tool)}" for name, tool in tools.items()]
    return run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DPACELINE_TESTS=OFF",
               "-DCMAKE_BUILD_TYPE=Debug", *found, *options)


def compiled(build, name, source, output):
    """What the build would make of `source` in the place of its own file of that name."""
    entries = json.loads((build / "compile_commands.json").read_text())
    entry = next(e for e in entries if e["file"].endswith(name))
    words = shlex.split(entry["command"])
    words[words.index("-o") + 1] = output
    words[words.index("-c") + 1] = source
    run(*words, cwd=entry["directory"])
    return output


@pytest.fixture
def without_npm():
    """What hides Node.js and npm from CMake, with all that lies beside them."""
    folders = {str(pathlib.Path(path).parent) for name in ("node", "npm")
               if (path := shutil.which(name))}  # fmt: skip
    return "-DCMAKE_IGNORE_PATH=" + ";".join(folders | {"/usr/bin", "/bin", "/usr/local/bin"})


def test_sources_are_named_from_the_root_wherever_the_build_lies(tmp_path, without_npm):
    build = tmp_path / "deep/build"
    configure(build, without_npm)
    for source in (ROOT / SOURCE, os.path.relpath(ROOT / SOURCE, build)):  # the latter by ccache
        output = compiled(build, SOURCE, source, tmp_path / "event.o")
        names = output.read_bytes().split(b"\0")
        assert SOURCE.encode() in names, source
        wrong = [n for n in names if n.endswith(b"event.cpp") and n != SOURCE.encode()]
        assert wrong in ([], [b"event.cpp"]), source


def test_without_npm_cmake_says_what_is_left_out(tmp_path, without_npm):
    assert "The dashboard is left out: node or npm is missing" in configure(tmp_path, without_npm)


def test_a_program_without_the_dashboard_works_and_says_so(serve, build_folder, tmp_path):
    """Linked again with what CMake generates without npm; all else is the build's."""
    generated = tmp_path / "dashboard_files.cpp"
    run("cmake", "-D", f"SOURCE={ROOT}/dashboard", "-D", f"BUILD={tmp_path}", "-D",
        "FILES=index.html;app.js", "-D", "WHY=node or npm is missing", "-D",
        f"OUTPUT={generated}", "-P", ROOT / "cmake/dashboard_embed.cmake")  # fmt: skip
    instead = compiled(build_folder, "/dashboard_files.cpp", generated, tmp_path / "none.o")
    link = run("ninja", "-C", build_folder, "-t", "commands", "-s", "bin/paceline")
    link = link.strip().splitlines()[-1]
    assert " -o bin/paceline " in link
    program = tmp_path / "paceline"
    run("sh", "-c", link.replace("-o bin/paceline", f"-o {program} {instead}"),
        cwd=build_folder)  # fmt: skip

    cluster = serve("--workers", "1", program=program)
    monitor = "http://" + cluster.status()["monitor"]["listen"]
    page = run("curl", "-sS", "--fail", "-i", f"{monitor}/")
    assert page.startswith("HTTP/1.1 200 OK") and "text/html" in page
    assert "The dashboard is not part of this program" in page
    assert "apt-get install nodejs npm" in page
    status = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"{monitor}/assets/app.js")
    assert status == "404"
    assert "paceline_workers" in run("curl", "-sS", "--fail", f"{monitor}/metrics")
