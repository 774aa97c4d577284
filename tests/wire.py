"""HTTP/1.1 as bytes on a socket, for whole-program tests: nothing is hidden or repaired."""

import json
import pathlib
import re
import socket

TIMEOUT = 20.0  # seconds; a test that waits longer has failed


class Answer:
    """One response. `answer["ETag"]` is a header's value or None; names count in any case."""

    def __init__(self, version, status, reason, headers, body):
        self.version, self.status, self.reason = version, status, reason
        self.headers, self.body = headers, body
        self.size = 0  # bytes on the wire, all of them

    def __getitem__(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} is there {len(values)} times: {self.headers}"
        return values[0] if values else None

    def names(self):
        """Header names as sent, without Date, in their order."""
        return [name for name, _ in self.headers if name != "Date"]

    def json(self):
        return json.loads(self.body)

    def problem(self):
        """(status, detail or None) of a problem+json body, whose every other member is checked."""
        assert self["Content-Type"] == "application/problem+json"
        members = self.json()
        assert re.fullmatch(r"[0-9a-f]{16}", members.pop("request_id"))
        assert members.pop("type") == "about:blank"
        assert members.pop("title") == self.reason
        assert members.pop("status") == self.status
        members.pop("code", None)
        detail = members.pop("detail", None)
        assert members == {}
        return self.status, detail


class Wire:
    """One connection; `address` is (host, port) or the path of a Unix socket."""

    def __init__(self, address):
        if isinstance(address, (str, pathlib.Path)):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT)
            self.socket.connect(str(address))
        else:
            self.socket = socket.create_connection(address, TIMEOUT)
        self.buffer = b""
        self.consumed = 0  # bytes of the answers that were read

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the server closed after {self.buffer!r}")
        self.buffer += data

    def _until(self, end):
        while end not in self.buffer:
            self._fill()
        part, _, self.buffer = self.buffer.partition(end)
        self.consumed += len(part) + len(end)
        return part

    def _take(self, size):
        while len(self.buffer) < size:
            self._fill()
        part, self.buffer = self.buffer[:size], self.buffer[size:]
        self.consumed += size
        return part

    def _chunks(self):
        body = b""
        while True:
            size = int(self._until(b"\r\n"), 16)
            body += self._take(size)
            assert self._take(2) == b"\r\n"
            if size == 0:
                return body

    def read(self, method="GET"):
        """The next response; `method` is that of its request, since HEAD has no body."""
        before = self.consumed
        answer = self._read(method)
        answer.size = self.consumed - before
        return answer

    def _read(self, method):
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, reason = head[0].split(" ", 2)
        headers = [tuple(line.split(": ", 1)) for line in head[1:]]
        answer = Answer(version, int(status), reason, headers, b"")
        if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            return answer
        if answer["Transfer-Encoding"] == "chunked":
            answer.body = self._chunks()
        else:
            answer.body = self._take(int(answer["Content-Length"]))
        return answer

    def ask(self, method, target, body=None, **headers):
        """One request and its response; header names use _ for -."""
        self.send(request(method, target, body, **headers))
        return self.read(method)

    def at_end(self):
        """Whether the server closed, and sent nothing more before."""
        return self.buffer == b"" and self.socket.recv(1) == b""


def request(method, target, body=None, **headers):
    """The bytes of a request; str bodies are UTF-8."""
    lines = [f"{method} {target} HTTP/1.1", "Host: test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    data = body.encode() if isinstance(body, str) else body or b""
    if body is not None:
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def ask(address, method, target, body=None, **headers):
    """One request on a connection of its own."""
    with Wire(address) as wire:
        return wire.ask(method, target, body, **headers)


def owner(wire, pids):
    """Which of these processes has the server's end of this TCP connection, by /proc; None while
    it waits in a queue."""
    host_port = wire.socket.getsockname()[1]
    inode = None
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].rpartition(":")[2], 16) == host_port and fields[3] == "01":
            inode = fields[9]
    for pid in pids:
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                if str(fd.readlink()) == f"socket:[{inode}]":
                    return pid
            except OSError:
                continue  # closed while we looked
    return None


def one_wire_each(address, pids):
    """A connection to every one of these workers, each proved by an answer and by /proc."""
    found = {}
    for _ in range(200):
        wire = Wire(address)
        assert wire.ask("GET", "/").status == 200
        pid = owner(wire, pids)
        if pid is None or pid in found:
            wire.socket.close()
        else:
            found[pid] = wire
        if len(found) == len(pids):
            return [found[pid] for pid in pids]
    raise AssertionError(f"200 connections reached only {list(found)} of {pids}")
