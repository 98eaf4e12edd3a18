"""The log of predictions on the command line: queried, listed, computed again."""

import csv
import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Payload, Prediction, Request
from serve_app.core.preprocess import Preprocess
from serve_app.core.record import Record
from serve_app.core.record_settings import RecordSettings
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming, encode
from serve_app.storage.records.files import Files
from serve_app.storage.records.rows import tables_of
from serve_app.storage.snapshots import SnapshotStore

START_S = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC).timestamp()
CALLS = 30
RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"age": RNG.uniform(18, 90, 2 * CALLS), "dose": RNG.normal(size=2 * CALLS)})
PRICE = 3 * ROWS["age"] - 7 * ROWS["dose"] + RNG.normal(size=len(ROWS))
ILL = np.where(ROWS["dose"] > 0, "ill", "well")


def models():
    """What answered, what is to answer next, and what runs before."""
    scaler = StandardScaler().set_output(transform="pandas").fit(ROWS)
    scaled = scaler.transform(ROWS)
    return {
        "line": [(LinearRegression().fit(ROWS, PRICE), ROWS), (_moved(), ROWS)],
        "wide": [(LinearRegression().fit(ROWS.assign(more=PRICE), PRICE), ROWS.assign(more=PRICE))],
        "flag": [(LogisticRegression(C=c).fit(ROWS, ILL), ROWS) for c in (1.0, 0.0001)],
        "scaler": [(scaler, ROWS)],
        "scaled": [(LinearRegression().fit(scaled, PRICE), scaled)],
    }


def _moved():
    model = LinearRegression().fit(ROWS, PRICE)
    model.intercept_ += 0.5
    return model


