"""`serve-app ensemble weights`, as people type it."""

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
