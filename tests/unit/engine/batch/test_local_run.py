"""Jobs that run in one process."""

import dataclasses
import hashlib
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import RandomForestClassifier

from serve_app.batch.inputs import InputChanged
from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import Conflict, InvalidInput, ModelFailed
from serve_app.tasks import task_named
from tests.unit.engine.batch.conftest import read, rows


def expected(registry, frame, name="logistic"):
    """What the version says of rows that are asked about one by one."""
    version = load(registry, name, 1)
    answers = [
        version.model.ask(
            task_named("predict"), Columns.from_block(("age", "dose"), one[None, :].copy())
        )
        for one in frame[["age", "dose"]].to_numpy(dtype=float)
    ]
    return [one.values[0] for one in answers], np.array([one.probabilities[0] for one in answers])


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_every_row_is_answered_as_alone(tree, tmp_path, kind, form):
    frame, path = rows(), tmp_path / f"rows.{kind}"
    write = {
        "csv": lambda: frame.to_csv(path, index=False),
        "parquet": lambda: frame.to_parquet(path, row_group_size=9),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True),
    }
    write[kind]()
    status, out = tree.done(path, format=form, ids=("id",), passthrough=("note", "id"))
    assert (status.state, status.rows_ok, status.rows_bad) == ("SUCCEEDED", 40, 0)
    table = read(out, f".{form}")
    assert list(table) == [
        *("id", "note", "prediction", "probability_ill", "probability_well"),
        *("model_version", "_file", "_row"),
    ]
    values, shares = expected(tree.registry, frame, "tree")
    assert table["prediction"].tolist() == values
    # Exactly those numbers: what is written has all digits.
    assert (table[["probability_ill", "probability_well"]].to_numpy() == shares).all()
    assert table["id"].tolist() == frame["id"].tolist()
    assert table["note"].tolist() == frame["note"].tolist()
    assert table["_row"].tolist() == list(range(40))
    assert set(table["model_version"]) == {"tree@1"}
    assert set(table["_file"]) == {str(path)}


