"""Rows are read from the files that people have."""

import gzip
import http.server
import json
import threading

import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from serve_app.cli.predict import prediction_heads, prediction_rows
from serve_app.cli.rows import read_rows
from serve_app.errors import BadEncoding, InvalidInput

TWO = (
    '{"age": 31, "city": "Rome", "member": true}',
    '{"age": null, "city": null, "member": false}',
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.csv", "age,city,member\n31,Rome,True\n,,False\n"),
        ("rows.json", f"[{', '.join(TWO)}]"),
        ("rows.json", f'{{"instances": [{", ".join(TWO)}], "parameters": {{}}}}'),
        ("rows.jsonl", "\n\n".join(TWO)),
    ],
)
def test_rows_come_from_csv_json_and_json_lines_and_an_empty_cell_is_null(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert read_rows(path).rows == [
        {"age": 31, "city": "Rome", "member": True},
        {"age": None, "city": None, "member": False},
    ]


def test_rows_of_a_csv_can_be_sent_as_json(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("whole,part,text\n1,0.5,a\n2,,b\n")
    assert json.loads(json.dumps(read_rows(path).rows)) == [
        {"whole": 1, "part": 0.5, "text": "a"},
        {"whole": 2, "part": None, "text": "b"},
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.json", b"[{]"),
        ("rows.json", b'{"rows": []}'),
        ("rows.json", b"17"),
        ("rows.json", b"\xff\xfe\x00"),
        ("rows.jsonl", b'{"a": 1}\n{"a"\n'),
        ("rows.csv", b""),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((BadEncoding, InvalidInput), match=name):
        read_rows(path)


def test_predictions_stand_beside_their_probabilities():
    answer = {"predictions": ["a", "b"], "probabilities": [[0.75, 0.25], [0.1, 0.9]]}
    assert prediction_rows(answer) == [[0, "a", "0.7500", "0.2500"], [1, "b", "0.1000", "0.9000"]]
    assert prediction_rows({"predictions": [1.23456789]}) == [[0, "1.23457"]]


def test_several_targets_have_a_column_each_and_their_probabilities_too():
    flags = {"predictions": [[1, 0]], "probabilities": [[0.9, 0.25]], "targets": ["ill", "old"]}
    assert prediction_heads(flags, "prediction") == ["ill", "old", "p(ill)", "p(old)"]
    assert prediction_rows(flags) == [[0, "1", "0", "0.9000", "0.2500"]]
    words = {
        "predictions": [["Rome", 3]],
        "probabilities": [[[0.25, 0.75], [1.0]]],
        "targets": ["city", "n"],
        "classes": [["Paris", "Rome"], [3]],
    }
    heads = ["city", "n", "p(city=Paris)", "p(city=Rome)", "p(n=3)"]
    assert prediction_heads(words, "prediction") == heads
    assert prediction_rows(words) == [[0, "Rome", "3", "0.2500", "0.7500", "1.0000"]]
    scores = {"predictions": [[1.5, -2.0]], "targets": ["ill", "old"]}
    assert prediction_heads(scores, "raw score") == ["raw score ill", "raw score old"]


FRAME = pd.DataFrame({"zip": ["00501", "10115"], "age": [31, 47], "since": ["2026-01-02", None]})


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.csv.gz", "r.parquet", "r.feather", "r.tab"])
def test_tables_of_every_kind_are_read_and_text_keeps_its_zeros(tmp_path, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        FRAME.to_parquet(path)
    elif name.endswith("feather"):
        FRAME.to_feather(path)
    else:
        FRAME.to_csv(path, index=False, sep="\t" if ".t" in name else ",")
    assert read_rows(path, texts=["zip", "not in there"]).rows == [
        {"zip": "00501", "age": 31, "since": "2026-01-02"},
        {"zip": "10115", "age": 47, "since": None},
    ]


def test_what_looks_like_text_is_not_sent_as_a_number_unless_somebody_says_so(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("zip\n00501\n")
    with pytest.raises(InvalidInput, match="--dtypes zip=string"):
        read_rows(path)
    assert read_rows(path, (["zip=string"], [])).rows == [{"zip": "00501"}]
    assert read_rows(path, (["zip=int64"], [])).rows == [{"zip": 501}]


def test_dates_of_parquet_are_sent_as_iso_8601(tmp_path):
    pd.DataFrame({"at": pd.to_datetime(["2026-01-02 03:04:05", None])}).to_parquet(
        tmp_path / "r.parquet"
    )
    rows = read_rows(tmp_path / "r.parquet").rows
    assert rows == [{"at": "2026-01-02T03:04:05"}, {"at": None}]


def test_compressed_json_is_read(tmp_path):
    (tmp_path / "r.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n{"a": 2}\n'))
    assert read_rows(tmp_path / "r.jsonl.gz").rows == [{"a": 1}, {"a": 2}]


class Gateway:
    """An endpoint that answers what it was told to, and remembers what it was asked."""

    def __init__(self):
        self.output = {"kind": "classification", "labels": ["no", "yes"]}
        self.predictions = []
        self.asked = None

    def answer(self, path, body):
        if path == "/v1/endpoints":
            inputs = [{"name": "zip", "dtype": "string"}, {"name": "age", "dtype": "int64"}]
            signature = {"inputs": inputs, "output": self.output}
            return {"snapshot": 3, "endpoints": [{"name": "risk", "signature": signature}]}
        self.asked = body
        named = [target["name"] for target in self.output.get("targets", [])]
        more = {"targets": named} if named else {}
        if path.endswith(":explain"):
            one = {"base_value": 0.25, "contributions": {"zip": 1.0, "age": -2.0}, "output": -0.75}
            more |= {"explanations": [one] * len(body["instances"]), "space": "log_odds"}
        return {"predictions": self.predictions, "variants": ["risk@1"], "snapshot": 3, **more}


@pytest.fixture
def gateway():
    """A gateway on a socket, with its address."""
    made = Gateway()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.tell(None)

        def do_POST(self):
            self.tell(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def tell(self, body):
            content = json.dumps(made.answer(self.path, body)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()


def test_the_target_is_not_sent_and_held_against_the_answers(serve_app, gateway, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("zip,age,churned\n00501,31,yes\n10115,47,no\n10117,50,\n04109,20,no\n")
    gateway.predictions = ["yes", "yes", "no", "no"]
    line = ("predict", "risk", "--data", path, "--target", "churned", "--url", gateway.url)
    said = serve_app(*line)
    assert said.code == 0
    assert gateway.asked["instances"][0] == {"zip": "00501", "age": 31}
    assert "truth" in said.out
    assert "churned: accuracy 0.6667, over 3 rows with a truth" in said.out
    said = json.loads(serve_app(*line, "--json").out)
    assert said["truth"] == {"churned": ["yes", "no", None, "no"]}
    assert said["metrics"] == {"churned": {"accuracy": pytest.approx(2 / 3), "rows": 3}}


@pytest.mark.parametrize(
    ("labels", "truth", "predictions"),
    [
        (["no", "yes"], "1\n0\n1", ["yes", "no", "no"]),
        ([0, 1], "1\n0\n1", [1, 0, 0]),
        ([0, 1], "1.0\n0.0\n1.0", [1, 0, 0]),
        (["0", "1"], "1\n0\n1", ["1", "0", "0"]),
        ([False, True], "True\nFalse\nTrue", [True, False, False]),
        ([False, True], "1\n0\n1", [True, False, False]),
        ([1, 2], "1\n2\n1", [1, 2, 2]),
    ],
)
def test_classes_are_the_same_however_a_file_writes_them(
    serve_app, gateway, tmp_path, labels, truth, predictions
):
    path = tmp_path / "r.csv"
    path.write_text("churned,age\n" + "".join(f"{one},3\n" for one in truth.split()))
    gateway.output["labels"] = labels
    gateway.predictions = predictions
    line = ("predict", "risk", "--data", path, "--target", "churned", "--url", gateway.url)
    said = json.loads(serve_app(*line, "--json").out)
    assert said["metrics"]["churned"]["accuracy"] == pytest.approx(2 / 3)


def test_numbers_are_judged_as_scikit_learn_does(serve_app, gateway, tmp_path):
    path = tmp_path / "r.jsonl"
    truth = [1.0, 2.5, 7.0]
    path.write_text("".join(json.dumps({"age": 1, "worth": one}) + "\n" for one in truth))
    gateway.output = {"kind": "regression"}
    gateway.predictions = [1.5, 2.0, 6.0]
    line = ("predict", "risk", "--data", path, "--target", "worth", "--url", gateway.url)
    assert json.loads(serve_app(*line, "--json").out)["metrics"]["worth"] == {
        "mae": mean_absolute_error(truth, gateway.predictions),
        "rmse": root_mean_squared_error(truth, gateway.predictions),
        "r2": r2_score(truth, gateway.predictions),
        "rows": 3,
    }


def test_several_targets_are_judged_each_by_its_name(serve_app, gateway, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("age,old,ill\n1,0,1\n2,1,1\n")
    gateway.output = {"kind": "multilabel", "targets": [{"name": "ill"}, {"name": "old"}]}
    gateway.predictions = [[1, 1], [1, 1]]
    line = ("predict", "risk", "--data", path, "--target", "old,ill", "--url", gateway.url)
    found = json.loads(serve_app(*line, "--json").out)["metrics"]
    assert {name: one["accuracy"] for name, one in found.items()} == {"ill": 1.0, "old": 0.5}
    assert gateway.asked["instances"] == [{"age": 1}, {"age": 2}]


def test_a_target_that_is_not_in_the_data_is_named(serve_app, gateway, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("age,churned\n1,0\n")
    said = serve_app("predict", "risk", "--data", path, "--target", "left", "--url", gateway.url)
    assert said.code == 1
    assert "has no column 'left'; it has 'age', 'churned'" in said.err


def test_answers_are_explained_where_that_is_wished(serve_app, gateway, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("zip,age\n00501,31\n")
    gateway.predictions = ["yes"]
    line = ("predict", "risk", "--data", path, "--url", gateway.url)
    assert "adds most" not in serve_app(*line).out
    shown = serve_app(*line, "--explain", "--json")
    assert json.loads(shown.out)["explanations"][0]["output"] == -0.75
    shown = serve_app(*line, "--explain")
    assert shown.code == 0
    assert "age -2, zip +1" in shown.out
