"""The data service with resources, a schema and migrations of the user's own."""

import base64
import json
import re

import pytest
from wire import Wire, ask

pytestmark = pytest.mark.request_path

SHOP = """
[database]
url = "sqlite:shop.db"
migrations = "sql"

[[resource]]
path = "/things/{id}"
read = "SELECT id, price, note, picture, extra, marks FROM thing WHERE id = :id"
write = \"\"\"
INSERT INTO thing (id, sku, price, note, picture, extra, marks)
VALUES (:id, json_extract(:body, '$.sku'), json_extract(:body, '$.price'),
        json_extract(:body, '$.note'), CAST(json_extract(:body, '$.picture') AS BLOB),
        json_extract(:body, '$.extra'), json_extract(:body, '$.marks'))
ON CONFLICT (id) DO UPDATE SET price = excluded.price
RETURNING id, price, note, picture, extra, marks\"\"\"
remove = "DELETE FROM thing WHERE id = :id"
json = ["marks"]
cache_control = "max-age=60"

[[resource]]
path = "/stock/{name}"
read = "SELECT name, amount FROM stock WHERE name = :name"
write = \"\"\"
INSERT INTO stock VALUES (:name, json_extract(:body, '$.amount'))
ON CONFLICT (name) DO UPDATE SET amount = excluded.amount RETURNING name, amount\"\"\"
ttl = "0"

[[resource]]
path = "/report"
rows = "many"
query = { least = 0 }
read = "SELECT name, amount FROM stock WHERE amount >= :least ORDER BY name -- not :this '::that"
ttl = "2h"
"""
FIRST = """
CREATE TABLE thing (
  id      INTEGER PRIMARY KEY,
  sku     TEXT UNIQUE,
  price   REAL,
  note    TEXT,
  picture BLOB,
  extra   JSON,
  marks   TEXT
);
"""
SECOND = """
CREATE TABLE stock (name TEXT PRIMARY KEY, amount INTEGER NOT NULL CHECK (amount >= 0)) STRICT;
INSERT INTO stock VALUES ('nails', 7);
"""
STORED = "paceline; fwd=uri-miss; stored; detail=source"
BYPASS = "paceline; fwd=bypass; detail=source"


@pytest.fixture
def shop(serve, tmp_path):
    """The address of a running shop."""
    files = tmp_path / "conf"
    (files / "sql").mkdir(parents=True)
    (files / "sql/001-thing.sql").write_text(FIRST)
    (files / "sql/002-stock.sql").write_text(SECOND)
    (files / "shop.toml").write_text(SHOP)
    cluster = serve(files / "shop.toml", "--workers", "1")
    assert (cluster.folder / "shop.db").exists()
    return cluster


def test_every_sql_type_has_its_json(shop):
    with Wire(shop.address) as wire:
        thing = {"price": 2.5, "note": 'a "b"\n', "picture": "é", "extra": [1]}
        thing["marks"] = {"a": 1}
        put = wire.ask("PUT", "/things/7", json.dumps(thing))
        picture = base64.b64encode("é".encode()).decode()
        row = '{"id":7,"price":2.5,"note":"a \\"b\\"\\n",'
        row += '"picture":"%s","extra":[1],"marks":{"a":1}}'
        assert (put.status, put.body.decode()) == (200, row % picture)
        get = wire.ask("GET", "/things/7")
        assert (get.body, get["ETag"]) == (put.body, put["ETag"])
        assert (get["Cache-Status"], get["Cache-Control"]) == (STORED, "max-age=60")
        empty = wire.ask("PUT", "/things/8", "{}")
        row = b'{"id":8,"price":null,"note":null,"picture":null,"extra":null,"marks":null}'
        assert empty.body == row
        # What is no JSON in a JSON column is a string; a REAL without a fraction stays a number.
        odd = wire.ask("PUT", "/things/-9", '{"marks": "{oops", "price": 3}')
        assert odd.json()["marks"] == "{oops"
        assert wire.ask("GET", "/things/-9").body == odd.body


