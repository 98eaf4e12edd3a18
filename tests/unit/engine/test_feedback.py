"""Feedback is kept once, completed by what comes later, and counted by who it is about."""

import multiprocessing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.feedback import Feedback, Received
from serve_app.engine import feedback as kept
from serve_app.engine.feedback import SqliteFeedback
from serve_app.errors import RegistryFailed


@pytest.fixture
def store(tmp_path):
    return SqliteFeedback(str(tmp_path / "state"))


def about(prediction_id="p-1", **more):
    return Feedback("risk", prediction_id, **{"variants": ("a@1",), "request_id": "r-1", **more})


def test_nothing_is_there_before_anything_is_kept(store, tmp_path):
    assert store.received() == []
    assert list(store.all()) == []
    assert not (tmp_path / "state").exists()


def test_what_is_said_is_found_by_whoever_opens_the_folder_next(store, tmp_path):
    assert store.record(about(truth_json='["krank", null, 2]', reward=0.5), 17.25) == "stored"
    assert list(SqliteFeedback(str(tmp_path / "state")).all()) == [
        {
            "endpoint": "risk",
            "prediction_id": "p-1",
            "variants": ["a@1"],
            "truth": ["krank", None, 2],
            "reward": 0.5,
            "request_id": "r-1",
            "received_at_s": 17.25,
        }
    ]


def test_saying_it_twice_counts_once_and_the_first_word_stands(store):
    assert store.record(about(reward=1.0), 1.0) == "stored"
    assert store.record(about(reward=1.0), 2.0) == "known"
    assert store.record(about(reward=0.0), 3.0) == "known"
    (one,) = store.all()
    assert (one["reward"], one["received_at_s"]) == (1.0, 1.0)


@pytest.mark.parametrize("turned", [False, True])
def test_a_truth_that_comes_after_a_reward_completes_it(store, turned):
    parts = [{"reward": 1.0}, {"truth_json": '["ill"]'}]
    first, second = reversed(parts) if turned else parts
    assert store.record(about(**first), 1.0) == "stored"
    assert store.record(about(**second), 2.0) == "completed"
    assert store.record(about(**first, **second), 3.0) == "known"
    (one,) = store.all()
    assert (one["truth"], one["reward"]) == (["ill"], 1.0)


def test_ids_are_those_of_an_endpoint_and_without_one_everything_is_kept(store):
    assert store.record(about(reward=1.0), 1.0) == "stored"
    assert store.record(Feedback("other", "p-1", reward=1.0), 1.0) == "stored"
    for _ in range(2):
        assert store.record(about(None, reward=1.0), 1.0) == "stored"
    assert [one["endpoint"] for one in store.all()] == ["risk", "other", "risk", "risk"]


def test_it_is_counted_by_endpoint_and_variants(store):
    store.record(about("p-1", reward=1.0), 1.0)
    store.record(about("p-2", reward=0.5, truth_json='["ill"]'), 1.0)
    store.record(about("p-3", truth_json='["well"]', variants=("a@1", "b@2")), 1.0)
    store.record(Feedback("age", "p-1", reward=3.0), 1.0)
    assert store.received() == [
        Received("age", (), 1, 0, 1, 3.0),
        Received("risk", ("a@1",), 2, 1, 2, 0.75),
        Received("risk", ("a@1", "b@2"), 1, 1, 0, None),
    ]
    assert [one.endpoint for one in store.received("age")] == ["age"]
    assert [one["prediction_id"] for one in store.all("risk")] == ["p-1", "p-2", "p-3"]


def test_the_oldest_leave_first(store, monkeypatch):
    monkeypatch.setattr(kept, "KEPT", 3)
    for number in range(5):
        store.record(about(f"p-{number}", reward=1.0), 1.0)
    assert [one["prediction_id"] for one in store.all()] == ["p-2", "p-3", "p-4"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(RegistryFailed, match="state"):
        SqliteFeedback(str(tmp_path / "state")).record(about(reward=1.0), 1.0)


def test_the_oldest_leave_when_all_are_too_long(store, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "KEPT_BYTES", 1_000_000)
    truth = '"' + "x" * 20_000 + '"'
    for number in range(300):
        store.record(about(f"p-{number}", truth_json=truth), 1.0)
    left = [one["prediction_id"] for one in store.all()]
    assert 0 < len(left) < 100
    assert left[-1] == "p-299"
    assert (tmp_path / "state" / "feedback.sqlite").stat().st_size < 2_000_000


def test_whoever_reads_slowly_reads_everything_page_by_page(store, monkeypatch):
    monkeypatch.setattr(kept, "_PAGE", 3)
    for number in range(7):
        store.record(about(f"p-{number}", reward=1.0), 1.0)
    reading = store.all()
    first = next(reading)
    store.record(about("p-7", reward=1.0), 1.0)
    assert [first["prediction_id"], *(one["prediction_id"] for one in reading)] == [
        f"p-{number}" for number in range(8)
    ]


def test_who_answered_may_be_said_later(store):
    store.record(about(reward=1.0, variants=()), 1.0)
    assert store.record(about(truth_json="1", variants=("a@1",)), 2.0) == "completed"
    (received,) = store.received()
    assert received.variants == ("a@1",)


SAID = st.tuples(st.sampled_from(["p", "q"]), st.none() | st.just("[1]"), st.none() | st.just(2.0))


@given(said=st.lists(SAID, max_size=8))
def test_in_the_end_everything_that_was_said_is_there_once(tmp_path_factory, said):
    store = SqliteFeedback(str(tmp_path_factory.mktemp("law")))
    for identity, truth, reward in said:
        store.record(about(identity, truth_json=truth, reward=reward), 1.0)
    found = {one["prediction_id"]: (one["truth"], one["reward"]) for one in store.all()}
    assert found == {
        name: (
            next(([1] for i, t, _ in said if i == name and t is not None), None),
            next((r for i, _, r in said if i == name and r is not None), None),
        )
        for name in {identity for identity, _, _ in said}
    }


def _tell(folder, start):
    store = SqliteFeedback(folder)
    for number in range(20):
        store.record(about(f"p-{start + number}", reward=1.0), 1.0)


def test_two_processes_may_write_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    # Half of what one tells, the other one tells too.
    processes = [context.Process(target=_tell, args=(str(tmp_path), start)) for start in (0, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    (received,) = SqliteFeedback(str(tmp_path)).received()
    assert received.total == 30
