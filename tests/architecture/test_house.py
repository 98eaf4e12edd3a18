"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from serve_app.core.combine import COMBINE
from serve_app.errors import ServeError
from serve_app.gateway.errors import STATUS
from serve_app.models import FLAVOURS
from serve_app.routing import KINDS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "serve_app"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}
FUTURE = "from __future__ import annotations"
MAX_LINES = 350
MAX_FUNCTION_LINES = 50
VAGUE_WORDS = {"asked", "described", "found", "said", "spoken", "told"}
"""They say that something happened to a value, and not what it is."""
TERMS = {"notfound", "not_found"}
"""The error of that name and its code, as clients know them."""


def name(path):
    return str(path.relative_to(ROOT))


def read_at_run_time(path):
    """Files whose annotations Ray or pydantic reads."""
    folders = {PACKAGE / "config", PACKAGE / "serving"}
    return path == PACKAGE / "app.py" or bool(folders & set(path.parents))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_annotations_are_text_except_where_ray_reads_them(path):
    if read_at_run_time(path):
        assert FUTURE not in path.read_text()
    elif any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in TREES[path].body):
        assert FUTURE in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_stay_small(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


def test_modules_are_named_after_what_they_hold():
    empty_words = {"utils", "util", "helpers", "helper", "common", "managers", "misc"}
    assert not {path.stem for path in FILES} & empty_words


def bound(node):
    """The names that a node of a syntax tree gives to something."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return [node.id if isinstance(node, ast.Name) else node.attr]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.alias):
        return [node.asname or ""]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return [node.name or ""]
    return []


def vague(word):
    """Whether one of the parts of a name, as of `rows_found` or `RowsFound`, is a vague word."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower().split("_")
    return word.strip("_").lower() not in TERMS and bool(VAGUE_WORDS.intersection(parts))


def test_names_say_what_a_value_is():
    names = {
        f"{name(path)}:{node.lineno} {word}"
        for path in FILES
        for node in ast.walk(TREES[path])
        for word in bound(node)
        if vague(word)
    }
    assert not names
    assert not [name(path) for path in FILES if vague(path.stem)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("said", True),
        ("_rows_found", True),
        ("RowsTold", True),
        ("NotFound", False),
        ("not_found", False),
        ("founded", False),
    ],
)
def test_a_vague_word_is_a_whole_part_of_a_name(word, expected):
    assert vague(word) is expected


@pytest.mark.parametrize("path", FILES, ids=name)
def test_what_is_public_says_what_it_is(path):
    tree = TREES[path]
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize(
    "place", [*FLAVOURS.values(), *KINDS.values()], ids=lambda place: place.rpartition(":")[2]
)
def test_every_name_in_a_table_leads_to_a_class(place):
    module, _, attribute = place.partition(":")
    assert isinstance(getattr(import_module(module), attribute), type)


def test_routes_and_ways_to_combine_are_those_of_the_settings():
    from typing import get_args

    from serve_app.config import EnsembleRoute
    from serve_app.config.routes import settings_models

    tags = [get_args(model.model_fields["kind"].annotation) for model in settings_models()]
    assert tags == [(kind,) for kind in sorted(KINDS)]
    # A stack is combined by a model, and not by a function.
    ways = {*COMBINE, "stack"}
    assert set(get_args(EnsembleRoute.model_fields["combine"].annotation)) == ways


def test_every_error_has_a_code_of_its_own_and_a_status():
    def every(kind):
        yield kind
        for inner in kind.__subclasses__():
            if inner.__module__ == "serve_app.errors":
                yield from every(inner)

    kinds = set(every(ServeError)) - {ServeError}
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert any(ancestor in STATUS for ancestor in kind.__mro__), kind


def tracked():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [ROOT / path for path in listed if (ROOT / path).is_file()]


def test_no_machine_of_ours_is_named_anywhere():
    places = ("/" + "work/", "/root" + "/", "/home" + "/")
    # Where packages come from is each reader's own business; an example's address names nobody.
    index = re.compile(r"(?:find-links|index-url)[\"' =]+\w+://(?!\S*\.example\b)")
    for path in tracked():
        text = path.read_text(errors="replace")
        assert not any(place in text for place in places), path
        assert not index.search(text), path


@pytest.mark.parametrize("pins", ["constraints.txt", "tests/clients/requirements.txt"])
def test_pins_are_names_and_versions_alone(pins):
    for line in (ROOT / pins).read_text().splitlines():
        package, separator, version = line.partition("==")
        assert separator, line
        assert package.replace("-", "").replace("_", "").replace(".", "").isalnum(), line
        assert version[0].isdigit(), line


def test_every_requirement_is_pinned():
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    wanted = {
        line.strip().lower().replace("_", "-")
        for line in (ROOT / "requirements-dev.txt").read_text().splitlines()
    }
    assert wanted <= pinned
