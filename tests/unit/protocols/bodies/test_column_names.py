"""Names that are numbers, and other names than the endpoint's where its models know none."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols.bodies import column_names
from serve_app.protocols.dialect import Call
from serve_app.protocols.dialects import azure_ml, invocations, seldon

MATRIX = [[50.0, 2.0], [60.0, 3.0]]
NAMED = (Column("age", "float64"), Column("dose", "float64"))
NUMBERED = (Column("0", "float64", label=0), Column("1", "float64", label=1))


def call(
    body: Any, columns: tuple[Column, ...], *, by_position: bool, kind: str = "application/json"
) -> Call:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    signature = Signature(columns, Output("regression"), by_position=by_position)
    names = tuple(column.name for column in columns)
    return Call(raw, names, 9, {"content-type": kind}, columns, signature)


def listed(columns: Any) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in columns.items()}


WRITERS = {
    "mlflow": (
        invocations.MLFLOW,
        lambda names: {"dataframe_split": {"columns": names, "data": MATRIX}},
    ),
    "azure": (
        azure_ml.DIALECT,
        lambda names: {"input_data": {"columns": names, "index": [0, 1], "data": MATRIX}},
    ),
    "seldon": (seldon.DIALECT, lambda names: {"data": {"names": names, "ndarray": MATRIX}}),
}


@pytest.mark.parametrize("writer", WRITERS)
class TestNamesInOrder:
    def decoded(self, writer: str, names: Any, columns: Any, *, by_position: bool) -> Any:
        dialect, body = WRITERS[writer]
        found = dialect.decode(call(body(names), columns, by_position=by_position))
        return listed(found.columns)

    def test_numbers_name_the_columns_of_a_frame_without_names(self, writer: str) -> None:
        sent = json.loads(pd.DataFrame(MATRIX).to_json(orient="split"))["columns"]
        found = self.decoded(writer, sent, NUMBERED, by_position=True)
        assert found == {"0": [50.0, 60.0], "1": [2.0, 3.0]}

    @pytest.mark.parametrize("names", [[0, 1], ["0", "1"], ["x", "y"], ["f0", "f1"], [7, 9]])
    def test_models_that_know_no_names_take_others_by_position(
        self, writer: str, names: Any
    ) -> None:
        found = self.decoded(writer, names, NAMED, by_position=True)
        assert found == {"age": [50.0, 60.0], "dose": [2.0, 3.0]}

    def test_numbers_are_places(self, writer: str) -> None:
        found = self.decoded(writer, [1, 0], NAMED, by_position=True)
        assert found == {"dose": [50.0, 60.0], "age": [2.0, 3.0]}

    @pytest.mark.parametrize("names", [["Dose", "AGE"], ["age", "x"], ["x", "age"]])
    def test_names_that_may_mean_the_endpoints_are_never_taken_by_position(
        self, writer: str, names: Any
    ) -> None:
        found = self.decoded(writer, names, NAMED, by_position=True)
        assert found == dict(zip(names, map(list, zip(*MATRIX, strict=True)), strict=True))

    @pytest.mark.parametrize("names", [[0, 1], ["x", "y"]])
    def test_models_that_know_their_names_take_no_others(self, writer: str, names: Any) -> None:
        found = self.decoded(writer, names, NAMED, by_position=False)
        assert list(found) == list(map(str, names))

    @pytest.mark.parametrize("names", [[0.0, 1.0], [True, False], [None, "y"], [["a"], "b"]])
    def test_what_is_no_name_is_refused_where_it_stands(self, writer: str, names: Any) -> None:
        with pytest.raises(BadEncoding, match=r"\[0\] must be a name or a whole number"):
            self.decoded(writer, names, NAMED, by_position=True)

    @pytest.mark.parametrize("names", [[0, "0"], [1, 1]])
    def test_a_name_that_stands_twice_is_refused(self, writer: str, names: Any) -> None:
        with pytest.raises(BadEncoding, match="twice"):
            self.decoded(writer, names, NAMED, by_position=True)

    def test_very_many_names_are_refused_as_such(self, writer: str) -> None:
        with pytest.raises(BadEncoding, match="has 5000 names, but this endpoint takes 2 columns"):
            self.decoded(writer, list(range(5000)), NAMED, by_position=True)


class TestObjects:
    def test_numbers_are_places_in_objects_too(self) -> None:
        asked = call({}, NAMED, by_position=True)
        found = column_names.placed({"1": [2.0], "0": [50.0]}, asked)
        assert found == {"age": [50.0], "dose": [2.0]}

    @pytest.mark.parametrize("names", ["xy", "12", "0x"])
    def test_other_names_in_objects_say_nothing_of_places(self, names: str) -> None:
        sent: dict[str, list[Any]] = {name: [1.0] for name in names}
        assert column_names.placed(sent, call({}, NAMED, by_position=True)) == sent

    def test_models_that_know_their_names_take_no_numbers(self) -> None:
        sent: dict[str, list[Any]] = {"0": [1.0], "1": [2.0]}
        assert column_names.placed(sent, call({}, NAMED, by_position=False)) == sent


class TestCsv:
    @pytest.mark.parametrize("names", [[0, 1], ["x", "y"]])
    def test_a_header_of_other_names_is_one_where_models_know_none(self, names: Any) -> None:
        text = pd.DataFrame(np.array(MATRIX) + 0.5, columns=names).to_csv(index=False)
        found = invocations.DIALECT.decode(call(text, NAMED, by_position=True, kind="text/csv"))
        again = pd.read_csv(io.StringIO(text))
        assert listed(found.columns) == {
            "age": again.iloc[:, 0].tolist(),
            "dose": again.iloc[:, 1].tolist(),
        }

    @pytest.mark.parametrize("first", ["Dose,Age", "x,y,z"])
    def test_a_header_that_may_mean_other_columns_is_refused(self, first: str) -> None:
        text = f"{first}\n50.5,2.5\n60.5,3.5\n"
        with pytest.raises(InvalidInput, match="looks like a header"):
            invocations.DIALECT.decode(call(text, NAMED, by_position=True, kind="text/csv"))