def test_the_manifest_holds_what_the_output_is_made_of(desk, bad_file):
    _, out = desk.done(bad_file, max_bad_rows=10)
    manifest = json.loads((out / "_manifest.json").read_text())
    assert manifest["rows"] == {"read": 40, "ok": 36, "bad": 4}
    assert manifest["version"] == "logistic@1"
    assert manifest["inputs"][0]["sha256"] == hashlib.sha256(bad_file.read_bytes()).hexdigest()
    for one in (*manifest["files"], *manifest["quarantine"]):
        content = (out / one["path"]).read_bytes()
        assert (one["size"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert sum(one["rows"] for one in manifest["files"]) == 36
    assert sum(one["rows"] for one in manifest["quarantine"]) == 4
    assert (out / "_SUCCESS").exists()
    assert list((out / "_tmp").iterdir()) == []


def test_a_bad_row_stands_in_the_quarantine_and_its_neighbours_in_the_output(desk, bad_file):
    status, out = desk.done(bad_file, ids=("id",))
    assert status.state == "SUCCEEDED_WITH_ERRORS"
    lines = [
        json.loads(line)
        for file in sorted((out / "_quarantine").iterdir())
        for line in file.read_text().splitlines()
    ]
    body = bad_file.read_bytes()
    assert [(one["row"], one["stage"]) for one in lines] == [
        (3, "schema"), (11, "parse"), (12, "schema"), (25, "schema"),
    ]  # fmt: skip
    old, short, gap, huge = (one["violations"][0] for one in lines)
    assert (old["column"], old["rule"], old["seen"]) == ("age", "type", "'old'")
    assert "4 cells, as the header has; there are 3" in short["expected"]
    assert (gap["column"], gap["rule"]) == ("dose", "nan")
    assert (huge["column"], huge["rule"]) == ("age", "nan")
    for one in lines:
        raw = one["raw"].encode()
        assert body[one["byte_offset"] : one["byte_offset"] + len(raw)] == raw
    table = read(out)
    assert table["_row"].tolist() == [row for row in range(40) if row not in {3, 11, 12, 25}]
    assert table["id"].tolist() == [f"p-{row}" for row in table["_row"]]


def test_a_redacted_quarantine_holds_no_values(desk, bad_file):
    _, out = desk.done(bad_file, redact=True)
    text = "".join(file.read_text() for file in (out / "_quarantine").iterdir())
    assert "'old'" not in text
    assert "p-3" not in text
    assert '"rule": "type"' in text


def test_a_line_that_is_no_row_is_not_repeated_in_a_redacted_quarantine(desk, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('"born 1970"\n{"age": 1, "dose": 2}\n')
    status, out = desk.done(path, redact=True)
    (line,) = (out / "_quarantine").iterdir()
    assert "1970" not in line.read_text() + "".join(status.first_errors)
    assert json.loads(line.read_text())["stage"] == "parse"


def test_blanks_around_a_name_count_where_the_version_was_trained_with_them(desk, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id, age, dose\n1,30,2\n2,40,3\n")
    frame = pd.read_csv(path)
    label = ["ill", "well"]
    own = RandomForestClassifier(2, random_state=0).fit(frame[[" age", " dose"]], label)
    register(desk.registry, Candidate("blank", own, frame[[" age", " dose"]]))
    for model, out in (("blank", "a"), ("logistic", "b")):
        status, _ = dataclasses.replace(desk, model=model).done(path, ids=("id",), out=out)
        assert (status.state, status.rows_ok) == ("SUCCEEDED", 2)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_rows_without_an_answer_can_stay_with_the_reason(desk, bad_file, form):
    status, out = desk.done(bad_file, on_error="null", format=form, ids=("id",))
    assert (status.rows_ok, status.rows_bad) == (36, 4)
    table = read(out, f".{form}")
    assert table["_row"].tolist() == list(range(40))
    empty = table[table["prediction"].isna()]
    assert empty["_row"].tolist() == [3, 11, 12, 25]
    assert empty["_error"].str.contains("row (?:3|11|12|25)[:,]").all()
    assert table["_error"].isna().sum() == 36
    assert list((out / "_quarantine").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [({"on_error": "fail"}, "on_error: fail"), ({"max_bad_rows": 2}, "max_bad_rows")],
)
def test_a_job_with_too_many_bad_rows_fails_and_goes_on_when_more_are_allowed(
    desk, bad_file, options, words
):
    name = desk.submitted(bad_file, **options)
    status = desk.run(name)
    assert status.state == "FAILED"
    assert words in status.message
    assert not desk.folder(name).is_finished()
    if "max_bad_rows" in options:
        done = status.shards_done
        assert desk.submitted(bad_file, max_bad_rows=9) == name
        assert desk.run(name).state == "SUCCEEDED_WITH_ERRORS"
        assert desk.ledger.status(name).attempts == done + 1 + (4 - done)


def test_a_job_of_nothing_but_a_header_succeeds(desk, tmp_path):
    (tmp_path / "none.csv").write_text("age,dose\n")
    status, out = desk.done(tmp_path / "none.csv")
    assert (status.state, status.rows, status.shards) == ("SUCCEEDED", 0, 0)
    assert json.loads((out / "_manifest.json").read_text())["files"] == []


def test_all_files_have_the_same_types_though_all_rows_of_one_are_bad(desk, tmp_path):
    table = pa.table({"age": [None, None, 40.0, 50.0], "dose": [1.0, 2.0, 3.0, 4.0]})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=2)
    status, out = desk.done(
        tmp_path / "rows.parquet", format="parquet", shard_rows=2, passthrough=("age",)
    )
    assert (status.rows_ok, status.rows_bad) == (2, 2)
    one, other = (pq.read_table(file) for file in sorted(out.glob("*.parquet")))
    assert (one.num_rows, other.num_rows) == (0, 2)
    assert one.schema == other.schema


def test_a_bad_row_of_parquet_stands_aside_with_the_values_that_it_has(desk, tmp_path):
    moments = pa.array([0, 1], pa.timestamp("s"))
    table = pa.table({"age": [40.0, 50.0], "dose": [1.0, float("inf")], "at": moments})
    pq.write_table(table, tmp_path / "rows.parquet")
    _, out = desk.done(tmp_path / "rows.parquet", passthrough=("at",))
    (line,) = (out / "_quarantine").iterdir()
    raw = json.loads(json.loads(line.read_text())["raw"])
    assert raw == {"age": 50.0, "dose": float("inf"), "at": "1970-01-01T00:00:01"}


def test_what_was_done_is_not_done_again(desk, csv_file):
    name = desk.submitted(csv_file)
    desk.run(name)
    before = desk.ledger.status(name)

    def nobody():
        raise AssertionError("nothing is to be answered")

    assert desk.run(name, nobody) == before


def test_output_that_is_gone_is_made_again(desk, csv_file):
    name = desk.submitted(csv_file)
    desk.run(name)
    part = desk.folder(name).root / desk.folder(name).output_name(2)
    content = part.read_bytes()
    part.unlink()
    assert desk.run(name).state == "SUCCEEDED"
    assert part.read_bytes() == content
    assert desk.ledger.status(name).attempts == 5


def test_a_file_that_changed_meanwhile_ends_the_job(desk, csv_file):
    name = desk.submitted(csv_file)
    rows(41).to_csv(csv_file, index=False)
    status = desk.run(name)
    assert status.state == "FAILED"
    assert "is another than it was" in status.message
    assert InputChanged.code == "input_changed"


def test_a_failure_that_passes_is_tried_again_and_one_that_stays_ends_the_job(
    desk, csv_file, monkeypatch
):
    from serve_app.engine.batch import answering

    real, failures = answering.blocks, [OSError("the disk hiccuped")] * 2

    def blocks(one, shard, *others):
        if shard.number == 1 and failures:
            raise failures.pop()
        return real(one, shard, *others)

    monkeypatch.setattr(answering, "blocks", blocks)
    name = desk.submitted(csv_file)
    assert desk.run(name).state == "SUCCEEDED"
    assert desk.ledger.status(name).attempts == 4 + 2
    failures += [OSError("the disk is full")] * 3
    other = desk.submitted(csv_file, out="other")
    status = desk.run(other)
    assert (status.state, status.shards_done, status.shards_poisoned) == ("FAILED", 3, 1)
    assert "shard 1 failed 3 times: OSError: the disk is full" in status.message
    assert desk.run(other).state == "SUCCEEDED"


def test_a_cancelled_job_ends_after_its_block_and_can_go_on(desk, csv_file, monkeypatch):
    monkeypatch.setattr("serve_app.engine.batch.attempts.LOOK_S", 0.0)
    name = desk.submitted(csv_file)
    status = desk.run(name, on_progress=lambda _: desk.ledger.cancel(name))
    assert (status.state, status.shards_done) == ("CANCELLED", 0)
    assert desk.run(name).state == "SUCCEEDED"


def test_progress_counts_all_rows(desk, csv_file):
    shown = []
    name = desk.submitted(csv_file)
    desk.run(name, on_progress=shown.append)
    assert [one.rows_done for one in shown] == [10, 20, 30, 40]
    last = shown[-1]
    assert last.rows_per_s(last.started_at_s + 4) == 10
    assert shown[0].eta_s(last.started_at_s + 2) == 6


def test_a_folder_holds_the_output_of_one_job(desk, csv_file, bad_file, tmp_path):
    desk.done(csv_file)
    with pytest.raises(Conflict, match="output of another job"):
        desk.done(bad_file)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("")
    with pytest.raises(Conflict, match=r"holds other files, such as letter\.txt"):
        desk.done(csv_file, out="full")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"passthrough": ("size",)}, "no column 'size'"),
        ({"batch_rows": 0}, "batch_rows is 0"),
        ({"max_bad_ratio": 2.0}, "from 0 to 1"),
        ({"out": "gs://bucket/out"}, "a folder of this machine"),
    ],
)
def test_a_job_that_cannot_be_is_refused_when_it_is_submitted(desk, csv_file, options, words):
    if "out" in options:
        from serve_app.engine.batch.output import place_named

        with pytest.raises(InvalidInput, match=words):
            place_named(options["out"])
        return
    with pytest.raises(InvalidInput, match=words):
        desk.submitted(csv_file, **options)


