"""The data service as its users see it, with the embedded default: exact answers."""

import email.utils
import json
import re
import subprocess
import time

import pytest
from wire import Wire, ask, one_wire_each, request

pytestmark = pytest.mark.request_path

JSON = "application/json"
STORED = "paceline; fwd=uri-miss; stored; detail=source"
ROW = r'\{"id":"%s","body":%s,"updated_at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"\}'
NO_ROW = (404, "there is no such row")
INDEX = (
    '{"resources":['
    '{"path":"/data/{id}","rows":"one","methods":["GET","HEAD","PUT","DELETE"]},'
    '{"path":"/data","rows":"many","methods":["GET","HEAD","POST"]}]}\n'
)


def is_row(body, id_, value):
    """The row as the default configuration renders it, byte for byte but for its time."""
    return re.fullmatch(ROW % (re.escape(id_), re.escape(value)), body.decode())


def is_hit(answer, ttl=3600):
    """A hit whose entry was stored within the last half minute."""
    found = re.fullmatch(r"paceline; hit; ttl=(\d+); detail=l1", answer["Cache-Status"])
    return found and ttl - 30 < int(found[1]) < ttl


def curl(cluster, *arguments, target):
    """(status line, headers, body) of `curl -i`."""
    shown = subprocess.run(
        ["curl", "-sS", "-i", *arguments, cluster.url + target],
        capture_output=True,
        timeout=20,
        check=True,
    )
    head, _, body = shown.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def test_the_first_commands_that_a_user_tries(cluster):
    first, headers, put = curl(cluster, "-X", "PUT", "-d", '{"name":"Ada"}', target="/data/42")
    assert first == "HTTP/1.1 200 OK"
    assert list(headers) == ["Date", "Content-Type", "Content-Length", "ETag"]
    assert headers["Content-Type"] == JSON
    assert is_row(put, "42", '{"name":"Ada"}')
    etag = headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{16}"', etag)

    first, headers, body = curl(cluster, target="/data/42")
    assert first == "HTTP/1.1 200 OK"
    assert body == put
    sent = email.utils.parsedate_to_datetime(headers.pop("Date")).timestamp()
    assert time.time() - 30 < sent <= time.time()
    assert headers == {
        "Content-Type": JSON,
        "Content-Length": str(len(put)),
        "Cache-Status": STORED,
        "ETag": etag,
        "Cache-Control": "no-cache",
    }

    first, headers, created = curl(cluster, "-X", "POST", "-d", '{"name":"Grace"}', target="/data")
    assert first == "HTTP/1.1 201 Created"
    id_ = json.loads(created)["id"]
    assert re.fullmatch(r"[0-9a-f]{32}", id_)
    assert is_row(created, id_, '{"name":"Grace"}')
    assert headers["Location"] == f"/data/{id_}"
    _, _, body = curl(cluster, target=headers["Location"])
    assert body == created

    first, _, listed = curl(cluster, target="/data?limit=10")
    assert first == "HTTP/1.1 200 OK"
    assert listed == b"[" + created + b"," + put + b"]"  # ordered by id
    _, _, rest = curl(cluster, target=f"/data?limit=10&after={id_}")
    assert rest == b"[" + put + b"]"

    first, headers, body = curl(cluster, "-X", "DELETE", target="/data/42")
    assert (first, body) == ("HTTP/1.1 204 No Content", b"")
    assert list(headers) == ["Date"]
    first, _, _ = curl(cluster, "-X", "DELETE", target="/data/42")
    assert first == "HTTP/1.1 404 Not Found"

    first, headers, body = curl(cluster, target="/")
    assert (first, headers["Content-Type"], body.decode()) == ("HTTP/1.1 200 OK", JSON, INDEX)


