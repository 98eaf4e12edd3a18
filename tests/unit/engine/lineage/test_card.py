"""Cards are what people and the tools of the Hugging Face Hub read of a version."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from typing import Any

import markdown_it
import pytest
from huggingface_hub import ModelCard

from serve_app.core.signature import Column, Output, Signature
from serve_app.engine.lineage.card import NOT_WRITTEN, card_of
from serve_app.engine.lineage.card_text import html, markdown
from serve_app.registry.card_notes import CardNote
from serve_app.registry.manifest import Manifest, Metrics, TrainingData
from tests.unit.registry.test_lineage import WHOLE
from tests.unit.registry.test_manifest import a_manifest

NOTE = CardNote("Limitations", "Not for children.", "2026-11-21T12:00:00+00:00", "ada")
HOSTILE = "<script>alert(1)</script> | **bold** [x](http://e.example)\n# heading"


def a_version(**changed: Any) -> Manifest:
    body: dict[str, Any] = {
        "metrics": Metrics(
            held_out={"accuracy": 0.925, "roc_auc": math.nan}, baseline={"accuracy": 0.5}
        ),
        "training": TrainingData(rows=5, fingerprint="0" * 64, source="train.csv", target="ill"),
        "lineage": WHOLE,
        "parameters": {"max_depth": 3},
        "libraries": {"xgboost": "3.1.0"},
    }
    return a_manifest(**(body | changed))


def test_the_hubs_own_reader_takes_its_metrics_and_task() -> None:
    card = ModelCard(markdown(card_of(a_version(), [])))
    assert card.data.model_name == "diagnosis-xgb@1"
    assert card.data.library_name == "xgboost"
    assert card.data.pipeline_tag == "tabular-classification"
    # `gini` is infinite and `roc_auc` of held-out rows could not be computed.
    assert [
        (one.task_type, one.dataset_name, one.metric_type, one.metric_name, one.metric_value)
        for one in card.data.eval_results
    ] == [
        ("tabular-classification", "train.csv", "accuracy", "accuracy, held out", 0.925),
        ("tabular-classification", "train.csv", "roc_auc", "roc_auc, of the run", 0.1 + 0.2),
    ]
    again = ModelCard(str(card))
    assert again.data.to_dict() == card.data.to_dict()
    assert "Nobody has written this yet" in card.text


@pytest.mark.parametrize(
    ("kind", "task"), [("regression", "tabular-regression"), ("transform", None)]
)
def test_the_task_is_that_of_what_is_predicted(kind: Any, task: str | None) -> None:
    signature = Signature((Column("age", "int64"),), Output(kind))
    card = ModelCard(markdown(card_of(a_version(signature=signature), [])))
    assert card.data.pipeline_tag == task


def test_a_version_of_which_little_is_known_has_a_card_too() -> None:
    bare = a_manifest(signature=Signature((), Output("regression")))
    card = ModelCard(markdown(card_of(bare, [])))
    assert card.data.eval_results is None
    assert "## Metrics" not in card.text
    assert "None" not in card.text


def test_what_people_wrote_stands_below_its_heading_with_who_and_when() -> None:
    later = CardNote("Limitations", "Nor for cats.", "2026-11-22T12:00:00+00:00", "bob")
    fairness = CardNote("Fairness", "Alike by sex.", "2026-11-22T12:00:00+00:00", "bob")
    card = card_of(a_version(), [NOTE, fairness, later])
    assert card.missing == ("Intended use",)
    text = markdown(card)
    assert NOT_WRITTEN in text.split("## Intended use")[1].split("## Limitations")[0]
    limits = text.split("## Limitations")[1].split("## ")[0]
    assert limits.index("Not for children") < limits.index("(ada, 2026-11-21T12:00:00+00:00)")
    assert limits.index("(ada") < limits.index("Nor for cats") < limits.index("(bob")
    assert "Alike by sex." in text.split("## Fairness")[1]


def test_the_same_stands_in_json() -> None:
    body = json.loads(json.dumps(card_of(a_version(), [NOTE]).to_json(), allow_nan=False))
    assert body["schema"] == 1
    assert body["reference"] == "diagnosis-xgb@1"
    parts = {part["title"]: part for part in body["parts"]}
    assert parts["Metrics"]["table"] == {
        "heads": ["metric", "held out", "baseline, held out", "of the run"],
        "rows": [
            ["accuracy", 0.925, 0.5, None],
            ["roc_auc", None, None, 0.1 + 0.2],
            ["gini", None, None, None],
        ],
    }
    assert ["training window", "2026-05-01 to 2026-11-01"] in parts["Data"]["table"]["rows"]
    assert ["follows", "diagnosis-xgb@2"] in parts["Lineage"]["table"]["rows"]


def test_names_in_a_model_become_no_markup() -> None:
    signature = Signature((Column(HOSTILE, "int64"),), Output("classification", (HOSTILE, "b")))
    card = card_of(a_version(signature=signature, warnings=("x | y",)), [])
    body = markdown(card).partition("\n---\n\n")[2]
    tokens = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).parse(body)
    kinds = {one.type for token in tokens for one in [token, *(token.children or [])]}
    assert not kinds & {"html_block", "html_inline", "strong_open", "link_open"}
    heads = [t.content for at, t in enumerate(tokens) if tokens[at - 1].type == "heading_open"]
    assert "heading" not in heads
    page = ET.fromstring(html(card).removeprefix("<!DOCTYPE html>"))
    assert page.findall(".//script") == []
    cells = ["".join(cell.itertext()) for cell in page.iter("td")]
    assert HOSTILE in cells


def test_the_page_loads_nothing_and_says_the_same() -> None:
    page = html(card_of(a_version(), [NOTE]))
    root = ET.fromstring(page.removeprefix("<!DOCTYPE html>"))
    assert not [one for one in root.iter() if {"src", "href"} & set(one.attrib)]
    text = " ".join("".join(root.itertext()).split())
    for words in ("diagnosis-xgb@1", "Not for children.", "0.925", "2026-05-01 to 2026-11-01"):
        assert words in text


def test_front_matter_is_yaml_whatever_stands_in_a_name() -> None:
    training = TrainingData(rows=5, fingerprint="0" * 64, source="a: b\n---\n# x")
    text = markdown(card_of(a_version(training=training), []))
    card = ModelCard(text)
    assert {one.dataset_name for one in card.data.eval_results} == {"a: b\n---\n# x"}
