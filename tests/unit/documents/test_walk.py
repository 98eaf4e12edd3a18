"""Documents of any shape are walked through without a stumble."""

from serve_app.documents.walk import at, items, keys, mapping, texts

BODY = {"a": [{"b": "x"}, 3], "c": {"d": "y"}}


def test_texts_and_keys_are_given_with_their_places():
    assert list(texts(BODY)) == [(("a", 0, "b"), "x"), (("c", "d"), "y")]
    assert [path for path, _ in keys(BODY)] == [("a",), ("a", 0, "b"), ("c",), ("c", "d")]


def test_a_place_that_is_not_there_holds_nothing():
    assert at(BODY, ("a", 0, "b")) == "x"
    assert at(BODY, ("a", 7)) is None
    assert at(BODY, ("c", 0)) is None
    assert at(3, ("c",)) is None


def test_what_is_something_else_is_empty():
    assert mapping([1]) == {}
    assert items({"a": 1}) == []
