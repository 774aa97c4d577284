"""The load generator beside wrk and ab on the same nginx: CPU of the generator for each request,
requests/s from one thread; then what an open loop adds of its own.

Server and generator have a core each. A round measures every generator once; a ratio compares
within a round. With a busy server the rate is the server's; the generator's cost is its CPU.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import common

CONNECTIONS = 32
OPEN_RATE = 10_000
SECONDS = 2
ANSWER = "Hello, world"


def spent(command):
    """Output and CPU seconds of a child, all of its threads."""
    process = subprocess.Popen(["taskset", "-c", common.LOAD_CORE, *map(str, command)],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    return out, usage.ru_utime + usage.ru_stime, process.returncode


def bench(options, server, folder, *more):
    file = folder / "bench.json"
    program = (options.bin / "paceline").resolve()
    _, cpu, code = spent([program, "bench", server.url(), "-c", CONNECTIONS, "-d",
                          f"{options.seconds}s", "--json", file, *more])
    data = json.loads(file.read_text())
    if code not in (0, 96) or sum(data["errors"].values()):
        raise SystemExit(f"paceline bench: exit code {code}\n{json.dumps(data, indent=1)}")
    return data, cpu


def ours(options, server, folder):
    data, cpu = bench(options, server, folder)
    return cpu / data["requests"]["completed"] * 1e6, data["rate_achieved"]


def wrk(options, server, _folder):
    out, cpu, _ = spent(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{options.seconds}s", server.url()])
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    return cpu / requests * 1e6, float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def ab(options, server, _folder):
    out, cpu, _ = spent(["ab", "-q", "-k", "-c", CONNECTIONS, "-t", options.seconds, "-n",
                         100_000_000, server.url()])
    requests = int(re.search(r"Complete requests:\s+(\d+)", out).group(1))
    return cpu / requests * 1e6, float(re.search(r"Requests per second:\s+([\d.]+)", out).group(1))


def report(results, opened):
    print(f"\nclosed loop, {CONNECTIONS} connections, one thread")
    print(f"  {'':16}{'CPU µs/request':>24}{'× wrk':>22}{'requests/s':>26}")
    for name, values in results.items():
        cpu = [c for c, _ in values]
        ratio = [c / w for c, (w, _) in zip(cpu, results["wrk"])]
        row = "  {:16}{:>8.3f} ({:.3f}–{:.3f}){:>8.3f} ({:.3f}–{:.3f}){:>11,.0f} ({:,.0f}–{:,.0f})"
        print(row.format(name, *common.spread(cpu), *common.spread(ratio),
                         *common.spread([rate for _, rate in values])))
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
    if shutil.which("ab"):
        generators["ab -k"] = ab
    results, opened = {name: [] for name in generators}, []
    with common.scratch() as folder:
        server = common.nginx(folder, ANSWER)
        if server is None:
            raise SystemExit("nginx is missing")
        try:
            for number in range(options.rounds):
                for name, measure in generators.items():
                    results[name].append(measure(options, server, folder))
                opened.append(bench(options, server, folder, "-R", OPEN_RATE)[0])
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        finally:
            server.stop()
    report(results, opened)


if __name__ == "__main__":
    main()
