"""Several clients share the traffic of an endpoint, and end together."""

import threading

import pytest

from serve_app.errors import InvalidInput
from serve_app.examples.clients import Answer, Case, Traffic
from serve_app.examples.crowd import Crowd, Target

CASES = [Case({"n": n}, "yes") for n in range(5)]


class Endpoint:
    """Answers at once, and remembers who asked in which thread."""

    def __init__(self, error=None):
        self.error = error
        self.subjects = []
        self.threads = set()
        self.truths = []

    def predict(self, row, subject):
        if self.error is not None:
            raise self.error
        self.subjects.append(subject)
        self.threads.add(threading.get_ident())
        return Answer(f"id-{subject}", "yes", ("m@1",))

    def give_feedback(self, answer, truth):
        self.truths.append((answer.prediction_id, truth))


def crowd(*endpoints, clients=3, duration_s=0.3, rate_per_s=200.0):
    targets = [
        Target(f"endpoint-{n}", one, CASES, numeric=False) for n, one in enumerate(endpoints)
    ]
    traffic = Traffic(rate_per_s, duration_s, feedback_delay_s=0.01)
    return Crowd(targets, traffic, clients=clients, seed=7)


def test_clients_send_side_by_side_and_the_same_for_a_seed():
    first, again = Endpoint(), Endpoint()
    tallies = crowd(first).run(lambda _: None)
    crowd(again).run(lambda _: None)
    assert len(first.threads) == 3
    assert sorted(first.subjects) == sorted(again.subjects)
    assert tallies["endpoint-0"].answered == tallies["endpoint-0"].feedback == len(first.truths)
    # 60 are expected; 6 standard deviations are 46.
    assert 14 <= len(first.subjects) <= 106


def test_endpoints_have_traffic_of_their_own():
    first, second = Endpoint(), Endpoint()
    tallies = crowd(first, second).run(lambda _: None)
    assert tallies.keys() == {"endpoint-0", "endpoint-1"}
    assert sorted(first.subjects) != sorted(second.subjects)
    assert tallies["endpoint-1"].answered == len(second.subjects)


def test_what_ends_one_client_ends_all():
    with pytest.raises(InvalidInput, match="no such column"):
        crowd(Endpoint(InvalidInput("no such column")), Endpoint(), duration_s=600.0).run(
            lambda _: None
        )
    assert threading.active_count() < 6


def test_an_interrupt_ends_all_and_what_was_seen_remains():
    endpoint = Endpoint()
    made = crowd(endpoint, duration_s=600.0)

    def interrupt(tallies):
        assert tallies["endpoint-0"].answered
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.run(interrupt)
    assert made.tallies()["endpoint-0"].answered == len(endpoint.subjects)
