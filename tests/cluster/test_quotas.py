"""Rows of a day on a real cluster: shared by its gateways, and not given again by a restart."""

import copy
import json

import pytest

from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import application, config, endpoints, until

pytestmark = pytest.mark.long

LIMIT, DISTINCT = 3_000, 600
ROWS = 50


@pytest.fixture(scope="module")
def limited(cluster):
    cluster.start()
    body = config("inline")
    named = endpoints(body)
    named["again"] = copy.deepcopy(named["diagnosis"])
    gateway = application(body, "gateway")
    gateway["args"]["limits"] = {
        "default": {"rows_per_day": LIMIT, "distinct_rows_per_day": DISTINCT},
        "on_unknown": "refuse",
    }
    gateway["deployments"][0]["autoscaling_config"] |= {"min_replicas": 2, "max_replicas": 2}
    cluster.deploy(body)
    until(lambda: len(cluster.replicas("gateway")) == 2, timeout_s=90, what="two gateways")
    return cluster


@pytest.fixture(scope="module")
def rows():
    return json.loads(breast_cancer().frame.head(ROWS).to_json(orient="records"))


def asked(limited, rows, words, endpoint="diagnosis"):
    """How many rows passed, and whether it was refused for the rest of the day."""
    answer = limited.request(f"/v1/models/{endpoint}:predict", {"instances": rows})
    if answer.status == 200:
        return len(rows), False
    assert answer.status == 429
    # A lease that is on its way is waited for; the end of the day is another matter.
    return 0, words in answer.json()["error"]


def test_all_gateways_together_answer_about_so_many_different_rows_a_day(limited, rows):
    column = next(iter(rows[0]))
    passed, number = 0, 0

    def used_up():
        nonlocal passed, number
        number += 1
        # Ten rows of which no gateway was asked before.
        others = [{**one, column: one[column] + number / 1_000} for one in rows[:10]]
        more, is_over = asked(limited, others, f"limited to {DISTINCT} a day, and these are more")
        passed += more
        return is_over

    for _ in range(6):
        until(used_up, timeout_s=60, what="the end of different rows")
    # Estimates of so few are good to a few percent, and each gateway lets its first hundred pass.
    assert 0.85 * DISTINCT <= passed <= 1.1 * DISTINCT + 2 * 100


def test_all_gateways_together_answer_so_many_rows_a_day(limited, rows):
    passed = 0

    def used_up():
        nonlocal passed
        more, is_over = asked(limited, rows, f"are limited to {LIMIT} a day", "again")
        passed += more
        return is_over

    # Each gateway has to hear that nothing is left, hence several refusals in a row.
    for _ in range(6):
        until(used_up, timeout_s=60, what="the end of the rows")
    # At the end a gateway may hold a hundred that nobody asks it for; each lets its first pass.
    assert LIMIT - 200 <= passed <= LIMIT + 200


def test_control_that_starts_again_gives_no_rows_twice(limited, rows):
    (control,) = limited.replicas("control")
    limited.kill(control)
    until(
        lambda: limited.replicas("control") not in ([], [control]),
        timeout_s=60, what="another control",
    )  # fmt: skip
    for endpoint in ("diagnosis", "again"):
        for _ in range(10):
            answer = limited.request(f"/v1/models/{endpoint}:predict", {"instances": rows})
            assert answer.status == 429
