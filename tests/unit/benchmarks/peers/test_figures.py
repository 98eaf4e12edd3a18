"""Medians, spreads and ratios."""

from benchmarks.peers.figures import Spread, best, by_peer, open_rates, ratio


def test_a_spread_is_the_median_between_least_and_most() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert Spread.of([1.0, 2.0]).median == 1.5


def test_the_best_is_looked_for_among_its_kind_only() -> None:
    kinds = {"a": "peer", "b": "peer", "c": "ceiling"}
    rates = {"a": 10.0, "b": 30.0, "c": 900.0}
    assert best(rates, kinds, "peer") == 30.0
    assert best(rates, kinds, "ours") is None


def test_there_is_no_ratio_to_nothing() -> None:
    assert ratio(10.0, 4.0) == 2.5
    assert ratio(10.0, None) is None
    assert ratio(10.0, 0.0) is None


def test_arrivals_come_at_half_of_the_best_peer_and_half_of_ours() -> None:
    kinds = {"a": "peer", "ours": "ours", "c": "ceiling"}
    assert open_rates({"a": 100.0, "ours": 900.0, "c": 9000.0}, kinds) == [50.0, 450.0]
    assert open_rates({"c": 9000.0}, kinds) == []


def test_what_belongs_to_a_server_is_gathered_in_order() -> None:
    assert by_peer(["b1", "a1", "b2"], lambda one: one[0]) == {"b": ["b1", "b2"], "a": ["a1"]}
