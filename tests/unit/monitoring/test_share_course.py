"""Shares over time are few points, of which the last one is what stands."""

import json

from hypothesis import given
from hypothesis import strategies as st

from serve_app.monitoring.share_course import LEAST_APART_S, MOST_POINTS, ShareCourse, SharePoint


def course_of(steps):
    course = ShareCourse()
    for at_s, share in steps:
        course = course.after(at_s, {"a@1": share, "b@1": 1 - share})
    return course


def test_what_is_new_is_a_point_and_the_same_is_none():
    course = course_of([(0.0, 0.5), (100.0, 0.5), (200.0, 0.75)])
    assert course.points == (
        SharePoint(0.0, {"a@1": 0.5, "b@1": 0.5}),
        SharePoint(200.0, {"a@1": 0.75, "b@1": 0.25}),
    )
    assert course.of("b@1") == [{"at_s": 0.0, "share": 0.5}, {"at_s": 200.0, "share": 0.25}]
    assert course.of("gone@1") == []
    again = ShareCourse.from_json(json.loads(json.dumps(course.to_json())))
    assert again == course
    assert ShareCourse.from_json(None) == ShareCourse()


def test_points_are_not_nearer_than_a_minute_unless_arms_change():
    course = course_of([(0.0, 0.5), (10.0, 0.6)])
    assert len(course.points) == 1
    assert len(course.after(10.0, {"a@1": 1.0}).points) == 2


def test_a_clock_that_was_set_back_does_not_turn_the_order():
    course = course_of([(1_000.0, 0.5), (2_000.0, 0.6), (1_500.0, 0.7)])
    assert [one.at_s for one in course.points] == [1_000.0, 1_500.0]


@given(st.lists(st.floats(1, 5_000), min_size=1, max_size=600))
def test_however_long_it_runs_the_points_stay_few_and_in_order(steps_s):
    at_s, steps = 0.0, []
    for place, step_s in enumerate(steps_s):
        at_s += step_s
        steps.append((at_s, (place % 7) / 10))
    course = course_of(steps)
    times_s = [one.at_s for one in course.points]
    assert len(times_s) <= MOST_POINTS
    assert times_s == sorted(set(times_s))
    assert times_s[0] == steps[0][0]
    # What is left out at the end is no longer than the points are apart.
    apart_s = max(LEAST_APART_S, (at_s - times_s[0]) / MOST_POINTS)
    assert at_s - times_s[-1] <= apart_s + max(steps_s)
