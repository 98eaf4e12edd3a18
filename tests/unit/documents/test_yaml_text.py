"""YAML is written as people like to read it, and says the same."""

import yaml

from serve_app.documents.yaml_text import yaml_documents, yaml_text


def test_what_stands_twice_is_written_twice():
    part = {"a": [1]}
    text = yaml_text({"one": part, "two": part})
    assert "&" not in text
    assert yaml.safe_load(text) == {"one": part, "two": part}


def test_texts_of_several_lines_stand_as_they_are():
    assert yaml_text({"config": "a: 1\nb: 2\n"}) == "config: |\n  a: 1\n  b: 2\n"


def test_lists_are_indented_and_keys_keep_their_order():
    assert yaml_text({"b": [1], "a": 2}) == "b:\n  - 1\na: 2\n"


def test_several_documents_are_kept_apart():
    assert list(yaml.safe_load_all(yaml_documents([{"a": 1}, {"b": 2}]))) == [{"a": 1}, {"b": 2}]
