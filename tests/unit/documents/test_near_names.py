"""Of the names that are known, the one that was meant."""

import pytest

from serve_app.documents.near_names import did_you_mean, nearest_names, same_names

KNOWN = ["minReplicas", "maxReplicas", "groupName", "ips"]


@pytest.mark.parametrize("written", ["min_replicas", "MinReplicas", "min-replica"])
def test_case_separators_and_plurals_make_no_other_name(written):
    assert same_names(written, KNOWN) == ["minReplicas"]


def test_the_nearest_is_named_and_none_where_none_is_near():
    assert nearest_names("maxReplcias", KNOWN) == ["maxReplicas"]
    assert nearest_names("isp", KNOWN) == ["ips"]
    assert nearest_names("zebra", KNOWN) == []


def test_a_message_asks_whether_that_was_meant():
    assert did_you_mean("diagnsis", ["diagnosis", "churn"]) == " Did you mean 'diagnosis'?"
    assert did_you_mean("zebra", ["diagnosis", "churn"]) == ""
