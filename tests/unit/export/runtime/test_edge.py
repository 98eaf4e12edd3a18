"""A version on a device answers what the server's would."""

import sys
import zipfile

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.export.runtime.edge import EdgeModel, open_model, raw_columns
from serve_app.export.wheel import export_wheel
from serve_app.models.compiled.model import FILE, load_compiled


def edge(registry, name):
    artifact = registry.read(name, 1)
    manifest = artifact.manifest
    model = load_compiled(artifact.files[FILE], manifest.signature)
    sample = manifest.sample.model_dump()
    return EdgeModel(manifest.reference, model, manifest.signature, sample)


@pytest.fixture
def logistic(registry):
    return edge(registry, "logistic")


def test_ten_thousand_rows_give_the_bits_of_the_server(registry, logistic):
    rng = np.random.default_rng(1)
    columns = {"age": rng.normal(50, 10, 10_000), "dose": rng.normal(2, 1, 10_000)}
    served = load(registry, "logistic", 1).model.predict(
        Columns.from_block(tuple(columns), np.column_stack(list(columns.values())))
    )
    assert logistic.predict(columns).tolist() == served.values.tolist()
    assert logistic.predict_proba(columns).tobytes() == served.probabilities.tobytes()
    rows = [
        {"dose": d, "age": a} for a, d in zip(*(c.tolist() for c in columns.values()), strict=True)
    ]
    assert logistic.predict_proba(rows).tobytes() == served.probabilities.tobytes()


def test_values_that_do_not_fit_are_refused_as_by_the_server(logistic):
    with pytest.raises(InvalidInput, match=r"row 1, column 'age': expected a number, got 'old'"):
        logistic.predict([{"age": 1.0, "dose": 2.0}, {"age": "old", "dose": 2.0}])
    with pytest.raises(InvalidInput, match=r"row 1, column 'dose'.*missing"):
        logistic.predict([{"age": 1.0, "dose": 2.0}, {"age": 1.0}])
    with pytest.raises(InvalidInput, match=r"row 0, column 'dosis'.*the column 'dose'"):
        logistic.predict([{"age": 1.0, "dose": 2.0, "dosis": 2.0}])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("age", "rows came as a str"),
        (3, "rows came as a int"),
        ([[1.0, 2.0]], "row 0 is a list"),
        ([{"age": 1.0, "dose": 2.0}, None], "row 1 is a NoneType"),
        ({"age": [1.0], "dose": [1.0, 2.0]}, "columns differ in length: 'age' 1, 'dose' 2"),
        ({"age": 1.0, "dose": 2.0}, "column 'age' is a float: .*put the row into a list"),
        ({"age": "1", "dose": "2"}, "column 'age' is a str"),
        ([{3: 1.0}], "names of columns are text"),
    ],
)
def test_what_is_no_table_is_refused_in_words(logistic, rows, words):
    with pytest.raises(InvalidInput, match=words):
        logistic.predict(rows)


def test_no_rows_give_no_answers(logistic):
    assert logistic.predict([]).tolist() == []
    assert logistic.predict_proba({}).shape == (0, 2)


def test_a_row_without_a_column_is_told_from_one_with_null():
    columns, rows = raw_columns([{"a": 1}, {"b": None}, {"a": 2}])
    assert rows == 3
    assert repr(columns) == "{'a': [1, MISSING, 2], 'b': [MISSING, None, MISSING]}"


def test_each_kind_of_version_has_its_own_questions(registry, frame):
    scaler, line = edge(registry, "scaler"), edge(registry, "line")
    rows = frame.head(3).to_dict("records")
    wanted = load(registry, "scaler", 1).model.transform(
        Columns.of({name: frame[name].to_numpy()[:3] for name in frame})
    )
    assert {n: a.tolist() for n, a in scaler.transform(rows).items()} == {
        n: a.tolist() for n, a in wanted.as_dict().items()
    }
    with pytest.raises(InvalidInput, match="call transform"):
        scaler.predict(rows)
    with pytest.raises(InvalidInput, match="call predict"):
        line.transform(rows)
    with pytest.raises(InvalidInput, match="gives no probabilities"):
        line.predict_proba(rows)


def test_raw_scores_are_those_of_the_estimator(registry, models, frame):
    rows = frame.head(5)
    wanted = models["logistic"][0].decision_function(rows)
    got = edge(registry, "logistic").raw_scores(rows.to_dict("records"))
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.fixture
def installed(registry, tmp_path, monkeypatch):
    """The folder of the wheel of `logistic@1`, which can be imported."""
    exported = export_wheel(registry, "logistic", 1)
    (tmp_path / exported.file_name).write_bytes(exported.content)
    with zipfile.ZipFile(tmp_path / exported.file_name) as archive:
        archive.extractall(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "logistic_1"
    for name in [one for one in sys.modules if one.partition(".")[0] == "logistic_1"]:
        del sys.modules[name]


def test_another_answer_than_at_registration_shows_when_it_is_opened(installed):
    manifest = installed / "data" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"ill"', '"i11"', 1))
    with pytest.raises(Exception, match=r"row 0 of the version's sample gave|i11"):
        open_model("logistic_1")


def test_a_damaged_or_missing_file_is_named(installed):
    (installed / "data" / FILE).write_bytes(b"PK")
    with pytest.raises(Exception, match="the compiled form cannot be loaded"):
        open_model("logistic_1")
    (installed / "data" / FILE).unlink()
    with pytest.raises(Exception, match=r"lacks its file data/compiled\.npz; install"):
        open_model("logistic_1")


def test_the_self_test_notices_another_number(registry):
    artifact = registry.read("line", 1)
    sample = artifact.manifest.sample.model_dump()
    sample["expected"]["values"][2] += 1e-3
    model = load_compiled(artifact.files[FILE], artifact.manifest.signature)
    with pytest.raises(ArtifactRejected, match="line@1: row 2 of the version's sample gave values"):
        EdgeModel("line@1", model, artifact.manifest.signature, sample).self_test()
