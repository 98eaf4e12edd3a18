"""Jobs by clients that other people wrote: boto3 with its waiter, and Google's over REST."""

import gzip
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from serve_app.batch.ledger import FILE, Ledger
from serve_app.config.jobs import JobsSettings
from serve_app.engine.batch.desk import FOLDER, desk_of
from serve_app.engine.batch.in_this_process import InThisProcess
from serve_app.engine.batch.loading import scorer_of
from serve_app.engine.batch.named_desk import named_desk_of
from serve_app.engine.batch.queue_worker import QueueWorker
from serve_app.engine.load import load
from serve_app.gateway.context import Settings
from serve_app.gateway.job_door import JobDoor
from serve_app.models.frames import to_columns
from tests.clients import running
from tests.clients.foreign import Raised
from tests.unit.gateway.harness import client_of

SCRIPT = "job_calls.py"
SETTINGS = Settings(max_body_bytes=1_000_000, max_rows=20_000)
ROWS = [(20.0 + row, 1 + row / 64) for row in range(30)]


class Worked:
    """A gateway that takes jobs, with what works them off: `home` has `in` and `out`."""

    def __init__(self, home, registry, http):
        self.home, self.registry, self.http = home, registry, http
        self.folder = home / "state" / FOLDER

    def here(self, name, job, folder):
        return InThisProcess(name, job, folder, lambda: scorer_of(self.registry, job, threads=1))

    def work(self):
        """Work off the oldest job."""
        ledger = Ledger(self.folder / FILE, clock=time.time)
        worker = QueueWorker(ledger, self.folder, self.here, clock=time.monotonic)
        return worker.run_one(lambda _: None)

    def write(self, name, content):
        path = self.home / "in" / name
        path.write_text(content)
        return path


@pytest.fixture
def place(registry, tmp_path):
    (tmp_path / "in").mkdir()
    settings = JobsSettings(
        inputs=(str(tmp_path / "in"),),
        outputs=str(tmp_path / "own"),
        destinations=(str(tmp_path / "out"),),
        state=str(tmp_path / "state"),
    )
    desk = desk_of(settings, registry, clock=time.time)
    door = JobDoor(desk, None, named_desk_of(settings, desk, clock=time.time))
    predictor = client_of(registry).predictor
    with running.gateway(predictor, SETTINGS, lambda: "r", door=door) as (http, _):
        yield Worked(tmp_path, registry, http)


@pytest.fixture
def answers(registry):
    columns = to_columns(pd.DataFrame(ROWS, columns=["age", "dose"]))
    return load(registry, "line", 1).model.predict(columns).values.tolist()


def request(place, name="job-a", **more):
    wanted = {
        "TransformJobName": name,
        "ModelName": "line",
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{place.home}/in"}
            },
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"file://{place.home}/out", "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }  # fmt: skip
    for path, value in more.items():
        *parents, last = path.split("__")
        into = wanted
        for parent in parents:
            into = into.setdefault(parent, {})
        into[last] = value
    return wanted


def test_a_transform_job_is_created_waited_for_described_and_listed(place, call, answers):
    place.write("rows.csv", "".join(f"{age},{dose}\n" for age, dose in ROWS))
    given = request(place, BatchStrategy="MultiRecord", Tags=[{"Key": "team", "Value": "risk"}])
    made = call("sagemaker", place=place.http, action="create_transform_job", **given)
    assert made["TransformJobArn"].endswith(":transform-job/job-a")
    about = {"place": place.http, "action": "describe_transform_job"}
    assert call("sagemaker", **about, TransformJobName="job-a")["TransformJobStatus"] == (
        "InProgress"
    )
    worker = threading.Thread(target=place.work)
    worker.start()
    try:
        assert call("wait", place=place.http, name="job-a") == "ended"
    finally:
        worker.join()
    described = call("sagemaker", **about, TransformJobName="job-a")
    assert described["TransformJobStatus"] == "Completed"
    for name in ("TransformInput", "TransformOutput", "TransformResources", "ModelName"):
        assert described[name] == given[name]
    times = [described[name] for name in ("CreationTime", "TransformStartTime", "TransformEndTime")]
    assert times == sorted(times)
    got = (place.home / "out" / "rows.csv.out").read_text().splitlines()
    assert [float(line) for line in got] == answers
    (listed,) = call("pages", place=place.http, NameContains="job")
    assert listed == ["job-a"]


