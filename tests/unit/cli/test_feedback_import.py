"""Labels of a file go to the server in lists, and what is wrong with a row is said by its line."""

import datetime as dt
import http.server
import json
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serve_app.cli import feedback_import


class Gateway:
    """Keeps lists as a gateway does: what was there counts once, a reward of 13 is refused."""

    def __init__(self):
        self.lists = []
        self.kept = {}
        self.failures = []

    def take(self, items):
        if self.failures:
            return self.failures.pop(0), {"error": "not now"}
        self.lists.append(items)
        outcomes, refused = [], []
        for index, item in enumerate(items):
            name = item.get("prediction_id", item.get("key"))
            if item.get("reward") == 13:
                refused.append({"index": index, "error": "unlucky", "error_code": "bad"})
                outcomes.append(None)
                continue
            outcomes.append("repeated" if self.kept.get(name) == item else "stored")
            self.kept[name] = item
        if len(refused) == len(items):
            return 400, {"error": "none can be kept", "refused": refused}
        return 200, {"outcomes": outcomes, "refused": refused}


@pytest.fixture
def gateway():
    made = Gateway()
    output = {"kind": "classification", "labels": ["ill", "well"]}
    endpoints = [{"name": "risk", "signature": {"output": output}}]

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            self.answer(200, {"endpoints": endpoints})

        def do_POST(self):
            assert self.path == "/v1/models/risk:feedback"
            body = self.rfile.read(int(self.headers["content-length"]))
            self.answer(*made.take(json.loads(body)["feedback"]))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def imported(serve_app, gateway, tmp_path):
    """Import a file of some content with some options."""

    def run(content, *options, name="labels.csv"):
        file = tmp_path / name
        if isinstance(content, str):
            file.write_text(content)
        else:
            pq.write_table(content, file)
        return serve_app(
            "feedback", "import", file, "--endpoint", "risk", "--url", gateway.url, *options
        )

    return run


def test_labels_of_a_csv_are_sent_in_lists_and_begun_anew_they_count_once(
    imported, gateway, monkeypatch
):
    monkeypatch.setattr(feedback_import, "AT_ONCE", 2)
    content = "order_id,outcome,extra\n007,ill,1\n2,well,1\n3,,1\n4,1,1\n"
    options = ("--id", "order_id", "--truth", "outcome", "--json")
    said = imported(content, *options)
    assert said.code == 0, said.err
    assert json.loads(said.out) == {
        "rows": 4, "counts": {"stored": 3, "without a label": 1}, "refused": []
    }  # fmt: skip
    assert gateway.lists == [
        [{"key": "007", "truth": "ill"}, {"key": "2", "truth": "well"}],
        [{"key": "4", "truth": "1"}],
    ]
    assert json.loads(imported(content, *options).out)["counts"]["repeated"] == 3
    said = imported(content, *options, "--skip", "3")
    assert json.loads(said.out)["rows"] == 1


def test_parquet_keeps_the_types_of_its_values(imported, gateway):
    moment = dt.datetime(2026, 11, 26, 13, tzinfo=dt.UTC)
    table = pa.table(
        {
            "id": pa.array(["p-1", "p-2", "p-3"]),
            "row": pa.array([0, None, 1], pa.int64()),
            "truth": pa.array([1.5, float("nan"), 2.0]),
            "gain": pa.array([None, 0.25, None], pa.float64()),
            "at": pa.array([moment, None, moment.replace(hour=14)], pa.timestamp("us", "UTC")),
        }
    )
    said = imported(
        table, "--prediction-id", "id", "--row", "row", "--truth", "truth", "--reward", "gain",
        "--at", "at", name="labels.parquet",
    )  # fmt: skip
    assert (said.code, said.out) == (0, "3 rows: 3 stored\n")
    # 2026-11-26T13:00:00Z, as `date -d … +%s` says it.
    assert gateway.lists == [
        [
            {"prediction_id": "p-1", "row": 0, "truth": 1.5, "label_at_s": 1795698000.0},
            {"prediction_id": "p-2", "reward": 0.25},
            {"prediction_id": "p-3", "row": 1, "truth": 2.0, "label_at_s": 1795701600.0},
        ]
    ]


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
def test_keys_that_are_numbers_are_the_text_of_their_digits(imported, gateway, kind):
    table = pa.table({"id": pa.array([17, 18], kind), "truth": ["ill", "well"]})
    assert imported(table, "--id", "id", "--truth", "truth", name="a.parquet").code == 0
    assert [item["key"] for item in gateway.lists[0]] == ["17", "18"]


