"""Whole runs: what is registered, what is not, and what an interruption changes (nothing)."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serve_app.config.pipeline import RegisterSettings
from serve_app.engine.load import load
from serve_app.errors import Conflict, InvalidInput, ModelFailed
from serve_app.lifecycle import lock
from serve_app.lifecycle.cancelling import cancelled
from serve_app.lifecycle.ledger import Ledger
from serve_app.lifecycle.reproduction import compared
from serve_app.lifecycle.spec import read_pipeline
from serve_app.lifecycle.steps import read_holdout
from serve_app.lifecycle.training import Training, repeat
from serve_app.models.frames import to_columns
from serve_app.registry.card_notes import CardNotes
from tests.unit.lifecycle.runs import ROWS, Dies, dies_when, rows, settings, trained, training

PIPELINES = Path(__file__).parents[3] / "pipelines"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows().to_csv("rows.csv", index=False)
    return tmp_path


def test_the_best_is_registered_and_answers_as_it_was_judged(home):
    made = training(home)
    run = trained(made, settings(register={"best": 2, "alias": "challenger"}))
    assert (run.state, run.result["versions"]) == ("SUCCEEDED", [1, 2])
    registry = made.means.registry
    assert registry.alias("churn", "challenger") == 1
    manifest = registry.manifest("churn", 1)
    best = run.result["challengers"][0]
    created = datetime.fromtimestamp(run.created_at, UTC).isoformat()
    assert manifest.origin == f"training run churn-1 of {created}, trial {best['trial']}"
    assert manifest.metrics.held_out == pytest.approx(best["held_out"])
    assert manifest.signature.output.labels == ("no", "yes")
    kept = read_holdout(home / "runs" / "churn-1")
    frame = rows().drop(columns="churned").iloc[kept["rows"]]
    answer = load(registry, "churn", 1).model.predict(to_columns(frame))
    assert answer.probabilities == pytest.approx(kept["shares0"], abs=1e-9)
    assert np.array(["no", "yes"])[kept["values0"]].tolist() == answer.values.tolist()


def test_the_first_run_of_another_folder_registers_versions_of_its_own(home):
    first = training(home)
    assert trained(first, settings()).result["versions"] == [1]
    (home / "elsewhere").mkdir()
    other = Training(home / "elsewhere", replace(first.means, clock=lambda: 2e9), print)
    run = trained(other, settings())
    assert (run.id, run.result["versions"]) == ("churn-1", [2])


def test_a_manifest_says_what_its_version_was_made_of(home):
    made = training(home)
    frame = rows().assign(day=pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC"))
    frame.to_csv("rows.csv", index=False)
    data = {"source": "rows.csv", "target": "churned", "time": "day"}
    wanted = settings(data=data, window={"holdout": "2d", "gap": "1h"},
                      validation={"kind": "time", "folds": 2})  # fmt: skip
    run = trained(made, wanted.model_copy(update={"register_": RegisterSettings(alias="champion")}))
    trained(made, wanted)
    lineage = made.means.registry.manifest("churn", 2).lineage
    assert (lineage.run_id, lineage.parent, lineage.seeds) == ("churn-2", "churn@1", {"search": 3})
    # 240 hours from 1 January; the newest 48 are held out, and one before them is the gap.
    assert lineage.training_window.start == "2026-01-01T00:00:00+00:00"
    assert lineage.training_window.end == "2026-01-08T22:00:00.000001+00:00"
    assert lineage.holdout_window.start == "2026-01-09T00:00:00+00:00"
    (file,) = lineage.dataset("training").files
    assert (file.path, file.size_bytes) == ("rows.csv", Path("rows.csv").stat().st_size)
    assert lineage.dataset("training").rows == run.result["split"]["train_rows"] == 191
    assert lineage.dataset("holdout").rows == 48
    assert lineage.digests["split"] == run.result["split"]["digest"]
    assert lineage.environment.threads == 1


def test_versions_know_which_columns_they_need_and_their_cards_say_so(home):
    Path("use.md").write_text("## Intended use\n\nLetters.\n\n## Limitations\n\nFew rows.\n")
    made = training(home)
    wanted = settings(register={"best": 2}, card={"add": ["use.md"]})
    run = trained(made, wanted)
    registry = made.means.registry
    for version in (1, 2):
        known = registry.manifest("churn", version).lineage.importance
        assert (known.metric, known.rows, known.repeats) == ("roc_auc", 48, 5)
        assert {one.column for one in known.columns} == {"age", "visits"}
        # Both raise the chance by far: without either the ranks are much worse.
        assert all(one.mean > 0.05 for one in known.columns)
        card = (home / "runs/churn-1/cards" / f"churn@{version}.md").read_text()
        assert "| column | loss of roc_auc | standard deviation |" in card
        assert "Nobody has written" not in card
        assert [note.heading for note in CardNotes(registry.url).of("churn", version)] == [
            *("Intended use", "Limitations"),
        ]
    first = registry.manifest("churn", 1).lineage.importance
    assert run.result["importance"] == first.model_dump(mode="json")


@pytest.mark.parametrize(
    ("candidates", "words", "steps"),
    [
        (["linear", {"import": "nowhere:build"}], "No module named 'nowhere'", []),
        (["linear", {"import": "json:loads", "name": "own"}], "json:loads gives no estimator", []),
        (
            ["linear", {"auto": "forest", "space": {"depth": {"int": [1, 2]}}}],
            "candidate 'forest' has no parameter 'depth'",
            ["snapshot", "profile", "split"],
        ),
    ],
)
def test_a_candidate_that_cannot_be_built_is_said_before_any_is_tried(
    home, candidates, words, steps
):
    made = training(home)
    with pytest.raises(InvalidInput, match=words):
        trained(made, settings(candidates=candidates))
    assert list(made.ledger.steps("churn-1")) == steps
    assert made.ledger.trials("churn-1") == []


def test_a_run_that_died_while_it_wrote_cards_adds_no_section_twice(home):
    Path("use.md").write_text("## Intended use\n\nLetters.\n")
    made = training(home, report=dies_when(("card", "done")))
    with pytest.raises(Dies):
        trained(made, settings(card={"add": ["use.md"]}))
    with made.ledger._writing() as db:
        # As where it was killed before the ledger knew.
        db.execute("DELETE FROM step WHERE name = 'card'")
    assert training(home).work_on(made.ledger.run("churn-1")).state == "SUCCEEDED"
    assert len(CardNotes(made.means.registry.url).of("churn", 1)) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "use.md cannot be read"), ("no heading", "begin each with a heading")],
)
def test_what_cannot_stand_on_a_card_is_said_before_anything_is_computed(home, text, reason):
    if text is not None:
        Path("use.md").write_text(text)
    made = training(home)
    with pytest.raises(InvalidInput, match=f"card.add: .*{reason}"):
        trained(made, settings(card={"add": ["use.md"]}))
    assert made.ledger.steps("churn-1") == {}


def test_without_repeats_no_column_is_shuffled(home):
    made = training(home)
    run = trained(made, settings(importance={"repeats": 0}))
    assert run.result["importance"] is None
    assert made.means.registry.manifest("churn", 1).lineage.importance is None


def test_a_run_that_died_in_its_search_comes_out_as_one_that_did_not(home):
    whole = trained(training(home), settings())
    dying = training(home, dies_after=3)
    with pytest.raises(Dies):
        trained(dying, settings())
    interrupted = dying.unfinished(settings())
    assert (interrupted.id, interrupted.state) == ("churn-2", "RUNNING")
    steps = []
    again = training(home, report=lambda one: steps.append((one.step, one.kind)))
    run = again.work_on(interrupted)
    assert run.attempts == 2
    assert {("snapshot", "reused"), ("split", "reused")} <= set(steps)
    assert steps.count(("search", "trial")) == 2
    assert run.result["predictions"] == whole.result["predictions"]
    ledger = Ledger(home / "runs")
    pairs = zip(ledger.trials("churn-1"), ledger.trials("churn-2"), strict=True)
    for one, other in pairs:
        assert replace(one, seconds=0, fit_s=0) == replace(other, seconds=0, fit_s=0)


def test_a_run_that_died_after_it_registered_registers_nothing_twice(home):
    made = training(home, report=dies_when(("register", "done")))
    with pytest.raises(Dies):
        trained(made, settings())
    ledger = Ledger(home / "runs")
    assert made.means.registry.versions("churn") == [1]
    with ledger._writing() as db:
        # As where it was killed before the ledger knew.
        db.execute("DELETE FROM step WHERE name = 'register'")
    run = training(home).work_on(ledger.run("churn-1"))
    assert run.result["versions"] == [1]
    assert made.means.registry.versions("churn") == [1]


def test_a_run_whose_data_was_changed_meanwhile_begins_anew_and_says_so(home):
    with pytest.raises(Dies):
        trained(training(home, dies_after=3), settings())
    changed = rows(seed=2)
    changed.to_parquet(home / "runs" / "churn-1" / "data.parquet", index=False)
    lines = []
    made = training(home, report=lines.append)
    run = made.work_on(made.ledger.run("churn-1"))
    assert run.state == "SUCCEEDED"
    assert [one.step for one in lines if one.kind == "again"] == ["snapshot"]


def test_a_challenger_that_does_not_pass_is_not_registered(home):
    frame = rows()
    frame["churned"] = np.random.default_rng(9).permutation(frame["churned"])
    frame.to_csv("rows.csv", index=False)
    made = training(home)
    run = trained(made, settings())
    assert (run.state, run.result["versions"]) == ("REJECTED", [])
    assert made.means.registry.models() == []


def test_a_champion_of_the_same_split_is_compared_on_rows_that_neither_saw(home):
    made = training(home)
    first = trained(made, settings(register={"alias": "champion"}))
    gates = {"champion": {"epsilon": 0.05}}
    second = trained(made, settings(gates=gates))
    champion = second.result["champion"]
    assert (champion["version"], champion["saw_holdout"]) == (1, False)
    best = first.result["challengers"][0]
    assert champion["held_out"] == pytest.approx(best["held_out"])
    assert (champion["gain"], second.state) == (0.0, "SUCCEEDED")


def test_a_champion_that_saw_other_rows_cannot_be_compared_honestly(home):
    made = training(home)
    trained(made, settings(register={"alias": "champion"}))
    other = {"trials": 5, "parallel": 2, "seed": 4}
    run = trained(made, settings(gates={"champion": {"epsilon": 0.5}}, search=other))
    (gate,) = run.result["gates"]
    assert (run.state, gate["verdict"]) == ("REJECTED", "inconclusive")


def test_a_rerun_gives_equal_predictions_and_registers_nothing(home):
    made = training(home)
    old = trained(made, settings())
    (home / "rows.csv").unlink()
    new = repeat(made, old)
    outcome = compared(made.ledger, home / "runs", old, new)
    assert (outcome.is_equal, outcome.largest_difference) == (True, 0.0)
    assert outcome.surroundings == ()
    assert made.means.registry.versions("churn") == [1]


def test_a_rerun_says_what_differs(home, monkeypatch):
    made = training(home)
    old = trained(made, settings())
    monkeypatch.setattr(
        "serve_app.lifecycle.sequence.libraries", lambda: {"numpy": "1.0", "pandas": "2.0"}
    )
    monkeypatch.setattr("serve_app.lifecycle.search._STARTUP_TRIALS", 1)
    monkeypatch.setattr("serve_app.lifecycle.search._seed", lambda seed, generation: 99)
    new = repeat(made, old)
    outcome = compared(made.ledger, home / "runs", old, new)
    assert not outcome.is_equal
    assert outcome.results[0].startswith("trial 1 tries something else: C: ")
    assert any(line.startswith("libraries.numpy: ") for line in outcome.surroundings)


def test_a_run_that_fails_says_why_in_the_ledger_and_changes_nothing(home, monkeypatch):
    (home / "refusing.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Refusing(LogisticRegression):\n"
        "    def fit(self, X, y):\n"
        "        raise ValueError('nothing fits')\n"
    )
    monkeypatch.syspath_prepend(str(home))
    own = {"import": "refusing:Refusing", "name": "own"}
    made = training(home)
    with pytest.raises(ModelFailed, match="4 of 4 trials failed"):
        trained(made, settings(candidates=[own], search={"trials": 5, "parallel": 2}))
    run = made.ledger.run("churn-1")
    assert (run.state, made.means.registry.models()) == ("FAILED", [])
    assert "nothing fits" in run.error
    assert "Traceback" in made.ledger.trials("churn-1")[0].error


def test_an_estimator_that_draws_anew_each_time_is_not_registered(home, monkeypatch):
    (home / "drawing.py").write_text(
        "import numpy as np\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "class Drawing(LogisticRegression):\n"
        "    def predict_proba(self, X):\n"
        "        return super().predict_proba(X) + np.random.default_rng().random() / 100\n"
    )
    monkeypatch.syspath_prepend(str(home))
    own = settings(candidates=[{"import": "drawing:Drawing"}])
    with pytest.raises(Dies):
        trained(training(home, report=dies_when(("register", "started"))), own)
    made = training(home)
    with pytest.raises(InvalidInput, match="Is every estimator seeded"):
        made.work_on(made.ledger.run("churn-1"))
    assert made.means.registry.models() == []


def test_a_type_of_ones_own_is_registered_where_it_is_trusted(home, monkeypatch):
    (home / "own_type.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Own(LogisticRegression):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(str(home))
    candidates = [{"import": "own_type:Own"}]
    made = training(home)
    with pytest.raises(InvalidInput, match=r"not known to be harmless: own_type\.Own"):
        trained(made, settings(candidates=candidates))
    assert made.means.registry.models() == []
    wanted = settings(candidates=candidates, register={"trust": ["own_type.Own"]})
    assert trained(made, wanted).result["versions"] == [1]


def test_two_processes_do_not_work_on_one_run(home):
    made = training(home)
    run = made.create(settings())
    with lock.held(home / "runs" / run.id):
        with pytest.raises(Conflict, match="another process works on run churn-1"):
            made.work_on(run)
        assert made.unfinished(settings()) is None
        stopping = cancelled(made.ledger, home / "runs", run, 9.0)
        assert (stopping.state, stopping.cancel) == ("RUNNING", True)
    over = cancelled(made.ledger, home / "runs", run, 9.0)
    assert over.state == "CANCELLED"
    with pytest.raises(Conflict, match="is over: CANCELLED"):
        made.work_on(run)


def test_a_run_that_is_cancelled_while_it_searches_registers_nothing(home):
    ledger = Ledger(home / "runs")
    made = training(
        home, report=lambda one: one.kind == "trial" and ledger.ask_to_cancel("churn-1")
    )
    assert trained(made, settings()).state == "CANCELLED"
    assert made.means.registry.models() == []


@pytest.mark.parametrize("file", sorted(PIPELINES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_pipelines_of_the_examples_give_what_passes_their_gates(file, home):
    wanted = read_pipeline(file)
    quick = wanted.search.model_copy(update={"trials": len(wanted.entries)})
    folds = wanted.validation.model_copy(update={"folds": 2})
    made = training(home)
    made = replace(made, means=replace(made.means, registers=False))
    run = trained(made, wanted.model_copy(update={"search": quick, "validation": folds}))
    assert run.state == "SUCCEEDED"
    assert run.result["baseline"]["lower"] > 0
