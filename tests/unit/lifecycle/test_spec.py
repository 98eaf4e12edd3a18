"""A pipeline's file is read whole, and what is wrong with it is said by line."""

import pytest

from serve_app.config.pipeline_search import AUTO
from serve_app.errors import ConfigError
from serve_app.lifecycle.spec import body_of, pipeline_of, read_pipeline

WHOLE = """\
pipeline: churn
model: churn-best
data:
  source: data/*.parquet
  target: churned
  time: signed_up_at
  id: customer_id
  label_delay: 30d
window: {train: 180d, holdout: 4w, gap: 30d}
validation: {kind: time, folds: 5}
candidates:
  - linear
  - auto: xgboost
    params: {n_estimators: 50}
  - import: my_pkg.models:build
    name: own
    space: {model__depth: {int: [2, 8]}}
search: {trials: 40, parallel: 2, seed: 20, metric: roc_auc, early_stop: 15}
baseline: seasonal_naive@7d
slices: [country]
gates: {beats_baseline: true, champion: {epsilon: 0.01}}
resources: {num_cpus: 0.5, memory_mb: 800}
register: {best: 3, alias: challenger}
"""
SMALL = "pipeline: churn\nmodel: churn\ndata: {source: a.csv, target: y}\n"


@pytest.fixture
def read(tmp_path):
    def of(text):
        path = tmp_path / "pipeline.yaml"
        path.write_text(text)
        return read_pipeline(path)

    return of


def test_lengths_of_time_are_seconds_and_candidates_keep_their_order(read):
    settings = read(WHOLE)
    assert settings.data.label_delay == 30 * 86_400
    assert (settings.window.holdout_s, settings.gap_s) == (28 * 86_400, 30 * 86_400)
    assert [entry.label for entry in settings.entries] == ["linear", "xgboost", "own"]


def test_what_is_kept_of_a_pipeline_is_the_same_pipeline(read):
    for text in (WHOLE, SMALL + "window: {held_out: later}\n"):
        settings = read(text)
        assert pipeline_of(body_of(settings)) == settings


@pytest.mark.parametrize("more", ["", "candidates: auto\n"])
def test_without_candidates_all_of_auto_are_tried(read, more):
    assert [entry.label for entry in read(SMALL + more).entries] == list(AUTO)


def test_one_estimator_has_the_space_of_the_search(read):
    more = "estimator: {import: a.b:c}\nsearch: {space: {x: {float: [0.1, 1], log: true}}}\n"
    (entry,) = read(SMALL + more).entries
    assert (entry.import_, list(entry.space)) == ("a.b:c", ["x"])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (SMALL + "serch: {}\n", 4, "no key 'serch' here. Did you mean 'search'?"),
        (SMALL + "search:\n  trails: 3\n", 5, "no key 'trails' here. Did you mean 'trials'?"),
        (SMALL + "search: {trials: 0}\n", 4, "0 is out of range"),
        (SMALL + "search: {metric: auc}\n", 4, "'auc' is not one of"),
        (SMALL + "validation: {kind: group}\n", 4, "group (the column) go together"),
        (SMALL + "validation: {kind: time}\n", 1, "data.time is missing"),
        (SMALL + "window: {holdout: 30}\n", 4, "holdout is a share between 0 and 1"),
        (SMALL + "window: {held_out: later, gap: 1d}\n", 4, "says which rows are held out; leave"),
        (SMALL.replace("y}", "y, id: y}"), 1, "have to be columns of their own"),
        (SMALL + "window: {held_out: y}\n", 1, "have to be columns of their own"),
        (SMALL + "window: {holdout: 30 days}\n", 4, "'30 days' is no length of time"),
        (SMALL + "candidates: []\n", 1, "candidates names none"),
        (SMALL + "candidates: [linear, linear]\n", 1, "two candidates are named 'linear'"),
        (SMALL + "candidates:\n- import: a.b\n", 5, "candidates.0.import: 'a.b' names nothing"),
        (SMALL + "candidates:\n- imprt: a:b\n", 5, "no key 'imprt' here. Did you mean 'import'?"),
        (SMALL + "candidates: linaer\n", 4, "'linaer' is not one of 'linear'"),
        (SMALL + "candidates: [3]\n", 4, "candidates.0: 3 is not one of 'linear'"),
        (SMALL + "candidates: 3\n", 4, "candidates: this has to be a list"),
        (SMALL + "candidates: [auto: xgbost]\n", 4, "candidates.0.auto: 'xgbost' is not one of"),
        (SMALL + "candidates: [{auto: forest, spce: {}}]\n", 4, "Did you mean 'space'?"),
        (
            SMALL + "candidates: [{auto: forest, space: {max_depth: {ints: [1, 2]}}}]\n",
            4,
            "candidates.0.space.max_depth.ints: there is no key 'ints' here. Did you mean 'int'?",
        ),
        (SMALL + "baseline: priro\n", 4, "'priro' is no baseline; write prior, champion or"),
        (SMALL + "retrain: {triggers: {shedule: {}}}\n", 4, "Did you mean 'schedule'?"),
        (SMALL + "gates: {champion: {epsilom: 1}}\n", 4, "Did you mean 'epsilon'?"),
        (SMALL + "register: {alias: Best}\n", 4, "'Best' cannot be an alias"),
        (SMALL.replace("model: churn", "model: Churn"), 2, "'Churn' cannot name a model"),
        (SMALL.replace("source: a.csv, ", ""), 3, "either source (files) or import"),
        (
            WHOLE.replace("gap: 30d", "gap: 10d"),
            1,
            "window.gap is shorter than data.label_delay",
        ),
    ],
)
def test_every_mistake_is_said_with_its_line(read, text, line, words):
    with pytest.raises(ConfigError) as error:
        read(text)
    assert words in error.value.message
    assert f"pipeline.yaml:{line}:" in error.value.message


@pytest.mark.parametrize(
    "more", ["candidates: linaer\n", "candidates: [{auto: forest, trim: 1}]\n"]
)
def test_of_a_candidate_only_what_it_was_meant_to_be_is_said(read, more):
    with pytest.raises(ConfigError) as error:
        read(SMALL + more)
    assert error.value.message.count("\n") == 1


def test_one_candidate_stands_for_a_list_of_it(read):
    for more in ("candidates: forest\n", "candidates: {auto: forest, params: {max_depth: 3}}\n"):
        settings = read(SMALL + more)
        assert [entry.label for entry in settings.entries] == ["forest"]
        assert pipeline_of(body_of(settings)) == settings


@pytest.mark.parametrize(
    ("dimension", "words"),
    [
        ("{int: [8, 2]}", "lower bound 8 is above its upper bound 2"),
        ("{int: [1, 2], choice: [1]}", "write one of"),
        ("{float: [0, 1], log: true}", "log needs bounds above 0"),
        ("{choice: []}", "at least one value"),
        ("{int: [1, 9], step: 0.5}", "whole number"),
        ("{}", "write one of"),
    ],
)
def test_a_parameter_that_cannot_be_searched_is_refused(read, dimension, words):
    more = f"estimator: {{import: a.b:c}}\nsearch:\n  space:\n    x: {dimension}\n"
    with pytest.raises(ConfigError, match=r"search\.space\.x") as error:
        read(SMALL + more)
    assert words in error.value.message


@pytest.mark.parametrize(("text", "words"), [("- a\n", "holds no pipeline"), ("a: [", "no YAML")])
def test_what_is_no_pipeline_at_all_is_refused(read, text, words):
    with pytest.raises(ConfigError, match=words):
        read(text)
