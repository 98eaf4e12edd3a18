"""Jobs in SageMaker's words: what is asked of each record, and what is written of it."""

import functools
import gzip
import json
import time
from pathlib import Path

import pandas as pd
import pytest

from serve_app.batch.job import JobOptions
from serve_app.batch.ledger import FILE, Ledger
from serve_app.batch.named_jobs import JobNames
from serve_app.batch.rendering import Instances, Transform
from serve_app.engine.batch.desk import JobDesk, JobOrder
from serve_app.engine.batch.in_this_process import InThisProcess
from serve_app.engine.batch.named_desk import NamedDesk
from serve_app.engine.batch.queue_worker import QueueWorker
from serve_app.engine.batch.roots import Roots
from serve_app.engine.batch.run_lock import is_running
from serve_app.engine.batch.scoring import Scorer
from serve_app.engine.load import load
from serve_app.errors import Conflict, Forbidden, InvalidInput, NotFound
from serve_app.models.frames import to_columns

ROWS = [(20.0 + row, 1 + row / 64) for row in range(30)]


class Place:
    """A desk with a worker over one folder; `model` answers with numbers."""

    def __init__(self, home, registry, model="line", outputs=None):
        self.home, self.registry, self.model = home, registry, model
        state = home / "state"
        self.ledger = Ledger(state / FILE, clock=time.time)
        own = outputs or str(home / "outputs")
        roots = Roots([str(home / "in")], own, 10**6, [str(home / "out")])
        running = functools.partial(is_running, state)
        desk = JobDesk(self.ledger, registry, roots, max_unfinished=9, is_running=running)
        self.desk = NamedDesk(desk, JobNames(state / FILE, clock=time.time))
        (home / "in").mkdir(exist_ok=True)

    def write(self, name, content):
        path = self.home / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def order(self, rendering, uri="in", *, shard_rows=7):
        options = JobOptions(
            format="jsonl", on_error="fail", shard_rows=shard_rows, rendering=rendering
        )
        return JobOrder(self.model, (str(self.home / uri),), "transform-t", options)

    def done(self, rendering, uri="in", name="t", **more):
        """How a job ended."""
        self.desk.submit("sagemaker", name, self.order(rendering, uri, **more), {})
        self.worked()
        return self.desk.show("sagemaker", name)

    def worked(self):
        """The state in which the oldest job ended."""

        def here(job, spec, folder):
            load_one = lambda: Scorer(load(self.registry, self.model, 1))  # noqa: E731
            return InThisProcess(job, spec, folder, load_one)

        worker = QueueWorker(self.ledger, self.home / "state", here, clock=time.monotonic)
        return worker.run_one(lambda _: None).state

    def out(self, name="rows.csv"):
        return (self.home / "out" / f"{name}.out").read_text()


@pytest.fixture
def place(tmp_path, registry):
    return Place(tmp_path, registry)


@pytest.fixture
def answers(registry):
    """What the model says of all rows, by itself."""
    columns = to_columns(pd.DataFrame(ROWS, columns=["age", "dose"]))
    return load(registry, "line", 1).model.predict(columns).values.tolist()


def transform(place, **more):
    return Transform(
        **{
            "destination": str(place.home / "out"), "base": "", "content": "csv",
            "accept": "csv", "split": True, "lines": True, **more,
        }
    )  # fmt: skip


def csv_lines(rows):
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def numbers(text):
    return [[float(cell) for cell in line.split(",")] for line in text.splitlines()]


def test_each_line_becomes_a_line_in_a_file_called_like_the_input(place, answers):
    place.write("rows.csv", csv_lines(ROWS))
    status = place.done(transform(place))
    assert (status.state, status.status["rows_ok"]) == ("SUCCEEDED", 30)
    assert [row[0] for row in numbers(place.out())] == answers
    assert status.named.given_at_s <= status.named.started_at_s <= status.ended_at_s
    assert [one.name for one in (place.home / "out").iterdir()] == ["rows.csv.out"]


