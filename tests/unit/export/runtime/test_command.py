"""`python -m churn_1` as scripts call it."""

import io
import json

import pytest

from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.export.runtime.command import BROKEN, REFUSED, main, read_rows
from tests.unit.export.runtime.test_edge import edge

ROW = {"age": 61.5, "dose": 2.25}


@pytest.fixture
def command(registry, capsys):
    """Run the command of a version on some text; gives the code and both outputs."""

    def run(text, *arguments, name="logistic"):
        code = main("it_1", lambda: edge(registry, name), arguments, rows=io.StringIO(text))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ROW, ROW]),
        f"{json.dumps(ROW)}\n\n{json.dumps(ROW)}\n",
        json.dumps({"age": [61.5, 61.5], "dose": [2.25, 2.25]}),
        json.dumps({"instances": [ROW, ROW]}),
    ],
)
def test_rows_are_taken_in_each_form(command, registry, text):
    code, out, err = command(text)
    body = json.loads(out)
    assert (code, err) == (0, "")
    model = edge(registry, "logistic")
    assert body["model"] == "logistic@1"
    assert body["predictions"] == model.predict([ROW, ROW]).tolist()
    assert body["probabilities"] == model.predict_proba([ROW, ROW]).tolist()
    assert body["classes"] == ["ill", "well"]


def test_one_object_is_one_row(command):
    assert len(json.loads(command(json.dumps(ROW))[1])["predictions"]) == 1


def test_transformers_print_columns(command):
    body = json.loads(command(json.dumps([ROW]), name="scaler")[1])
    assert list(body["columns"]) == ["age", "dose"]


def test_warnings_come_along_and_are_no_failure(command):
    code, out, _ = command(json.dumps([{"age": 1e6, "dose": 2.0}]))
    assert code == 0
    assert json.loads(out)["warnings"][0]["column"] == "age"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no rows"),
        ("[1, 2", "the rows are no JSON"),
        ('{"age": 1}\n{"age"\n', "line 2 is no JSON"),
        ("3", "the rows came as 3"),
        ('{"instances": 3}', "instances is a int"),
        ('[{"age": "old", "dose": 1.0}]', "row 0, column 'age': type: expected a number"),
        ("[" * 100_000, "nested too deeply"),
        ("[[1]]", "row 0 is a list"),
    ],
)
def test_bad_rows_are_told_in_words(command, text, words):
    code, out, err = command(text)
    assert (code, out) == (REFUSED, "")
    assert err.startswith("error: ")
    assert words in err


def test_a_missing_file_is_named(command):
    code, _, err = command("", "nowhere.json")
    assert (code, err) == (REFUSED, "error: nowhere.json: No such file or directory\n")


def test_a_file_is_read_with_or_without_its_byte_order_mark(command, tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "rows.json").write_text(json.dumps([ROW]), encoding=encoding)
        assert command("", str(tmp_path / "rows.json"))[0] == 0
    (tmp_path / "rows.json").write_text(json.dumps([ROW]), encoding="utf-16")
    assert "not in UTF-8" in command("", str(tmp_path / "rows.json"))[2]


def test_the_self_test_can_be_asked_for(command):
    code, out, _ = command("", "--self-test")
    assert (code, json.loads(out)) == (0, {"model": "logistic@1", "self_test": "passed"})


def test_a_failed_self_test_has_a_code_of_its_own(capsys):
    def broken():
        raise ArtifactRejected("row 0 gave another answer")

    assert main("it_1", broken, ["--self-test"]) == BROKEN
    assert capsys.readouterr().err == "error: row 0 gave another answer\n"


def test_numbers_that_json_has_no_word_for_are_read_and_refused():
    assert read_rows('[{"age": NaN}]')[0]["age"] != 0
    with pytest.raises(InvalidInput):
        read_rows("nothing")
