"""Models are listed with what people choose by; those that go meanwhile are left out."""

import pytest

from serve_app.errors import NotFound
from serve_app.registry.listed import line, listed, moves


def test_each_model_is_a_line(registry):
    registry.set_alias("line", "champion", 1, by="ada", reason="first")
    lines = {one["model"]: one for one in listed(registry)}
    assert list(lines) == registry.models()
    assert lines["line"] == line(registry, "line")
    assert (lines["line"]["newest"], lines["line"]["gives"]) == (1, "regression")
    assert lines["line"]["aliases"] == {"champion": 1}
    (move,) = moves(registry, "line")
    assert (move["alias"], move["version"], move["by"]) == ("champion", 1, "ada")


def test_a_model_that_goes_while_it_is_listed_is_left_out(registry, monkeypatch):
    names = registry.models()
    registry.delete("line", 1)
    monkeypatch.setattr(registry, "models", lambda: names)
    assert "line" not in [one["model"] for one in listed(registry)]


def test_one_that_nobody_knows_is_named_with_those_there_are(registry):
    with pytest.raises(NotFound, match="there is no model 'nobody'; models: line"):
        line(registry, "nobody")


def test_folders_are_told_whether_a_version_is_whole_or_not(registry):
    assert registry.folders()["line"] == [1]
    registry._numbers.claim("line")
    assert registry.folders()["line"] == [1, 2]
    assert registry.versions("line") == [1]
