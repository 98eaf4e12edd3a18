"""A config and its versions are checked before they are deployed, in words and for other tools."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import LogisticRegression

from serve_app.engine.checks import Wishes, checks_of
from serve_app.registry.card_notes import CardNotes
from serve_app.registry.store import Registry


@pytest.fixture
def file(tmp_path, monkeypatch, serve_app):
    """A config of one registered model."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 60), "visits": rng.normal(5, 2, 60)})
    churned = (frame["visits"] < 5).astype(int)
    fitted = LogisticRegression().fit(frame, churned)
    Path("model.skops").write_bytes(skops.io.dumps(fitted))
    frame.assign(churned=churned).to_csv("train.csv", index=False)
    got = serve_app(
        "register", "churn", "model.skops", "--data", "train.csv", "--target", "churned",
        "--no-evaluate", "--no-compile",
    )  # fmt: skip
    assert got.code == 0, got.err
    assert serve_app("init", "config.yaml").code == 0
    return Path("config.yaml")


def outcomes(got):
    return {(one["kind"], one["subject"]): one["problem"] for one in json.loads(got.out)["checks"]}


def damage():
    """Change a byte of the stored model."""
    stored = Path("registry/churn/1/model.skops")
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.write_bytes(content)


def test_what_is_fit_to_be_deployed_passes(serve_app, file):
    got = serve_app("check", file, "--latency-ms", "60000", "--json")
    assert got.code == 0, got.err
    assert outcomes(got) == {
        ("config", "config.yaml"): None,
        ("digests", "churn@1"): None,
        ("sample", "churn@1"): None,
        ("latency", "churn@1"): None,
    }
    assert "digests: churn@1: good" in serve_app("check", file).out


def test_a_changed_byte_a_wrong_key_and_a_bare_card_fail(serve_app, file):
    cards = serve_app("check", file, "--cards", "--json")
    assert cards.code == 1
    assert "lacks 'Intended use' and 'Limitations'" in outcomes(cards)["card", "churn@1"]
    damage()
    damaged = serve_app("check", file)
    assert damaged.code == 1
    assert "digests: churn@1: model.skops of churn@1 has changed" in damaged.err
    body = yaml.safe_load(file.read_text())
    body["applications"][0]["route_prefixx"] = "/"
    file.write_text(yaml.safe_dump(body, sort_keys=False))
    wrong = serve_app("check", file)
    assert wrong.code == 1
    assert "route_prefixx" in wrong.err


def test_a_slow_model_fails_by_the_median_of_its_calls(file):
    registry, notes = Registry("registry"), CardNotes("registry")
    ticks = iter(np.arange(10_000) * 0.002)  # Between two looks at the clock 2 ms go by.
    found = {
        one.kind: one.problem
        for one in checks_of(
            registry, notes, "churn@1", Wishes(latency_ms=1.5), lambda: float(next(ticks))
        )
    }
    assert found["latency"] == "one row takes 2 ms (median of 100), and may take 1.5 ms"
    ticks = iter(np.arange(10_000) * 0.002)
    kinds = {
        one.kind: one.problem
        for one in checks_of(
            registry, notes, "churn@1", Wishes(latency_ms=2.5), lambda: float(next(ticks))
        )
    }
    assert kinds == {"digests": None, "sample": None, "latency": None}


def test_a_version_that_is_not_there_fails(file):
    (one,) = checks_of(Registry("registry"), CardNotes("registry"), "churn@9", Wishes(), float)
    assert "no version 9" in one.problem


@pytest.fixture
def reference(tmp_path):
    """What a linter of other people writes of a bad file, in a format."""
    bad = tmp_path / "bad.py"
    bad.write_text("import os\n")

    def write(form):
        command = [Path(sys.executable).parent / "ruff", "check", "--isolated", "--output-format"]
        done = subprocess.run([*command, form, bad], capture_output=True, text=True, check=False)
        return done.stdout

    return write


def keys(value, path=""):
    """The paths of all keys of JSON; items of lists stand for each other."""
    if isinstance(value, dict):
        return {path} | {
            one for key, inner in value.items() for one in keys(inner, f"{path}.{key}")
        }
    if isinstance(value, list):
        return {path} | {one for inner in value for one in keys(inner, f"{path}[]")}
    return {path}


