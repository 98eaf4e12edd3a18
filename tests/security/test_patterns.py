"""No text makes a pattern of ours take long, however near it comes to matching."""

import ast
import importlib
import itertools
import re
import time
from pathlib import Path
from re import _parser as parser

import pytest

ROOT = Path(__file__).parents[2]
LETTERS = 8192
"""As many as HAProxy and our servers take of all headers, and more than a name may have."""
LONGEST_S = 0.02
"""What is linear takes a tenth of it at most, what is quadratic more."""
MOST_KINDS = 8
SEARCHES = ("search", "finditer", "findall", "sub", "subn", "split")
# Read from files of whoever runs the process, never from those who ask.
OPERATORS = {("serve_app.models.declared", "_PARTS")}


def _patterns():
    """Each pattern of a module, once, with the methods by which the module uses it."""
    for path in sorted((ROOT / "serve_app").rglob("*.py")):
        source = path.read_text()
        if "re.compile(" not in source:
            continue
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and "re.compile(" in ast.unparse(node):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                name = ast.unparse(target)
                searched = any(f"{name}.{method}" in source for method in SEARCHES)
                yield pytest.param(module, name, searched, id=f"{module}.{name}")


LETTER = {
    "LITERAL": chr,
    "NOT_LITERAL": chr,
    "RANGE": lambda value: chr(value[0]),
    "CATEGORY": lambda value: KINDS.get(str(value), "!"),
    "ANY": lambda _: "x",
}
KINDS = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
WITHIN = {
    "IN": lambda value: [value],
    "ATOMIC_GROUP": lambda value: [value],
    "MAX_REPEAT": lambda value: [value[2]],
    "MIN_REPEAT": lambda value: [value[2]],
    "POSSESSIVE_REPEAT": lambda value: [value[2]],
    "SUBPATTERN": lambda value: [value[3]],
    "ASSERT": lambda value: [value[1]],
    "ASSERT_NOT": lambda value: [value[1]],
    "BRANCH": lambda value: value[1],
}
"""A letter of a part of a pattern, and the parts within a part, as Python's parser names them."""


def _letters(items):
    """Letters of each kind that a pattern has a place for."""
    for code, value in items:
        if str(code) in LETTER:
            yield LETTER[str(code)](value)
        for part in WITHIN.get(str(code), lambda _: ())(value):
            yield from _letters(part)


def _beginning(items):
    """The letters with which all that a pattern matches begins."""
    literal = itertools.takewhile(lambda item: str(item[0]) == "LITERAL", items)
    return "".join(chr(value) for _, value in literal)


def near_misses(pattern):
    """Texts that go on as a pattern does, and end as it does not."""
    items = parser.parse(pattern.pattern, pattern.flags)
    kinds = list(dict.fromkeys(_letters(items)))[:MOST_KINDS]
    kinds = list(dict.fromkeys([*kinds, "a", "0", " "]))
    for begin in {"", _beginning(items)}:
        for one, other in itertools.product(kinds, kinds):
            text = begin + ((one + other) * LETTERS)[:LETTERS] + "\x00"
            yield text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


def compiled(module, name):
    made = getattr(importlib.import_module(module), name)
    for one in made.values() if isinstance(made, dict) else [made]:
        if isinstance(one, re.Pattern):
            yield one


@pytest.mark.parametrize(("module", "name", "searched"), list(_patterns()))
def test_a_pattern_takes_time_by_the_length_of_a_text_alone(module, name, searched):
    if (module, name) in OPERATORS:
        pytest.skip("nobody who asks gives it a text")
    for pattern in compiled(module, name):
        uses = [pattern.fullmatch, pattern.match, *([pattern.search] if searched else [])]
        for text in near_misses(pattern):
            for use in uses:
                # The quickest of several: machines are shared.
                quick = any(_seconds(use, text) <= LONGEST_S for _ in range(3))
                assert quick, (pattern.pattern, text[:40])


def _seconds(use, text):
    began_s = time.thread_time()
    use(text)
    return time.thread_time() - began_s


def test_a_pattern_that_is_quadratic_would_be_seen():
    pattern = re.compile(r"\s*x")
    assert any(_seconds(pattern.search, text) > LONGEST_S for text in near_misses(pattern))
