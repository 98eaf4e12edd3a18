"""What is written as a condition, and what is said of what is not one."""

import pytest

from serve_app.errors import ConfigError
from serve_app.routing.conditions.grammar import (
    MOST_CHARACTERS,
    MOST_DEPTH,
    Absence,
    Comparison,
    Joined,
    Literal,
    Membership,
    Name,
    Negated,
    parse,
)


def test_a_comparison_knows_where_each_part_stands():
    assert parse('country == "DE"') == Comparison(
        (Name("country", 1), Literal("DE", 12)), ("==",), 1
    )


def test_and_binds_closer_than_or_and_not_closer_than_both():
    said = parse("not a or b and c")
    assert isinstance(said, Joined)
    assert said.word == "or"
    first, second = said.parts
    assert isinstance(first, Negated)
    assert (second.word, len(second.parts)) == ("and", 2)


def test_parentheses_group_and_leave_no_trace():
    assert parse("((a))") == Comparison((Name("a", 3),), (), 3)
    said = parse("(a or b) and c")
    assert (said.word, said.parts[0].word) == ("and", "or")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60", 60),
        ("-2.5", -2.5),
        ("1e3", 1000),
        (".5", 0.5),
        ("true", True),
        ("false", False),
        ("null", None),
        ('"a \\"b\\" c"', 'a "b" c'),
        ("'DE'", "DE"),
    ],
)
def test_constants_are_numbers_texts_truths_and_null(text, value):
    literal = parse(f"a == {text}").operands[1]
    assert literal.value == value
    assert type(literal.value) is type(value)


def test_lists_null_and_functions_are_read():
    assert parse('a not in ["x", 1]') == Membership(
        Name("a", 1), (Literal("x", 11), Literal(1, 16)), True, 1
    )
    assert parse("a is not null") == Absence(Name("a", 1), True, 1)
    assert parse('header("x-tier") in ["gold"]').operand == Name("x-tier", 1, "header")


def test_names_may_begin_like_words_of_the_language():
    said = parse("android == 1 and notary == 2 and isnull is null")
    assert [part.operands[0].name for part in said.parts[:2]] == ["android", "notary"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the condition is empty"),
        ("a = 1", "at character 3, at '= 1': write == to compare"),
        ("a && b", "at character 3.*write `and`"),
        ("a || b", "at character 3.*write `or`"),
        ("!a", "at character 1.*write `not`"),
        ("a ==", "ends too early, after 'a =='"),
        ("a == 1 or", "ends too early"),
        ('a == "b', "the text is not closed"),
        ("a b", "at character 3"),
        ("a in []", "at character 7"),
        ("a.b == 1", "at character 2"),
        ("(a", "ends too early"),
        ("a)", "at character 2"),
        ('__import__("os").system("x")', "at character 17"),
        ("a + 1 == 2", "at character 3"),
        ("lambda: 1", "at character 7"),
    ],
)
def test_what_is_no_condition_is_refused_where_it_stops_being_one(text, words):
    with pytest.raises(ConfigError, match=words):
        parse(text)


def test_length_and_depth_are_bounded():
    with pytest.raises(ConfigError, match=f"more than {MOST_CHARACTERS}"):
        parse("a == 1 or " * 100 + "a == 1")
    with pytest.raises(ConfigError, match=f"more than {MOST_DEPTH} deep"):
        parse("not " * (MOST_DEPTH + 1) + "a")
    assert parse("(" * 400 + "a" + ")" * 400)