def test_sarif_has_the_keys_that_other_tools_write(serve_app, file, reference):
    damage()
    assert serve_app("check", file, "--sarif", "bad.sarif").code == 1
    body = json.loads(Path("bad.sarif").read_text())
    assert keys(body) <= keys(json.loads(reference("sarif")))
    (result,) = body["runs"][0]["results"]
    assert result["ruleId"] == "digests"
    assert "model.skops of churn@1 has changed" in result["message"]["text"]
    (place,) = result["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "config.yaml"


def test_junit_has_the_elements_that_other_tools_write(serve_app, file, reference):
    damage()
    assert serve_app("check", file, "--junit", "bad.xml").code == 1
    root, theirs = ET.parse("bad.xml").getroot(), ET.fromstring(reference("junit"))
    known = {one.tag: set(one.attrib) for one in theirs.iter()}
    for one in root.iter():
        assert one.tag in known
        if one.tag in {"testsuite", "testcase", "failure"}:
            assert set(one.attrib) <= known[one.tag] | {"skipped", "time"}
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failed = [case for case in suite if case.find("failure") is not None]
    assert [(case.get("classname"), case.get("name")) for case in failed] == [
        ("digests", "churn@1")
    ]


def sklearn_answers():
    """Rows of the model, and what scikit-learn says of them."""
    frame = pd.read_csv("train.csv").drop(columns="churned").head(12)
    fitted = skops.io.load("model.skops")
    probabilities = fitted.predict_proba(frame)
    return frame.assign(
        prediction=fitted.predict(frame),
        probability_0=probabilities[:, 0],
        probability_1=probabilities[:, 1],
    )


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_golden_rows_have_to_be_answered_as_the_file_says(serve_app, file, form):
    golden = sklearn_answers().assign(customer="kept beside")
    write = {
        "csv": lambda frame: frame.to_csv("golden.csv", index=False),
        "jsonl": lambda frame: frame.to_json("golden.jsonl", orient="records", lines=True,
                                             double_precision=15),
    }[form]  # fmt: skip
    write(golden)
    got = serve_app("check", file, "--golden", f"churn=golden.{form}", "--json")
    assert got.code == 0, got.err
    assert outcomes(got)["golden", "churn@1"] is None
    golden.loc[7, "probability_1"] += 0.001
    golden.loc[9, "prediction"] = 1 - golden.loc[9, "prediction"]
    write(golden)
    got = serve_app("check", file, "--golden", f"churn=golden.{form}", "--json")
    assert got.code == 1
    problem = outcomes(got)["golden", "churn@1"]
    assert f"row 7 of golden.{form} should have probability_1" in problem
    assert "2 of 12 rows differ" in problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("age,visits,prediction\n40,many,1\n", "row 0 of golden.csv is not answered"),
        ("age,visits\n40,5.0\n", "has no column of answers; there are prediction"),
        ("age,prediction\n40,1\n", "column 'visits'"),
    ],
)
def test_golden_files_that_do_not_fit_are_problems(serve_app, file, content, words):
    Path("golden.csv").write_text(content)
    got = serve_app("check", file, "--golden", "churn=golden.csv", "--json")
    assert got.code == 1
    assert words in outcomes(got)["golden", "churn@1"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("churn", "is no MODEL=FILE"),
        ("nobody=golden.csv", "asks no version of that model"),
        ("churn=train.txt", "neither .csv nor .jsonl"),
        ("churn=missing.csv", "cannot be read"),
        ("churn=empty.csv", "has no rows"),
    ],
)
def test_golden_files_that_are_none_are_refused(serve_app, file, given, words):
    Path("golden.csv").write_text("age,visits,prediction\n40,5.0,1\n")
    Path("empty.csv").write_text("age,visits,prediction\n")
    got = serve_app("check", file, "--golden", given)
    assert got.code in {1, 2}
    assert words in got.err


def test_memory_is_that_of_a_process_of_its_own(serve_app, file):
    # What this process holds is no part of it.
    ballast = np.ones(200_000_000, dtype=np.uint8)
    got = serve_app("check", file, "--memory-mb", "1", "--json")
    assert got.code == 1
    problem = outcomes(got)["memory", "churn@1"]
    held_mb = float(problem.split("holds ")[1].split()[0])
    assert 20 < held_mb < 2_000
    assert ballast.sum() == 200_000_000
    assert serve_app("check", file, "--memory-mb", str(held_mb * 1.5)).code == 0


def test_clients_that_would_have_to_change_break_a_contract(serve_app, file):
    written = serve_app("check", file, "--write-contract", "contract.json")
    assert written.code == 0, written.err
    kept = serve_app("check", file, "--contract", "contract.json", "--json")
    assert outcomes(kept)["contract", "churn@1"] is None
    body = json.loads(Path("contract.json").read_text())
    columns = body["models"]["churn"]["inputs"]
    body["models"]["churn"]["inputs"] = [one for one in columns if one["name"] != "visits"]
    Path("contract.json").write_text(json.dumps(body))
    broken = serve_app("check", file, "--contract", "contract.json", "--json")
    assert broken.code == 1
    assert "column visits now required" in outcomes(broken)["contract", "churn@1"]
    Path("contract.json").write_text(json.dumps({"models": {}}))
    silent = serve_app("check", file, "--contract", "contract.json")
    assert "contract: churn@1: not tried, since the contract says nothing of churn" in silent.out
    Path("contract.json").write_text("[]")
    assert "holds no contract" in serve_app("check", file, "--contract", "contract.json").err
