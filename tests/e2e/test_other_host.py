"""The monitor as another host sees it: who may ask what where the address is no loopback one."""

import json

import pytest

from fixtures.network import SERVER, two_hosts

APPLICATION = f"{SERVER}:8000"
MONITOR = f"http://{SERVER}:8001"
OPEN = ["livez", "readyz", "metrics"]
CLOSED = ["api/v1/snapshot", "api/v1/goals", "api/v1/history", "api/v1/stream"]


@pytest.fixture
def network():
    with two_hosts() as hosts:
        yield hosts


@pytest.fixture
def start(network, serve, paceline, tmp_path):
    """start(*options): a cluster on the first host."""

    def started(*options):
        program = network[0].program(paceline, tmp_path / "paceline")
        return serve("--workers", "1", "--listen", APPLICATION, *options, program=program)

    return started


def token_of(cluster):
    return (cluster.folder / "admin.token").read_text().strip()


def bearer(token):
    return ("-H", f"Authorization: Bearer {token}")


def refused(answer, code="token"):
    return answer[0] == 401 and json.loads(answer[1])["code"] == code


def test_what_is_public_needs_no_token_and_all_else_does(network, start):
    cluster = start("--set", f"monitor.listen={SERVER}:8001", "--set",
                    f"monitor.public={json.dumps(OPEN)}")  # fmt: skip
    _, client = network
    assert client.get(f"http://{APPLICATION}/")[0] == 200
    for path in OPEN:
        status, body = client.get(f"{MONITOR}/{path}")
        assert status == 200 and body, path
    assert "paceline_workers" in client.get(f"{MONITOR}/metrics")[1]
    assert client.get(f"{MONITOR}/metrics", "-H", "Host: any.name")[0] == 200
    for path in CLOSED:
        assert refused(client.get(f"{MONITOR}/{path}")), path
        assert refused(client.get(f"{MONITOR}/{path}", *bearer("x" * 32))), path
    token = token_of(cluster)
    status, body = client.get(f"{MONITOR}/api/v1/snapshot", *bearer(token))
    assert status == 200 and json.loads(body)["instance"]["supervisor_pid"] == cluster.pid
    assert client.get(f"{MONITOR}/api/v1/snapshot?token={token}")[0] == 400
    # The server itself is another host, too, when it asks by that address.
    assert refused(network[0].get(f"{MONITOR}/api/v1/snapshot"))
    # A wrong token is told even where none is needed.
    assert refused(client.get(f"{MONITOR}/metrics", *bearer("x" * 32)))


def test_a_browser_there_gets_the_page_and_a_session_for_the_token(network, start, tmp_path):
    cluster = start("--set", f"monitor.listen={SERVER}:8001")
    _, client = network
    status, page = client.get(f"{MONITOR}/")
    assert status == 200 and "<title>" in page
    session, origin = f"{MONITOR}/api/v1/session", ("-H", f"Origin: {MONITOR}")
    assert refused(client.get(session, "-X", "POST", *origin))
    jar = str(tmp_path / "cookies")
    foreign = ("-H", "Origin: http://example.org")
    token = bearer(token_of(cluster))
    assert client.get(session, "-X", "POST", *foreign, *token)[0] == 403
    assert client.get(session, "-X", "POST", *origin, *token, "-c", jar)[0] == 204
    assert client.get(f"{MONITOR}/api/v1/snapshot", "-b", jar)[0] == 200
    assert client.get(session, "-X", "DELETE", *origin, "-b", jar)[0] == 204
    assert refused(client.get(f"{MONITOR}/api/v1/snapshot", "-b", jar))


def test_nothing_is_public_unless_it_is_named(network, start):
    cluster = start("--set", f"monitor.listen={SERVER}:8001", "--set", 'monitor.public=["livez"]')
    _, client = network
    assert client.get(f"{MONITOR}/livez")[0] == 200
    for path in ["readyz", "metrics", *CLOSED]:
        assert refused(client.get(f"{MONITOR}/{path}")), path
    token = bearer(token_of(cluster))
    for path in ["readyz", "metrics", "api/v1/snapshot"]:
        assert client.get(f"{MONITOR}/{path}", *token)[0] == 200, path


def test_a_loopback_address_is_out_of_reach(network, start):
    start("--set", "monitor.listen=127.0.0.1:8001", "--set", f"monitor.public={json.dumps(OPEN)}")
    server, client = network
    assert client.get(f"{MONITOR}/livez") is None
    assert client.get(f"http://{APPLICATION}/")[0] == 200
    assert server.get("http://127.0.0.1:8001/api/v1/snapshot")[0] == 200
