"""What cannot work stops the start: one line that says why and what to do, exit code 1, nothing
left running, nothing lost; then the right start works."""

import hashlib
import os
import re
import socket
import sqlite3
import subprocess

import pytest
from conftest import alive, descendants, wait_until
from wire import ask

RESOURCE = "[[resource]]\npath = '/t/{id}'\nread = 'SELECT id, n FROM t WHERE id = :id'\n"
SCHEMA = "[database]\nschema = 'CREATE TABLE t (id INTEGER PRIMARY KEY, n REAL)'\n"


def hashes(folder):
    """Content of every file below, so that any change shows. Sockets and pid files are no data, and
    the ledger notes a start that failed, too."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("pid", "lock", "availability.ledger")
    }


def pattern(text):
    """A regular expression for this text, where .* stands for anything."""
    return re.escape(text).replace(r"\.\*", ".*")


@pytest.fixture
def refused(paceline, tmp_path):
    """refused(*arguments, …) starts what must not start; the reason, without its first word. It
    listens on a free port unless the arguments say where, or `listen` is None."""

    def start(*arguments, folder, listen="127.0.0.1:0", environment=None):
        before = hashes(tmp_path)
        command = [paceline, "serve", "--dir", folder, *arguments]
        if listen and "--listen" not in arguments:
            command += ["--listen", listen]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        children = set()

        def ended():
            children.update(descendants(process.pid))
            return process.poll() is not None

        try:
            wait_until(ended, f"the refusal of {command}")
        finally:
            process.kill()  # takes its children along
            out, err = process.communicate()
        assert (process.returncode, out) == (1, ""), err
        assert (err.startswith("paceline: "), err.count("\n"), err[-1]) == (True, 1, "\n"), err
        wait_until(lambda: not any(alive(pid) for pid in children), "the end of all children")
        assert {name: hashes(tmp_path).get(name) for name in before} == before
        return err.removeprefix("paceline: ").removesuffix("\n")

    return start


def works(serve, *arguments, folder):
    cluster = serve(*arguments, "--workers", "1", folder=folder)
    assert ask(cluster.address, "GET", "/").status == 200
    return cluster


def test_a_missing_configuration(refused, serve, tmp_path):
    missing = tmp_path / "app.toml"
    folder = tmp_path / "instance"
    said = refused(missing, folder=folder)
    assert said.startswith(f"cannot read the configuration {missing}: ")
    assert said.endswith(f"No such file or directory; `paceline init {missing}` writes one")
    assert not folder.exists()
    missing.write_text(SCHEMA + RESOURCE)
    assert refused(tmp_path, folder=folder).startswith(f"cannot read the configuration {tmp_path}")
    works(serve, missing, folder=folder)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("[cache.l1]\nmaxx = 5\n",
         "2:1: unknown key cache.l1.maxx; did you mean cache.l1.max?"),
        ("wrokers = 5\n", "1:1: unknown key wrokers; did you mean workers?"),
        ("[server]\nlimit = 5\n", "2:1: unknown key server.limit; did you mean server.listen?"),
        ("[[resource]]\npath = '/a'\nraed = 'SELECT 1 AS a'\n",
         "3:1: [[resource]]: unknown key raed; did you mean read?"),
        ("[cache.l1]\nmax = \"many\"\n",
         '2:7: cache.l1.max: expected an integer from 0 to 100000000, got "many"'),
        ("[cache.l1]\nmax = -1\n",
         "2:7: cache.l1.max: expected an integer from 0 to 100000000, got -1"),
        ("[cache.l1]\nttl = 3600\n",
         "2:7: cache.l1.ttl: expected a duration such as .*, got 3600 without a unit"),
        ("[cache.l1]\nmax_bytes = '1QB'\n",
         '2:13: cache.l1.max_bytes: expected a size such as .*, got "1QB"'),
        ("[database]\ndurable = 1\n", "2:11: database.durable: expected true or false, got 1"),
        ("[log]\nformat = 'xml'\n",
         '2:10: log.format: expected "auto", "text" or "json", got "xml"'),
        ("[log]\naccess = '2/3'\n",
         '2:10: log.access: expected "off", "errors", "all" or a fraction .*, got "2/3"'),
        ("[server\n", "1:8: not valid TOML: .*"),
        ("workers = 0\n",
         '1:11: workers: expected "auto", "io" or "cpu", or an integer from 1 to 256, got 0'),
        ("[server]\nlisten = 'localhost'\n",
         '2:10: server.listen: "localhost" is not an address to listen on: .*'),
        ("[server]\nlisten = []\n", "2:10: server.listen names no address, .*"),
        ("[database]\nurl = 'mysql://x'\n",
         '2:7: database.url: expected sqlite:PATH, such as "sqlite:data.db"'),
        ("[[resource]]\npath = 'a'\nread = 'SELECT 1 AS a'\n",
         "2:8: resource a: path: expected .*"),
        ("[[resource]]\npath = '/a'\n", "2:8: resource /a: path: has no statement; set read, .*"),
        ("[[resource]]\npath = '/a'\nread = 'SELECT :idd AS a'\n",
         "3:8: resource /a: read: unknown placeholder :idd; this statement has no parameters"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_told_with_its_place(refused, serve, tmp_path, text, reason):
    file = tmp_path / "app.toml"
    file.write_text(text)
    folder = tmp_path / "instance"
    said = refused(file, folder=folder, listen=None)  # where it would listen is the file's
    assert re.fullmatch(pattern(f"{file}:{reason}"), said), said
    file.write_text(SCHEMA + RESOURCE)
    works(serve, file, folder=folder)


def test_all_mistakes_are_told_at_once(paceline, tmp_path):
    file = tmp_path / "app.toml"
    file.write_text("wrokers = 5\n[cache.l1]\nmax = 'x'\n")
    result = subprocess.run([paceline, "config", file], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == (
        f"paceline: {file}:1:1: unknown key wrokers; did you mean workers?\n"
        f'{file}:3:7: cache.l1.max: expected an integer from 0 to 100000000, got "x"\n'
    )


def test_a_wrong_flag_or_variable_is_told_by_its_name(refused, tmp_path):
    for arguments, environment, reason in [
        (["--workers", "0"], {},
         '--workers: workers: expected "auto", "io" or "cpu", or an integer from 1 to 256, got 0'),
        (["--workers", "many"], {},
         '--workers: workers: expected "auto", "io" or "cpu", or an integer from 1 to 256, '
         'got "many"'),
        (["--set", "foo"], {}, '--set: expected key=value, got "foo"'),
        (["--set", "cache.l1.maxx=1"], {},
         "--set: unknown key cache.l1.maxx; did you mean cache.l1.max?"),
        ([], {"PACELINE_CACHE_L1_MAXX": "1"},
         "PACELINE_CACHE_L1_MAXX: unknown variable; did you mean PACELINE_CACHE_L1_MAX?"),
        ([], {"PACELINE_CACHE_L1_MAX": "x"},
         'PACELINE_CACHE_L1_MAX: cache.l1.max: expected an integer from 0 to 100000000, got "x"'),
    ]:  # fmt: skip
        assert refused(*arguments, environment=environment, folder=tmp_path / "i") == reason


def test_a_port_that_another_program_uses(refused, serve, tmp_path):
    folder = tmp_path / "instance"
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        said = refused("--listen", address, folder=folder)
        assert said == (
            f"cannot listen on {address}: another program does; stop it (`ss -ltnp` names it) or "
            "choose another address with --listen: Address already in use"
        )
    works(serve, "--listen", address, folder=folder)


def test_a_port_that_another_paceline_of_the_same_user_uses(cluster, refused, serve, tmp_path):
    """A second SO_REUSEPORT bind would succeed, and take half of the connections."""
    address = cluster.status()["listen"][0]
    folder = tmp_path / "other"
    assert refused("--listen", address, folder=folder).startswith(f"cannot listen on {address}: ")
    for _ in range(20):
        assert ask(cluster.address, "GET", "/").status == 200
    assert cluster.stop() == 0
    works(serve, "--listen", address, folder=folder)


def test_a_second_instance_on_the_same_folder(cluster, refused, serve):
    assert ask(cluster.address, "PUT", "/data/1", "1").status == 200
    said = refused(folder=cluster.folder)
    assert said == (
        f"another Paceline (pid {cluster.pid}) runs in {cluster.folder}; stop it with "
        f"`paceline stop --dir {cluster.folder}` or choose another folder with --dir"
    )
    assert cluster.status()["supervisor"]["pid"] == cluster.pid  # not disturbed
    assert ask(cluster.address, "GET", "/data/1").json()["body"] == 1
    assert cluster.stop() == 0
    assert ask(works(serve, folder=cluster.folder).address, "GET", "/data/1").status == 200


def test_an_address_that_this_host_does_not_have(refused, serve, tmp_path):
    said = refused("--listen", "192.0.2.1:0", folder=tmp_path / "i")  # TEST-NET-1, RFC 5737
    assert said == (
        "cannot listen on 192.0.2.1:0: no interface of this host has this address; choose another "
        "with --listen, such as 127.0.0.1:8000: Cannot assign requested address"
    )
    works(serve, folder=tmp_path / "i")


def test_a_listen_path_that_is_no_socket(refused, serve, tmp_path):
    (tmp_path / "precious").write_text("text")
    said = refused("--listen", f"unix:{tmp_path}/precious", folder=tmp_path / "i")
    assert said.startswith(f"cannot listen on unix:{tmp_path}/precious: ")
    assert (tmp_path / "precious").read_text() == "text"
    works(serve, folder=tmp_path / "i")


def test_a_folder_that_cannot_be_used(refused, serve, tmp_path):
    (tmp_path / "file").write_text("text")
    for folder in (tmp_path / "file", tmp_path / "file/below"):
        said = refused(folder=folder)
        assert said == (
            f"instance folder {folder} cannot be used; make it writable or choose another with "
            "--dir: Not a directory"
        )
    works(serve, folder=tmp_path / "unused")


def test_a_folder_that_may_not_be_written(refused, serve, tmp_path):
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o500)
    place = "/proc/instance" if os.geteuid() == 0 else folder  # root may write wherever one can
    said = refused(folder=place)
    assert said.startswith(
        f"instance folder {place} cannot be used; make it writable or choose another with --dir: "
    )
    folder.chmod(0o700)
    works(serve, folder=folder)


def test_a_database_that_is_not_one(refused, serve, tmp_path):
    folder = tmp_path / "instance"
    folder.mkdir()
    database = folder / "data.db"
    database.write_bytes(b"This is a letter, and no database, whatever its name says.\n" * 20)
    said = refused(folder=folder)
    assert said == (
        f"database {database} is not an SQLite database; move it away or change database.url"
    )
    # The keeper failed after the sockets were open: folder and port are as free as before.
    # The monitor starts beside the keeper, and may have made its token by then.
    left = {path.name for path in folder.iterdir()} - {"admin.token", "availability.ledger"}
    assert left == {"data.db", "lock"}
    database.rename(folder / "letter.txt")
    works(serve, folder=folder)


def test_a_database_that_is_a_folder(refused, serve, tmp_path):
    folder = tmp_path / "instance"
    (folder / "data.db").mkdir(parents=True)
    said = refused(folder=folder)
    assert said == f"database {folder}/data.db is a folder; name a file in database.url"
    works(serve, "--set", "database.url=sqlite:other.db", folder=folder)


def test_a_corrupt_database(refused, serve, tmp_path):
    folder = tmp_path / "instance"
    first = works(serve, folder=folder)
    for number in range(200):
        assert ask(first.address, "PUT", f"/data/{number}", f'"{"x" * 300}"').status == 200
    assert first.stop() == 0
    database = folder / "data.db"
    good = database.read_bytes()
    assert len(good) > 20 * 4096
    database.write_bytes(good[: 4 * 4096] + b"\xa5" * 4096 * 4 + good[8 * 4096 :])
    said = refused(folder=folder)
    start = re.escape(f"database {database} is damaged (")
    end = re.escape(
        "); restore a backup, or save what can be read with: sqlite3 " + f"{database} .recover"
    )
    assert re.fullmatch(start + ".*" + end, said), said
    database.write_bytes(good)
    assert ask(works(serve, folder=folder).address, "GET", "/data/199").status == 200


def test_sql_mistakes_of_resources_are_found_at_the_start(refused, serve, tmp_path):
    file = tmp_path / "app.toml"
    folder = tmp_path / "instance"
    for statement, reason in [
        ("SELECT id, m FROM t WHERE id = :id",
         "no such column: m at line 1, column 12 of: SELECT id, m FROM t WHERE id = :id"),
        ("SELECT id FORM t WHERE id = :id",
         'near "t": syntax error at line 1, column 16 of: SELECT id FORM t WHERE id = :id'),
        ("SELECT id FROM tt WHERE id = :id", "no such table: tt in: SELECT id FROM tt WHERE .*"),
        ("DELETE FROM t WHERE id = :id", "must not write; use write, create or remove"),
    ]:  # fmt: skip
        file.write_text(SCHEMA + f"[[resource]]\npath = '/t/{{id}}'\nread = '{statement}'\n")
        said = refused(file, folder=folder)
        place = f"{file}:5:8: resource /t/{{id}}: read: "
        assert re.fullmatch(pattern(place + reason), said), said
    file.write_text(SCHEMA + RESOURCE)
    works(serve, file, folder=folder)


def test_a_migration_that_was_changed_or_lost_after_it_was_applied(refused, serve, tmp_path):
    file = tmp_path / "app.toml"
    folder = tmp_path / "instance"
    sql = tmp_path / "sql"
    sql.mkdir()
    file.write_text("[database]\nmigrations = 'sql'\n" + RESOURCE)
    first = sql / "001-first.sql"
    first.write_text("CREATE TABLE t (id INTEGER PRIMARY KEY, n REAL);\n")
    assert works(serve, file, folder=folder).stop() == 0
    text = first.read_text()

    first.write_text(text + "-- better\n")
    assert refused(file, folder=folder) == (
        f"migration {first} was changed after it was applied; put the old text back and write a "
        "new migration"
    )
    first.write_text(text)
    first.rename(sql / "001-other.sql")
    assert refused(file, folder=folder) == (
        f"migration {sql}/001-other.sql was applied as first; give it its old name"
    )
    (sql / "001-other.sql").rename(first)
    (sql / "003-gap.sql").write_text("SELECT 1;\n")
    assert refused(file, folder=folder) == (
        f"migration {sql}/003-gap.sql: number 2 is missing before it"
    )
    (sql / "003-gap.sql").unlink()
    (sql / "002-wrong.sql").write_text("CREATE TABLE u (id);\n\nCREATE TABEL v (id);\n")
    said = refused(file, folder=folder)
    assert said == f'{sql}/002-wrong.sql:3: near "TABEL": syntax error in: CREATE TABEL v (id)'
    with sqlite3.connect(folder / "data.db") as database:  # in one transaction: nothing of it
        names = database.execute("SELECT name FROM sqlite_master WHERE name = 'u'").fetchall()
    database.close()
    assert names == []
    (sql / "002-wrong.sql").unlink()
    works(serve, file, folder=folder)