@pytest.mark.parametrize("split", [True, False])
def test_packed_files_are_answered_as_what_they_hold(place, answers, split):
    packed = gzip.compress(csv_lines(ROWS).encode())
    (place.home / "in" / "rows.csv.gz").write_bytes(packed)
    assert place.done(transform(place, packed=True, split=split)).state == "SUCCEEDED"
    assert [row[0] for row in numbers(place.out("rows.csv.gz"))] == answers


def test_folders_keep_their_shape(place, answers):
    place.write("a/rows.csv", csv_lines(ROWS[:20]))
    place.write("b/rows.csv", csv_lines(ROWS[20:]))
    place.done(transform(place))
    assert [row[0] for row in numbers(place.out("a/rows.csv"))] == answers[:20]
    assert [row[0] for row in numbers(place.out("b/rows.csv"))] == answers[20:]


def test_what_was_committed_in_a_storage_is_put_where_it_is_wanted(
    tmp_path, registry, bucket, answers
):
    place = Place(tmp_path, registry, outputs=f"{bucket}/own")
    place.write("rows.csv", csv_lines(ROWS))
    status = place.done(transform(place))
    assert (status.state, status.status["out"]) == ("SUCCEEDED", f"{bucket}/own/transform-t")
    assert [row[0] for row in numbers(place.out())] == answers
    assert not (tmp_path / "outputs").exists()


def test_a_header_is_no_record_whatever_its_order(place, answers):
    place.write("rows.csv", "dose,age\n" + csv_lines([(dose, age) for age, dose in ROWS]))
    status = place.done(transform(place))
    assert status.status["rows"] == 30
    assert [row[0] for row in numbers(place.out())] == answers


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, lambda row, answer: [answer]),
        ({"join": True}, lambda row, answer: [7.0, *row, answer]),
        ({"join": True, "output_filter": "$[0,-1]"}, lambda row, answer: [7.0, answer]),
        ({"join": True, "output_filter": "$[1:3]"}, lambda row, answer: list(row)),
        ({"join": True, "output_filter": "$[-1]"}, lambda row, answer: [answer]),
        ({"output_filter": "$[0]"}, lambda row, answer: [answer]),
    ],
)
@pytest.mark.parametrize("split", [True, False])
def test_cells_are_left_out_joined_and_chosen(place, answers, filters, expected, split):
    place.write("rows.csv", csv_lines([(7, *row) for row in ROWS]))
    rendering = transform(place, input_filter="$[1:]", split=split, **filters)
    assert place.done(rendering).state == "SUCCEEDED"
    assert numbers(place.out()) == [
        expected(row, answer) for row, answer in zip(ROWS, answers, strict=True)
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, lambda one, answer: {"prediction": answer}),
        ({"join": True}, lambda one, answer: {**one, "SageMakerOutput": {"prediction": answer}}),
        (
            {"join": True, "output_filter": "$['id','SageMakerOutput']"},
            lambda one, answer: {"id": one["id"], "SageMakerOutput": {"prediction": answer}},
        ),
        (
            {"join": True, "output_filter": "$.SageMakerOutput.prediction"},
            lambda one, answer: answer,
        ),
    ],
)
def test_objects_are_joined_and_chosen(place, answers, filters, expected):
    objects = [{"id": f"p-{j}", "features": list(row)} for j, row in enumerate(ROWS)]
    place.write("rows.jsonl", "".join(json.dumps(one) + "\n" for one in objects))
    rendering = transform(
        place, content="lines", accept="lines", input_filter="$.features", **filters
    )
    assert place.done(rendering).state == "SUCCEEDED"
    lines = [json.loads(line) for line in place.out("rows.jsonl").splitlines()]
    assert lines == [expected(one, answer) for one, answer in zip(objects, answers, strict=True)]


def test_what_is_no_object_stands_beside_its_answer(place, answers):
    place.write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    place.done(transform(place, content="lines", accept="lines", join=True))
    first = json.loads(place.out("rows.jsonl").splitlines()[0])
    assert first == {
        "SageMakerInput": list(ROWS[0]), "SageMakerOutput": {"prediction": answers[0]}
    }  # fmt: skip


