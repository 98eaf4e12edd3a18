"""The paths of batch jobs: who may, what is said, and what is written down."""

import asyncio
import json

import httpx
import pytest

from serve_app.batch.job import JobOptions
from serve_app.core.caller import Caller
from serve_app.core.grants import grants_of
from serve_app.errors import Conflict, NotFound, Overloaded
from serve_app.gateway import jobs
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.gateway.app import build
from serve_app.gateway.context import CALLER, Settings
from serve_app.gateway.job_door import JobDoor
from tests.unit.gateway.harness import client_of

ORDER = {"model": "churn@champion", "input": "rows.csv", "output": "out"}
STATUS = {
    "job": "job-1", "state": "RUNNING", "rows": 10, "rows_done": 4, "message": "m",
    "first_errors": ["rows.csv, row 3, column 'age': type: expected a number, got 'old'"],
    "failed_shards": [],
}  # fmt: skip


class Desk:
    """Remembers what it was asked; `states` are those that a look shows, one after the other."""

    def __init__(self):
        self.orders, self.done, self.states = [], [], []
        self.error = None

    def submit(self, order):
        if self.error is not None:
            raise self.error
        self.orders.append(order)
        return {**STATUS, "state": "QUEUED"}, len(self.orders) == 1

    def all(self, limit):
        self.done.append(("all", limit))
        return [STATUS]

    def show(self, name):
        if name != "job-1":
            raise NotFound(f"there is no job {name!r}")
        return {**STATUS, **(self.states.pop(0) if self.states else {})}

    def quarantine(self, name, limit):
        self.done.append(("quarantine", name, limit))
        return [{"row": 3}]

    def cancel(self, name):
        self.done.append(("cancel", name))
        return {**STATUS, "state": "CANCELLING"}

    def resume(self, name):
        self.done.append(("resume", name))
        return {**STATUS, "state": "QUEUED"}


class Log:
    """An audit log in memory; `error` is what writing raises."""

    def __init__(self):
        self.events, self.error = [], None

    def write(self, event):
        if self.error is not None:
            raise self.error
        self.events.append(event)
        return len(self.events)


class Known:
    """A gateway with a door, as one caller meets it."""

    def __init__(self, registry, *, door=True):
        self.desk, self.log = Desk(), Log()
        audited = AuditedChanges(self.log, None, lambda: "r", clock=lambda: 0.0)
        settings = Settings(max_body_bytes=10_000, max_rows=50)
        made = JobDoor(self.desk, audited) if door else None
        self._app = build(client_of(registry).predictor, settings, door=made)

    def send(self, method, path, scopes=("*",), **more):
        caller = Caller("ann", "house", grants_of(scopes))

        async def known(scope, receive, send):
            await self._app({**scope, CALLER: caller}, receive, send)

        async def sent():
            transport = httpx.ASGITransport(known, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.request(method, path, **more)

        return asyncio.run(sent())

    def post(self, path="/v1/jobs", body=ORDER, **more):
        return self.send("POST", path, json=body, **more)


@pytest.fixture
def gateway(registry):
    return Known(registry)


def test_a_job_is_taken_and_where_it_stands_is_said(gateway):
    options = {"format": "csv", "ids": ["id"], "max_bad_rows": 3, "max_bad_ratio": 0.5}
    answer = gateway.post(body={**ORDER, "options": options}, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.headers["location"]) == (202, "/v1/jobs/job-1")
    assert answer.json()["state"] == "QUEUED"
    (order,) = gateway.desk.orders
    assert (order.model, order.inputs, order.output) == ("churn@champion", ("rows.csv",), "out")
    assert order.idempotency_key == "k"
    assert order.options == JobOptions(format="csv", ids=("id",), max_bad_rows=3, max_bad_ratio=0.5)
    assert gateway.post().status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"input": "a.csv", "output": "o"}, "'model' must be a text"),
        ({**ORDER, "input": []}, "'input' must be a list of 1 to"),
        ({**ORDER, "input": ["a.csv", 3]}, "'input' holds '3'"),
        ({**ORDER, "entrypoint": "rm -rf /"}, "'entrypoint' is unknown here"),
        ({**ORDER, "options": {"out": "/etc"}}, "'out' is no option of a job"),
        ({**ORDER, "options": {"format": "pickle"}}, "'format' must be one of parquet, csv, jsonl"),
        ({**ORDER, "options": {"shard_rows": True}}, "'shard_rows' must be a whole number"),
        ({**ORDER, "options": {"redact": "no"}}, "'redact' must be true or false"),
        ({**ORDER, "options": {"max_bad_ratio": "1"}}, "'max_bad_ratio' must be a number"),
        ({**ORDER, "options": {"ids": "id"}}, "'ids' must be a list"),
        ([], "the body must be a JSON object"),
    ],
)
def test_what_is_wrong_with_a_job_is_said_by_its_name(gateway, body, words):
    answer = gateway.post(body=body)
    assert answer.status_code == 400
    assert words in answer.text
    assert gateway.desk.orders == []


@pytest.mark.parametrize(
    ("error", "status"), [(Conflict("another job"), 409), (Overloaded("full"), 429)]
)
def test_a_refusal_of_the_desk_is_the_answer(gateway, error, status):
    gateway.desk.error = error
    answer = gateway.post()
    assert answer.status_code in {status, 503}
    assert gateway.log.events[-1].problem == error.code


