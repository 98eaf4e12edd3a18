"""`serve-app predict --local` as people type it."""

import json

import pandas as pd
import pytest

from serve_app.batch.status import Progress
from serve_app.cli.predict_local import open_ledger, progress_text
from serve_app.engine.batch.run_lock import running
from serve_app.registry.store import Registry


@pytest.fixture
def here(_registered, tmp_path, monkeypatch):
    """A folder with a registry and 30 rows."""
    for path, content in _registered.items():
        file = tmp_path / "registry" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    frame = pd.DataFrame({"id": range(30), "age": range(30, 60), "dose": [2.0] * 30})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


LINE = ("predict", "logistic", "--local", "--data", "rows.csv", "--out", "out")


def test_rows_of_a_file_are_answered_without_a_cluster(serve_app, here):
    said = serve_app(*LINE, "--id", "id", "--json")
    status = json.loads(said.out)
    assert (said.code, status["state"], status["rows_ok"]) == (0, "SUCCEEDED", 30)
    table = pd.read_csv(here / "out" / "part-00000.csv")
    assert table["id"].tolist() == list(range(30))
    assert set(table["prediction"]) <= {"ill", "well"}


def test_a_table_says_how_it_ended(serve_app, here):
    said = serve_app(*LINE)
    assert "SUCCEEDED" in said.out
    assert "30 of 30" in said.out
    again = serve_app(*LINE)
    assert again.code == 0
    assert "was submitted before" in again.err


def test_an_alias_is_resolved_when_the_job_is_submitted(serve_app, here):
    Registry("registry").set_alias("logistic", "best", 1, by="a test", reason="a test")
    status = json.loads(serve_app("predict", "logistic@best", *LINE[2:], "--json").out)
    assert status["version"] == "logistic@1"


def test_several_files_and_another_format(serve_app, here):
    pd.read_csv("rows.csv").to_parquet("more.parquet")
    said = serve_app(*LINE, "--data", "*.parquet", "--format", "jsonl", "--json")
    assert json.loads(said.out)["rows"] == 60
    assert len(list((here / "out").glob("part-*.jsonl"))) == 2


def test_too_many_bad_rows_end_with_exit_code_1(serve_app, here):
    (here / "bad.csv").write_text("age,dose\nold,1\n40,2\n")
    line = (*LINE[:4], "bad.csv", *LINE[5:], "--max-bad-rows", "0")
    said = serve_app(*line)
    assert said.code == 1
    assert "FAILED" in said.out
    more = serve_app(*line[:-1], "1")
    assert more.code == 0
    assert "bad.csv, row 0, column 'age': type: expected a number, got 'old'" in more.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["predict", "logistic", "--local", "--data", "rows.csv"], "--local needs --out FOLDER"),
        (["predict", "e", "--data", "rows.csv", "--out", "out"], "--out goes with --local"),
        (["predict", "e", "--data", "rows.csv", "--id", "a"], "--id goes with --local"),
        ([*LINE, "--target", "ill"], "--target does not go with --local"),
        ([*LINE, "--explain"], "--explain does not go with --local"),
        (["predict", "e", "--data", "a.csv", "--data", "b.csv"], "several files go with --local"),
        (["predict", "e", "--data", "gone.csv"], "'gone.csv' does not exist"),
    ],
)
def test_a_line_that_mixes_things_is_a_usage_error(serve_app, here, line, words):
    said = serve_app(*line)
    assert said.code == 2
    assert words in " ".join(said.err.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["predict", "nobody", *LINE[2:]], "there is no model 'nobody'"),
        ([*LINE[:4], "gone.csv", *LINE[5:]], "gone.csv: there is no such file"),
        (["predict", "scaler", *LINE[2:]], "scaler@1 is a transformer"),
        ([*LINE, "--preprocess", "line"], "line@1 is no transformer"),
        ([*LINE, "--passthrough", "size"], "no column 'size'"),
    ],
)
def test_what_cannot_be_answered_says_why_and_leaves_nothing(serve_app, here, line, words):
    said = serve_app(*line)
    assert said.code == 1
    assert words in said.err + said.out
    assert not list(here.glob("out/part-*"))


