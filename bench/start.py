"""From exec to the first answer: `paceline serve` with the default resources, and `hello`."""

import socket
import subprocess
import time

import common


def first_answer_ms(command, port, path, folder):
    started = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, cwd=folder)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    try:
        while time.perf_counter() - started < 10:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as client:
                    client.sendall(request)
                    if client.recv(4096).startswith(b"HTTP/1.1 200"):
                        return (time.perf_counter() - started) * 1e3
            except OSError:
                time.sleep(0.0005)
        raise SystemExit("no answer within 10 s")
    finally:
        process.terminate()
        process.wait(20)


def main():
    options = common.arguments(__doc__.splitlines()[0], rounds=20).parse_args()
    print(common.machine())
    with common.scratch() as folder:
        rows = {"paceline serve, new folder": [], "paceline serve, same folder": [], "hello": []}
        for number in range(options.rounds):
            for name in rows:
                program = "hello" if name == "hello" else "paceline"
                data = folder / (f"new{number}" if "new" in name else program)
                port = common.free_port()
                command = [(options.bin / program).resolve(), "serve", "--listen",
                           f"127.0.0.1:{port}", "--dir", data]
                path = "/" if program == "hello" else "/data"
                rows[name].append(first_answer_ms(command, port, path, folder))
        print(f"{options.rounds} rounds, milliseconds to the first 200: median (quartiles)")
        for name, values in rows.items():
            print("  {:30}{:8.1f} ({:.1f}–{:.1f})".format(name, *common.spread(values)))


if __name__ == "__main__":
    main()
