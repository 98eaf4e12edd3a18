from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core import reference as references
from serve_app.errors import InvalidInput

models = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)
aliases = st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True)
numbers = st.integers(1, 10**18 - 1)


def test_the_alias_of_a_reference_is_what_is_no_number():
    assert references.alias_of("m@champion") == "champion"
    assert references.alias_of("m@3") is None
    assert references.alias_of("m") is None


def test_an_application_is_named_after_its_version_or_alias():
    assert references.application_name("diagnosis-xgb@3") == "diagnosis-xgb-3"
    assert references.application_name("diagnosis-xgb@champion") == "diagnosis-xgb-champion"
    with pytest.raises(InvalidInput, match="model@number"):
        references.application_name("diagnosis-xgb")


@given(models, numbers | aliases)
def test_what_is_written_as_a_reference_is_read_as_it_was_written(
    model: str, version: int | str
) -> None:
    assert references.parse(f"{model}@{version}") == (model, version)


@pytest.mark.parametrize(
    "reference",
    [
        "m",
        "m@",
        "@3",
        "m@0",
        "m@03",
        "m@-1",
        "m@²",
        "m@3\n",
        "M@3",
        "m@3@4",
        "m@Champion",
        "../m@1",
    ],
)
def test_what_names_no_version_is_refused_with_what_to_write(reference: str) -> None:
    with pytest.raises(InvalidInput, match=r"such as \S+@1, .* such as \S+@champion") as refused:
        references.parse(reference)
    assert refused.value.details == {"reference": reference}


def test_a_bare_name_is_refused_with_that_name_in_the_example() -> None:
    with pytest.raises(InvalidInput, match=r"diagnosis-forest@1"):
        references.parse("diagnosis-forest")


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a b", "a/b", "..", "é", "a\n", "a" * 64])
def test_a_name_that_no_folder_or_url_should_have_is_no_model(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a model"):
        references.check_model(name)


@pytest.mark.parametrize("alias", ["", "3", "3rd", "-a", "A", "a/b", "..", "a\n", "a" * 64])
def test_an_alias_that_could_be_mistaken_is_refused(alias: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be an alias"):
        references.check_alias(alias)


@given(st.text(max_size=5))
def test_only_numbers_written_the_one_way_are_numbers(text: str) -> None:
    found = references.number(text)
    assert found is None or (str(found) == text and found > 0)


def test_an_application_is_named_after_the_version_that_it_holds():
    assert references.application_name("diagnosis-xgb@12") == "diagnosis-xgb-12"
    assert references.split_version("diagnosis-xgb@12") == ("diagnosis-xgb", 12)
    assert references.model_of("diagnosis-xgb@champion") == "diagnosis-xgb"
    assert references.number_of("diagnosis-xgb@12") == "12"


@pytest.mark.parametrize(
    "text", ["a@1\n", "a@01", "a@", "@1", "A@1", "a" * 64 + "@1", "a@1@2", "a"]
)
def test_what_the_registry_would_refuse_names_no_version(text):
    assert not references.is_version(text)
    with pytest.raises(InvalidInput, match="does not name a version"):
        references.split_version(text)
