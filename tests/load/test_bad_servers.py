"""`paceline bench` against hosts and servers that misbehave: clear words, the documented exit code,
and an end when it is asked for."""

import json
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading

import pytest
from conftest import wait_until
from fixtures.bench import DEADLINE, bench  # noqa: F401


class Server:
    """Accepts, and does what it is told with each connection."""

    def __init__(self, serve):
        self.serve = serve
        self.accepted = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.thread = threading.Thread(target=self._accept, daemon=True)

    def _accept(self):
        try:
            while True:
                client = self.listener.accept()[0]
                self.accepted += 1
                threading.Thread(target=self._run, args=(client,), daemon=True).start()
        except OSError:
            pass

    def _run(self, client):
        with client:
            try:
                self.serve(client)
            except OSError:
                pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


def reset(client):
    client.recv(65536)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(client):
    while client.recv(65536):
        pass


def answer(data):
    def serve(client):
        client.recv(65536)
        client.sendall(data)
    return serve


def endless(client):
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X-More: and more\r\n" * 1000)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("serve, code, words", [
    (reset, 1, "read: Connection reset by peer (ECONNRESET), 4 times"),
    (hang, 1, "timeout: no whole answer in time, 4 times"),
    (answer(OK[:9]), 1, "read: the connection ended before the answer did, 4 times"),
    (answer(OK + b"Content-Length: 50\r\n\r\nhalf"), 1,
     "read: the connection ended before the answer did, 4 times"),
    (answer(OK + b"Content-Length: 2\r\n\r\nmore than two"), 0,
     "read: the server sent what no request had asked for, 4 times"),
    (answer(OK + b"Content-Length: -5\r\n\r\n"), 1, "read: "),
    (answer(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 1, "read: "),
    (answer(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 1,
     "read: the chunked coding is broken, 4 times"),
    (endless, 1, "read: there are too many headers, 4 times"),
    (answer(b"SSH-2.0-OpenSSH\r\n"), 1,
     "read: it does not begin with a status line of HTTP/1, 4 times"),
    # Whether it is told by an end, a reset or a broken pipe is a matter of moments.
    (lambda client: None, 1, "  error       "),
], ids=["resets", "hangs", "half-a-line", "half-a-body", "longer-than-said", "negative-length",
        "two-lengths", "bad-chunk", "endless-headers", "not-http", "closes-at-once"])
def test_a_bad_server_is_described(bench, serve, code, words):  # noqa: F811
    with Server(serve) as server:
        run = bench(server.url, "-n", 4, "-c", 1, "--timeout", "300ms", "--goals")
    assert words in run.out, run.out
    assert run.code in (code, 98) if code == 0 else run.code == code
    requests = run.data["requests"]
    assert requests["planned"] == requests["completed"] + requests["failed"] == 4


def start(paceline, file, url, *options, **more):
    return subprocess.Popen([paceline, "bench", url, "--timeout", "10m", "--json", file, *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def expect_interrupted(process, file):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE)  # far below --timeout
    assert process.returncode == 105, err
    assert "interrupted: this is what was done until then" in out
    data = json.loads(file.read_text())
    assert data["verdict"] == "interrupted" and data["requests"]["completed"] == 0


def test_ctrl_c_ends_the_wait_for_a_connection(paceline, tmp_path):
    """A queue of accepted connections that is full drops whatever else comes."""
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for client in (one, two):
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        ours = {one.getsockname()[1], two.getsockname()[1]}
        process = start(paceline, tmp_path / "out.json", f"http://127.0.0.1:{port}/")

        def connecting():
            # State 02 is SYN_SENT.
            rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()]
            return [row for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "02"
                    and int(row[1].split(":")[1], 16) not in ours]

        wait_until(connecting, "a connection that hangs")
        expect_interrupted(process, tmp_path / "out.json")


def test_ctrl_c_ends_the_wait_for_a_handshake(paceline, tmp_path):
    with Server(hang) as server:
        url = server.url.replace("http:", "https:")
        process = start(paceline, tmp_path / "out.json", url)
        wait_until(lambda: server.accepted == 1, "a connection")
        expect_interrupted(process, tmp_path / "out.json")


def test_ctrl_c_ends_the_wait_for_a_name(paceline, tmp_path):
    """With a resolver that never answers, put before the system's."""
    compiler = shutil.which("clang-19") or shutil.which("cc")
    source, library = tmp_path / "never.c", tmp_path / "never.so"
    source.write_text("""#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
int getaddrinfo(const char* a, const char* b, const void* c, void** d) {
  close(open(getenv("ASKED"), O_CREAT | O_WRONLY, 0600));
  for (;;) pause();
}
""")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True,
                   timeout=DEADLINE)
    asked = tmp_path / "asked"
    process = start(paceline, tmp_path / "out.json", "http://name.example/",
                    env={"LD_PRELOAD": str(library), "ASKED": str(asked)})
    wait_until(asked.exists, "the question for a name")
    expect_interrupted(process, tmp_path / "out.json")
