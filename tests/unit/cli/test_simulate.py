"""`serve-app simulate` sends rows of the examples or of a file, and their truths, to a gateway."""

import http.server
import json
import threading

import pytest

from serve_app.examples.datasets import diabetes

COLUMNS = [{"name": "age", "dtype": "float64"}, {"name": "city", "dtype": "string"}]
CHURN = {
    "name": "churn",
    "key": "customer_id",
    "signature": {
        "inputs": COLUMNS,
        "output": {"kind": "classification", "labels": ["no", "yes"]},
    },
}
QUICK = ("--for", "0.5s", "--rate", "100", "--feedback-delay", "0", "--clients", "2", "--seed", "5")


class Gateway:
    """Says "yes" or 100 to everything, and keeps what it was sent."""

    def __init__(self):
        self.endpoints = [CHURN]
        self.value = "yes"
        self.predictions = []
        self.headers = []
        self.truths = {}
        self.refusal = None
        self._lock = threading.Lock()

    def answer(self, path, body, headers):
        with self._lock:
            if path.endswith(":feedback"):
                self.truths[body["prediction_id"]] = body
                return 200, {"outcome": "stored"}
            if self.refusal is not None:
                return 400, {"error": self.refusal}
            self.predictions.append(body)
            self.headers.append(headers)
            identity = f"id-{len(self.predictions) - 1}"
            said = {"predictions": [self.value], "prediction_id": identity, "variants": ["m@1"]}
            return 200, said


@pytest.fixture
def gateway():
    made = Gateway()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.reply(200, {"snapshot": 1, "endpoints": made.endpoints})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.reply(*made.answer(self.path, body, dict(self.headers)))

        def reply(self, status, body):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("age,city,churned\n31,00501,yes\n42,Rome,no\n53,Oslo,yes\n64,Bern,\n")
    return path


def test_rows_of_a_file_are_sent_with_a_subject_and_their_truths_follow(serve_app, gateway, rows):
    line = ("simulate", "churn", "--data", rows, "--target", "churned", "--url", gateway.url)
    said = serve_app(*line, *QUICK, "--json")
    assert said.code == 0, said.err
    truth = {"00501": "yes", "Rome": "no", "Oslo": "yes"}
    assert len(gateway.predictions) > 10
    for number, body in enumerate(gateway.predictions):
        (row,) = body["instances"]
        assert body["parameters"]["customer_id"].startswith("p-")
        item = gateway.truths[f"id-{number}"]
        assert item["truth"] == [truth[row["city"]]]
        assert item["reward"] == (1.0 if truth[row["city"]] == "yes" else 0.0)
        assert item["variants"] == ["m@1"]
    seen = json.loads(said.out)["churn"]
    assert seen["answered"] == seen["feedback"] == len(gateway.predictions)
    wrong = sum(body["instances"][0]["city"] == "Rome" for body in gateway.predictions)
    assert seen["variants"]["m@1"]["mean_error"] == pytest.approx(wrong / seen["answered"])


def test_held_out_rows_of_the_examples_are_sent_where_they_fit(serve_app, gateway):
    data = diabetes()
    columns = [{"name": name, "dtype": "float64"} for name in data.frame.columns]
    signature = {"inputs": columns, "output": {"kind": "regression"}}
    gateway.endpoints = [{"name": "progression", "key": None, "signature": signature}]
    gateway.value = 100.0
    said = serve_app("simulate", "progression", "--url", gateway.url, *QUICK)
    assert said.code == 0, said.err
    assert "What clients saw" in said.out
    assert f"{len(gateway.predictions)} requests answered, 0 failed" in said.out
    _, held_out = data.parts()
    known = dict(zip(map(tuple, held_out.frame.to_numpy()), held_out.target, strict=True))
    for number, body in enumerate(gateway.predictions):
        assert "parameters" not in body
        item = gateway.truths[f"id-{number}"]
        assert item["truth"] == [known[tuple(body["instances"][0].values())]]
        assert "reward" not in item


def test_a_key_may_be_a_header(serve_app, gateway, rows):
    line = ("simulate", "churn", "--data", rows, "--target", "churned", "--url", gateway.url)
    serve_app(*line, *QUICK, "--key", "header:x-user")
    sent = {name.lower(): value for name, value in gateway.headers[0].items()}
    assert sent["x-user"].startswith("p-")
    assert "parameters" not in gateway.predictions[0]


def test_what_is_refused_is_said_in_the_words_of_the_gateway_and_nothing_is_printed(
    serve_app, gateway, rows
):
    gateway.refusal = "column 'age' is missing"
    line = ("simulate", "churn", "--data", rows, "--target", "churned", "--url", gateway.url)
    said = serve_app(*line, *QUICK, "--json")
    assert (said.code, said.out) == (1, "")
    assert "column 'age' is missing" in said.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("churn",), "--data rows.csv --target churned"),
        (("nobody",), "there are: churn"),
        (("churn", "--data", "rows.csv"), "--data and --target belong together"),
        (("churn", "--data", "rows.csv", "--target", "age"), "is none of the classes no, yes"),
        (("churn", "--data", "rows.csv", "--target", "nothing"), "no column 'nothing'"),
        (("churn", "--for", "soon"), "'soon' is no length of time"),
        (("churn", "--for", "0s"), "'0s' is no time at all"),
        (("churn", "--rate", "0"), "--rate"),
        (("churn", "--rate", "nan"), "--rate"),
        (("churn", "--feedback-share", "1.5"), "--feedback-share"),
    ],
)
def test_a_mistake_is_named(serve_app, gateway, rows, monkeypatch, line, words):
    monkeypatch.chdir(rows.parent)
    said = serve_app("simulate", *line, "--url", gateway.url)
    assert said.code != 0
    assert words in " ".join(said.err.split())
    assert not gateway.predictions


def test_numbers_are_expected_where_numbers_are_predicted(serve_app, gateway, rows):
    output = {"kind": "regression"}
    gateway.endpoints = [{**CHURN, "signature": {"inputs": COLUMNS, "output": output}}]
    line = ("simulate", "churn", "--data", rows, "--target", "churned", "--url", gateway.url)
    said = serve_app(*line)
    assert said.code == 1
    assert "predicts numbers, and 'yes' is none" in said.err


def test_without_a_cluster_it_says_how_to_start_one(serve_app, tmp_path):
    said = serve_app("simulate", "churn", "--state", tmp_path)
    assert said.code == 1
    assert "serve-app cluster start" in said.err