def test_jobs_are_listed_shown_ended_and_gone_on_with(gateway):
    assert gateway.send("GET", "/v1/jobs?limit=7").json() == {"jobs": [STATUS]}
    assert gateway.send("GET", "/v1/jobs/job-1").json() == STATUS
    assert gateway.send("GET", "/v1/jobs/job-2").status_code == 404
    assert gateway.send("GET", "/v1/jobs/job-1/quarantine").json() == {"rows": [{"row": 3}]}
    assert gateway.post("/v1/jobs/job-1:cancel", None).json()["state"] == "CANCELLING"
    assert gateway.post("/v1/jobs/job-1:resume", None).status_code == 202
    assert gateway.desk.done == [
        ("all", 7), ("quarantine", "job-1", 20), ("cancel", "job-1"), ("resume", "job-1"),
    ]  # fmt: skip
    for limit in ("0", "x", "1001", "9" * 30, "-1"):
        assert gateway.send("GET", f"/v1/jobs?limit={limit}").status_code == 400


CHANGES = [
    ("POST", "/v1/jobs"),
    ("POST", "/v1/jobs/job-1:cancel"),
    ("POST", "/v1/jobs/job-1:resume"),
    ("GET", "/v1/jobs/job-1/quarantine"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("scopes", [["predict"], ["read"], ["admin:jobs:churn"], ["admin:models"]])
def test_who_may_not_submit_changes_nothing_and_is_written_down(gateway, method, path, scopes):
    answer = gateway.send(method, path, scopes, json=ORDER)
    assert answer.status_code == 403
    assert "admin:jobs" in answer.text
    assert (gateway.desk.orders, gateway.desk.done) == ([], [])
    (event,) = gateway.log.events
    assert (event.actor, event.result, event.problem) == ("ann", "refused", "forbidden")


def test_who_may_only_look_sees_no_values_of_rows(gateway):
    for path in ("/v1/jobs", "/v1/jobs/job-1", "/v1/jobs/job-1/events"):
        assert gateway.send("GET", path, ["predict"]).status_code == 403
    shown = gateway.send("GET", "/v1/jobs/job-1", ["read:jobs"]).json()
    assert shown["rows_done"] == 4
    assert not {"first_errors", "failed_shards", "message"} & set(shown)
    assert "old" not in gateway.send("GET", "/v1/jobs", ["read:jobs"]).text


def test_a_change_is_written_down_before_and_after(gateway):
    gateway.post()
    begun, ended = gateway.log.events
    assert (begun.action, begun.object, begun.actor) == (
        "submit_job", "churn@champion into out", "ann",
    )  # fmt: skip
    assert (begun.result, ended.result) == ("begun", "done")


def test_what_cannot_be_written_down_is_not_done(gateway):
    gateway.log.error = Overloaded("the disk is full")
    assert gateway.post("/v1/jobs/job-1:cancel", None).status_code in {429, 503}
    assert gateway.desk.done == []


def test_a_page_of_another_site_submits_nothing(gateway):
    answer = gateway.post(headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert gateway.desk.orders == []


def test_a_gateway_without_a_door_says_so(registry):
    closed = Known(registry, door=False)
    answer = closed.post()
    assert answer.status_code == 404
    assert "this gateway takes no jobs" in answer.text
    assert closed.send("GET", "/v1/jobs", ["predict"]).status_code == 403


def events(text):
    return [
        json.loads(block.partition("data: ")[2])
        for block in text.split("\n\n")
        if "event: status" in block
    ]


def test_a_job_is_followed_until_it_has_ended(gateway, monkeypatch):
    monkeypatch.setattr(jobs, "LOOK_S", 0.0)
    gateway.desk.states = [
        {}, {}, {"rows_done": 9}, {"state": "SUCCEEDED", "rows_done": 10},
    ]  # fmt: skip
    answer = gateway.send("GET", "/v1/jobs/job-1/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    seen = [(one["state"], one["rows_done"]) for one in events(answer.text)]
    assert seen == [("RUNNING", 4), ("RUNNING", 9), ("SUCCEEDED", 10)]
    assert gateway.send("GET", "/v1/jobs/job-2/events").status_code == 404


def test_a_silent_job_keeps_its_connection(gateway, monkeypatch):
    monkeypatch.setattr(jobs, "LOOK_S", 0.001)
    monkeypatch.setattr(jobs, "SILENCE_S", 0.002)
    gateway.desk.states = [{}] * 6 + [{"state": "FAILED"}]
    text = gateway.send("GET", "/v1/jobs/job-1/events").text
    assert ": it goes on" in text
    assert [one["state"] for one in events(text)] == ["RUNNING", "FAILED"]


def test_only_so_many_follow(gateway, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_FOLLOWED", 0)
    answer = gateway.send("GET", "/v1/jobs/job-1/events")
    assert answer.status_code in {429, 503}
    assert answer.headers["retry-after"] == "30"


def test_the_words_of_a_status_are_those_of_the_ledger():
    from serve_app.batch.status import JobStatus

    fields = set(JobStatus.__dataclass_fields__)
    assert {"first_errors", "message", "state", "job"} <= fields
    assert jobs.VALUES - {"failed_shards"} <= fields
