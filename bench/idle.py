"""User-space memory of an idle keep-alive connection, measured with 10,000 of them."""

import pathlib
import resource
import socket

import common

CONNECTIONS = 10_000
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def private_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no Private_Dirty in smaps_rollup")


def ask(client):
    client.sendall(REQUEST)
    if not client.recv(4096).startswith(b"HTTP/1.1 200"):
        raise SystemExit("the server did not answer 200")


def main():
    options = common.arguments(__doc__.splitlines()[0], rounds=3).parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * CONNECTIONS), hard))
    print(common.machine())
    with common.scratch() as folder:
        values = []
        for number in range(options.rounds):
            port = common.free_port()
            command = [(options.bin / "hello").resolve(), "serve", "--workers", "1", "--listen",
                       f"127.0.0.1:{port}", "--dir", folder / f"idle{number}",
                       "--set", f"server.connections_max={3 * CONNECTIONS}"]
            server = common.Server("hello", command, port, folder)
            worker = max(common.tree(server.process.pid))
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
            for client in clients:  # the loop's own buffers are there from now on
                ask(client)
            before = private_bytes(worker)
            more = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
            for client in more:
                ask(client)
            values.append((private_bytes(worker) - before) / CONNECTIONS)
            for client in clients + more:
                client.close()
            server.stop()
        print("bytes per idle connection: median {:.0f} ({:.0f}–{:.0f})".format(
            *common.spread(values)))


if __name__ == "__main__":
    main()