def test_lines_that_are_one_document_stand_beside_what_is_answered_for_all(place, answers):
    place.write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    place.done(transform(place, content="lines", accept="json", split=False, join=True))
    assert json.loads(place.out("rows.jsonl")) == {
        "SageMakerInput": list(map(list, ROWS)), "SageMakerOutput": {"predictions": answers}
    }  # fmt: skip


@pytest.mark.parametrize("lines", [True, False])
def test_a_whole_document_is_answered_as_a_request(place, answers, lines):
    place.write("rows.json", json.dumps({"instances": ROWS}))
    place.done(transform(place, content="json", accept="json", split=False, lines=lines))
    text = place.out("rows.json")
    assert json.loads(text) == {"predictions": answers}
    assert text.endswith("\n") is lines


def test_a_table_is_answered_by_one_document(place, answers):
    place.write("rows.csv", csv_lines(ROWS))
    place.done(transform(place, accept="json", split=False))
    assert json.loads(place.out()) == {"predictions": answers}


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("csv", "21,2\n22,old\n", "row 1, column 'dose'"),
        ("csv", "21,2\n22\n", "row 1: parse: expected 2 values, one per column; there are 1"),
        ("lines", "[21,2]\n{\n", "row 1: parse: expected JSON that can be read; "),
        ("lines", "[21,2]\n7\n", "row 1: parse: expected"),
    ],
)
def test_a_record_that_cannot_be_answered_fails_the_job_and_puts_nothing(
    place, content, line, words
):
    place.write("rows.csv", line)
    status = place.done(transform(place, content=content, accept=content))
    assert status.state == "FAILED"
    assert words in status.status["message"]
    assert not (place.home / "out").exists()


def test_a_filter_that_takes_what_is_not_there_fails_the_job(place):
    place.write("rows.csv", csv_lines(ROWS))
    status = place.done(transform(place, output_filter="$[5]"))
    assert "expected a value at $[5]; there is no 5 among 1 values" in status.status["message"]


def test_a_record_above_the_payload_fails_the_job(place):
    place.write("rows.csv", csv_lines(ROWS))
    status = place.done(transform(place, split=False, max_payload_bytes=100))
    assert "at most 100 bytes (MaxPayloadInMB)" in status.status["message"]


def test_a_manifest_lists_files(place, answers):
    place.write("x/one.csv", csv_lines(ROWS[:2]))
    place.write("x/two.csv", csv_lines(ROWS[2:4]))
    place.write("x/three.csv", csv_lines(ROWS[4:]))
    prefix = str(place.home / "in") + "/"
    place.write("list.manifest", json.dumps([{"prefix": prefix}, "x/one.csv", "x/two.csv"]))
    place.done(transform(place, is_manifest=True), "in/list.manifest")
    assert [row[0] for row in numbers(place.out("x/one.csv"))] == answers[:2]
    assert [row[0] for row in numbers(place.out("x/two.csv"))] == answers[2:4]
    assert not (place.home / "out" / "x" / "three.csv.out").exists()


def test_a_prefix_may_be_the_beginning_of_names(place):
    place.write("may-1.csv", csv_lines(ROWS[:2]))
    place.write("may-2.csv", csv_lines(ROWS[:2]))
    place.write("june.csv", csv_lines(ROWS[:2]))
    place.done(transform(place), "in/may")
    names = sorted(one.name for one in (place.home / "out").iterdir())
    assert names == ["may-1.csv.out", "may-2.csv.out"]


def test_names_are_given_once_and_places_are_kept_to(place):
    place.write("rows.csv", csv_lines(ROWS))
    place.done(transform(place))
    with pytest.raises(Conflict, match="there is a job 't' already"):
        place.done(transform(place))
    with pytest.raises(Forbidden, match="may not be written to"):
        place.done(transform(place, destination="/tmp/elsewhere"), name="u")
    with pytest.raises(Forbidden, match="may not be read"):
        place.done(transform(place), "../etc", name="u")
    with pytest.raises(NotFound):
        place.desk.show("sagemaker", "u")
    with pytest.raises(Conflict, match="has ended already"):
        place.desk.cancel("sagemaker", "t")


