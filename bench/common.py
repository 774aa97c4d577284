"""What the benchmarks share: servers of our own on loopback ports, their CPU time, statistics."""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

SERVER_CORE = "0"
LOAD_CORE = "1"


def arguments(description, rounds):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--rounds", type=int, default=rounds, help="interleaved rounds")
    return parser


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_port(port, process, limit=10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{process.args}: exit code {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.01)
    raise SystemExit(f"{process.args}: nothing listens on port {port}")


def tree(pid):
    """The process and everything below it."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{each}/task"):
                children = pathlib.Path(f"/proc/{each}/task/{task}/children").read_text()
                found.extend(int(child) for child in children.split())
    return found


def cpu_seconds(pid):
    """CPU time of the whole process tree, in nanosecond resolution (schedstat)."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{each}/task"):
                stat = pathlib.Path(f"/proc/{each}/task/{task}/schedstat").read_text()
                total += int(stat.split()[0])
    return total / 1e9


class Server:
    """A server pinned to its core; ended by its process id."""

    def __init__(self, name, command, port, folder=None):
        self.name, self.port = name, port
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *map(str, command)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        wait_port(port, self.process)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def scratch():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="paceline-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def paceline(bin_folder, folder, *options):
    port = free_port()
    command = [(bin_folder / "paceline").resolve(), "serve", "--workers", "1", "--listen",
               f"127.0.0.1:{port}", "--dir", folder / "data", *options]
    return Server("paceline", command, port, folder)


def nginx(folder, answer, tls=False):
    """One worker, access log off, keep-alive without a limit: its best case."""
    program = shutil.which("nginx")
    if program is None:
        return None
    port = free_port()
    folder = folder / ("nginx-tls" if tls else "nginx")
    folder.mkdir()
    secure = ""
    if tls:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-days", "1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                       check=True, capture_output=True)
        secure = (f"ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; "
                  "ssl_protocols TLSv1.3;")
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(f"""
{user}
worker_processes 1; worker_rlimit_nofile 20000; daemon off;
pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 60s; server_tokens off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; default_type text/plain;
  server {{
    listen 127.0.0.1:{port} backlog=16384 {"ssl" if tls else ""}; {secure}
    location / {{ return 200 "{answer}"; }}
  }}
}}
""")
    return Server("nginx return 200", [program, "-c", folder / "nginx.conf", "-p", folder], port)


PIPELINE = """
init = function(args)
  local requests = {}
  for i = 1, %d do requests[i] = wrk.format(nil, wrk.path) end
  all = table.concat(requests)
end
request = function() return all end
"""


def wrk(url, seconds, connections, script=None):
    """Requests completed, and requests/s; anything but 2xx is an error."""
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["-s", str(script)] if script else []
    out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"{url}: the load saw errors\n{out}")
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    return requests, rate


def spread(values):
    """Median and the quartiles around it."""
    ordered = sorted(values)
    if len(ordered) < 4:
        return statistics.median(ordered), ordered[0], ordered[-1]
    low, middle, high = statistics.quantiles(ordered, n=4)
    return middle, low, high


def busiest(limit=3):
    """What else uses the machine: name and CPU share over half a second, ours included."""
    def sample():
        seen = {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    name = (entry / "comm").read_text().strip()
                    seen[entry.name] = (name, int((entry / "schedstat").read_text().split()[0]))
        return seen
    before = sample()
    time.sleep(0.5)
    shares = []
    for pid, (name, spent) in sample().items():
        share = (spent - before.get(pid, (name, spent))[1]) / 5e8
        if share > 0.02 and int(pid) != os.getpid():
            shares.append((share, name))
    return ", ".join(f"{name} {share:.0%}" for share, name in sorted(shares)[::-1][:limit])


def machine():
    """One line about where the numbers come from."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    load = pathlib.Path("/proc/loadavg").read_text().split()[0]
    return (f"{os.cpu_count()} CPUs, {cpu.group(1) if cpu else 'unknown'}, Linux "
            f"{os.uname().release}; load before {load}; else running: {busiest() or 'nothing'}")
