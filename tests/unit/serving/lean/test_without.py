"""A module is imported as if a library were not installed; nothing else notices."""

import importlib
import sys

import pytest

from serve_app.serving.lean.without import Without, hidden

MODULE = """
try:
    import heavy_library as heavy
except ImportError:
    heavy = None
"""


@pytest.fixture
def modules(tmp_path, monkeypatch):
    (tmp_path / "heavy_library.py").write_text("")
    for name in ("frugal", "usual"):
        (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [Without({"frugal": ["heavy_library"]}), *sys.meta_path])
    yield
    for name in ("heavy_library", "frugal", "usual"):
        sys.modules.pop(name, None)


def test_one_module_does_without_and_the_next_one_has_it(modules):
    assert importlib.import_module("frugal").heavy is None
    assert "heavy_library" not in sys.modules
    assert importlib.import_module("usual").heavy is not None


def test_what_was_imported_before_stays(modules):
    before = importlib.import_module("heavy_library")
    assert importlib.import_module("frugal").heavy is before


def test_a_library_is_there_again_though_the_import_failed(modules):
    def fail():
        with hidden(["heavy_library"]):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own
        fail()
    assert importlib.import_module("heavy_library")


def test_a_module_that_is_not_there_is_not_found(modules):
    finder = Without({"not_there": ["heavy_library"]})
    assert finder.find_spec("not_there", None) is None
