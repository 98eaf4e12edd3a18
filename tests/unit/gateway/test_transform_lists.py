"""SageMaker's lists of jobs: filters, order, and pages that nothing is lost between."""

import pytest

from serve_app.batch.named_jobs import NamedJob
from serve_app.engine.batch.named_desk import NamedStatus
from serve_app.errors import InvalidInput
from serve_app.gateway.transform_lists import listed


def job(name, at_s, state="SUCCEEDED"):
    status = {"state": state, "changed_at_s": at_s + 1}
    return NamedStatus(NamedJob(name, f"j-{name}", {}, at_s), status)


JOBS = [job(f"job-{at_s}", at_s) for at_s in range(5, 0, -1)]


def names(jobs, **document):
    some, token = listed(jobs, document)
    return [one.named.name for one in some], token


def test_a_page_goes_on_where_the_last_one_ended_whatever_came_meanwhile():
    first, token = names(JOBS, MaxResults=2)
    assert first == ["job-5", "job-4"]
    later = [job("job-6", 6), *JOBS]
    assert names(later, MaxResults=2, NextToken=token) == (["job-3", "job-2"], "job-2")
    assert names(later, MaxResults=2, NextToken="job-2") == (["job-1"], None)


def test_a_page_goes_on_though_its_last_job_does_not_fit_the_filter_any_more():
    running = [job(name, at_s, "RUNNING") for name, at_s in (("c", 3), ("b", 2), ("a", 1))]
    _, token = names(running, StatusEquals="InProgress", MaxResults=1)
    running[0] = job("c", 3)
    following, _ = names(running, StatusEquals="InProgress", NextToken=token)
    assert following == ["b", "a"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"MaxResults": 0}, "from 1 to 100"),
        ({"MaxResults": 101}, "from 1 to 100"),
        ({"MaxResults": True}, "from 1 to 100"),
        ({"NextToken": "stranger"}, "NextToken is 'stranger'"),
        ({"NextToken": ["job-1"]}, "NextToken is"),
        ({"StatusEquals": "Done"}, "InProgress, Stopping, Stopped, Completed, Failed"),
        ({"StatusEquals": ["Failed"]}, "StatusEquals must be"),
        ({"NameContains": 5}, "NameContains must be a text"),
        ({"CreationTimeAfter": "yesterday"}, "CreationTimeAfter must be a time"),
        ({"SortBy": "Size"}, "SortBy must be"),
    ],
)
def test_what_is_no_filter_is_refused(document, words):
    with pytest.raises(InvalidInput, match=words):
        listed(JOBS, document)


def test_times_bound_what_is_listed():
    assert names(JOBS, CreationTimeAfter=2, CreationTimeBefore=4)[0] == ["job-4", "job-3", "job-2"]
    assert names(JOBS, LastModifiedTimeBefore=2.5)[0] == ["job-1"]
