"""What several packages' tests share."""

import os
from pathlib import Path

import pytest

from serve_app.engine.register import register
from serve_app.examples.trained import EXAMPLES
from serve_app.registry.store import Registry


@pytest.fixture(scope="session")
def candidates():
    """Every example model, trained once."""
    return {name: make() for models in EXAMPLES.values() for name, make in models.items()}


@pytest.fixture(scope="session")
def trained_home(candidates, tmp_path_factory):
    """A folder whose `registry` holds version 1 of every example model."""
    home = tmp_path_factory.mktemp("trained")
    store = Registry(str(home / "registry"))
    for candidate in candidates.values():
        register(store, candidate)
    return home


@pytest.fixture
def home(trained_home, monkeypatch):
    """The same folder, as the one that commands run in."""
    monkeypatch.chdir(trained_home)
    before = dict(os.environ)
    yield Path(trained_home)
    for name in set(os.environ) - set(before):
        del os.environ[name]
