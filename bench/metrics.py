"""What measuring costs a request: the same handler with and without metrics, side by side.

Two builds of bench/plain.cpp: as shipped (durations by route, counters, exemplars, the observed
loop and its stall watch), and with PACELINE_METRICS=OFF, which compiles all of it out, the clock
readings for durations too. A ratio compares within a round; instructions are callgrind's.
"""

import pathlib
import re
import subprocess
import sys
import time

import common

CONNECTIONS = 32
GOAL = 0.02  # of the CPU time of a request that is not pipelined
ROOT = pathlib.Path(__file__).resolve().parents[1]
MODES = (("keep-alive", 1), ("16 pipelined", 16))


def build_without(folder):
    """bench_plain without metrics, with the flags of the release preset."""
    subprocess.run(["cmake", "--preset", "release", "-B", folder, "-DPACELINE_BENCH=ON",
                    "-DPACELINE_METRICS=OFF"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, "--quiet", "bench_plain"], check=True)
    return folder / "bin" / "bench_plain"


def measure(server, seconds, script):
    before = server.cpu()
    requests, _ = common.wrk(server.url(), seconds, CONNECTIONS, script)
    return (server.cpu() - before) / requests * 1e6


def instructions(program, folder, script):
    """Per request, the program's start included."""
    port = common.free_port()
    out = folder / "callgrind.out"
    copy = folder / "plain"  # without debug information, which valgrind 3.19 cannot read
    subprocess.run(["objcopy", "--strip-debug", program, copy], check=True)
    server = common.Server("profiled", ["valgrind", "--tool=callgrind", "--quiet",
                                        f"--callgrind-out-file={out}", copy, port], port)
    try:
        requests, _ = common.wrk(server.url(), 5, 8, script)
    finally:
        server.stop()
    text = subprocess.run(["callgrind_annotate", out], capture_output=True, text=True).stdout
    total = re.search(r"([\d,]+) .*PROGRAM TOTALS", text).group(1)
    return int(total.replace(",", "")) / requests


def report(results, profiles):
    for mode, _ in MODES:
        on, off = results["with", mode], results["without", mode]
        ratio = common.spread([a / b - 1 for a, b in zip(on, off)])
        print(f"\n{mode}, {CONNECTIONS} connections")
        for name, times in (("without metrics", off), ("with metrics", on)):
            print("  {:18}{:8.3f} ({:.3f}–{:.3f}) µs CPU/request".format(
                name, *common.spread(times)))
        print("  {:18}{:+8.1%} ({:+.1%}–{:+.1%}){}".format(
            "cost", *ratio, f", goal at most {GOAL:.0%}" if mode == "keep-alive" else ""))
        if profiles:
            with_, without = profiles["with", mode], profiles["without", mode]
            print(f"  {'instructions':18}{with_:8.0f} with, {without:.0f} without, "
                  f"{with_ / without - 1:+.1%}")


def main():
    parser = common.arguments(__doc__.splitlines()[0], rounds=12)
    parser.add_argument("--seconds", type=int, default=2, help="of one measurement")
    parser.add_argument("--without", type=pathlib.Path, help="a bench_plain without metrics")
    parser.add_argument("--no-profile", action="store_true", help="skip the callgrind runs")
    options = parser.parse_args()
    without = options.without or build_without(ROOT / "build" / "release-without-metrics")
    programs = {"with": options.bin / "bench_plain", "without": without}
    print(common.machine())
    results, profiles = {}, {}
    with common.scratch() as folder:
        script = folder / "pipeline.lua"
        script.write_text(common.PIPELINE % 16)
        servers = {}
        try:
            for name, program in programs.items():
                port = common.free_port()
                servers[name] = common.Server(name, [program.resolve(), port], port)
                common.wrk(servers[name].url(), 1, CONNECTIONS)  # warm up
            for number in range(options.rounds):
                order = list(servers)[:: 1 if number % 2 else -1]  # nobody is always first
                for mode, depth in MODES:
                    for name in order:
                        results.setdefault((name, mode), []).append(measure(
                            servers[name], options.seconds, script if depth > 1 else None))
                print(f"round {number + 1}/{options.rounds}", file=sys.stderr, end="\r")
        finally:
            for server in servers.values():
                server.stop()
        if not options.no_profile:
            for mode, depth in MODES:
                for name, program in programs.items():
                    profiles[name, mode] = instructions(program, folder,
                                                        script if depth > 1 else None)
    report(results, profiles)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"\ntook {time.monotonic() - started:.0f} s")