def test_a_read_is_stored_then_hit_then_stored_again_after_a_write(serve):
    cluster = serve("--workers", "1")
    with Wire(cluster.address) as wire:
        put = wire.ask("PUT", "/data/a", "1")
        assert put.status == 200
        first = wire.ask("GET", "/data/a")
        assert (first["Cache-Status"], first["ETag"]) == (STORED, put["ETag"])
        second = wire.ask("GET", "/data/a")
        assert is_hit(second)
        assert (second.body, second["ETag"]) == (put.body, put["ETag"])
        changed = wire.ask("PUT", "/data/a", "2")
        assert changed["ETag"] != put["ETag"]
        third = wire.ask("GET", "/data/a")
        assert (third["Cache-Status"], third.body) == (STORED, changed.body)
        assert wire.ask("DELETE", "/data/a").status == 204
        gone = wire.ask("GET", "/data/a")
        assert gone.problem() == NO_ROW
        assert gone["Cache-Status"] == STORED  # that it is absent is known too, for a short time
        assert is_hit(wire.ask("GET", "/data/a"), ttl=10)
        assert wire.ask("PUT", "/data/a", "3").status == 200
        assert wire.ask("GET", "/data/a").json()["body"] == 3


def test_head_answers_the_headers_of_get(cluster):
    with Wire(cluster.address) as wire:
        wire.ask("PUT", "/data/a", "[1]")
        get = wire.ask("GET", "/data/a")
        head = wire.ask("HEAD", "/data/a")
        assert (head.status, head.body) == (200, b"")
        assert head.names() == get.names()
        assert head["Content-Length"] == str(len(get.body))
        assert head["ETag"] == get["ETag"]
        assert is_hit(head)
        assert wire.ask("HEAD", "/data/none").status == 404
        assert wire.ask("GET", "/data/a").body == get.body  # the connection is still in step


def test_if_none_match_saves_the_body(cluster):
    with Wire(cluster.address) as wire:
        etag = wire.ask("PUT", "/data/a", "1")["ETag"]
        wire.ask("GET", "/data/a")
        for value in (etag, f'"0000000000000000", {etag}', f"W/{etag}", "*"):
            answer = wire.ask("GET", "/data/a", If_None_Match=value)
            assert (answer.status, answer.body) == (304, b"")
            assert answer.names() == ["Cache-Status", "ETag", "Cache-Control"]
            assert answer["ETag"] == etag
        assert wire.ask("HEAD", "/data/a", If_None_Match=etag).status == 304
        assert wire.ask("GET", "/data/a", If_None_Match='"0000000000000000"').status == 200
        wire.ask("PUT", "/data/a", "2")
        assert wire.ask("GET", "/data/a", If_None_Match=etag).json()["body"] == 2


def test_if_match_decides_inside_the_write(cluster):
    detail = "If-Match: the row has another entity tag, or is not there"
    with Wire(cluster.address) as wire:
        assert wire.ask("PUT", "/data/a", "1", If_Match="*").problem() == (412, detail)
        assert wire.ask("GET", "/data/a").status == 404
        old = wire.ask("PUT", "/data/a", "1", If_None_Match="*")["ETag"]
        again = wire.ask("PUT", "/data/a", "9", If_None_Match="*")
        assert again.problem() == (412, "If-None-Match: there is such a row")
        new = wire.ask("PUT", "/data/a", "2", If_Match=old)
        assert (new.status, new.json()["body"]) == (200, 2)
        assert wire.ask("PUT", "/data/a", "3", If_Match=old).problem() == (412, detail)
        assert wire.ask("DELETE", "/data/a", If_Match=old).problem() == (412, detail)
        assert wire.ask("GET", "/data/a").json()["body"] == 2
        assert wire.ask("DELETE", "/data/a", If_Match=new["ETag"]).status == 204
        assert wire.ask("DELETE", "/data/a", If_Match="*").problem() == (412, detail)
        assert wire.ask("DELETE", "/data/a").problem() == NO_ROW


