"""`serve-app predict` asks a real gateway about the files that people have."""

import json

import pandas as pd
import pytest

from serve_app.cli.main import main
from serve_app.models.frames import to_columns


def said(capsys, *arguments):
    """What a command prints."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    return printed.out


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "feather", "csv.gz", "jsonl", "json"])
def test_the_answers_to_a_file_are_those_of_the_model(served, frame, capsys, tmp_path, kind):
    expected = served.models["logistic@1"].predict(to_columns(frame)).values.tolist()
    path = tmp_path / f"rows.{kind}"
    table = frame.assign(truth=expected)
    if kind in ("parquet", "feather"):
        getattr(table, f"to_{kind}")(path)
    elif "json" in kind:
        table.to_json(path, orient="records", lines=kind == "jsonl")
    else:
        table.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    line = ("predict", "risk", "--data", path, "--target", "truth", "--url", served.http)
    answer = json.loads(said(capsys, *line, "--json"))
    assert answer["predictions"] == expected
    assert answer["metrics"] == {"truth": {"accuracy": 1.0, "rows": len(frame)}}
    assert "truth: accuracy 1" in said(capsys, *line)


def test_numbers_are_held_against_the_truth(served, frame, capsys, tmp_path):
    expected = served.models["line@1"].predict(to_columns(frame)).values
    path = tmp_path / "rows.csv"
    frame.assign(truth=pd.Series(expected) + 2).to_csv(path, index=False)
    line = ("predict", "age", "--data", path, "--target", "truth", "--url", served.http)
    metrics = json.loads(said(capsys, *line, "--json"))["metrics"]["truth"]
    assert metrics["mae"] == pytest.approx(2)
    assert metrics["rmse"] == pytest.approx(2)