def test_what_is_wrong_with_a_row_is_said_by_its_line(imported):
    content = (
        'id,gain,at\nk-1,1,2026-11-26\n,1,\n"k\n3",13,\nk-4,much,\nk-5,1,noon\nk-6,1,1e9,\n'
        "k-7,1,2026-11-26 14:00\n"
    )
    said = imported(content, "--id", "id", "--reward", "gain", "--at", "at")
    assert said.code == 1
    assert said.out == "7 rows: 2 stored, 5 refused\n"
    lines = [line.partition(", ")[2] for line in said.err.splitlines() if "labels.csv" in line]
    assert sorted(lines) == sorted(
        [
            "line 3: it names no prediction: id is empty",
            "line 5: unlucky",
            "line 6: 'gain' must be a number, got 'much'",
            "line 7: 'at' must be a time such as 2026-11-26T13:00:00Z, got 'noon'",
            "line 8: it has 4 cells, but there are 3 columns",
        ]
    )


def test_a_list_of_which_nothing_is_kept_stops_nothing(imported, gateway, monkeypatch):
    monkeypatch.setattr(feedback_import, "AT_ONCE", 1)
    said = imported("id,gain\nk-1,13\nk-2,1\n", "--id", "id", "--reward", "gain", "--json")
    assert said.code == 1
    assert json.loads(said.out) == {
        "rows": 2, "counts": {"stored": 1}, "refused": [{"row": "line 2", "error": "unlucky"}]
    }  # fmt: skip


def test_a_server_that_cannot_answer_now_is_asked_again(imported, gateway, monkeypatch):
    monkeypatch.setattr(feedback_import, "PAUSE_S", 0.0)
    gateway.failures = [503, 429, 503]
    assert imported("id,gain\nk-1,1\n", "--id", "id", "--reward", "gain").code == 0


def test_what_breaks_off_says_how_to_go_on(imported, gateway, monkeypatch):
    monkeypatch.setattr(feedback_import, "PAUSE_S", 0.0)
    monkeypatch.setattr(feedback_import, "AT_ONCE", 2)
    content = "id,gain\n" + "".join(f"k-{n},1\n" for n in range(5))
    gateway.failures = []
    take = gateway.take

    def fail_later(items):
        return take(items) if len(gateway.lists) < 2 else (503, {"error": "away"})

    monkeypatch.setattr(gateway, "take", fail_later)
    said = imported(content, "--id", "id", "--reward", "gain")
    assert said.code == 1
    assert "4 rows are done" in said.err
    assert "--skip 4" in said.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--truth", "gain"), "--id COLUMN or --prediction-id COLUMN"),
        (("--id", "id"), "--truth COLUMN, --reward COLUMN"),
        (("--id", "id", "--truth", "gain", "--row", "id"), "--row goes with --prediction-id"),
        (("--id", "order", "--truth", "gain"), "has no column 'order'"),
    ],
)
def test_columns_that_are_not_there_are_said(imported, gateway, options, words):
    said = imported("id,gain\nk-1,1\n", *options)
    assert said.code != 0
    assert words in said.err
    assert gateway.lists == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.xlsx", ".csv, .tsv and .parquet"), ("a.parquet", "as Parquet"), ("a.csv", "not UTF-8")],
)
def test_files_that_hold_no_labels_are_refused(serve_app, gateway, tmp_path, name, words):
    file = tmp_path / name
    file.write_bytes(b"\xff\xfe no labels")
    said = serve_app(
        "feedback", "import", file, "--endpoint", "risk", "--url", gateway.url,
        "--id", "id", "--truth", "truth",
    )  # fmt: skip
    assert said.code == 1
    assert words in said.err


def test_an_endpoint_that_is_not_there_is_said(serve_app, gateway, tmp_path):
    (tmp_path / "a.csv").write_text("id,truth\n1,ill\n")
    said = serve_app(
        "feedback", "import", tmp_path / "a.csv", "--endpoint", "nobody", "--url", gateway.url,
        "--id", "id", "--truth", "truth",
    )  # fmt: skip
    assert said.code == 1
    assert "there is no endpoint 'nobody'" in said.err