def test_progress_says_how_far_how_fast_and_how_long():
    progress = Progress(1_000_000, 200_000, 10.0, 300_000, 12)
    assert progress_text(progress, 11.0) == (
        "300,000 of 1,000,000 rows (30%), 100,000 rows/s, 0:07 left, 12 bad"
    )
    assert progress_text(Progress(10, 0, 5.0), 5.0) == "0 of 10 rows (0%)"


@pytest.fixture
def job(serve_app, here):
    """A job of which two of four rows could not be answered."""
    (here / "bad.csv").write_text('id,age,dose\n1,30,2\n2,"o\nld",2\n3,40,2\n4,50\n')
    said = serve_app(*LINE[:4], "bad.csv", *LINE[5:], "--id", "id", "--json")
    return json.loads(said.out)["job"]


def test_jobs_are_listed_and_shown(serve_app, job):
    (listed,) = json.loads(serve_app("jobs", "list", "--json").out)
    shown = json.loads(serve_app("jobs", "show", job, "--json").out)
    assert listed["job"] == job
    assert (shown["state"], shown["rows_bad"]) == ("SUCCEEDED_WITH_ERRORS", 2)
    assert shown["failed_shards"] == []
    assert "SUCCEEDED_WITH_ERRORS" in serve_app("jobs", "list").out
    assert "2" in serve_app("jobs", "show", job).out


def test_rows_of_the_quarantine_are_mended_and_answered(serve_app, job, here):
    table = serve_app("jobs", "quarantine", job).out
    assert "parse" in table
    assert "type" in table
    listed = json.loads(serve_app("jobs", "quarantine", job, "--json").out)
    assert [one["row"] for one in listed] == [1, 3]
    assert serve_app("jobs", "quarantine", job, "--rows", "mend").code == 0
    mend = here / "mend" / "00000-bad.csv"
    assert mend.read_text() == 'id,age,dose\n2,"o\nld",2\n4,50\n'
    mend.write_text("id,age,dose\n2,45,2\n4,50,2\n")
    said = serve_app("jobs", "retry", job, "--data", "mend", "--out", "mended", "--json")
    assert json.loads(said.out)["rows_ok"] == 2
    assert pd.read_csv(here / "mended" / "part-00000.csv")["id"].tolist() == [2, 4]
    again = serve_app("jobs", "quarantine", job, "--rows", "mend")
    assert "mend is there already" in again.err


def test_rows_of_parquet_are_mended_as_json_lines(serve_app, here):
    frame = pd.DataFrame({"age": [30.0, None, 50.0, None], "dose": [1.0, 2.0, 3.0, 4.0]})
    frame.to_parquet("gaps.parquet", row_group_size=3)
    said = serve_app(*LINE[:4], "gaps.parquet", *LINE[5:], "--redact", "--json")
    name = json.loads(said.out)["job"]
    written = json.loads(serve_app("jobs", "quarantine", name, "--rows", "mend", "--json").out)
    assert written["files"] == {"00000-gaps.jsonl": 2}
    lines = (here / "mend" / "00000-gaps.jsonl").read_text().splitlines()
    assert [json.loads(line)["dose"] for line in lines] == [2.0, 4.0]


def test_a_job_that_nobody_runs_is_paused_until_it_is_cancelled_or_resumed(serve_app, job, here):
    ledger = open_ledger("state")
    ledger.resume(job)
    ledger.move(job, "RUNNING", only_from="QUEUED")
    assert json.loads(serve_app("jobs", "show", job, "--json").out)["state"] == "PAUSED"
    assert f"jobs resume {job}" in serve_app("jobs", "show", job).err
    with running(here / "state" / "jobs", job):
        assert json.loads(serve_app("jobs", "show", job, "--json").out)["state"] == "RUNNING"
        assert "runs already, in process" in serve_app("jobs", "resume", job).err
    cancelled = serve_app("jobs", "cancel", job, "--json")
    assert json.loads(cancelled.out)["state"] == "CANCELLED"
    resumed = serve_app("jobs", "resume", job, "--json")
    assert json.loads(resumed.out)["state"] == "SUCCEEDED_WITH_ERRORS"


def test_a_job_that_is_not_there_is_named_with_those_that_are(serve_app, job):
    said = serve_app("jobs", "show", "job-0")
    assert said.code == 1
    assert f"there is no job 'job-0'; jobs: {job}" in said.err
