"""`paceline bench https://…` against nginx: what is agreed on, what is measured, and in which words
a certificate is refused."""

import socket
import subprocess
import threading

import pytest
from conftest import free_port
from fixtures.bench import DEADLINE, bench  # noqa: F401
from fixtures.nginx import certificate, nginx

NAMES = ("good", "expired", "other", "elsewhere")


class Site:
    """nginx with a certificate for localhost, one that has expired, one for another name, and one
    that nobody signed; besides a port without TLS."""

    def __init__(self, folder, ports):
        self.folder, self.ports = folder, ports
        self.ca = folder / "all.pem"

    def url(self, name, path="/small", host="localhost"):
        return f"https://{host}:{self.ports[name]}{path}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    (folder / "big").write_bytes(b"x" * 300_000)
    names = "DNS:localhost,IP:127.0.0.1"
    made = {
        "good": certificate(folder, "good", names),
        "expired": certificate(folder, "expired", names, days=-1),
        "other": certificate(folder, "other", "DNS:example.org"),
        "elsewhere": certificate(folder, "elsewhere", names),
    }
    trusted = "".join(made[name][0].read_text() for name in ("good", "expired", "other"))
    (folder / "all.pem").write_text(trusted)
    ports = {name: free_port() for name in (*NAMES, "plain")}
    servers = [f"""server {{ listen 127.0.0.1:{ports[name]} ssl; ssl_certificate {pem};
        ssl_protocols TLSv1.2{" TLSv1.3" if name == "good" else ""};
        ssl_certificate_key {key}; location = /small {{ return 200 "hello"; }}
        location = /name {{ return 200 $ssl_server_name; }} }}"""
               for name, (pem, key) in made.items()]
    servers.append(f'server {{ listen 127.0.0.1:{ports["plain"]}; return 200 "hello"; }}')
    with nginx(folder, "\n".join(servers), "keepalive_requests 1000000;"):
        yield Site(folder, ports)


def test_over_tls_as_over_tcp(bench, site):  # noqa: F811
    run = bench(site.url("good"), "--ca", site.ca, "-n", 2000, "-c", 6, "-t", 2)
    assert run.code == 0, run
    assert run.data["status"] == {"200": 2000}
    assert run.data["bytes_body"] == 5 * 2000
    assert run.data["connects"] == 6
    assert run.data["tls"]["protocol"] == "TLSv1.3" and run.data["tls"]["verified"]
    assert run.data["tls"]["cipher"] in run.out
    for name in ("connect", "handshake"):
        assert run.data["latency_us"][name]["count"] == 6
        assert f"\n  {name} " in run.out
    assert run.data["latency_us"]["handshake"]["min"] > 0


def test_records_pipelines_and_large_answers(bench, site):  # noqa: F811
    big = bench(site.url("good", "/big"), "--ca", site.ca, "-n", 50, "-c", 3)
    assert big.data["bytes_body"] == 50 * 300_000 and big.code == 0
    many = bench(site.url("good"), "--ca", site.ca, "-n", 800, "-c", 2, "--pipeline", 16)
    assert many.data["status"] == {"200": 800}
    post = bench(site.url("good"), "--ca", site.ca, "-n", 20, "-c", 2, "--body", "x" * 70_000)
    assert post.data["requests"]["completed"] == 20


def test_each_request_may_have_a_handshake(bench, site):  # noqa: F811
    run = bench(site.url("good"), "--ca", site.ca, "-n", 60, "-c", 3, "--close")
    assert run.code == 0 and run.data["connects"] == 60
    assert run.data["latency_us"]["handshake"]["count"] == 60
    opened = bench(site.url("good"), "--ca", site.ca, "-R", 200, "-n", 60, "--close")
    assert opened.data["requests"]["completed"] == 60


def test_the_name_is_sent_and_an_address_is_none(bench, site):  # noqa: F811
    named = bench(site.url("good", "/name"), "--ca", site.ca, "-n", 3)
    assert named.data["bytes_body"] == 3 * len("localhost")
    numeric = bench(site.url("good", "/name", "127.0.0.1"), "--ca", site.ca, "-n", 3)
    assert numeric.code == 0 and numeric.data["bytes_body"] == 0


@pytest.mark.parametrize("name, words", [
    ("expired", "the certificate has expired"),
    ("other", "the certificate is for another name"),
    ("elsewhere", "the certificate is signed by nobody who is trusted here"),
    ("plain", "the server does not speak TLS here"),
])
def test_what_is_refused_is_said_in_words(bench, site, name, words):  # noqa: F811
    run = bench(site.url(name), "--ca", site.ca, "-n", 5)
    assert run.code == 1 and run.out == ""
    assert run.err.startswith(f"bench: 127.0.0.1:{site.ports[name]}: {words}"), run.err
    if name != "plain":
        trusting = bench(site.url(name), "--insecure", "-n", 5)
        assert trusting.code == 0 and trusting.data["tls"]["verified"] is False


def test_the_systems_authorities_do_not_know_it(bench, site):  # noqa: F811
    run = bench(site.url("good"), "-n", 5)
    assert run.code == 1 and "signed by nobody" in run.err
    none = bench(site.url("good"), "--ca", site.folder / "missing", "-n", 5)
    assert none.code == 1 and "read certificate authorities from" in none.err


def test_a_handshake_that_fails_in_the_run_is_counted(bench, site):  # noqa: F811
    """The first connection, which is only a look, reaches nginx; later ones are closed at once."""
    left = [1]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def relay(client):
            with client, socket.create_connection(("127.0.0.1", site.ports["good"])) as server:
                back = threading.Thread(target=pump, args=(server, client))
                back.start()
                pump(client, server)
                back.join()

        def pump(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        def accept():
            try:
                while True:
                    client = listener.accept()[0]
                    if left:
                        left.pop()
                        threading.Thread(target=relay, args=(client,), daemon=True).start()
                    else:
                        client.recv(65536)
                        client.close()
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        run = bench(f"https://localhost:{port}/", "--ca", site.ca, "-n", 4, "-c", 1)
        listener.shutdown(socket.SHUT_RDWR)
    assert run.code == 1
    assert run.data["errors"]["connect"] == 4
    assert "connect: the server closed during the TLS handshake" in run.out


def test_ca_and_insecure_exclude_each_other(paceline):
    run = subprocess.run([paceline, "bench", "https://a/", "--ca", "x", "--insecure"],
                         capture_output=True, text=True, timeout=DEADLINE)
    assert run.returncode == 1 and "excludes" in run.stderr
