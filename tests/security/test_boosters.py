"""Files of boosters that end the process of who reads them: refused in words, before that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from serve_app.errors import InvalidInput
from serve_app.models.files import read_model
from serve_app.models.inspect import lightgbm as lightgbm_files
from serve_app.models.inspect import xgboost as xgboost_files
from tests.security.boosters import frame, lightgbm_text, trees, ubj, xgboost_json


def _set(key: str, at: int, value: Any, tree: int = 1) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        trees(document)[tree][key][at] = value

    return edit


def _param(key: str, value: str) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        trees(document)[1]["tree_param"][key] = value

    return edit


def _learner(key: str, value: Any) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        document["learner"]["learner_model_param"][key] = value

    return edit


def _model(key: str, value: Any) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        document["learner"]["gradient_booster"]["model"][key] = value

    return edit


def _short(key: str) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        del trees(document)[1][key][-1]

    return edit


def _chain(document: Any) -> None:
    """A tree of 3,001 nodes that is 1,500 levels deep."""
    nodes = 3001
    inner = np.arange(nodes) % 2 == 0
    inner[-1] = False
    left = np.where(inner, np.arange(nodes) + 1, -1)
    right = np.where(inner, np.arange(nodes) + 2, -1)
    tree = trees(document)[1]
    for key in ("base_weights", "loss_changes", "sum_hessian", "split_conditions"):
        tree[key] = [0.5] * nodes
    for key in ("default_left", "split_type", "split_indices", "parents"):
        tree[key] = [0] * nodes
    tree["left_children"], tree["right_children"] = left.tolist(), right.tolist()
    for key in ("categories", "categories_nodes", "categories_segments", "categories_sizes"):
        tree[key] = []
    tree["tree_param"]["num_nodes"] = str(nodes)


def _by_category(edit: Callable[[Any], None]) -> Callable[[Any], None]:
    def edited(document: Any) -> None:
        edit(next(tree for tree in trees(document) if tree["categories_nodes"]))

    return edited


def _many_bits(document: Any) -> None:
    tree = next(tree for tree in trees(document) if tree["categories_nodes"])
    tree["categories"] = [2**24 - 1] * 40
    tree["categories_nodes"] = (tree["categories_nodes"] * 40)[:40]
    tree["categories_segments"] = list(range(40))
    tree["categories_sizes"] = [1] * 40


def _leaf_by_category(document: Any) -> None:
    """XGBoost predicts by such a tree, and ends the process when it stores the model."""
    tree = trees(document)[0]
    tree["split_type"][tree["left_children"].index(-1)] = 1


def _in_disorder(document: Any) -> None:
    tree = next(tree for tree in trees(document) if len(tree["categories_nodes"]) > 1)
    for key in ("categories_nodes", "categories_segments", "categories_sizes"):
        tree[key].reverse()


XGBOOST: dict[str, tuple[Callable[[Any], None], str]] = {
    "child beyond": (_set("left_children", 0, 200_000_000), r"tree 1, node 0: its left child 2000"),
    "child at end": (_set("left_children", 0, 10**6), r"tree 1, node 0: its left child"),
    "negative child": (_set("left_children", 0, -7), r"tree 1, node 0: its left child -7"),
    "right child": (_set("right_children", 0, 3), r"tree 1, node 3: it is the child of several"),
    "right beyond": (_set("right_children", 0, 99_999), r"tree 1, node 0: its right child"),
    "cycle": (
        lambda d: (_set("left_children", 1, 0)(d), _set("right_children", 1, 1)(d)),
        r"tree 1, node \d: it is the child of several",
    ),
    "shared child": (
        lambda d: (_set("left_children", 1, 1)(d), _set("right_children", 1, 2)(d)),
        r"tree 1, node \d: it is the child of several",
    ),
    "feature": (_set("split_indices", 0, 10**6), r"tree 1, node 0: it asks for feature 1000000"),
    "negative feature": (_set("split_indices", 0, -1), r"it asks for feature -1, and there are 4"),
    "too many nodes": (_param("num_nodes", "1000000"), "entries in place of 1000000"),
    "too few nodes": (_param("num_nodes", "2"), "entries in place of 2"),
    "no nodes": (_param("num_nodes", "0"), "entries in place of 0"),
    "nodes of a million digits": (_param("num_nodes", "9" * 10**6), "no number of things"),
    "negative nodes": (_param("num_nodes", "-1"), "tree_param.num_nodes is '-1'"),
    "leaf vectors": (_param("size_leaf_vector", "1000000"), "leaves hold 1000000 values"),
    "place": (lambda d: trees(d)[2].update(id=3), "tree 2 says that it is tree 3"),
    "parent": (_set("parents", 2, 4_177_526_788), r"tree 1, node 2: it says that its parent"),
    "parent of a root": (_set("parents", 0, 5), "it is the root and says that its parent is 5"),
    "conditions": (_short("split_conditions"), "split_conditions has"),
    "weights": (_short("base_weights"), "base_weights has"),
    "sides": (_short("default_left"), "default_left has"),
    "right children": (_short("right_children"), "right_children has"),
    "kind of split": (_set("split_type", 0, 7), "it splits by a kind 7"),
    "no categories": (
        _by_category(lambda tree: tree.update(categories_nodes=[], categories_sizes=[])),
        "it splits by categories without any",
    ),
    "categories of another": (
        _by_category(lambda tree: tree["categories_nodes"].__setitem__(0, 99_999)),
        "node 99999: its categories",
    ),
    "segment": (
        _by_category(lambda tree: tree["categories_segments"].__setitem__(0, 10**9)),
        "its categories are not in the tree's list",
    ),
    "segment beyond int64": (
        _by_category(lambda tree: tree["categories_sizes"].__setitem__(0, 2**63 - 1)),
        "its categories are not in the tree's list",
    ),
    "negative category": (
        _by_category(lambda tree: tree["categories"].__setitem__(0, -1)),
        "-1 is no category",
    ),
    "category beyond": (
        _by_category(lambda tree: tree["categories"].__setitem__(0, 2**31 - 1)),
        "2147483647 is no category",
    ),
    "categories of a leaf": (_leaf_by_category, "it splits by categories without any"),
    "categories of a number": (
        _by_category(lambda tree: tree["split_type"].__setitem__(tree["categories_nodes"][0], 0)),
        "it has categories and does not split by them",
    ),
    "categories in disorder": (_in_disorder, "its nodes with categories are in no order"),
    "bits of categories": (_many_bits, "MiB of memory"),
    "depth": (_chain, "more than 1000 levels"),
    "fewer features": (_learner("num_feature", "1"), "has 4 entries in place of 1|asks for"),
    "features": (_learner("num_feature", "4294967297"), "num_feature is 4294967297"),
    "features in Python's words": (_learner("num_feature", "0_4"), "num_feature is '0_4'"),
    "features of other digits": (_learner("num_feature", "\u0664"), "no number of things"),
    "output": (_model("tree_info", [0, 0, 5, 0]), "tree 2 is for output 5, and there are 1"),
    "negative output": (_model("tree_info", [0, -1, 0, 0]), "tree 1 is for output -1"),
    "iterations": (_model("iteration_indptr", [0, 1, 2, 999]), "iteration_indptr"),
    "iterations down": (_model("iteration_indptr", [0, 3, 2, 4]), "iteration_indptr"),
    "number of trees": (
        lambda d: d["learner"]["gradient_booster"]["model"]["gbtree_model_param"].update(
            num_trees="9"
        ),
        "the list of trees has 4 entries in place of 9",
    ),
    "order of categories": (
        lambda d: d["learner"]["gradient_booster"]["model"]["cats"]["sorted_idx"].__setitem__(
            0, 10**6
        ),
        "order of categories",
    ),
    "text instead of numbers": (_set("left_children", 0, "1"), "no list of numbers"),
    "numbers with fractions": (_set("left_children", 0, 1.5), "no list of numbers"),
    "no tree": (lambda d: trees(d).__setitem__(1, 7), "tree 1 is no mapping"),
    "no lists": (_model("trees", 7), "trees is no list"),
}


@pytest.mark.parametrize("name", XGBOOST)
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_a_hostile_file_of_xgboost_is_refused_in_words(
    name: str, form: str, tmp_path: Path
) -> None:
    edit, words = XGBOOST[name]
    document = json.loads(xgboost_json())
    edit(document)
    path = tmp_path / f"model.{form}"
    path.write_bytes(ubj(document) if form == "ubj" else json.dumps(document).encode())
    with pytest.raises(InvalidInput, match=words) as caught:
        read_model(path)
    assert str(path) in caught.value.message
    assert len(caught.value.message) < 400


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """XGBoost takes the last; whoever checks the first sees another file."""
    path = tmp_path / "model.json"
    path.write_text(
        xgboost_json().replace('"left_children":', '"left_children":[9],"left_children":', 1)
    )
    with pytest.raises(InvalidInput, match="'left_children' twice"):
        read_model(path)


@pytest.mark.parametrize("depth", [1_000, 200_000])
def test_nested_documents_are_refused(depth: int, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text('{"learner":' * depth + "1" + "}" * depth)
    with pytest.raises(InvalidInput):
        read_model(path)


@pytest.mark.parametrize("booster", ["dart", "gblinear", "gbtree"])
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_what_xgboost_writes_passes(booster: str, form: str) -> None:
    rows, wanted = frame()[["a", "b"]], frame()[["a", "b"]] > 0
    for estimator, target in (
        (xgboost.XGBRegressor(n_estimators=3, booster=booster), wanted["a"].astype(float)),
        (xgboost.XGBClassifier(n_estimators=3, booster=booster), wanted.sum(axis=1)),
        (xgboost.XGBRegressor(n_estimators=3, booster=booster), wanted.astype(float)),
    ):
        model = estimator.fit(rows, target)
        xgboost_files.check(bytes(model.get_booster().save_raw(form)))


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_trees_of_several_outputs_pass(form: str) -> None:
    model = xgboost.XGBRegressor(n_estimators=3, multi_strategy="multi_output_tree", max_depth=2)
    model.fit(frame()[["a", "b"]], frame()[["b", "c"]])
    content = bytes(model.get_booster().save_raw(form))
    xgboost_files.check(content)
    if form == "json":
        document = json.loads(content)
        leaf = trees(document)[0]["left_children"].index(-1)
        trees(document)[0]["right_children"][leaf] = 10**6
        with pytest.raises(InvalidInput, match=f"node {leaf}: it is a leaf without values"):
            xgboost_files.check(json.dumps(document).encode())


def _line(
    key: str, change: Callable[[list[str]], list[str]], tree: int = 1
) -> Callable[[str], str]:
    """Change the entries of a list in one tree; the sizes in the head are made to fit."""

    def edit(text: str) -> str:
        head, *blocks = text.partition("end of trees")[0].split("Tree=")
        lines = blocks[tree].split("\n")
        at = next(n for n, line in enumerate(lines) if line.startswith(f"{key}="))
        entries = lines[at].partition("=")[2].split(" ")
        lines[at] = f"{key}=" + " ".join(change(entries))
        blocks[tree] = "\n".join(lines)
        sizes = " ".join(str(len(f"Tree={block}".encode())) for block in blocks)
        head = re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", head)
        return "Tree=".join([head, *blocks]) + "end of trees" + text.partition("end of trees")[2]

    return edit


def _first(value: str) -> Callable[[list[str]], list[str]]:
    return lambda entries: [value, *entries[1:]]


def _headed(key: str, value: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"\n{key}=.*", f"\n{key}={value}", text, count=1)


LIGHTGBM: dict[str, tuple[Callable[[str], str], str]] = {
    "child beyond": (_line("left_child", _first("200000")), "tree 1, node 0: its left child"),
    "leaf beyond": (_line("right_child", _first("-200000")), "tree 1, node 0: its right child"),
    "first of beyond": (_line("left_child", _first("6")), "tree 1, node 0: its left child"),
    "cycle": (_line("left_child", _first("0")), "tree 1, node 0: it is the child of several"),
    "feature": (_line("split_feature", _first("999999")), "asks for feature 999999"),
    "negative feature": (_line("split_feature", _first("-1")), "asks for feature -1"),
    "fewer children": (_line("left_child", lambda e: e[:-1]), "left_child has 5 entries"),
    "fewer thresholds": (_line("threshold", lambda e: e[:-1]), "threshold has 5 entries"),
    "fewer values": (_line("leaf_value", lambda e: e[:-1]), "leaf_value has 6 entries"),
    "fewer counts": (_line("leaf_count", lambda e: e[:-1]), "leaf_count has 6 entries"),
    "fewer kinds": (_line("decision_type", lambda e: e[:-1]), "decision_type has 5 entries"),
    "a kind": (_line("decision_type", _first("255")), "it decides by a kind 255"),
    "leaves": (_line("num_leaves", _first("2000000")), "entries in place of"),
    "no leaves": (_line("num_leaves", _first("0")), "tree 1 has no leaves"),
    "negative leaves": (_line("num_leaves", _first("-5")), "num_leaves is '-5'"),
    "digits": (_line("num_leaves", _first("9" * 5000)), "no number of things"),
    "no number": (_line("left_child", _first("x")), "holds what is no number"),
    "beyond int64": (_line("left_child", _first("9" * 30)), "no whole number"),
    "categories": (_line("cat_boundaries", lambda _: ["0", "99999"], 0), "cat_boundaries"),
    "category sets": (_line("num_cat", _first("7"), 0), "cat_boundaries"),
    "negative sets": (_line("cat_boundaries", lambda e: ["-5", *e[1:]], 0), "cat_boundaries"),
    "sizes of trees": (_headed("tree_sizes", "9999999 1 1 1"), "tree_sizes"),
    "negative sizes": (_headed("tree_sizes", "-600 600 600 600"), "tree_sizes"),
    "no sizes": (_headed("tree_sizes", ""), "tree_sizes"),
    "iterations": (_headed("num_tree_per_iteration", "3"), "do not go together"),
    "room for classes": (_headed("num_class", "99"), "do not go together"),
    "objective": (_headed("objective", "multiclass num_class:9"), "do not go together"),
    "features": (_headed("max_feature_idx", "0"), "feature_names for 1 features"),
    "parameters": (
        lambda text: text.replace("[boosting: gbdt]", "[boosting]\n0 1 2"),
        "its list of parameters",
    ),
    "no number in a tree": (_line("threshold", _first("0x1p3")), "holds what is no number"),
    # LightGBM and Python agree neither on what ends a line nor on what ends a number.
    "tabs": (_line("left_child", lambda e: ["\t".join(e)]), "the control character b'\\\\t'"),
    "lines of old": (_headed("num_class", "1\rnum_class=99"), "the control character b'\\\\r'"),
    "an end of text": (_headed("version", "v4\0"), "the control character b'\\\\x00'"),
    "blanks of other scripts": (
        _line("left_child", lambda e: ["\u00a0".join(e)]),
        "tree 1 holds what is no number",
    ),
    "digits of other scripts": (
        _line("left_child", lambda e: [one.replace("1", "\u0661") for one in e]),
        "tree 1 holds what is no number",
    ),
    "key twice": (_line("num_cat", lambda e: [f"{e[0]}\nnum_cat=0"]), "tree 1 holds a key twice"),
}


@pytest.mark.parametrize("name", LIGHTGBM)
def test_a_hostile_file_of_lightgbm_is_refused_in_words(name: str, tmp_path: Path) -> None:
    edit, words = LIGHTGBM[name]
    text = edit(lightgbm_text())
    assert text != lightgbm_text()
    path = tmp_path / "model.txt"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=words) as caught:
        read_model(path)
    assert str(path) in caught.value.message
    assert len(caught.value.message) < 400


def test_a_split_by_categories_that_there_are_not_is_refused(tmp_path: Path) -> None:
    text = lightgbm_text()
    lines = {
        n: dict(line.partition("=")[::2] for line in b.split("\n"))
        for n, b in enumerate(text.split("Tree=")[1:])
    }
    tree, split = next(
        (n, kinds.index("1"))
        for n, kinds in ((n, one["decision_type"].split()) for n, one in lines.items())
        if "1" in kinds
    )
    path = tmp_path / "model.txt"
    path.write_text(_line("threshold", lambda e: [*e[:split], "77", *e[split + 1 :]], tree)(text))
    with pytest.raises(InvalidInput, match=f"tree {tree}, node {split}: it splits by set 77"):
        read_model(path)


@pytest.mark.parametrize(
    ("key", "value"), [("num_features", "9999"), ("leaf_features", "77"), ("leaf_const", "")]
)
def test_linear_models_in_leaves_are_held_against_the_features(
    key: str, value: str, tmp_path: Path
) -> None:
    lightgbm_files.check(lightgbm_text(linear=True).encode())
    text = _line(key, lambda e: [value, *e[1:]] if value else e[1:], 1)(lightgbm_text(linear=True))
    path = tmp_path / "model.txt"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"linear models|a leaf's model"):
        read_model(path)


def test_what_lightgbm_writes_passes() -> None:
    rows, target = frame(), frame()["a"] > 0
    for estimator, wanted in (
        (lightgbm.LGBMClassifier(n_estimators=3, verbose=-1), target),
        (lightgbm.LGBMClassifier(n_estimators=3, verbose=-1), rows["kind"].cat.codes % 3),
        (lightgbm.LGBMRegressor(n_estimators=3, verbose=-1), target * 0.0),
        (lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, boosting_type="dart"), rows["a"]),
        (lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, objective="quantile"), rows["a"]),
    ):
        text = estimator.fit(rows, wanted).booster_.model_to_string()
        lightgbm_files.check(text.encode())


def test_a_file_of_lightgbm_that_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    content = lightgbm_text().encode()
    path.write_bytes(content.replace(b"feature_names=a", b"feature_names=\xf5"))
    with pytest.raises(InvalidInput, match=r"line \d+ is no text in UTF-8"):
        read_model(path)