def test_a_path_parameter_of_the_wrong_type_is_named(shop):
    with Wire(shop.address) as wire:
        for id_ in ("abc", "1.0", "007", "+7", "-0", "9223372036854775808", "7%20"):
            for method in ("GET", "DELETE"):
                answer = wire.ask(method, f"/things/{id_}")
                assert answer.problem() == (400, "id: expected an integer"), id_
        assert wire.ask("GET", "/things/9223372036854775807").status == 404
        assert wire.ask("GET", "/report?least=x").problem()[1] == (
            "least: expected an integer, at least 0"
        )


def test_a_value_of_the_wrong_type_is_400_and_a_broken_constraint_409(shop):
    with Wire(shop.address) as wire:
        assert wire.ask("PUT", "/stock/a", '{"amount": 3}').body == b'{"name":"a","amount":3}'
        wrong = (400, "body: has the wrong type for where it is stored")
        assert wire.ask("PUT", "/stock/a", '{"amount": "many"}').problem() == wrong
        conflict = (409, "a constraint of the database forbids it")
        assert wire.ask("PUT", "/stock/a", '{"amount": -1}').problem() == conflict
        assert wire.ask("PUT", "/stock/a", "{}").problem() == conflict  # NOT NULL
        assert wire.ask("GET", "/stock/a").body == b'{"name":"a","amount":3}'
        assert wire.ask("PUT", "/things/1", '{"sku": "x"}').status == 200
        assert wire.ask("PUT", "/things/2", '{"sku": "x"}').problem() == conflict
        assert wire.ask("GET", "/things/2").status == 404


def test_ttl_0_asks_the_database_each_time(shop):
    with Wire(shop.address) as wire:
        for _ in range(3):
            answer = wire.ask("GET", "/stock/nails")
            assert (answer["Cache-Status"], answer.json()["amount"]) == (BYPASS, 7)
            assert answer["Cache-Control"] == "no-cache"
        saved = wire.ask("GET", "/stock/nails", If_None_Match=answer["ETag"])
        assert (saved.status, saved["Cache-Status"]) == (304, BYPASS)


def test_without_tags_a_list_stays_for_its_ttl(shop):
    with Wire(shop.address) as wire:
        first = wire.ask("GET", "/report")
        assert (first["Cache-Status"], first.body) == (STORED, b'[{"name":"nails","amount":7}]')
        assert wire.ask("PUT", "/stock/screws", '{"amount": 1}').status == 200
        second = wire.ask("GET", "/report")
        assert second.body == first.body
        assert re.fullmatch(r"paceline; hit; ttl=71\d\d; detail=l1", second["Cache-Status"])
        assert len(wire.ask("GET", "/report?least=1").json()) == 2  # another entry


def test_a_missing_statement_is_405(shop):
    with Wire(shop.address) as wire:
        for method, target, allow in [
            ("DELETE", "/stock/a", "GET, HEAD, PUT"),
            ("POST", "/report", "GET, HEAD"),
            ("PUT", "/report", "GET, HEAD"),
        ]:
            answer = wire.ask(method, target, "{}" if method != "DELETE" else None)
            assert (answer.status, answer["Allow"]) == (405, allow)
        assert ask(shop.address, "GET", "/data/1").status == 404  # nothing but what is declared
        assert [resource["path"] for resource in wire.ask("GET", "/").json()["resources"]] == [
            "/things/{id}",
            "/stock/{name}",
            "/report",
        ]


def test_a_new_migration_is_applied_once_at_the_next_start(shop, serve, tmp_path):
    assert ask(shop.address, "PUT", "/stock/kept", '{"amount": 1}').status == 200
    assert shop.stop() == 0
    later = tmp_path / "conf/sql/003-more.sql"
    later.write_text("-- a comment;\nINSERT INTO stock VALUES ('bolts', 3);\n")
    for _ in range(2):
        again = serve(tmp_path / "conf/shop.toml", "--workers", "1", folder=shop.folder)
        names = [row["name"] for row in ask(again.address, "GET", "/report").json()]
        assert names == ["bolts", "kept", "nails"]
        assert again.stop() == 0
