"""What a version was made of, its differences, its card, where it answers, and what stood when."""

import hashlib
import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serve_app.core.events import Event
from serve_app.registry.store import Registry
from serve_app.storage.events import EventLog
from tests.contract.registries import NOON
from tests.unit.cli.test_models import folder  # noqa: F401 - a fixture
from tests.unit.engine.repositories import committed

DATA = ["--data", "train.csv", "--target", "churned"]
LINEAGE = """\
run_id: from-the-file
trigger_id: t-3
training_window: {start: 2026-05-01, end: 2026-11-01}
data:
  - {role: training, label_cutoff: 2026-10-01, snapshot: "delta:7"}
  - {role: holdout, rows: 50}
seeds: {split: 1}
metrics: {roc_auc: 0.75}
"""


@pytest.fixture
def churn(folder):  # noqa: F811
    """Training data, two fitted models of it, and a lineage, in a repository."""
    committed(folder)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 200), "visits": rng.normal(5, 2, 200)})
    churned = (frame["visits"] < 4).astype(int)
    frame.assign(churned=churned).to_csv("train.csv", index=False)
    for name, strength in (("first", 1.0), ("second", 0.01)):
        fitted = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
        (folder / f"{name}.skops").write_bytes(skops.io.dumps(fitted.fit(frame, churned)))
    (folder / "lineage.yaml").write_text(LINEAGE)
    return folder


def lineage(serve_app, *options):
    got = serve_app("register", "churn", "first.skops", *DATA, *options, "--json")
    assert got.code == 0, got.err
    return json.loads(got.out)["lineage"]


def test_code_libraries_and_data_are_written_down_by_themselves(churn, serve_app):
    made = lineage(serve_app)
    assert len(made["code"]["commit"]) == 40
    assert made["code"]["diff_sha256"] is None
    assert made["environment"]["process"] == "registration"
    assert made["environment"]["libraries"]["numpy"] == np.__version__
    (data,) = made["data"]
    content = (churn / "train.csv").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert data["files"] == [{"path": "train.csv", "sha256": digest, "size_bytes": len(content)}]
    assert (data["role"], data["rows"], len(data["fingerprint"])) == ("training", 200, 64)


def test_a_file_and_options_say_the_rest(churn, serve_app):
    (churn / "train.py").write_text("x = 1\n")
    made = lineage(serve_app, "--lineage", "lineage.yaml", "--run-id", "r-7", "--parent", "churn@1")
    assert (made["run_id"], made["trigger_id"], made["parent"]) == ("r-7", "t-3", "churn@1")
    assert made["training_window"] == {"start": "2026-05-01", "end": "2026-11-01"}
    training, holdout = made["data"]
    assert (training["label_cutoff"], training["snapshot"]) == ("2026-10-01", "delta:7")
    assert (training["rows"], len(training["files"]), holdout["rows"]) == (200, 1, 50)
    assert (made["seeds"], made["metrics"]) == ({"split": 1}, {"roc_auc": 0.75})
    assert len(made["code"]["diff_sha256"]) == 64
    shown = " ".join(serve_app("models", "show", "churn").out.split())
    assert "trained on rows of 2026-05-01 to 2026-11-01" in shown
    assert "run r-7" in shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- run", "holds no mapping"),
        ("run_id: {", "cannot be read"),
        ("run: r-7", "lineage.yaml: run: Extra inputs are not permitted"),
        ("parent: churn@champion", "lineage.yaml: parent: 'churn@champion' names no version"),
        ("seeds: {split: much}", "lineage.yaml: seeds.split: 'much' is not a whole number"),
        ("data: [{role: test}]", "data.0.role: 'test' is not one of 'training', 'validation'"),
    ],
)
def test_a_file_that_holds_none_is_refused_and_nothing_is_registered(churn, serve_app, text, words):
    (churn / "lineage.yaml").write_text(text)
    got = serve_app("register", "churn", "first.skops", *DATA, "--lineage", "lineage.yaml")
    assert got.code == 1
    assert words in got.err
    assert json.loads(serve_app("models", "list", "--json").out) == []


def test_a_parent_is_a_version_by_its_number(churn, serve_app):
    got = serve_app("register", "churn", "first.skops", *DATA, "--parent", "churn@champion")
    assert got.code == 1
    assert "'churn@champion' does not name a version; write model@number" in got.err


@pytest.fixture
def two(churn, serve_app):
    """Two versions of the same data with other parameters, and an alias that moved."""
    for name, parent in (("first", ()), ("second", ("--parent", "churn@1"))):
        got = serve_app("register", "churn", f"{name}.skops", *DATA, *parent, "--json")
        assert got.code == 0, got.err
    return churn


def test_only_what_differs_between_two_versions_is_shown(two, serve_app):
    body = json.loads(serve_app("models", "diff", "churn@1", "churn", "--json").out)
    assert (body["before"], body["after"]) == ("churn@1", "churn@2")
    different = {(one["section"], one["what"]): one for one in body["differences"]}
    strength = different["parameters", "C"]
    assert (strength["before"], strength["after"]) == (1.0, 0.01)
    assert different["run", "parent"]["after"] == "churn@1"
    assert ("files", "model.skops") in different
    assert not {section for section, _ in different} & {"schema", "data", "libraries", "code"}
    shown = serve_app("models", "diff", "churn@1", "churn@2").out
    assert "0.01" in shown
    assert "max_iter" not in shown
    same = serve_app("models", "diff", "churn@2", "churn@2")
    assert same.out == "churn@2 and churn@2 differ in nothing\n"
    assert "no version 9" in serve_app("models", "diff", "churn@1", "churn@9").err


