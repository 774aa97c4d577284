"""An application outside the tree builds against an installed Paceline."""

import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def test_a_copy_of_hello_builds_against_an_install_prefix(build_folder, tmp_path):
    prefix = tmp_path / "prefix"
    source = shutil.copytree(ROOT / "examples/hello", tmp_path / "copy")
    run("cmake", "--install", build_folder, "--prefix", prefix)
    assert (prefix / "include/paceline/app.h").exists()
    assert not list(prefix.rglob("*_test.*")), "tests do not belong into an install"

    build = tmp_path / "build"
    run("cmake", "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_BUILD_TYPE=Debug")
    run("ninja", "-C", build)

    program = next(build.rglob("hello"))
    assert "serve" in run(program, "--help")
    # Nothing of the installed library may point back into the tree it was built from.
    for file in (prefix / "lib").rglob("*.cmake"):
        assert str(ROOT) not in file.read_text(), file
