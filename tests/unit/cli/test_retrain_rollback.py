"""A rollback waits until endpoints answer with what is champion again, where there are some."""

import pytest

from serve_app.cli import retrain_rollback
from serve_app.cli.retrain_rollback import FollowingCluster
from serve_app.errors import NotPermitted


class Place:
    """A cluster that says one thing after the other; none where there is nothing to say."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def ask(self, question, otherwise):
        return question(self) if self._answers else otherwise()

    def follow_aliases(self):
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def followed(loaded=("m@1",), waiting=None, behind=()):
    return {"loaded": [*loaded], "waiting": waiting or {}, "behind": [*behind], "snapshot": 3}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(retrain_rollback, "PAUSE_S", 0.0)


def test_it_waits_for_versions_and_for_gateways():
    cluster = FollowingCluster(
        Place(
            followed(["m@2", "m@1"]),
            followed(["m@2"], {"e": ["m@1"]}),
            followed(["m@1"], behind=["gateway-7"]),
            followed(["m@1"]),
        )
    )
    assert cluster.loaded() == {"m@1", "m@2"}
    assert cluster.wait("m@1") == ([], True)
    assert cluster.answers


def test_who_waits_for_longer_than_is_waited_is_named(monkeypatch):
    monkeypatch.setattr(retrain_rollback, "PATIENCE_S", -1.0)
    late = followed(["m@2"], {"f": ["m@1"], "e": ["m@1", "n@1"], "g": ["n@1"]})
    assert FollowingCluster(Place(late)).wait("m@1") == (["e", "f"], False)


def test_a_cluster_in_which_nobody_asks_the_version_is_not_waited_for():
    assert FollowingCluster(Place(followed(["n@1"]))).wait("m@1") == ([], False)


@pytest.mark.parametrize("answers", [(), (NotPermitted("admin:models is needed"),)])
def test_without_a_cluster_that_can_be_asked_there_is_nothing_to_wait_for(answers, capsys):
    cluster = FollowingCluster(Place(*answers))
    assert cluster.loaded() == frozenset()
    assert not cluster.answers
    assert cluster.wait("m@1") == ([], False)
    assert ("admin:models is needed" in capsys.readouterr().err) is bool(answers)
