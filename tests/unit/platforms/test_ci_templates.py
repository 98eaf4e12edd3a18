"""Templates for CI: they parse, hold to what is safe, and each of their steps runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import LogisticRegression

from serve_app.cli.main import cli, main

ROOT = Path(__file__).parents[3]
GITHUB = ROOT / "deployments/ci/github.yml"
GITLAB = ROOT / "deployments/ci/gitlab-ci.yml"
BIN = Path(sys.executable).parent
ACTION = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
# Begins the steps of both systems as their runners do.
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
# Steps are processes of their own, which import all anew.
pytestmark = pytest.mark.timeout(600)
NEEDS_A_CLUSTER = ("plan", "apply", "status")

# YAML 1.1 reads the key `on` as true.
WORKFLOW = yaml.safe_load(GITHUB.read_text())
TRIGGERS = WORKFLOW[True]
JOBS = WORKFLOW["jobs"]
PIPELINE = yaml.safe_load(GITLAB.read_text())
GITLAB_JOBS = {name: job for name, job in PIPELINE.items() if "script" in job}


def github_steps():
    for name, job in JOBS.items():
        for step in job["steps"]:
            if "run" in step:
                yield f"github {name}: {step['name']}", step["run"]


def gitlab_steps():
    for name, job in GITLAB_JOBS.items():
        for line in job["script"]:
            yield f"gitlab {name}: {line.split(maxsplit=3)[1]}", line


STEPS = dict([*github_steps(), *gitlab_steps()])


def test_no_fork_is_trusted():
    assert set(TRIGGERS) == {"pull_request", "push", "schedule", "workflow_dispatch"}
    for name, job in JOBS.items():
        on_own_machine = "self-hosted" in job["runs-on"]
        if on_own_machine and "pull_request" in job["if"]:
            assert "head.repo.full_name == github.repository" in job["if"], name
    (preview,) = GITLAB_JOBS["preview"]["rules"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in preview["if"]


def test_jobs_may_read_the_repository_and_no_more():
    assert WORKFLOW["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for job in JOBS.values())


def test_actions_are_pinned_by_digest_and_leave_no_credentials():
    for job in JOBS.values():
        for step in job["steps"]:
            if "uses" in step:
                assert ACTION.fullmatch(step["uses"]), step["uses"]
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    # What the digest is of stands beside it.
    assert not re.search(r"uses: \S+$", GITHUB.read_text(), re.MULTILINE)


def test_what_is_applied_is_what_was_approved():
    assert JOBS["apply"]["environment"] == "production"
    assert JOBS["apply"]["needs"] == "plan"
    assert JOBS["plan"]["if"] == "github.event_name == 'push'"
    kept = [step.get("with", {}).get("path") for step in JOBS["plan"]["steps"]]
    assert "plan.json" in kept
    apply = GITLAB_JOBS["apply"]
    assert apply["environment"]["name"] == "production"
    assert apply["needs"] == ["plan"]
    assert all(rule["when"] == "manual" for rule in apply["rules"])
    assert "plan.json" in GITLAB_JOBS["plan"]["artifacts"]["paths"]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    ("schema", "file"), [("vendor.github-workflows", GITHUB), ("vendor.gitlab-ci", GITLAB)]
)
def test_they_are_what_their_systems_take(schema, file):
    done = run(BIN / "check-jsonschema", "--builtin-schema", schema, file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_security_linter_has_nothing_to_say():
    done = run(BIN / "zizmor", "--offline", "--pedantic", "--no-progress", GITHUB)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A user's repository with a registered model, a config and a pipeline."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 60), "visits": rng.normal(5, 2, 60)})
    churned = (frame["visits"] < 5).astype(int)
    fitted = LogisticRegression().fit(frame, churned)
    Path("model.skops").write_bytes(skops.io.dumps(fitted))
    frame.assign(churned=churned).to_csv("train.csv", index=False)
    Path("use.md").write_text("## Intended use\n\nLetters.\n\n## Limitations\n\nFew.\n")
    for line in (
        "register churn model.skops --data train.csv --target churned --no-evaluate --no-compile",
        "models card churn@1 --add use.md --out card.md",
    ):
        assert code(line.split()) == 0
    Path("configs").mkdir()
    assert code(["init", "configs/production.yaml"]) == 0
    Path("pipelines").mkdir()
    Path("pipelines/churn.yaml").write_text(
        yaml.safe_dump(
            {
                "pipeline": "churn",
                "model": "churn",
                "data": {"source": "train.csv", "target": "churned"},
                "window": {"holdout": 0.25},
                "candidates": ["linear"],
                "search": {"trials": 1, "parallel": 1, "seed": 1},
                "validation": {"kind": "stratified", "folds": 2},
                "gates": {"min_rows": 5},
            }
        )
    )
    # It pins nothing, so that nothing is fetched.
    Path("requirements.txt").write_text("")
    return tmp_path


def code(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code or 0


@pytest.fixture
def stand_in(tmp_path):
    """A `serve-app` that runs what needs no cluster, and of the rest keeps the arguments.

    Where a cluster is needed it ends with the exit code that the file `code` holds.
    """
    programs = tmp_path / "programs"
    programs.mkdir()
    script = programs / "serve-app"
    script.write_text(
        "#!/bin/bash\n"
        f'case "$1" in {"|".join(NEEDS_A_CLUSTER)})\n'
        f'  printf "%s\\n" "$@" > "{tmp_path}/asked"; echo "# Plan"\n'
        f'  exit "$(cat "{tmp_path}/code" 2>/dev/null || echo 0)";;\n'
        f'*) exec "{BIN}/serve-app" "$@";;\nesac\n'
    )
    script.chmod(0o755)
    variables = {**WORKFLOW["env"], **PIPELINE["variables"]}
    return {
        **os.environ,
        **variables,
        "PATH": f"{programs}:{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }


def takes(arguments):
    """Let the real command read the arguments, as far as their options go."""
    command = cli.get_command(None, arguments[0])
    known = {name for parameter in command.params for name in parameter.opts}
    flags = [one for one in arguments[1:] if one.startswith("--")]
    assert flags or arguments == ["status"]
    assert set(flags) <= known


@pytest.mark.parametrize("step", STEPS)
def test_every_step_runs(step, repository, stand_in):
    done = run(*SHELL, STEPS[step], env=stand_in, cwd=repository)
    assert done.returncode == 0, done.stdout + done.stderr
    asked = repository / "asked"
    if asked.exists():
        takes(asked.read_text().splitlines())
    if " check " in STEPS[step]:
        assert json.loads(Path("check.sarif").read_text())["runs"][0]["results"] == []
    if " train " in STEPS[step]:
        assert (repository / "registry/churn/2/manifest.json").is_file()


def test_a_plan_that_changes_nothing_is_not_applied(repository, stand_in):
    (planning,) = (step["run"] for step in JOBS["plan"]["steps"] if step.get("id") == "plan")
    for exit_code, wanted in ((0, "changes=false\n"), (2, "changes=true\n")):
        (repository / "code").write_text(str(exit_code))
        (repository / "output").write_text("")
        done = run(*SHELL, planning, env=stand_in, cwd=repository)
        assert done.returncode == 0, done.stderr
        assert (repository / "output").read_text() == wanted
    (repository / "code").write_text("1")
    assert run(*SHELL, planning, env=stand_in, cwd=repository).returncode == 1
