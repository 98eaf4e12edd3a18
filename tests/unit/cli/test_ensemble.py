"""`serve-app ensemble weights`, as people type it."""

import copy
import hashlib
import json

import pytest
import yaml

from serve_app.examples.datasets import breast_cancer

CONFIG = {
    "applications": [
        {
            "name": "control",
            "import_path": "serve_app.app:control",
            "deployments": [
                {
                    "name": "Control",
                    "user_config": {
                        "endpoints": {
                            "together": {
                                "preprocess": {"model": "diagnosis-features@1"},
                                "route": {
                                    "kind": "ensemble",
                                    "combine": "weighted",
                                    "variants": [
                                        {"model": "diagnosis-forest@1", "weight": 1},
                                        {"model": "diagnosis-logistic@1", "weight": 3},
                                    ],
                                },
                            }
                        }
                    },
                }
            ],
        }
    ]
}


@pytest.fixture
def files(home):
    data = breast_cancer()
    data.frame.assign(diagnosis=data.named_target).to_csv(home / "heldout.csv", index=False)
    (home / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    return home


def line(*more, endpoint="together", target="diagnosis"):
    return (
        "ensemble", "weights", "config.yaml", "--endpoint", endpoint,
        "--data", "heldout.csv", "--target", target, *more,
    )  # fmt: skip


def test_variants_are_printed_as_a_config_has_them(serve_app, files):
    said = serve_app(*line())
    assert said.code == 0, said.err
    assert "log_loss: " in said.out
    block = yaml.safe_load(said.out[said.out.index("combine: weighted") :])
    assert block["combine"] == "weighted"
    named = {one["model"]: one["weight"] for one in block["variants"]}
    assert named.keys() == {"diagnosis-forest@1", "diagnosis-logistic@1"}
    assert sum(named.values()) == pytest.approx(1, abs=1e-4)


def test_programs_are_given_one_document(serve_app, files):
    said = serve_app(*line("--json"))
    assert said.code == 0, said.err
    body = json.loads(said.out)
    assert (body["loss"], body["rows"]) == ("log_loss", 569)
    assert body["after"] <= body["before"]
    assert body["weights"].keys() == body["alone"].keys()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"endpoint": "other"}, "declares no endpoint 'other'; it has together"),
        ({"target": "truth"}, "heldout.csv has no column 'truth'; it has "),
    ],
)
def test_what_is_not_there_is_named(serve_app, files, more, words):
    said = serve_app(*line(**more))
    assert (said.code, said.out) == (1, "")
    assert words in said.err


def test_a_stack_is_trained_registered_and_fits_the_endpoint(serve_app, files):
    said = serve_app(
        "ensemble", "stack", "config.yaml", "--endpoint", "together", "--data", "heldout.csv",
        "--target", "diagnosis", "--name", "diagnosis-stacker",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "fitted on 569 held-out rows alone, since its members are fitted already" in said.out
    block = yaml.safe_load(said.out[said.out.index("combine: stack") :])
    assert block.keys() == {"combine", "meta"}
    shown = json.loads(serve_app("models", "show", block["meta"], "--json").out)
    assert "stack of diagnosis-forest@1 (manifest SHA-256 " in shown["origin"]
    digest = hashlib.sha256((files / "heldout.csv").read_bytes()).hexdigest()
    assert shown["training"]["source"] == f"heldout.csv (SHA-256 {digest}), held out"
    names = [column["name"] for column in shown["signature"]["inputs"]]
    assert names == ["diagnosis-forest@1:malignant", "diagnosis-logistic@1:malignant"]
    # Trained again of a config that says so already, whether its meta-model is there or not.
    config = copy.deepcopy(CONFIG)
    endpoints = config["applications"][0]["deployments"][0]["user_config"]["endpoints"]
    variants = [{"model": one["model"]} for one in endpoints["together"]["route"]["variants"]]
    route = {"kind": "ensemble", "combine": "stack", "meta": "nobody@1", "variants": variants}
    endpoints["together"]["route"] = route
    (files / "config.yaml").write_text(yaml.safe_dump(config))
    again = serve_app(
        "ensemble", "stack", "config.yaml", "--endpoint", "together", "--data", "heldout.csv",
        "--target", "diagnosis", "--name", "diagnosis-stacker", "--with-column", "mean_radius",
        "--json",
    )  # fmt: skip
    assert again.code == 0, again.err
    body = json.loads(again.out)
    assert body["columns"][2:] == ["mean_radius"]
    assert (body["loss"], body["rows"]) == ("log_loss", 569)


COMMENTED = """\
# mine
applications:
- name: control
  import_path: serve_app.app:control
  deployments:
  - name: Control
    user_config:
      endpoints:
        together:
          preprocess: {model: diagnosis-features@1}
          route:
            kind: ensemble   # for now
            variants:
            - {model: diagnosis-forest@1}   # trees
            - model: diagnosis-logistic@1
              weight: 1   # a line
"""


@pytest.fixture
def commented(files):
    (files / "config.yaml").write_text(COMMENTED)
    return files / "config.yaml"


def test_weights_are_written_and_nothing_else_changes(serve_app, commented):
    said = serve_app(*line("--write", "--json"))
    assert said.code == 0, said.err
    body = json.loads(said.out)
    forest, logistic = (body["weights"][f"diagnosis-{name}@1"] for name in ("forest", "logistic"))
    assert commented.read_text() == COMMENTED.replace(
        "# for now\n", "# for now\n            combine: weighted\n"
    ).replace("forest@1}", f"forest@1, weight: {forest}}}").replace(
        "weight: 1   #", f"weight: {logistic}   #"
    )
    assert body["written"] == "config.yaml"
    assert "+            combine: weighted" in body["diff"].splitlines()
    again = serve_app(*line("--write"))
    assert again.out.splitlines()[-1] == "config.yaml has these weights already"


def test_without_write_the_file_stays_as_it_is(serve_app, commented):
    assert serve_app(*line()).code == 0
    assert commented.read_text() == COMMENTED


def test_a_file_that_is_changed_meanwhile_is_left_as_it_is(serve_app, commented, monkeypatch):
    from serve_app.engine import held_out

    learned = held_out.learned_weights

    def meanwhile(*given):
        commented.write_text(COMMENTED + "# yours\n")
        return learned(*given)

    monkeypatch.setattr(held_out, "learned_weights", meanwhile)
    said = serve_app(*line("--write"))
    assert said.code == 1
    assert "was changed meanwhile and is left as it is" in said.err
    assert commented.read_text() == COMMENTED + "# yours\n"


def test_weights_with_which_too_few_members_would_answer_are_not_written(
    serve_app, commented, monkeypatch
):
    from dataclasses import replace

    from serve_app.engine import held_out

    text = COMMENTED.replace("# for now\n", "# for now\n            quorum: 2\n")
    commented.write_text(text)
    learned = held_out.learned_weights

    def one_alone(*given):
        return replace(
            learned(*given), weights={"diagnosis-forest@1": 1.0, "diagnosis-logistic@1": 0.0}
        )

    monkeypatch.setattr(held_out, "learned_weights", one_alone)
    said = serve_app(*line("--write"))
    assert said.code == 1
    assert "quorum is 2 but only 1 variants have a weight above 0" in said.err
    assert commented.read_text() == text