def test_a_list_is_read_in_pages(cluster):
    with Wire(cluster.address) as wire:
        ids = [f"k{number:03d}" for number in range(55)]
        for id_ in reversed(ids):
            assert wire.ask("PUT", f"/data/{id_}", json.dumps(id_)).status == 200
        assert [row["id"] for row in wire.ask("GET", "/data").json()] == ids[:50]
        found, after = [], ""
        while page := wire.ask("GET", f"/data?limit=20&after={after}").json():
            found.append(len(page))
            after = page[-1]["id"]
        assert found == [20, 20, 15]
        assert after == ids[-1]
        assert wire.ask("GET", "/data?limit=0").body == b"[]"
        assert len(wire.ask("GET", "/data?limit=1000").json()) == 55
        # What is not declared is ignored, and no part of the cache's key.
        assert wire.ask("GET", "/data?x=1&limit=2")["Cache-Status"] == STORED
        assert is_hit(wire.ask("GET", "/data?limit=2&y=2"))


def test_a_list_is_made_invalid_by_every_write_from_every_worker(serve):
    cluster = serve("--workers", "3")
    pids = [worker["pid"] for worker in cluster.status()["workers"]]
    wires = one_wire_each(cluster.address, pids)
    rows = []

    def everyone_sees():
        for wire in wires:
            answer = wire.ask("GET", "/data")
            assert answer["Cache-Status"] == STORED
            assert [row["id"] for row in answer.json()] == sorted(rows)
        for wire in wires:
            assert is_hit(wire.ask("GET", "/data"))

    everyone_sees()
    for wire in wires:
        rows.append(wire.ask("POST", "/data", "1").json()["id"])
        everyone_sees()
        assert wire.ask("PUT", "/data/x", "1").status == 200
        rows.append("x")
        everyone_sees()
        assert wire.ask("DELETE", "/data/x").status == 204
        rows.remove("x")
        everyone_sees()
    for wire in wires:
        wire.socket.close()


def test_a_write_is_seen_at_once_through_every_worker(serve):
    cluster = serve("--workers", "3")
    pids = [worker["pid"] for worker in cluster.status()["workers"]]
    wires = one_wire_each(cluster.address, pids)
    for number in range(30):
        writer = wires[number % 3]
        assert writer.ask("PUT", "/data/a", str(number)).status == 200
        seen = [wire.ask("GET", "/data/a").json()["body"] for wire in wires]
        assert seen == [number] * 3
    for wire in wires:
        wire.socket.close()


def test_a_wrong_parameter_is_named(cluster):
    limit = "limit: expected an integer from 0 to 1000"
    with Wire(cluster.address) as wire:
        for target, detail in [
            ("/data?limit=1001", limit),
            ("/data?limit=-1", limit),
            ("/data?limit=ten", limit),
            ("/data?limit=1.5", limit),
            ("/data?limit=", limit),
            ("/data?limit=99999999999999999999", limit),
            ("/data?limit=1&limit=2", "limit: the query parameter 'limit' is given twice"),
            ("/data?after=%zz", "after: a '%' is not followed by two hex digits"),
        ]:
            assert wire.ask("GET", target).problem() == (400, detail), target


def test_a_body_that_is_not_json_is_refused_with_its_position(cluster):
    start = "the body is not JSON: "
    with Wire(cluster.address) as wire:
        for body, detail in [
            ("", "the body is empty; expected JSON"),
            ('{"name":', start + "line 1, column 9: unexpected end of input"),
            ('{"a":1} x', start + "line 1, column 9: invalid literal, expected end of input"),
            ('{"a":\n  tru}', start + "line 2, column 6: invalid literal"),
            ("[1,]", start + "line 1, column 4: unexpected ']'"),
            (b'"\xff"', start + "line 1, column 2: invalid string: ill-formed UTF-8 byte"),
            (b"\xef\xbb\xbf1", start + "line 1, column 1: a byte order mark is not allowed"),
            ("[" * 65 + "]" * 65, start + "line 1, column 65: nested deeper than 64 levels"),
        ]:
            for method, target in [("PUT", "/data/a"), ("POST", "/data")]:
                status, said = wire.ask(method, target, body).problem()
                assert (status, said.startswith(detail)) == (400, True), said
        assert wire.ask("GET", "/data").body == b"[]"
        deep = "[" * 64 + "]" * 64
        assert is_row(wire.ask("PUT", "/data/a", deep).body, "a", deep)


