"""`paceline bench selftest` on this machine, as it is."""

import re
import signal
import subprocess


def test_the_generator_tells_the_truth_here(paceline):
    run = subprocess.run([paceline, "bench", "selftest"], capture_output=True, text=True,
                         timeout=120)
    states = {name: state for state, name in re.findall(r"^  (\S+) +(\S+)", run.stdout, re.M)}
    assert list(states) == ["counts", "delay", "stall", "time-outs", "rate", "release"], run
    assert "FAILED" not in states.values(), run.stdout
    assert run.returncode == (98 if "NOISY" in states.values() else 0), run
    assert states["counts"] == "ok" and states["time-outs"] == "ok"


def test_ends_when_it_is_interrupted(paceline):
    process = subprocess.Popen([paceline, "bench", "selftest"], stdout=subprocess.PIPE, text=True)
    assert "server of its own" in process.stdout.readline()
    assert "" == process.stdout.readline().strip()
    assert "counts" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 105
