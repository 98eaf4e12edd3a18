"""The commit in a manifest is that of the user's project."""

from pathlib import Path

import pytest

import serve_app
from serve_app.engine.registration.commit import commit_of
from tests.unit.engine.repositories import committed


def test_a_folder_anywhere_in_a_repository_has_its_commit(tmp_path):
    commit = committed(tmp_path / "project")
    inside = tmp_path / "project" / "models"
    inside.mkdir()
    assert commit_of([tmp_path / "project"]) == commit
    assert commit_of([inside]) == commit


def test_outside_of_any_repository_there_is_none(tmp_path):
    assert commit_of([tmp_path]) is None
    assert commit_of([tmp_path / "nowhere"]) is None
    assert commit_of([]) is None


def test_the_first_folder_in_a_repository_decides(tmp_path):
    first, second = committed(tmp_path / "first"), committed(tmp_path / "second")
    assert first != second
    assert commit_of([tmp_path, tmp_path / "second", tmp_path / "first"]) == second


def test_a_checkout_of_this_project_is_nobodys_model(tmp_path):
    own = tmp_path / "own"
    (own / "serve_app").mkdir(parents=True)
    (own / "serve_app" / "__init__.py").touch()
    (own / "pyproject.toml").write_text('[project]\nname = "serve-app"\n')
    committed(own)
    (own / "registry").mkdir()
    assert commit_of([own]) is None
    assert commit_of([own / "registry"]) is None
    assert commit_of([Path(serve_app.__file__).parent]) is None


def test_a_project_with_a_package_of_that_name_is_its_own(tmp_path):
    project = tmp_path / "project"
    (project / "serve_app").mkdir(parents=True)
    (project / "serve_app" / "__init__.py").touch()
    (project / "pyproject.toml").write_text('[project]\nname = "churn"\n')
    commit = committed(project)
    assert commit_of([project]) == commit


def test_a_repository_without_a_commit_has_none(tmp_path):
    committed(tmp_path, commits=0)
    assert commit_of([tmp_path]) is None


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE"])
def test_the_repository_of_a_hook_that_runs_is_not_taken(tmp_path, monkeypatch, variable):
    commit = committed(tmp_path / "project")
    committed(tmp_path / "other")
    value = tmp_path / "other" / (".git" if variable == "GIT_DIR" else "")
    monkeypatch.setenv(variable, str(value))
    assert commit_of([tmp_path / "project"]) == commit


def test_without_git_there_is_none(tmp_path, monkeypatch):
    committed(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of([tmp_path]) is None
