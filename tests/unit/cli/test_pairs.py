import click
import pytest

from serve_app.cli.pairs import Pair


@pytest.mark.parametrize(
    ("given", "pair"),
    [
        ("patient=p-17", ("patient", "p-17")),
        ("where=a=b", ("where", "a=b")),
        ("empty=", ("empty", "")),
        (("already", "read"), ("already", "read")),
    ],
)
def test_the_first_equals_sign_parts_a_name_from_its_text(given, pair):
    assert Pair("NAME=VALUE", "patient=p-17").convert(given, None, None) == pair


@pytest.mark.parametrize("given", ["patient", "=p-17", "", "="])
def test_what_has_no_name_or_no_sign_is_refused_with_an_example(given):
    with pytest.raises(click.BadParameter, match="NAME=VALUE; write for example patient=p-17"):
        Pair("NAME=VALUE", "patient=p-17").convert(given, None, None)


def test_a_text_that_is_needed_may_not_be_empty():
    with pytest.raises(click.BadParameter, match="'churn=' is no MODEL=FILE"):
        Pair("MODEL=FILE", "churn=golden.csv", needs_value=True).convert("churn=", None, None)
