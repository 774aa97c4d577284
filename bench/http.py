"""HTTP, side by side in one run: the bare epoll floor, a plain handler, a cached GET, nginx.

Server and load have a core each. A round measures every target once, plain and 16 pipelined; a
ratio compares within a round, so that a slow minute of the machine hits both sides.
"""

import contextlib
import re
import subprocess
import sys
import time

import common

PIPELINED = 16
CONNECTIONS = 32
ANSWER = "Hello, world"


def targets(options, folder, stack):
    """(name, server, path), the floor first."""
    floor_port, hello_port = common.free_port(), common.free_port()
    floor = common.Server("floor", [options.bin / "bench_floor", floor_port], floor_port)
    stack.callback(floor.stop)
    hello = common.Server("hello", [(options.bin / "hello").resolve(), "serve", "--workers", "1",
                                    "--listen", f"127.0.0.1:{hello_port}",
                                    "--dir", folder / "hello"], hello_port, folder)
    stack.callback(hello.stop)
    data = common.paceline(options.bin, folder)
    stack.callback(data.stop)
    subprocess.run(["curl", "-sf", "-X", "PUT", data.url("/data/42"), "-d", '{"name":"Ada"}',
                    "-o", "/dev/null"], check=True)
    rows = [("floor (bare epoll)", floor, "/"), ("hello, plain handler", hello, "/"),
            ("cached GET /data/{id}", data, "/data/42")]
    nginx = common.nginx(folder, ANSWER)
    if nginx:
        stack.callback(nginx.stop)
        rows.append(("nginx return 200", nginx, "/"))
    return rows


def measure(server, path, seconds, script):
    before = server.cpu()
    requests, rate = common.wrk(server.url(path), seconds, CONNECTIONS, script)
    return (server.cpu() - before) / requests * 1e6, rate


def report(rows, results):
    floor = rows[0][0]
    for mode in ("keep-alive", f"{PIPELINED} pipelined"):
        print(f"\n{mode}, {CONNECTIONS} connections")
        print(f"  {'':24}{'CPU µs/request':>24}{'× floor':>22}{'requests/s':>26}")
        for name, _, _ in rows:
            cpu = [c for c, _ in results[name, mode]]
            rate = [r for _, r in results[name, mode]]
            ratio = [c / f for c, (f, _) in zip(cpu, results[floor, mode])]
            row = ("  {:24}{:>8.3f} ({:.3f}–{:.3f}){:>8.3f} ({:.3f}–{:.3f})"
                   "{:>11,.0f} ({:,.0f}–{:,.0f})")
            print(row.format(name, *common.spread(cpu), *common.spread(ratio),
                             *common.spread(rate)))
        hello, cached = rows[1][0], rows[2][0]
        pairs = zip(results[cached, mode], results[hello, mode])
        ratio = common.spread([c / h for (c, _), (h, _) in pairs])
        print("  cached GET / plain handler: {:.3f} ({:.3f}–{:.3f})".format(*ratio))


def profile(options, folder, script):
    """Instructions per pipelined request by function: callgrind counts repeat, seconds do not."""
    port = common.free_port()
    out = folder / "callgrind.out"
    program = folder / "plain"  # without debug information, which valgrind 3.19 cannot read
    subprocess.run(["objcopy", "--strip-debug", options.bin / "bench_plain", program], check=True)
    server = common.Server("profiled", ["valgrind", "--tool=callgrind", "--quiet",
                                        f"--callgrind-out-file={out}", program, port], port)
    try:
        requests, _ = common.wrk(server.url(), 5, 8, script)
    finally:
        server.stop()
    text = subprocess.run(["callgrind_annotate", out], capture_output=True, text=True).stdout
    total = int(re.search(r"([\d,]+) .*PROGRAM TOTALS", text).group(1).replace(",", ""))
    print(f"\ninstructions per request, {PIPELINED} pipelined ({requests:,} requests, callgrind)")
    print(f"  {total / requests:8.0f}  in all, the program's start included")
    for count, name in re.findall(r"^\s*([\d,]+) \([ \d.]+%\)\s+\S*?:(.*?) \[", text, re.M):
        each = int(count.replace(",", "")) / requests
        if each >= 4:
            print(f"  {each:8.0f}  {name[:90]}")


def main():
    parser = common.arguments(__doc__.splitlines()[0], rounds=12)
    parser.add_argument("--seconds", type=float, default=2, help="of one measurement")
    parser.add_argument("--no-profile", action="store_true", help="skip the callgrind run")
    options = parser.parse_args()
    print(common.machine())
    seconds = max(1, round(options.seconds))
    with common.scratch() as folder, contextlib.ExitStack() as stack:
        script = folder / "pipeline.lua"
        script.write_text(common.PIPELINE % PIPELINED)
        rows = targets(options, folder, stack)
        results = {}
        modes = (("keep-alive", None), (f"{PIPELINED} pipelined", script))
        for _, server, path in rows:  # warm up
            common.wrk(server.url(path), 1, CONNECTIONS)
        for number in range(options.rounds):
            for mode, load in modes:
                shift = number % len(rows)  # nobody is always first
                for name, server, path in rows[shift:] + rows[:shift]:
                    results.setdefault((name, mode), []).append(
                        measure(server, path, seconds, load))
            print(f"round {number + 1}/{options.rounds}", file=sys.stderr, end="\r", flush=True)
        print(f"{options.rounds} rounds of {seconds} s, median (quartiles); "
              f"servers on core {common.SERVER_CORE}, wrk on core {common.LOAD_CORE}")
        report(rows, results)
        if not options.no_profile:
            profile(options, folder, script)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"\ntook {time.monotonic() - started:.0f} s")
