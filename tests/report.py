"""Sums JUnit files of ctest and pytest, and repeats what failed with the command to see it again.

usage: report.py [--count] FILE…   (--count: only the last line; files that are missing count 0)
"""

import pathlib
import sys
import xml.etree.ElementTree as xml


def failure_of(case):
    """The text of a failed test, or None. A skipped or missing test counts as failed."""
    for tag in ("failure", "error", "skipped"):
        found = case.find(tag)
        if found is not None:
            output = case.findtext("system-out") or found.text or ""
            return f"{tag}: {found.get('message') or ''}\n{output}".strip()
    return None


def command_again(file, case):
    name = case.get("name")
    folder = file.parent
    module, _, test = name.partition(": ")
    if (folder / "bin" / f"{module}_test").exists() and "." in test:
        return f"{folder}/bin/{module}_test --gtest_filter='{test}'"
    return f"ctest --test-dir {folder} --output-on-failure -R '^{name}$'"


def main(arguments):
    quiet = arguments[:1] == ["--count"]
    files = [pathlib.Path(name) for name in arguments[quiet:]]
    passed = failed = 0
    for file in files:
        if quiet and not file.exists():
            continue
        for case in xml.parse(file).getroot().iter("testcase"):
            failure = failure_of(case)
            passed += failure is None
            failed += failure is not None
            # pytest has already told about its own (tests/conftest.py).
            if failure and not quiet and file.name == "ctest.xml":
                print(f"\nFAILED {case.get('name')}\n{failure}")
                print(f"again: {command_again(file, case)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
