"""The commit in a manifest is that of the user's project."""

import subprocess
from pathlib import Path

import pytest

import serve_app
from serve_app.engine.registration.commit import source_code_of
from tests.unit.engine.repositories import committed


def commit_of(folders):
    code = source_code_of(folders)
    return None if code is None else code.commit


def difference(folder):
    code = source_code_of([folder])
    assert code is not None
    assert code.is_dirty == (code.diff_sha256 is not None)
    return code.diff_sha256


def git(folder, *arguments):
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path):
    """A repository with a committed file of each kind."""
    folder = tmp_path / "project"
    committed(folder)
    (folder / "train.py").write_text("x = 1\n")
    (folder / "notes.txt").write_text("first\n")
    (folder / ".gitignore").write_text("build/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "files")
    return folder


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


def test_a_clean_project_differs_in_nothing(project):
    assert difference(project) is None
    (project / "data.csv").write_text("a\n1\n")
    (project / "build").mkdir()
    (project / "build" / "made.py").write_text("y = 1\n")
    assert difference(project) is None


def test_what_was_changed_has_a_digest_of_its_own_and_the_same_one_again(project):
    seen = set()
    for text in ("x = 2\n", "x = 3\n"):
        (project / "train.py").write_text(text)
        assert difference(project) == difference(project / ".")
        seen.add(difference(project))
    assert len(seen) == 2
    git(project, "add", ".")
    # Whether a change is staged is not what a model was made of.
    assert difference(project) in seen
    git(project, "commit", "-q", "-m", "more")
    assert difference(project) is None


def test_code_that_is_not_tracked_counts(project):
    (project / "steps.py").write_text("y = 1\n")
    first = difference(project)
    (project / "steps.py").write_text("y = 2\n")
    assert None is not first != difference(project)
    (project / "steps.py").unlink()
    assert difference(project) is None


def test_settings_of_the_user_do_not_change_the_digest(project, tmp_path, monkeypatch):
    (project / "train.py").write_text("x = 2\n")
    plain = difference(project)
    (tmp_path / "gitconfig").write_text(
        "[diff]\nnoprefix = true\nalgorithm = patience\ncontext = 9\nmnemonicPrefix = true\n"
        "[core]\nabbrev = 4\n[color]\nui = always\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text((tmp_path / "gitconfig").read_text())
    assert difference(project) == plain


def test_programs_that_a_strangers_repository_names_are_not_run(project, tmp_path):
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    hooks = project / ".git" / "own-hooks"
    hooks.mkdir()
    (hooks / "post-index-change").symlink_to(trap)
    for key in (
        "core.fsmonitor", "diff.external", "diff.trap.textconv", "diff.trap.command",
        "filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "core.pager",
    ):  # fmt: skip
        git(project, "config", key, str(trap))
    git(project, "config", "core.hooksPath", str(hooks))
    git(project, "config", "filter.trap.required", "true")
    (project / ".git" / "info").mkdir(exist_ok=True)
    (project / ".git" / "info" / "attributes").write_text("* filter=trap diff=trap\n")
    (project / "train.py").write_text("x = 22\n")
    assert difference(project) is not None
    assert not (tmp_path / "sprung").exists()
    # The trap is one: without these settings Git runs it.
    subprocess.run(["git", "-C", project, "diff"], check=False, capture_output=True)
    assert (tmp_path / "sprung").exists()
