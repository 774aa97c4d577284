"""clang-format on every source, clang-tidy on what ships. Remembers what passed under build/lint,
by the content of a file and of every project header it reaches, so that a second run is short.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build/lint"
INCLUDE = re.compile(rb'^#include "([^"]+)"', re.M)


def sources():
    folders = ("paceline", "cli", "bench", "examples", "tests")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.[ch]*")]
    return sorted(path for path in found if path.suffix in (".cpp", ".h"))


def reached(path, seen):
    """`path` and every project header it includes, directly or not."""
    if path not in seen and path.exists():
        seen.add(path)
        for name in INCLUDE.findall(path.read_bytes()):
            reached(ROOT / name.decode(), seen)
    return seen


def stamp(tool, settings, paths):
    """Where the cache notes that these contents passed."""
    digest = hashlib.sha256((ROOT / settings).read_bytes())
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return CACHE / f"{tool}-{digest.hexdigest()[:32]}"


def check(tool, note, path, command):
    """What the tool has to say about one file; empty if it passes."""
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode == 0:
        note.touch()
        return ""
    name = path.relative_to(ROOT)
    if tool == "format":
        return f"layout: {name}; mend it with: clang-format-19 -i {name}\n"
    return f"tidy: {name}\n{result.stdout}again: {' '.join(command)}\n"


def jobs():
    for path in sources():
        name = str(path.relative_to(ROOT))
        yield (
            "format", stamp("format", ".clang-format", {path}), path,
            ["clang-format-19", "--dry-run", "-Werror", name],
        )
        ships = path.suffix == ".cpp" and name.startswith(("paceline/", "cli/"))
        if ships and not name.endswith(("_test.cpp", "_fuzz.cpp")):
            yield (
                "tidy", stamp("tidy", ".clang-tidy", reached(path, set())), path,
                ["clang-tidy-19", "-p", "build/dev", "--quiet", name],
            )


def main():
    CACHE.mkdir(parents=True, exist_ok=True)
    every = list(jobs())
    for old in set(CACHE.glob("*-*")) - {note for _, note, _, _ in every}:
        old.unlink()
    todo = [job for job in every if not job[1].exists()]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = [text for text in pool.map(lambda job: check(*job), todo) if text]
    print("\n".join(failures), end="")
    print(f"lint: {len(every)} checks, {len(todo)} not seen before, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