def test_any_json_is_kept_as_it_was_sent(cluster):
    with Wire(cluster.address) as wire:
        for value in (
            "null",
            "true",
            "-0.5e+10",
            "123456789012345678901234567890",
            '"\\u00e9\\n"',
            '"Grüße 👋"',
            '{"b":1,"a":{},"b":2}',
            "[ 1,\n 2 ]",
        ):
            put = wire.ask("PUT", "/data/a", value)
            assert (put.status, bool(is_row(put.body, "a", value))) == (200, True), value
            assert wire.ask("GET", "/data/a").body == put.body


def test_the_content_type_of_a_body_does_not_matter(cluster):
    with Wire(cluster.address) as wire:
        for type_ in (JSON, "text/plain", "application/x-www-form-urlencoded", "no/such; x=y"):
            assert wire.ask("PUT", "/data/a", "1", Content_Type=type_).status == 200, type_
        assert wire.ask("PUT", "/data/a", "2").status == 200  # and none at all


def test_a_body_of_one_mebibyte_is_the_largest(cluster):
    size = 1 << 20
    largest = '"' + "x" * (size - 2) + '"'
    with Wire(cluster.address) as wire:
        answer = wire.ask("PUT", "/data/a", largest)
        assert answer.status == 200, answer.body[:300]
        assert answer.json()["body"] == largest[1:-1]
        assert wire.ask("GET", "/data/a").body == answer.body
    announced = f"Content-Length: {size + 1}\r\n\r\n"
    chunked = f"Transfer-Encoding: chunked\r\n\r\n{size + 1:x}\r\n"
    for rest in (announced, chunked):
        with Wire(cluster.address) as wire:
            wire.send(f"PUT /data/b HTTP/1.1\r\nHost: t\r\n{rest}".encode())
            refused = wire.read()
            assert refused.problem() == (413, "The body is too large")
            assert refused["Connection"] == "close"
            assert wire.at_end()
    assert ask(cluster.address, "GET", "/data/b").status == 404


def test_a_wrong_method_is_answered_with_the_right_ones(cluster):
    with Wire(cluster.address) as wire:
        for method, target, allow in [
            ("POST", "/data/a", "GET, HEAD, PUT, DELETE"),
            ("OPTIONS", "/data/a", "GET, HEAD, PUT, DELETE"),
            ("PUT", "/data", "GET, HEAD, POST"),
            ("DELETE", "/data", "GET, HEAD, POST"),
            ("POST", "/", "GET, HEAD"),
        ]:
            answer = wire.ask(method, target, "1" if method in ("POST", "PUT") else None)
            assert answer.problem() == (405, None)
            assert answer["Allow"] == allow


def test_an_unknown_path_is_a_problem_with_a_request_id(cluster):
    with Wire(cluster.address) as wire:
        for target in ("/nothing", "/data/", "/data/a/b", "/DATA/a"):
            assert wire.ask("GET", target).problem() == (404, None), target
        named = wire.ask("GET", "/nothing", X_Request_Id="from-the-client.1")
        assert named.json()["request_id"] == "from-the-client.1"
        strange = wire.ask("GET", "/nothing", X_Request_Id="a b")
        assert strange.problem() == (404, None)  # an id of our own


def test_ids_are_percent_encoded_once(cluster):
    with Wire(cluster.address) as wire:
        for target, id_ in [
            ("/data/a%20b%2Fc", "a b/c"),
            ("/data/%C3%A9", "é"),
            ("/data/a+b", "a+b"),
            ("/data/%2542", "%42"),
        ]:
            assert wire.ask("PUT", target, "1").json()["id"] == id_
            assert wire.ask("GET", target).json()["id"] == id_
        page = wire.ask("GET", "/data?after=a+b")  # + is a space in a query
        assert [row["id"] for row in page.json()] == ["a b/c", "a+b", "é"]