def test_records_are_joined_and_filtered_as_asked(place, call, answers):
    lines = [{"id": j, "features": row} for j, row in enumerate(ROWS)]
    place.write("rows.jsonl", "".join(json.dumps(one) + "\n" for one in lines))
    given = request(
        place,
        TransformInput__ContentType="application/jsonlines",
        TransformOutput__Accept="application/jsonlines",
        DataProcessing={
            "InputFilter": "$.features",
            "OutputFilter": "$['id','SageMakerOutput']",
            "JoinSource": "Input",
        },
    )
    call("sagemaker", place=place.http, action="create_transform_job", **given)
    assert place.work().state == "SUCCEEDED"
    got = (place.home / "out" / "rows.jsonl.out").read_text().splitlines()
    assert [json.loads(line) for line in got] == [
        {"id": j, "SageMakerOutput": {"prediction": answer}} for j, answer in enumerate(answers)
    ]


def test_packed_files_are_unpacked_where_the_job_says_so(place, call, answers):
    lines = "".join(f"{age},{dose}\n" for age, dose in ROWS)
    (place.home / "in" / "rows.csv.gz").write_bytes(gzip.compress(lines.encode()))
    given = request(place, TransformInput__CompressionType="Gzip")
    call("sagemaker", place=place.http, action="create_transform_job", **given)
    assert place.work().state == "SUCCEEDED"
    got = (place.home / "out" / "rows.csv.gz.out").read_text().splitlines()
    assert [float(line) for line in got] == answers


def test_a_bad_record_fails_the_job_and_the_waiter_says_so(place, call):
    place.write("rows.csv", "21,2\n22,old\n")
    call("sagemaker", place=place.http, action="create_transform_job", **request(place))
    assert place.work().state == "FAILED"
    assert "terminal failure state" in call("wait", place=place.http, name="job-a")
    described = call(
        "sagemaker", place=place.http, action="describe_transform_job", TransformJobName="job-a"
    )
    assert described["TransformJobStatus"] == "Failed"
    assert "rows.csv, row 1, column 'dose'" in described["FailureReason"]


def test_jobs_are_stopped_and_listed_by_what_they_are(place, call):
    place.write("rows.csv", "21,2\n")
    for name in ("b-1", "b-2", "a-3"):
        call("sagemaker", place=place.http, action="create_transform_job", **request(place, name))
    stopped = call(
        "sagemaker", place=place.http, action="stop_transform_job", TransformJobName="b-1"
    )
    assert stopped == {}
    assert call("wait", place=place.http, name="b-1") == "ended"
    pages = call("pages", place=place.http, SortBy="Name", SortOrder="Ascending", MaxResults=2)
    assert pages == [["a-3", "b-1"], ["b-2"]]
    assert call("pages", place=place.http, StatusEquals="Stopped") == [["b-1"]]
    again = call("sagemaker", place=place.http, action="stop_transform_job", TransformJobName="b-1")
    assert again["code"] == "ValidationException"


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"TransformInput__SplitType": "RecordIO"}, "ValidationException", "RecordIO"),
        ({"TransformInput__CompressionType": "Zstd"}, "ValidationException", "None or Gzip"),
        (
            {"TransformInput__DataSource__S3DataSource__S3DataType": "AugmentedManifestFile"},
            "ValidationException", "ManifestFile",
        ),
        ({"TransformInput__ContentType": "image/png"}, "ValidationException", "image/png"),
        ({"TransformOutput__KmsKeyId": "key"}, "ValidationException", "encrypted by the storage"),
        ({"DataProcessing": {"InputFilter": "id"}}, "ValidationException", "begins with"),
        (
            {"TransformOutput__Accept": "application/json", "DataProcessing__JoinSource": "Input"},
            "ValidationException", "of the same kind",
        ),
        ({"Environment": {"LOG_LEVEL": "20"}}, "ValidationException", "no container"),
        ({"TransformJobName": "a b"}, "ValidationException", "TransformJobName"),
        ({"ModelName": "nobody"}, "ResourceNotFound", "no model 'nobody'"),
        ({"ModelName": "risk"}, "ValidationException", "several versions"),
        (
            {"TransformInput__DataSource__S3DataSource__S3Uri": "file:///etc/"},
            "AccessDeniedException", "may not be read",
        ),
        ({"TransformOutput__S3OutputPath": "s3://b/x"}, "AccessDeniedException", "written to"),
    ],
)  # fmt: skip
def test_what_is_not_done_is_refused_in_words(place, call, changed, code, words):
    place.write("rows.csv", "21,2\n")
    given = request(place, **changed)
    refused = call("sagemaker", place=place.http, action="create_transform_job", **given)
    assert refused["code"] == code
    assert words in refused["message"]
    assert call("pages", place=place.http) == [[]]


