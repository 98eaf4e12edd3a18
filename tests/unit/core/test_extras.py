import importlib
import sys

import pytest

from serve_app.core.extras import missing, require


def test_what_is_installed_is_needed_without_being_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "mako", raising=False)
    require("mako", "pandas")
    assert "mako" not in sys.modules


def test_the_error_of_what_is_missing_names_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match=r"optuna is not .*serve-app\[train\]") as error:
        require("pandas", "optuna")
    assert missing(error.value) == str(error.value)


def test_a_module_of_no_extra_is_not_explained():
    assert missing(ModuleNotFoundError("No module named 'mine'", name="mine")) is None


def test_registering_from_python_says_what_to_install(monkeypatch):
    name = "serve_app.engine.registration"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'serve-app\[train\]'"):
        importlib.import_module(name)
