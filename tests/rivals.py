"""Other load generators beside ours: run, and compared by the shape of what they print."""

import re
import shutil
import subprocess

DEADLINE = 60


def run(*command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          timeout=DEADLINE, **options)


def theirs(name):
    """The installed program that ours is compared with."""
    program = shutil.which(name)
    assert program, f"{name} is in packages.txt"
    return program


def link(paceline, folder, name):
    """The program under test by another name."""
    path = folder / name
    if not path.exists():
        path.symlink_to(paceline)
    return path


def shape(text):
    """The lines of a report without numbers: values, units and the widths of cells go."""
    lines = []
    for line in text.splitlines():
        line = line.replace("-nan", "0.00")
        line = re.sub(r"\d+(\.\d+)?(us|ms|s|m|h|[KMGTPk]?B|[kMGTP])?\b", "#", line)
        lines.append(re.sub(r" +", " ", line).strip())
    return lines


def from_line(text, start):
    return text[text.index(start):]


def value(text, name):
    """The number behind a name at the start of a line."""
    found = re.search(rf"^ *{re.escape(name)} *([\d.]+)", text, re.M)
    assert found, f"{name} in {text}"
    return float(found.group(1))