def test_a_column_that_the_version_takes_has_to_be_there(desk, tmp_path):
    pd.DataFrame({"age": [1.0]}).to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InvalidInput, match="no column 'dose', and the version takes it"):
        desk.submitted(tmp_path / "rows.csv")


class Moody:
    """A version that does not answer rows of some ages, and says so of the whole call."""

    def __init__(self, model, ages):
        self._model, self._ages, self.calls = model, ages, 0
        self.blame = model.blame

    def ask(self, task, columns):
        self.calls += 1
        if self._ages & set(columns["age"].tolist()):
            raise ModelFailed("it stumbled")
        return self._model.ask(task, columns)


def with_moods(scorer, ages):
    """A scorer whose version does not answer rows of some ages, and that version."""
    moody = Moody(scorer._version.model, ages)
    object.__setattr__(scorer, "_version", scorer._version.__class__(
        moody, scorer._version.manifest, scorer._version.compiled
    ))  # fmt: skip
    return scorer, moody


def test_what_a_model_says_of_a_row_is_not_repeated_where_values_are_not(desk, csv_file):
    scorer, _ = with_moods(desk.scorer(), {25.0})
    name = desk.submitted(csv_file, redact=True)
    status = desk.run(name, lambda: scorer)
    (line,) = (desk.folder(name).root / "_quarantine").iterdir()
    assert "it stumbled" not in line.read_text() + "".join(status.first_errors)
    assert json.loads(line.read_text())["violations"][0]["rule"] == "model"


def test_a_call_that_fails_is_halved_until_the_rows_are_known(desk, csv_file):
    scorer, moody = with_moods(desk.scorer(), {25.0, 33.0})
    name = desk.submitted(csv_file, shard_rows=40)
    status = desk.run(name, lambda: scorer)
    assert (status.rows_ok, status.rows_bad) == (38, 2)
    folder = desk.folder(name)
    (line, other) = (folder.root / folder.quarantine_name(0)).read_text().splitlines()
    assert (json.loads(line)["row"], json.loads(other)["row"]) == (5, 13)
    assert json.loads(line)["stage"] == "model"
    assert "it stumbled" in json.loads(line)["violations"][0]["seen"]
    table, values = read(desk.folder(name).root), expected(desk.registry, rows())[0]
    assert table["prediction"].tolist() == [values[row] for row in table["_row"]]
    assert table["_row"].tolist() == [row for row in range(40) if row not in {5, 13}]
    # Each of two rows costs two calls per halving at most.
    assert moody.calls <= 2 * 2 * 6 + 2
