"""Which column of a meta-model is what its members say of a row."""

import json
from dataclasses import replace

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.meta_model import MetaModel, meta_rows
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.stacking import Member, meta_features, sources_of
from serve_app.errors import ConfigError

TWO = Output("classification", ("ill", "well"), probabilities=True, scores_width=1)
THREE = Output("classification", ("a", "b", "c"), probabilities=True)
SCORED = Output("classification", ("ill", "well"), scores_width=1)
SILENT = Output("classification", ("ill", "well"))
NUMBER = Output("regression")
SHOWN = {"age": Column("age", "int64"), "town": Column("town", "string")}
MEMBERS = [Member("first@1", TWO), Member("second@3", TWO)]


def meta(*names, by_position=False, dtype="float64", **dtypes):
    columns = tuple(Column(name, dtypes.get(name, dtype)) for name in names)
    return Signature(columns, TWO, by_position=by_position)


def features(sources):
    return [source.feature for source in sources]


@pytest.mark.parametrize(
    ("output", "names"),
    [
        (TWO, ["m@1:well"]),
        (THREE, ["m@1:a", "m@1:b", "m@1:c"]),
        (SCORED, ["m@1/score"]),
        (replace(SCORED, labels=("a", "b", "c"), scores_width=3),
         ["m@1/score:a", "m@1/score:b", "m@1/score:c"]),
        (SILENT, ["m@1"]),
        (NUMBER, ["m@1"]),
        (replace(NUMBER, width=2), ["m@1:0", "m@1:1"]),
    ],
)  # fmt: skip
def test_members_are_stacked_as_scikit_learn_stacks_them(output, names):
    assert [one.name for one in meta_features(Member("m@1", output))] == names


def test_columns_are_matched_by_name_in_the_order_of_the_meta_model():
    signature = meta("second@3:ill", "first@1:well")
    sources = sources_of(signature, MEMBERS, SHOWN)
    assert [(one.version, one.place) for one in sources] == [("second@3", 0), ("first@1", 1)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("x0", "x1"), ["first@1:well", "second@3:well"]),
        (("0", "1", "2", "3"),
         ["first@1:ill", "first@1:well", "second@3:ill", "second@3:well"]),
    ],
)  # fmt: skip
def test_a_meta_model_without_names_takes_members_in_their_order(names, expected):
    sources = sources_of(meta(*names, by_position=True), MEMBERS, SHOWN)
    assert features(sources) == expected
    assert tuple(source.name for source in sources) == names


def test_columns_of_the_rows_come_last_by_position():
    signature = meta("x0", "x1", "x2", by_position=True)
    sources = sources_of(signature, MEMBERS, SHOWN, ["age"])
    assert features(sources) == ["first@1:well", "second@3:well", "age"]


def test_a_named_column_is_matched_also_where_it_stands_first():
    signature = meta("age", "first@1:well", "second@3:well")
    assert features(sources_of(signature, MEMBERS, SHOWN, ["age"]))[0] == "age"


@pytest.mark.parametrize(
    ("label", "names"), [(True, ("m@1:True", "m@1:true")), (1.0, ("m@1:1.0", "m@1:1"))]
)
def test_classes_are_named_as_python_or_as_json_writes_them(label, names):
    output = Output("classification", (type(label)(0), label), probabilities=True)
    for name in names:
        (source,) = sources_of(meta(name), [Member("m@1", output)], {})
        assert source.place == 1


@pytest.mark.parametrize(
    ("signature", "with_columns", "words"),
    [
        (meta("first@1:well", "third@1:well"), [], "'third@1:well', which no member gives"),
        (meta("first@2:well", "second@3:well"), [], "'first@2:well', which no member gives"),
        (meta("first@1:well", "age"), [], r"add with_columns: \[age\]"),
        (meta("first@1:well", "second@3:well"), ["age"], "'age', which it does not take"),
        (meta("first@1:well"), ["height"], "'height', which members are not shown; they are"),
        (meta("a", "b", "c", by_position=True), [], "takes 3 columns .* 2 or 4 values"),
        (meta("a", "b", by_position=True), ["age"], "takes 2 columns .* 1 of with_columns"),
        (meta("first@1:well", dtype="int64"), [], "takes int64, but is given the probability"),
        (meta("first@1", "second@3"), [], "takes float64, but is given text"),
        (meta("first@1:well", "town"), ["town"], "'town' takes float64, but is given string"),
    ],
)
def test_columns_that_do_not_fit_are_refused_in_words(signature, with_columns, words):
    with pytest.raises(ConfigError, match=words):
        sources_of(signature, MEMBERS, SHOWN, with_columns)


def test_members_that_give_neither_classes_nor_numbers_are_refused():
    several = Member("tags@1", Output("multilabel", probabilities=True))
    with pytest.raises(ConfigError, match="tags@1 gives multilabel"):
        sources_of(meta("tags@1"), [several], {})


def test_rows_hold_what_each_member_gave():
    signature = meta("second@3/score", "first@1:ill", "first@1", first="string")
    signature = replace(
        signature, inputs=(*signature.inputs[:2], Column("first@1", "string"), SHOWN["age"])
    )
    sources = sources_of(signature, MEMBERS, SHOWN, ["age"])
    classes = np.array(["ill", "well"], dtype=object)
    given = {
        "first@1": Prediction(classes, np.array([[0.9, 0.1], [0.25, 0.75]], dtype=np.float32)),
        "second@3": Prediction(classes, None, np.array([-2.0, 3.0])),
    }
    rows = meta_rows(sources, given, Columns.of({"age": np.array([40, 60])}))
    assert rows.names == ("second@3/score", "first@1:ill", "first@1", "age")
    assert rows["second@3/score"].tolist() == [-2.0, 3.0]
    assert rows["first@1:ill"].tolist() == [float(np.float32(0.9)), 0.25]
    assert rows["first@1"].tolist() == ["ill", "well"]
    assert rows["age"].tolist() == [40, 60]


def test_numbers_alone_are_one_block():
    sources = sources_of(meta("first@1:well", "second@3:well"), MEMBERS, SHOWN)
    given = {
        version: Prediction(np.array(["ill"], dtype=object), np.array([[0.6, 0.4]]))
        for version in ("first@1", "second@3")
    }
    rows = meta_rows(sources, given, Columns.of({"age": np.array([1])}))
    assert rows.block is not None
    assert rows.block.tolist() == [[0.4, 0.4]]


def test_a_member_that_is_missing_is_never_guessed():
    sources = sources_of(meta("first@1:well", "second@3:well"), MEMBERS, SHOWN)
    given = {"first@1": Prediction(np.array(["ill"], dtype=object), np.array([[0.6, 0.4]]))}
    with pytest.raises(KeyError):
        meta_rows(sources, given, Columns.of({"age": np.array([1])}))


def test_a_meta_model_survives_json():
    sources = sources_of(meta("first@1:well", "age"), MEMBERS, SHOWN, ["age"])
    model = MetaModel("stacker@1", True, ("ill", "well"), sources, "champion")
    assert MetaModel.from_json(json.loads(json.dumps(model.to_json()))) == model
    assert model.declared == "stacker@champion"