def test_a_card_is_written_and_what_people_add_stays(two, serve_app):
    missing = serve_app("models", "card", "churn@2", "--complete")
    assert missing.code == 1
    assert "lacks 'Intended use' and 'Limitations'" in missing.err
    (two / "use.md").write_text(
        "## Intended use\n\nLetters to customers.\n\n## Limitations\nNone.\n"
    )
    added = serve_app("models", "card", "churn@2", "--add", "use.md", "--complete")
    assert added.code == 0, added.err
    (two / "more.md").write_text("## Limitations\nNot for prices.\n")
    serve_app("models", "card", "churn@2", "--add", "more.md")
    text = serve_app("models", "card", "churn@2").out
    assert text.startswith("---\nlibrary_name: sklearn\n")
    assert text.index("None.") < text.index("Not for prices.")
    assert "Nobody has written" in serve_app("models", "card", "churn@1").out
    body = json.loads(serve_app("models", "card", "churn@2", "--json").out)
    assert body["missing"] == []
    done = serve_app("models", "card", "churn@2", "--format", "html", "--out", "card.html")
    assert (done.code, done.out) == (0, "")
    assert "Letters to customers." in (two / "card.html").read_text()


@pytest.mark.parametrize(
    "text", ["", "no heading\n", "# One\ntext\n", "## Use\n", "x\n## Use\ny\n"]
)
def test_a_file_without_sections_adds_nothing(two, serve_app, text):
    (two / "use.md").write_text(text)
    got = serve_app("models", "card", "churn@2", "--add", "use.md")
    assert got.code == 1
    assert "begin each with a heading" in got.err
    assert "Nobody has written" in serve_app("models", "card", "churn@2").out


def test_an_alias_moves_from_the_expected_version_alone(two, serve_app):
    move = ("models", "alias", "churn@2", "champion", "--expected")
    refused = serve_app(*move, "1")
    assert refused.code == 1
    assert "names no version and not churn@1 as expected" in refused.err
    assert serve_app(*move, "none").out == "churn@champion is now churn@2\n"
    assert serve_app(*move, "none").code == 1
    assert serve_app("models", "alias", "churn@1", "champion", "--expected", "2").code == 0
    remove = ("models", "alias", "churn@champion", "--remove", "--expected")
    assert serve_app(*remove, "2").code == 1
    assert serve_app(*remove, "1").code == 0
    moves = json.loads(serve_app("models", "alias", "churn", "--json").out)
    assert [one["version"] for one in moves] == [2, 1, None]
    wrong = serve_app(*move, "newest")
    assert wrong.code == 2
    assert "'newest' is neither the number of a version nor none" in wrong.err


def test_what_aliases_named_and_endpoints_asked_is_known_by_date(two, serve_app):
    store = Registry("registry", now=lambda: NOON)
    store.set_alias("churn", "champion", 1, by="ada", reason="first")
    later = Registry("registry", now=lambda: NOON + timedelta(days=2))
    later.set_alias("churn", "champion", 2, by="bob", reason="better")
    log = EventLog("state")
    for days, weights in ((0, {"churn@1": 1.0}), (2, {"churn@2": 1.0})):
        at_s = (NOON + timedelta(days=days)).timestamp()
        after = {"letters": weights, "other": {"size@1": 1.0}}
        log.append(Event(at_s, "deployment", "declared", f"d{days}", after=after))

    def stood(*at):
        body = json.loads(serve_app("models", "history", "churn", *at, "--json").out)
        aliases = {name: move["version"] for name, move in body["aliases"].items()}
        return aliases, {one["endpoint"]: one["weights"] for one in body["traffic"]}

    before = ({"champion": 1}, {"letters": {"churn@1": 1.0}})
    after = ({"champion": 2}, {"letters": {"churn@2": 1.0}})
    assert stood("--at", "2026-11-20") == ({}, {})
    for moment in ("2026-11-21", "2026-11-22", "2026-11-21T13:00+01:00", "2026-11-23T11:59:59"):
        assert stood("--at", moment) == before
    for moment in ("2026-11-23", "2026-11-23T12:00Z", "2030-01-01"):
        assert stood("--at", moment) == after
    whole = json.loads(serve_app("models", "history", "churn", "--json").out)
    assert [move["reason"] for move in whole["aliases"]] == ["first", "better"]
    assert [one["weights"] for one in whole["traffic"]] == [{"churn@1": 1.0}, {"churn@2": 1.0}]
    shown = serve_app("models", "history", "churn", "--at", "2026-11-22").out
    assert "Aliases of churn at 2026-11-22 23:59:59 UTC" in shown
    assert "churn@1=1" in shown
    assert "better" in serve_app("models", "history", "churn").out
    wrong = serve_app("models", "history", "churn", "--at", "yesterday")
    assert (wrong.code, "'yesterday' is no time" in wrong.err) == (2, True)


def test_where_a_version_is_needs_a_cluster(two, serve_app):
    got = serve_app("models", "where", "churn@1")
    assert got.code == 1
    assert "--server URL" in got.err
