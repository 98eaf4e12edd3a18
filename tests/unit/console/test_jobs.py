"""The pages of batch jobs: progress, rules that rows break, and what may be done."""

import pytest

from serve_app.console.job_pages import RuleLine, rule_lines
from serve_app.core.caller import Caller
from serve_app.core.grants import grants_of
from serve_app.gateway.access import Gate
from tests.security.callers import Known
from tests.unit.console.seeded import HARMFUL, BatchJobs, Seeded
from tests.unit.console.visitor import Visitor, text_of


@pytest.fixture
def jobs():
    return BatchJobs(60)


@pytest.fixture
def kept():
    return []


@pytest.fixture
def visitor(jobs, kept):
    return Visitor(Seeded(), jobs=jobs, keep=kept.append)


def test_jobs_come_by_pages_with_how_far_they_are(visitor):
    words = text_of(visitor.get("/console/jobs?page=3"))
    assert "job-51 FAILED churn@1000 3,000 of 4,000 10 3 of 4 1970-01-01 00:00:05" in words
    assert "job-50" not in words
    assert "Page 3 of 3, 60 in all" in words


def test_a_job_is_looked_for_by_a_part_of_its_name(visitor):
    words = text_of(visitor.get("/console/jobs?name=JOB-5"))
    assert "job-5 FAILED" in words
    assert "job-59 FAILED" in words
    assert "job-45" not in words
    assert "No job has that in its name." in text_of(visitor.get("/console/jobs?name=other"))


def test_a_job_shows_rules_that_rows_break_and_the_rows(visitor):
    words = text_of(visitor.get("/console/jobs/job-1"))
    assert "3,000 of 4,000 rows are done, 10 of them without an answer" in words
    assert "1 left alone after failures" in words
    assert "of the first 3 of them in 10" in words
    assert "bounds age schema at most 99 2" in words
    assert f"type {HARMFUL[0]} schema a number 1" in words
    assert "in.csv 7 age : bounds, 400 in place of at most 99 400,x" in words
    assert "3 3 MemoryError: secret 61" in words


def test_a_row_counts_once_for_a_rule_that_it_breaks_twice():
    rule = {"column": "a", "rule": "type", "expected": "x"}
    rows = [{"stage": "schema", "violations": [rule, rule]}, {"stage": "parse", "violations": []}]
    assert rule_lines(rows) == [
        RuleLine("schema", "a", "type", "x", 1), RuleLine("parse", None, "parse", "", 1),
    ]  # fmt: skip


def test_a_job_goes_on_and_ends_by_forms(visitor, jobs, kept):
    page = visitor.get("/console/jobs/job-1").text
    assert "/console/jobs/job-1/resume" in page
    assert "/console/jobs/job-1/cancel" not in page
    answer = visitor.send("/console/jobs/job-1", "/console/jobs/job-1/resume", {"reason": "mended"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/jobs/job-1?done=job")
    visitor.send("/console/jobs/job-1", "/console/jobs/job-1/cancel", {"reason": "x"})
    assert jobs.done == [("resume", "job-1"), ("cancel", "job-1")]
    assert [(one.kind, one.subject, one.why) for one in kept] == [
        ("job resumed", "job-1", "mended"), ("job cancelled", "job-1", "x"),
    ]  # fmt: skip
    refused = visitor.send("/console/jobs/job-1", "/console/jobs/job-2/cancel", {"reason": "x"})
    assert refused.status_code == 409
    assert "job-2 has ended" in text_of(refused)
    without = visitor.send("/console/jobs/job-1", "/console/jobs/job-1/resume", {"reason": ""})
    assert without.status_code == 400
    assert len(jobs.done) == 2


def test_the_manifest_is_a_file_to_keep(visitor):
    answer = visitor.get("/console/jobs/job-1/manifest")
    assert answer.content == b'{"job": "job-1"}'
    assert answer.headers["content-disposition"] == 'attachment; filename="job-1.manifest.json"'
    assert visitor.get("/console/jobs/nobody/manifest").status_code == 404


def test_values_of_rows_are_for_those_who_may_see_them(jobs):
    known = Known()
    known._callers["key", "k-sees"] = Caller("sees", "", grants_of(["read:jobs"]))
    visitor = Visitor(Seeded(), gate=Gate(known, lambda *_: None), jobs=jobs)
    page = visitor.get("/console/jobs/job-1", headers={"x-api-key": "k-sees"})
    words = text_of(page)
    assert page.status_code == 200
    assert "3,000 of 4,000 rows are done" in words
    assert "sees needs the scope admin:jobs" in words
    assert "secret 61" not in words
    assert "in.csv" not in words
    assert "<form method" not in page.text.partition("<main")[2]


def test_a_gateway_that_takes_no_jobs_says_what_would_let_it():
    visitor = Visitor(Seeded())
    page = visitor.get("/console/jobs")
    assert page.status_code == 200
    assert "This gateway takes no batch jobs: `jobs` in its args" in text_of(page)
    assert visitor.get("/console/jobs/job-1").status_code == 404
