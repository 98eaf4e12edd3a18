"""What people read of a message."""

import pytest

from serve_app.monitoring.alerts.message import Announcement, Message, trial_message
from serve_app.monitoring.alerts.words import LONGEST_LINE, LONGEST_TITLE, MOST_LISTED, lines, title
from serve_app.monitoring.finding import Finding

NOON_S = 1_790_164_800.0
"""23 September 2026, 12:00 UTC: `date -u -d @1790164800`."""


def finding(subject="age", **more):
    return Finding("drift", "risk", "risk@1", subject, "0.31 of 0.1", **more)


def message(firing=(), resolved=()):
    return Message("m1", "ops", "risk", NOON_S, tuple(firing), tuple(resolved), len(firing))


def test_a_message_says_what_is_new_what_stands_on_and_what_is_over():
    new = Announcement(finding(severity="critical"), NOON_S)
    still = Announcement(finding("dose"), NOON_S, is_repeat=True)
    over = Announcement(finding("bmi"), NOON_S, NOON_S + 3600)
    one = message([new, still], [over])
    since = "since 2026-09-23 12:00 UTC"
    assert title(one) == "serve-app: critical: risk: 1 new, 1 on, 1 over (drift age)"
    assert lines(one) == [
        "critical: drift risk@1 age: 0.31 of 0.1 (since 2026-09-23 12:00 UTC)",
        "warning, still: drift risk@1 dose: 0.31 of 0.1 (since 2026-09-23 12:00 UTC)",
        f"over: drift risk@1 bmi: 0.31 of 0.1 ({since} until 2026-09-23 13:00 UTC)",
    ]


@pytest.mark.parametrize("evil", ["a\r\nBcc: x@y.z", "a\u2028b\0c\x1b[31m", "a\u202eb", "\ud800"])
def test_names_that_clients_make_up_stay_in_their_line(evil):
    one = message([Announcement(finding(evil), NOON_S)])
    for text in (title(one), *lines(one)):
        assert not any(mark in text for mark in "\r\n\0\x1b\u2028\u202e\ud800")
        text.encode()


def test_long_ones_are_cut():
    many = [Announcement(finding(f"{number}" * 1000), NOON_S) for number in range(100)]
    one = message(many)
    assert len(title(one)) <= LONGEST_TITLE
    assert len(lines(one)) == MOST_LISTED + 1
    assert lines(one)[-1] == "and 50 more"
    assert max(map(len, lines(one))) <= LONGEST_LINE


def test_a_test_message_says_that_it_is_one():
    one = trial_message("ops", "m1", NOON_S)
    assert title(one) == "serve-app: test message"
    assert one.is_test
    assert "nothing is wrong" in lines(one)[0]