def test_names_are_taken_once_and_strangers_are_not_known(place, call):
    place.write("rows.csv", "21,2\n")
    call("sagemaker", place=place.http, action="create_transform_job", **request(place))
    again = call("sagemaker", place=place.http, action="create_transform_job", **request(place))
    assert (again["error"], again["code"]) == ("ResourceInUse", "ResourceInUse")
    for action in ("describe_transform_job", "stop_transform_job"):
        unknown = call("sagemaker", place=place.http, action=action, TransformJobName="nobody")
        assert unknown["code"] == "ResourceNotFound"
    other = call("sagemaker", place=place.http, action="list_endpoints")
    assert other["code"] == "UnknownOperationException"


def vertex_job(place, **more):
    return {
        "display_name": "may",
        "model": "projects/p/locations/l/models/line",
        "input_config": {
            "instances_format": "jsonl",
            "gcs_source": {"uris": [f"file://{place.home}/in/rows.jsonl"]},
        },
        "output_config": {
            "predictions_format": "jsonl",
            "gcs_destination": {"output_uri_prefix": f"file://{place.home}/out"},
        },
        **more,
    }


def lines_of(folder, name):
    return [json.loads(line) for line in (Path(folder) / name).read_text().splitlines()]


def test_googles_client_creates_follows_lists_and_deletes_a_job(place, call, answers):
    lines = [{"age": age, "dose": dose, "id": f"p-{j}"} for j, (age, dose) in enumerate(ROWS)]
    lines[4]["dose"] = "much"
    place.write("rows.jsonl", "".join(json.dumps(one) + "\n" for one in lines))
    wanted = vertex_job(place, instance_config={"excluded_fields": ["id"], "key_field": "id"})
    made = call("vertex", place=place.http, action="create", job=wanted)
    assert made["displayName"] == "may"
    assert made["state"] == "JOB_STATE_QUEUED"
    assert call("vertex", place=place.http, action="list") == [made["name"]]
    assert place.work().state == "SUCCEEDED_WITH_ERRORS"
    got = call("vertex", place=place.http, action="get", name=made["name"])
    assert got["state"] == "JOB_STATE_PARTIALLY_SUCCEEDED"
    assert got["completionStats"] == {"successfulCount": "29", "failedCount": "1"}
    assert "dose" in got["partialFailures"][0]["message"]
    folder = got["outputInfo"]["gcsOutputDirectory"]
    predictions = lines_of(folder, "predictions_0001.jsonl")
    assert predictions == [{"key": f"p-{j}", "prediction": answers[j]} for j in range(30) if j != 4]
    (error,) = lines_of(folder, "errors_0001.jsonl")
    assert error["instance"] == lines[4]
    assert call("vertex", place=place.http, action="delete", name=made["name"]) is True
    with pytest.raises(Raised) as gone:
        call("vertex", place=place.http, action="get", name=made["name"])
    assert "NotFound" in gone.value.kinds


def test_googles_client_cancels_a_job(place, call):
    place.write("rows.jsonl", '{"age": 1, "dose": 2}\n')
    made = call("vertex", place=place.http, action="create", job=vertex_job(place))
    call("vertex", place=place.http, action="cancel", name=made["name"])
    got = call("vertex", place=place.http, action="get", name=made["name"])
    assert got["state"] == "JOB_STATE_CANCELLED"


def test_what_vertex_does_and_this_does_not_is_refused(place, call):
    place.write("rows.jsonl", "{}\n")
    for changed, words in (
        ({"generate_explanation": True}, "generateExplanation"),
        ({"output_config": {"predictions_format": "bigquery"}}, "predictionsFormat"),
        ({"input_config": {"instances_format": "tf-record"}}, "instancesFormat"),
    ):
        with pytest.raises(Raised, match=words) as refused:
            call("vertex", place=place.http, action="create", job=vertex_job(place, **changed))
        assert "BadRequest" in refused.value.kinds


def test_a_csv_of_instances_is_read_by_its_header(place, call, answers):
    place.write("rows.csv", "age,dose\n" + "".join(f"{age},{dose}\n" for age, dose in ROWS))
    wanted = vertex_job(
        place,
        input_config={
            "instances_format": "csv",
            "gcs_source": {"uris": [f"file://{place.home}/in/rows.csv"]},
        },
    )
    made = SimpleNamespace(**call("vertex", place=place.http, action="create", job=wanted))
    place.work()
    got = call("vertex", place=place.http, action="get", name=made.name)
    assert lines_of(got["outputInfo"]["gcsOutputDirectory"], "predictions_0001.jsonl") == [
        {"instance": list(row), "prediction": answer}
        for row, answer in zip(ROWS, answers, strict=True)
    ]