def test_output_is_not_read_as_input(place):
    place.write("rows.csv", csv_lines(ROWS))
    place.write("out/rows.csv.out", "1\n")
    inside = Place(place.home, place.registry)
    inside.desk._desk._roots._destinations = (str(place.home / "in"),)
    with pytest.raises(InvalidInput, match="would be read as input"):
        inside.done(transform(place, destination=str(place.home / "in" / "out")))


def test_an_ended_worker_leaves_no_half_of_a_file(place, answers, monkeypatch):
    from serve_app.engine.batch import delivery

    place.write("rows.csv", csv_lines(ROWS))
    real = delivery._joined

    def broken(folder, names):
        def write(file):
            real(folder, list(names)[:1])(file)
            raise OSError(28, "No space left on device")

        return write

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_joined", broken)
        status = place.done(transform(place))
    assert status.state == "FAILED"
    assert "No space left on device" in status.status["message"]
    assert list((place.home / "out").iterdir()) == []
    place.desk._desk.resume(status.named.job)
    assert place.worked() == "SUCCEEDED"
    assert [row[0] for row in numbers(place.out())] == answers


def test_instances_stand_beside_their_predictions(place, answers):
    lines = [{"age": age, "dose": dose, "id": j} for j, (age, dose) in enumerate(ROWS[:5])]
    lines[3]["dose"] = "much"
    place.write("rows.jsonl", "".join(json.dumps(one) + "\n" for one in lines))
    rendering = Instances(str(place.home / "out" / "p"), "lines", excluded=("id",))
    order = place.order(rendering, shard_rows=2)
    options = JobOptions(format="jsonl", shard_rows=2, rendering=rendering)
    order = JobOrder(order.model, order.inputs, "vertex-1", options)
    place.desk.submit("vertex", "1", order, {})
    assert place.worked() == "SUCCEEDED_WITH_ERRORS"
    written = Path(place.home / "out" / "p")
    files = sorted(one.name for one in written.iterdir())
    assert files == [
        "errors_0001.jsonl", "predictions_0001.jsonl", "predictions_0002.jsonl",
        "predictions_0003.jsonl",
    ]  # fmt: skip
    got = [
        json.loads(line) for name in files[1:] for line in (written / name).read_text().splitlines()
    ]
    assert got == [
        {"instance": lines[j], "prediction": answers[j]} for j in (0, 1, 2, 4)
    ]  # fmt: skip
    (failed,) = map(json.loads, (written / files[0]).read_text().splitlines())
    assert failed["instance"] == lines[3]
    assert failed["error"]["code"] == 3
    assert "dose" in failed["error"]["message"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("7", 7),
        ("9007199254740993", 9007199254740993),
        ("-2.50", -2.5),
        ("1e3", 1000.0),
        ("007", "007"),
        ("12345678901234567890", "12345678901234567890"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("1e999", "1e999"),
        ("1_000", "1_000"),
        ("", ""),
    ],
)
def test_cells_of_instances_keep_what_they_say(place, cell, value):
    place.write("rows.csv", f"age,dose,id\n21,2,{cell}\n")
    rendering = Instances(str(place.home / "out"), "csv", excluded=("id",), as_objects=True)
    options = JobOptions(format="jsonl", rendering=rendering)
    place.desk.submit("vertex", "1", JobOrder("line", (str(place.home / "in"),), "v", options), {})
    assert place.worked() == "SUCCEEDED"
    (line,) = (place.home / "out" / "predictions_0001.jsonl").read_text().splitlines()
    got = json.loads(line)["instance"]["id"]
    assert (got, type(got)) == (value, type(value))


def test_words_that_are_not_utf8_are_named_by_their_byte(place):
    place.write("rows.csv", "")
    (place.home / "in" / "rows.csv").write_bytes(b"21,2\n22,\xe9\n")
    status = place.done(transform(place))
    assert "row 1: parse: expected UTF-8; byte 3 of it" in status.status["message"]
