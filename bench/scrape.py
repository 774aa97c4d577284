#!/usr/bin/env python3
"""What the monitor costs: how long /metrics takes with many workers and series, and the CPU it
needs at one look a second with three clients on the stream.

    bench/scrape.py --paceline=build/release/bin/paceline [--workers=16] [--series=2000]

Series are made by requests: every method and status of every route of a configuration with as many
resources as it takes. Run it on a quiet machine; it measures wall time and /proc.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

STREAMS = 3
SCRAPES = 50
RESOURCE = """
[[resource]]
path = "/r{n}/{{id}}"
read = "SELECT id FROM data WHERE id = :id"
write = "INSERT INTO data (id) VALUES (:id) ON CONFLICT DO NOTHING RETURNING id"
remove = "DELETE FROM data WHERE id = :id"
"""


def configuration(resources):
    schema = '[database]\nschema = "CREATE TABLE data (id TEXT PRIMARY KEY) WITHOUT ROWID"\n'
    return schema + "".join(RESOURCE.format(n=n) for n in range(resources))


def ask(address, method, path, body=b""):
    """(status, body); a connection of its own, so that the system spreads them over workers."""
    with socket.create_connection(address, 30) as client:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        client.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = b""
        while data := client.recv(1 << 20):
            answer += data
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), text


def address_of(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def make_series(service, resources, workers):
    """Every route, each with several methods and statuses, on every worker (connections spread)."""
    for n in range(resources):
        for _ in range(3 * workers):
            ask(service, "PUT", f"/r{n}/1", b"{}")
            ask(service, "GET", f"/r{n}/1")
            ask(service, "GET", f"/r{n}/none")
            ask(service, "DELETE", f"/r{n}/none")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_scrapes(monitor, path="/metrics"):
    times, size = [], 0
    for _ in range(SCRAPES):
        began = time.perf_counter()
        status, text = ask(monitor, "GET", path)
        times.append((time.perf_counter() - began) * 1e3)
        assert status == 200
        size = len(text)
    return {"median_ms": round(statistics.median(times), 3), "worst_ms": round(max(times), 3),
            "bytes": size}


def measure_cpu(monitor, pid, seconds):
    """The monitor's share of one CPU, with clients that read the stream."""
    clients = []
    for _ in range(STREAMS):
        clients.append(subprocess.Popen(
            ["curl", "-sN", "-o", "/dev/null", f"http://{monitor[0]}:{monitor[1]}/api/v1/stream"]))
    time.sleep(2)
    before = cpu_seconds(pid)
    began = time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds(pid) - before) / (time.monotonic() - began)
    for client in clients:
        client.terminate()
        client.wait()
    return round(share, 5)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--paceline", required=True)
    options.add_argument("--workers", type=int, default=16)
    options.add_argument("--series", type=int, default=2000, help="of all processes, not merged")
    options.add_argument("--seconds", type=int, default=30, help="of the CPU measurement")
    given = options.parse_args()
    # A resource gives about 4 series of durations on every worker that it was asked on.
    resources = max(1, given.series // given.workers // 4)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "bench.toml")
        file.write_text(configuration(resources))
        server = subprocess.Popen(
            [given.paceline, "serve", str(file), "--dir", folder + "/instance",
             "--workers", str(given.workers), "--listen", "127.0.0.1:0",
             "--set", "monitor.listen=127.0.0.1:0", "--set", "log.level=error"],
            stdout=subprocess.PIPE, text=True)
        try:
            for line in server.stdout:
                if "Ctrl-C" in line:
                    break
            status = json.loads(subprocess.run(
                [given.paceline, "status", "--json", "--dir", folder + "/instance"],
                capture_output=True, text=True, check=True).stdout)
            service = address_of(status["listen"][0])
            monitor = address_of(status["monitor"]["listen"])
            make_series(service, resources, given.workers)
            time.sleep(2)  # the last tick has seen it all
            _, text = ask(monitor, "GET", "/metrics?per_worker=1")
            each = sum(1 for row in text.splitlines()
                       if row and not row.startswith(b"#") and b"_bucket{" not in row)
            snapshot = json.loads(ask(monitor, "GET", "/api/v1/snapshot")[1])
            print(json.dumps({
                "workers": given.workers,
                "series_merged": snapshot["self"]["series"],
                "samples_of_all_processes": each,
                "scrape": measure_scrapes(monitor),
                "scrape_per_worker": measure_scrapes(monitor, "/metrics?per_worker=1"),
                "tick_s": snapshot["self"]["tick_s"],
                "monitor_cpu": measure_cpu(monitor, status["monitor"]["pid"], given.seconds),
            }, indent=1))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
