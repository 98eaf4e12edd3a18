"""SageMaker's SDK, unmodified: endpoints, serializers and local mode."""

import pytest

from serve_app.models.frames import to_columns
from tests.clients.foreign import Raised

SCRIPT = "sagemaker_calls.py"
WRITTEN = [
    ("frame", "CSVSerializer"),
    ("ndarray", "CSVSerializer"),
    ("lists", "CSVSerializer"),
    ("ndarray", "JSONSerializer"),
    ("records", "JSONSerializer"),
    ("features", "JSONLinesSerializer"),
    ("records", "JSONLinesSerializer"),
    ("ndarray", "NumpySerializer"),
    ("lists", "NumpySerializer"),
]


def read(labels):
    """What each of the SDK's classes makes of the predictions."""
    return {
        "JSONDeserializer": {"predictions": labels},
        "JSONLinesDeserializer": [{"prediction": label} for label in labels],
        "CSVDeserializer": [[label] for label in labels],
        "NumpyDeserializer": labels,
    }


@pytest.fixture
def labels(served, head):
    return served.models["logistic@1"].predict(to_columns(head)).values.tolist()


@pytest.mark.parametrize(("form", "kind"), [("frame", "CSV"), ("lists", "JSON")])
def test_an_endpoint_gives_what_the_model_gives(call, served, head, labels, form, kind):
    answer = call(
        "invoke",
        place=served.http,
        endpoint="risk",
        rows=head.to_dict("records"),
        form=form,
        serializer=f"{kind}Serializer",
        deserializer=f"{kind}Deserializer",
    )
    assert answer == read(labels)[f"{kind}Deserializer"]


def test_numbers_come_back_as_an_array_as_scikit_learns_predictor_asks(call, served, head):
    answer = call(
        "invoke",
        place=served.http,
        endpoint="age",
        rows=head.to_dict("records"),
        form="ndarray",
        serializer="NumpySerializer",
        deserializer="NumpyDeserializer",
    )
    assert answer == served.models["line@1"].predict(to_columns(head)).values.tolist()


def test_a_variant_is_asked_by_its_name(call, served, head):
    answer = call(
        "invoke",
        place=served.http,
        endpoint="risk",
        rows=head.to_dict("records"),
        form="frame",
        serializer="CSVSerializer",
        deserializer="JSONDeserializer",
        target_variant="other@1",
    )
    model = served.models["other@1"].predict(to_columns(head))
    assert answer == {"predictions": model.values.tolist()}


def test_what_does_not_fit_is_raised(call, served, head):
    with pytest.raises(Raised, match="'much' is no float64") as refused:
        call(
            "invoke",
            place=served.http,
            endpoint="risk",
            rows=[{"age": 63, "dose": "much"}],
            form="lists",
            serializer="CSVSerializer",
            deserializer="JSONDeserializer",
        )
    assert refused.value.kinds[:2] == ["ValidationError", "ClientError"]


@pytest.mark.parametrize(("form", "serializer"), WRITTEN)
def test_what_serializers_write_is_understood(call, served, head, labels, form, serializer):
    answer = call(
        "local",
        place=served.http,
        rows=head.to_dict("records"),
        form=form,
        serializer=serializer,
        deserializer="CSVDeserializer",
    )
    assert answer == {"status": 200, "body": read(labels)["CSVDeserializer"]}


@pytest.mark.parametrize(
    "deserializer",
    ["JSONDeserializer", "JSONLinesDeserializer", "CSVDeserializer", "NumpyDeserializer"],
)
def test_what_is_answered_is_what_deserializers_read(call, served, head, labels, deserializer):
    answer = call(
        "local",
        place=served.http,
        rows=head.to_dict("records"),
        form="frame",
        serializer="CSVSerializer",
        deserializer=deserializer,
    )
    assert answer == {"status": 200, "body": read(labels)[deserializer]}


def test_local_mode_asks_variants_and_models_by_name(call, served, head):
    answer = call(
        "local",
        place=served.http,
        rows=head.to_dict("records"),
        form="ndarray",
        serializer="NumpySerializer",
        deserializer="NumpyDeserializer",
        TargetModel="age",
        TargetVariant="line@1",
    )
    model = served.models["line@1"].predict(to_columns(head))
    assert answer == {"status": 200, "body": model.values.tolist()}