def recorded(number, endpoint, model):
    """Two rows that an estimator itself answered."""
    rows = ROWS[2 * number : 2 * number + 2]
    answer = model.predict(rows)
    shares = model.predict_proba(rows) if hasattr(model, "predict_proba") else None
    at_s = START_S + number * 60
    return Record(
        Request(endpoint, Payload({}, 2, {"order_id": number}), f"request-{number}"),
        endpoint,
        1,
        at_s,
        0.001,
        f"{int(at_s * 1000):012x}{number:020x}",
        columns=Columns.of({name: rows[name].to_numpy() for name in rows}),
        answer=Answer(Prediction(np.asarray(answer), shares), (f"{endpoint}@1",)),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A registry, a log and a state beside each other."""
    path = tmp_path_factory.mktemp("home")
    store = Registry(str(path / "registry"))
    estimators = models()
    for name, versions in estimators.items():
        for estimator, frame in versions:
            register(store, Candidate(name, estimator, frame))
    files = Files(str(path / "state" / "records"))
    incoming = Incoming(files)
    settings = {"line": RecordSettings(key="order_id"), "kept": RecordSettings(sample=0.0)}
    line, flag = estimators["line"][0][0], estimators["flag"][0][0]
    records = [
        recorded(n, endpoint, model)
        for n in range(CALLS)
        for endpoint, model in (("line", line), ("flag", flag), ("kept", line))
    ]
    for sequence, half in enumerate((records[::2], records[1::2])):
        tables = tables_of(half, wall_minus_clock_s=0.0, settings=settings)
        incoming.take("gw", sequence, encode(tables))
        if sequence == 0:
            Compactor(files, incoming).compact()
    signature = store.manifest("line", 1).signature
    endpoints = {
        "line": Endpoint(
            "line",
            RouteSpec("single", (Variant("scaled@1", 1.0),)),
            signature,
            1.0,
            1.0,
            preprocess=Preprocess("scaler@1", inline=True),
        ),
        "flag": Endpoint("flag", RouteSpec("single", (Variant("flag@1", 1.0),)), signature, 1, 1),
    }
    SnapshotStore(str(path / "state")).save(1, "hash", Snapshot(1, "hash", endpoints).to_json())
    return path


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    """Work in that folder."""
    monkeypatch.chdir(folder)


def query(serve_app, *options):
    printed = serve_app("records", "query", *options, "--json")
    assert printed.code == 0, printed.err
    return json.loads(printed.out)


def test_what_is_there_is_listed_by_endpoint(serve_app):
    flag, kept, line = json.loads(serve_app("records", "list", "--json").out)
    assert (line["endpoint"], line["rows"]) == ("line", 2 * CALLS)
    assert (line["first_s"], line["last_s"]) == (START_S, START_S + (CALLS - 1) * 60)
    assert line["size_bytes"] > 0
    assert [flag["endpoint"], kept["rows"]] == ["flag", 2 * CALLS]
    shown = serve_app("records", "list").out
    assert "2026-11-26 12:29:00" in shown
    assert "line" in shown


def test_a_query_is_a_table_for_people(serve_app):
    shown = serve_app("records", "query", "--endpoint", "line", "--order", "newest")
    assert shown.code == 0
    assert shown.out.count("2026-11-26 12:") == 20
    assert "--out writes all to a file" in shown.out
    few = serve_app("records", "query", "--key", "7", "--columns", "key,row")
    cells = [[c.strip() for c in s.split("│")[1:-1]] for s in few.out.splitlines() if "│" in s]
    assert sorted(cells) == [["7", "0"], ["7", "1"]]
    assert "no records fit" in serve_app("records", "query", "--endpoint", "nobody").out


def test_a_query_is_json_for_programs(serve_app):
    rows = query(serve_app, "--endpoint", "line", "--order", "oldest", "--limit", "3")
    assert [row["key"] for row in rows] == ["0", "0", "1"]
    assert rows[0]["feature_age"] == ROWS["age"][0]
    since = query(
        serve_app, "--endpoint", "line", "--since", "2026-11-26T12:28", "--columns", "key"
    )
    assert sorted(row["key"] for row in since) == ["28", "28", "29", "29"]
    zoned = ("--until", "2026-11-26T13:01:00+01:00", "--columns", "request_id")
    assert {row["request_id"] for row in query(serve_app, *zoned)} == {"request-0"}
    assert query(serve_app, "--since", "1m") == []
    assert query(serve_app, "--variant", "flag@1", "--columns", "endpoint", "--limit", "1") == [
        {"endpoint": "flag"}
    ]


def test_sql_answers_what_filters_cannot(serve_app):
    sql = "SELECT value, count(*) AS n FROM records GROUP BY value ORDER BY value"
    rows = query(serve_app, "--endpoint", "flag", "--sql", sql)
    labels, counts = np.unique(models()["flag"][0][0].predict(ROWS), return_counts=True)
    assert rows == [
        {"value": label, "n": n} for label, n in zip(labels, counts.tolist(), strict=True)
    ]
    assert "count" in serve_app("records", "query", "--sql", "SELECT 1 AS count").out


def test_rows_are_written_as_csv_and_parquet(serve_app, tmp_path):
    for kind in ("csv", "parquet"):
        out = tmp_path / f"rows.{kind}"
        line = ("records", "query", "--endpoint", "flag", "--order", "oldest", "--out", out)
        assert serve_app(*line).out == f"wrote {2 * CALLS} rows to {out}\n"
        assert json.loads(serve_app(*line, "--json").out) == {"file": str(out), "rows": 2 * CALLS}
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [float(row["feature_dose"]) for row in rows] == ROWS["dose"].tolist()
    assert [row["feature_dose"] for row in table] == ROWS["dose"].tolist()
    assert json.loads(rows[0]["probabilities"]) == table[0]["probabilities"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["rows.csv", "rows.parquet"]


def replay(serve_app, *options, code=0):
    printed = serve_app("records", "replay", *options, "--json")
    assert printed.code == code, printed.err
    return json.loads(printed.out)


def test_the_version_that_answered_answers_alike(serve_app):
    said = replay(serve_app, "--endpoint", "line", "--version", "line@1", "--max-changed", "0")
    assert (said["calls"], said["rows"], said["refused"]) == (CALLS, 2 * CALLS, 0)
    assert said["share_equal"] == 1.0
    assert said["largest_difference"] < 1e-9
    assert 0 < said["p50_s"] <= said["p99_s"] < 5


def test_another_version_is_compared_number_by_number(serve_app):
    options = ("--endpoint", "line", "--version", "line@2")
    said = replay(serve_app, *options, "--max-changed", "0.05", code=1)
    assert said["share_changed"] == 1.0
    assert said["mean_difference"] == pytest.approx(0.5)
    assert said["largest_difference"] == pytest.approx(0.5)
    near = replay(serve_app, *options, "--tolerance", "1", "--max-changed", "0.05")
    assert near["changed"] == 0


def test_labels_that_flip_are_shown(serve_app):
    before, after = (model for model, _ in models()["flag"])
    flips = int((before.predict(ROWS) != after.predict(ROWS)).sum())
    apart = np.abs(before.predict_proba(ROWS) - after.predict_proba(ROWS)).max(axis=1)
    assert flips > 0
    said = replay(serve_app, "--endpoint", "flag", "--version", "flag@2")
    assert said["changed"] == flips
    assert said["mean_difference"] == pytest.approx(apart.mean())
    assert said["largest_difference"] == pytest.approx(apart.max())
    assert {said["examples"][0]["recorded"], said["examples"][0]["computed"]} == {"ill", "well"}
    shown = serve_app("records", "replay", "--endpoint", "flag", "--version", "flag@2")
    assert shown.code == 0
    assert f"{1 - flips / (2 * CALLS):.2%}" in shown.out
    strict = ("--max-changed", "0")
    failed = serve_app("records", "replay", "--endpoint", "flag", "--version", "flag@2", *strict)
    assert failed.code == 1
    assert "more than 0.00%" in failed.err


def test_what_runs_before_is_named_or_taken_from_the_snapshot(serve_app):
    options = ("--endpoint", "line", "--version", "scaled@1", "--tolerance", "1e-6")
    named = replay(serve_app, *options, "--preprocess", "scaler@1")
    standing = replay(serve_app, *options, "--state", "state")
    assert named["share_equal"] == standing["share_equal"] == 1.0
    assert replay(serve_app, *options)["share_equal"] == 0.0
    none = ("--endpoint", "flag", "--version", "flag@1", "--state", "state")
    assert replay(serve_app, *none)["share_equal"] == 1.0


def test_rows_that_a_version_does_not_take_count_as_changed(serve_app):
    options = ("--endpoint", "line", "--version", "wide@1", "--max-changed", "0.9")
    said = replay(serve_app, *options, code=1)
    assert (said["refused"], said["share_equal"]) == (2 * CALLS, None)
    assert (said["p50_s"], said["mean_difference"]) == (None, None)
    assert sum(said["reasons"].values()) == 2 * CALLS
    assert "refused 60 rows" in serve_app("records", "replay", *options).out


def test_a_limit_counts_rows_and_keeps_requests_whole(serve_app):
    options = ("--endpoint", "line", "--version", "line@1")
    assert replay(serve_app, *options, "--limit", "5")["rows"] == 4
    assert replay(serve_app, *options, "--limit", "1")["rows"] == 2
    since = ("--since", "2026-11-26T12:29")
    assert replay(serve_app, *options, *since)["calls"] == 1


QUERY, REPLAY = ("records", "query"), ("records", "replay", "--endpoint", "line", "--version")


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ((*QUERY, "--since", "yesterday"), 2, "write 2026-11-26"),
        ((*QUERY, "--since", "99999999d"), 2, "is no time"),
        ((*QUERY, "--since", "2026-11-27", "--until", "2026-11-26"), 1, "not before its end"),
        ((*QUERY, "--limit", "0"), 2, "--limit"),
        ((*QUERY, "--order", "random"), 2, "--order"),
        ((*QUERY, "--columns", "nothing"), 1, "no column 'nothing'"),
        ((*QUERY, "--columns", ""), 1, "no column ''"),
        ((*QUERY, "--columns", "key,key"), 1, "twice"),
        ((*QUERY, "--out", "rows.xlsx"), 1, "rows.xlsx"),
        ((*QUERY, "--out", "nowhere/rows.csv"), 1, "nowhere/rows.csv"),
        ((*QUERY, "--out", "state"), 2, "state"),
        ((*QUERY, "--records", ""), 1, "names no place"),
        ((*QUERY, "--records", "registry/line/1/manifest.json"), 1, "Not a directory"),
        ((*QUERY, "--records", "nowhere://x"), 1, "nowhere"),
        ((*QUERY, "--records", "x" * 300), 1, "xxx"),
        (("records", "list", "--records", "nowhere://x"), 1, "nowhere"),
        ((*QUERY, "--sql", "DROP TABLE records"), 1, "one SELECT"),
        ((*QUERY, "--sql", "SELECT * FROM read_text('/etc/passwd')"), 1, "DuckDB refuses"),
        ((*QUERY, "--sql", "SELECT 1", "--key", "3"), 2, "--key cannot stand beside --sql"),
        ((*QUERY, "--sql", "SELECT 1", "--id", "3"), 2, "--id cannot stand beside --sql"),
        (("records", "replay", "--endpoint", "line"), 2, "--version"),
        (("records", "replay", "--version", "line@1"), 2, "--endpoint"),
        ((*REPLAY, "line@9"), 1, "line"),
        ((*REPLAY, "nobody@1"), 1, "nobody"),
        ((*REPLAY, "line@1", "--since", "1s"), 1, "no answered requests of 'line'"),
        ((*REPLAY, "line@1", "--records", "empty"), 1, "no answered requests of 'line'"),
        ((*REPLAY, "line@1", "--max-changed", "2"), 2, "--max-changed"),
        ((*REPLAY, "line@1", "--max-changed", "nan"), 2, "--max-changed"),
        ((*REPLAY, "line@1", "--tolerance", "nan"), 2, "--tolerance"),
        ((*REPLAY, "line@1", "--limit", "-1"), 2, "--limit"),
        ((*REPLAY, "line@1", "--state", "nowhere"), 2, "nowhere"),
        ((*REPLAY, "scaler@1"), 1, "scaler@1 is a transformer"),
        ((*REPLAY, "line@1", "--preprocess", "line@1"), 1, "line@1 is no transformer"),
        (
            ("records", "replay", "--endpoint", "kept", "--version", "line@1"),
            1,
            "no answered requests of 'kept'",
        ),
        (
            ("records", "replay", "--endpoint", "kept", "--version", "line@1", "--state", "state"),
            1,
            "no endpoint 'kept'; it has flag, line",
        ),
    ],
    ids=lambda value: " ".join(value)[:80] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_clear_message(serve_app, line, code, words):
    said = serve_app(*line)
    assert said.code == code, said
    assert words in said.err
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "--debug" not in said.err
