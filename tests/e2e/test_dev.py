"""`./dev` answers wrong use with what would be right, and installs nothing for it."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def dev(*arguments):
    return subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True, cwd="/")


def test_help_names_every_command():
    shown = dev("--help")
    assert shown.returncode == 0
    for command in ("deps", "build", "run", "test", "lint", "bench", "fuzz"):
        assert f"\n  {command} " in shown.stdout


def test_a_wrong_word_is_answered_with_the_right_ones():
    for arguments, hint in [
        (["launch"], "usage: ./dev COMMAND"),
        (["build", "fast"], "dev, release, asan, tsan and fuzz"),
        (["deps", "extra"], "build, test and bench"),
        (["bench", "nothing"], "no benchmark 'nothing'"),
        (["fuzz", "nothing", "1"], "usage: ./dev fuzz TARGET SECONDS"),
    ]:
        result = dev(*arguments)
        assert result.returncode == 1, arguments
        assert hint in result.stderr, arguments


def test_what_benchmarks_share_is_none():
    for name in ("nothing", "common"):
        said = dev("bench", name).stderr
        assert f"no benchmark '{name}'; there are: " in said
        assert {"http", "writes"} <= set(said.partition("there are: ")[2].split())
        assert "common" not in said.partition("there are: ")[2].split()