def test_bodies_come_in_chunks_too(cluster):
    head = b"PUT /data/%d HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Wire(cluster.address) as wire:
        for number in range(3):
            wire.ask("PUT", "/data/whole", "[1]")  # another body before, on the same connection
            wire.send(head % number + b"4;x=y\r\n[1,2\r\n")
            wire.send(b"3\r\n,3]\r\n0\r\nTrailer: t\r\n\r\n")
            assert is_row(wire.read().body, str(number), "[1,2,3]")
        # Byte by byte, and a request behind it in the same bytes.
        whole = head % 7 + b"2\r\n[]\r\n0\r\n\r\n" + request("GET", "/data/7")
        for at in range(len(whole)):
            wire.send(whole[at : at + 1])
        assert is_row(wire.read().body, "7", "[]")
        assert is_row(wire.read().body, "7", "[]")
        wire.send(head % 8 + b"x\r\n")
        refused = wire.read()
        assert (refused.problem()[0], refused["Connection"]) == (400, "close")
        assert wire.at_end()
    assert [w["restarts"] for w in cluster.status()["workers"]] == [0, 0]


def test_expect_100_continue_is_answered_before_the_body(cluster):
    with Wire(cluster.address) as wire:
        for number in range(3):
            assert wire.ask("PUT", "/data/before", "0").status == 200
            head = f"PUT /data/{number} HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
            wire.send((head + "Content-Length: 3\r\n\r\n").encode())
            first = wire.read()
            assert (first.version, first.status, first.headers) == ("HTTP/1.1", 100, [])
            wire.send(b"[1]")
            assert is_row(wire.read().body, str(number), "[1]")
        wire.send((head + f"Content-Length: {1 << 30}\r\n\r\n").encode())
        assert wire.read().problem()[0] == 413  # and no 100 before
    first, _, body = curl(
        cluster, "-X", "PUT", "-H", "Expect: 100-continue", "-d", "{}", target="/data/c"
    )
    assert first == "HTTP/1.1 100 Continue"
    assert body.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [w["restarts"] for w in cluster.status()["workers"]] == [0, 0]


def test_http_1_0_keeps_alive_when_it_asks(cluster):
    with Wire(cluster.address) as wire:
        for _ in range(3):
            wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = wire.read()
            assert (answer.version, answer.status) == ("HTTP/1.1", 200)
            assert (answer["Connection"], answer.body.decode()) == ("keep-alive", INDEX)
        wire.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = wire.read()
        assert (answer["Connection"], answer.body.decode()) == ("close", INDEX)
        assert wire.at_end()
    with Wire(cluster.address) as wire:
        assert wire.ask("GET", "/", Connection="close")["Connection"] == "close"
        assert wire.at_end()


def test_a_hundred_pipelined_requests_are_answered_in_order(cluster):
    with Wire(cluster.address) as wire:
        # Writes suspend, reads may be hits: the order holds across both.
        wire.send(b"".join(request("PUT", f"/data/{n}", str(n)) for n in range(100)))
        assert [wire.read().json()["body"] for _ in range(100)] == list(range(100))
        for _ in range(2):
            wire.send(b"".join(request("GET", f"/data/{n}") for n in range(100)))
            assert [wire.read().json()["id"] for _ in range(100)] == [str(n) for n in range(100)]
        mixed = [("PUT", "1"), ("GET", None), ("DELETE", None), ("GET", None)] * 25
        wire.send(b"".join(request(method, "/data/m", body) for method, body in mixed))
        assert [wire.read(method).status for method, _ in mixed] == [200, 200, 204, 404] * 25


def test_what_is_not_http_is_refused_and_the_connection_closed(cluster):
    for data, status in [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost : t\r\n\r\n", 400),
        (b"PUT /data/a HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: t\r\n\r\n", 414),
    ]:  # fmt: skip
        with Wire(cluster.address) as wire:
            wire.send(data)
            answer = wire.read()
            assert (answer.problem()[0], answer["Connection"]) == (status, "close"), data[:60]
            assert wire.at_end()
    assert ask(cluster.address, "GET", "/").status == 200
