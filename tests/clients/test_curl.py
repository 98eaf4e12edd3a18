"""curl, called as people call it."""

import gzip
import json
import shutil
import subprocess

import pytest

from serve_app.models.frames import to_columns

TIMEOUT_S = 30


@pytest.fixture
def curl(served, tmp_path):
    """Calls curl in a folder of its own; a path stands for the server's address and the path."""
    found = shutil.which("curl")
    assert found, "these tests need curl on the PATH"

    def called(path, *options):
        return subprocess.run(
            [found, "--silent", "--show-error", *options, f"http://{served.http}{path}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        ).stdout

    return called


def test_json_may_come_as_an_option(curl, head, model):
    body = json.dumps({"instances": head.to_dict("records")})
    for options in (["-d", body], ["--json", body]):
        answer = curl("/v1/models/risk:predict", "-H", "Content-Type: application/json", *options)
        assert json.loads(answer)["predictions"] == model.values.tolist()
    with_form = curl("/predictions/risk", "-d", body)  # -d alone says that it were a form
    assert json.loads(with_form) == model.values.tolist()


@pytest.mark.parametrize("header", [True, False])
def test_a_csv_file_is_sent_as_it_is(curl, head, model, tmp_path, header):
    head.to_csv(tmp_path / "rows.csv", index=False, header=header)
    options = ["-H", "Content-Type: text/csv", "--data-binary", "@rows.csv"]
    answer = curl("/endpoints/risk/invocations", *options)
    assert json.loads(answer) == {"predictions": model.values.tolist()}
    lines = curl("/endpoints/risk/invocations", *options, "-H", "Accept: text/csv")
    assert lines.splitlines() == model.values.tolist()


def test_bodies_may_be_compressed_both_ways(curl, frame, served, tmp_path):
    many = frame.sample(3000, replace=True, random_state=1)
    body = json.dumps({"instances": many.to_numpy().tolist()}).encode()
    (tmp_path / "rows.json.gz").write_bytes(gzip.compress(body))
    answer = curl(
        "/v1/models/risk:predict",
        *["-H", "Content-Type: application/json", "-H", "Content-Encoding: gzip"],
        *["--data-binary", "@rows.json.gz", "--compressed", "--dump-header", "headers"],
    )
    model = served.models["logistic@1"].predict(to_columns(many))
    assert json.loads(answer)["probabilities"] == model.probabilities.tolist()
    assert "content-encoding: gzip" in (tmp_path / "headers").read_text().lower()


@pytest.mark.parametrize("options", [["-X", "POST"], ["-X", "POST", "-H", "Expect: 100-continue"]])
def test_a_file_is_uploaded_to_predictions(curl, head, model, tmp_path, options):
    (tmp_path / "rows.json").write_text(json.dumps(head.to_dict("records")))
    answer = curl("/predictions/risk", *options, "-T", "rows.json")
    assert json.loads(answer) == model.values.tolist()


def test_a_file_comes_in_pieces(curl, head, model, tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps(head.to_dict("records")))
    options = ["-X", "POST", "-H", "Transfer-Encoding: chunked", "-T", "rows.json"]
    assert json.loads(curl("/predictions/risk", *options)) == model.values.tolist()


def test_a_status_above_400_fails_the_call(curl):
    with pytest.raises(subprocess.CalledProcessError) as failed:
        curl("/v1/models/nobody:predict", "--fail-with-body", "--json", '{"instances": []}')
    assert failed.value.returncode == 22
    assert "no endpoint 'nobody'" in json.loads(failed.value.stdout)["error"]


def test_health_and_documentation_are_a_get_away(curl):
    assert json.loads(curl("/v2/health/ready"))["ready"] is True
    assert json.loads(curl("/ping")) == {"status": "Healthy"}
    assert json.loads(curl("/openapi.json"))["openapi"].startswith("3.1")
    head = curl("/v2/health/live", "--head")
    assert head.startswith("HTTP/1.1 200")
