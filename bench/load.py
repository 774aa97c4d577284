"""The load generator beside wrk, ab and h2load on the same nginx: CPU of the generator for each
request, requests/s from one thread, plain and with TLS; then what an open loop adds of its own, and
what a connection weighs.

Server and generator have a core each. A round measures every generator once; a ratio compares
within a round. With a busy server the rate is the server's; the generator's cost is its CPU.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import common

CONNECTIONS = 32
MANY = 10_000
OPEN_RATE = 10_000
SECONDS = 2
ANSWER = "Hello, world"


def spent(command):
    """Output, what it used, exit code; of a child with all of its threads."""
    process = subprocess.Popen(["taskset", "-c", common.LOAD_CORE, *map(str, command)],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    return out, usage, process.returncode


def cpu_of(usage):
    return usage.ru_utime + usage.ru_stime


class Target:
    """An nginx, and where its requests go."""

    def __init__(self, folder, tls):
        self.server = common.nginx(folder, ANSWER, tls)
        if self.server is None:
            raise SystemExit("nginx is missing")
        self.tls = tls
        self.url = self.server.url().replace("http:", "https:" if tls else "http:")


def bench(options, target, folder, more=()):
    file = folder / "bench.json"
    program = (options.bin / "paceline").resolve()
    secure = ["--insecure"] if target.tls else []
    _, usage, code = spent([program, "bench", target.url, "-c", CONNECTIONS, "-d",
                            f"{options.seconds}s", "--json", file, *secure, *more])
    data = json.loads(file.read_text())
    if code not in (0, 96) or sum(data["errors"].values()):
        raise SystemExit(f"paceline bench: exit code {code}\n{json.dumps(data, indent=1)}")
    return data, usage


def ours(options, target, folder):
    data, usage = bench(options, target, folder)
    return cpu_of(usage) / data["requests"]["completed"] * 1e6, data["rate_achieved"]


def parsed(command, count, rate):
    out, usage, _ = spent(command)
    requests = int(re.search(count, out).group(1))
    return cpu_of(usage) / requests * 1e6, float(re.search(rate, out).group(1))


def wrk(options, target, _folder):
    return parsed(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{options.seconds}s", target.url],
                  r"(\d+) requests in", r"Requests/sec:\s+([\d.]+)")


def ab(options, target, _folder):
    secure = ["-f", "TLS1.3"] if target.tls else []
    return parsed(["ab", "-q", "-k", "-c", CONNECTIONS, "-t", options.seconds, "-n", 100_000_000,
                   *secure, target.url],
                  r"Complete requests:\s+(\d+)", r"Requests per second:\s+([\d.]+)")


def h2load(options, target, _folder):
    return parsed(["h2load", "--h1", "-t", 1, "-c", CONNECTIONS, "-D", options.seconds, target.url],
                  r"(\d+) succeeded", r"finished in .*?, ([\d.]+) req/s")


def peak_memory(options, target, connections):
    """Bytes at most resident while it has its connections open."""
    program = (options.bin / "paceline").resolve()
    command = ["taskset", "-c", common.LOAD_CORE, program, "bench", target.url, "-c", connections,
               "-d", "5s"]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        found = re.search(r"VmHWM:\s+(\d+) kB",
                          pathlib.Path(f"/proc/{process.pid}/status").read_text())
        peak = max(peak, int(found.group(1)) * 1024 if found else 0)
        time.sleep(0.1)
    out = process.stdout.read()
    process.stdout.close()
    if process.returncode != 0 or "error" in out:
        raise SystemExit(f"{connections} connections: exit code {process.returncode}\n{out}")
    return peak


def weight(options, target):
    """Bytes of the generator's memory for each connection beyond the first few."""
    few = peak_memory(options, target, CONNECTIONS)
    return (peak_memory(options, target, MANY) - few) / (MANY - CONNECTIONS)


def report_closed(title, results):
    print(f"\nclosed loop{title}, {CONNECTIONS} connections, one thread")
    print(f"  {'':16}{'CPU µs/request':>24}{'× wrk':>22}{'requests/s':>26}")
    for name, values in results.items():
        cpu = [c for c, _ in values]
        ratio = [c / w for c, (w, _) in zip(cpu, results["wrk"])]
        row = "  {:16}{:>8.3f} ({:.3f}–{:.3f}){:>8.3f} ({:.3f}–{:.3f}){:>11,.0f} ({:,.0f}–{:,.0f})"
        print(row.format(name, *common.spread(cpu), *common.spread(ratio),
                         *common.spread([rate for _, rate in values])))


def report_open(opened):
    print(f"\nopen loop, {OPEN_RATE:,}/s from one thread")
    for name, pick, unit in (
        ("release lag p50", lambda d: d["latency_us"]["lag_generator"]["p50"], "µs"),
        ("release lag p99", lambda d: d["latency_us"]["lag_generator"]["p99"], "µs"),
        ("achieved/offered", lambda d: d["rate_achieved"] / d["rate_offered"], ""),
        ("response p50", lambda d: d["latency_us"]["response"]["p50"], "µs"),
    ):
        middle, low, high = common.spread([pick(each) for each in opened])
        print(f"  {name:16}{middle:>10.4g} ({low:.4g}–{high:.4g}) {unit}")


def main():
    parser = common.arguments(__doc__.partition("\n")[0], rounds=10)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each measurement")
    options = parser.parse_args()
    print(common.machine())
    generators = {"paceline bench": ours, "wrk": wrk}
    for name, program, measure in (("ab -k", "ab", ab), ("h2load", "h2load", h2load)):
        if shutil.which(program):
            generators[name] = measure
    opened = []
    with common.scratch() as folder:
        targets = [Target(folder, tls) for tls in (False, True)]
        results = [{name: [] for name in generators} for _ in targets]
        try:
            for number in range(options.rounds):
                for target, found in zip(targets, results):
                    for name, measure in generators.items():
                        found[name].append(measure(options, target, folder))
                opened.append(bench(options, targets[0], folder, more=["-R", OPEN_RATE])[0])
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            bytes_each = weight(options, targets[0])
        finally:
            for target in targets:
                target.server.stop()
    report_closed("", results[0])
    report_closed(", TLS 1.3", results[1])
    report_open(opened)
    print(f"\n{MANY:,} connections: {bytes_each:,.0f} B of the generator's memory each")


if __name__ == "__main__":
    main()
