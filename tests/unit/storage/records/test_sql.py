"""SQL sees the chosen rows of the log, and can neither read nor change anything else."""

import builtins

import pytest

from serve_app.errors import ConfigError, InvalidInput
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.plans import Span
from serve_app.storage.records.sql import select
from tests.unit.storage.records.conftest import NOON_S, payload, record


@pytest.fixture
def log(files):
    incoming = Incoming(files)
    incoming.take("gw", 0, payload([record(n, NOON_S + n * 720) for n in range(10)]))
    incoming.take("gw", 1, payload([record(n, label=n) for n in range(10, 13)]))
    Compactor(files, incoming).compact()
    incoming.take("gw", 2, payload([record(n, endpoint="other") for n in range(5)]))
    return files


def rows(log, sql, **span):
    return select(log, sql, Span(**span)).read_all().to_pylist()


def test_a_select_counts_segments_and_incoming(log):
    sql = (
        "SELECT endpoint, count(*) AS n, sum(feature_age) AS ages FROM records "
        "GROUP BY endpoint ORDER BY endpoint"
    )
    ages = sum(20.0 + n for n in range(13))
    assert rows(log, sql) == [
        {"endpoint": "diagnosis", "n": 13, "ages": ages},
        {"endpoint": "other", "n": 5, "ages": 110.0},
    ]


def test_the_span_bounds_what_is_seen(log):
    sql = "SELECT count(*) AS n FROM records"
    assert rows(log, sql, endpoint="diagnosis") == [{"n": 13}]
    assert rows(log, sql, since_s=NOON_S + 720, endpoint="diagnosis") == [{"n": 9}]
    assert rows(log, sql, until_s=NOON_S + 720, endpoint="diagnosis") == [{"n": 4}]
    with pytest.raises(InvalidInput, match="there are no records of that endpoint and time"):
        rows(log, sql, endpoint="nobody")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/**')",
        "SELECT * FROM read_parquet('{root}/date=*/**/*.parquet')",
        "SELECT * FROM read_parquet('https://example.invalid/x.parquet')",
        "SELECT getenv('HOME')",
        "SELECT * FROM log",
        "COPY (SELECT 1) TO '{secret}'",
        "COPY (SELECT 1) TO '{segment}'",
        "INSERT INTO records VALUES (1)",
        "CREATE TABLE t AS SELECT 1",
        "ATTACH '{secret}' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "PRAGMA database_list",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT * FROM nothing",
        "SELEC 1",
        "",
        ";",
    ],
)
def test_everything_else_is_refused(log, tmp_path, sql):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nprivate\n")
    segment = log.path(log.below("date=2026-09-21")[0].path)
    before = {one: log.read(one.path) for one in log.below("")}
    written = sql.format(secret=secret, segment=segment, root=log.path(""))
    with pytest.raises(InvalidInput):
        rows(log, written)
    assert {one: log.read(one.path) for one in log.below("")} == before
    assert secret.read_text() == "a\nprivate\n"


def test_without_duckdb_it_says_what_to_install(log, monkeypatch):
    original = builtins.__import__

    def absent(name, *more):
        if name == "duckdb":
            raise ImportError(name)
        return original(name, *more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ConfigError, match=r"serve-app\[analytics\]"):
        rows(log, "SELECT 1")
