"""Every dialect says of each target what the model says, and which target that is."""

import csv
import io
import json

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier

from serve_app.client.answers import Answer
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.engine.assemble import Assembler
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.rpc import InferenceService
from serve_app.models import owner, resolve
from serve_app.models.signature import infer
from serve_app.protocols.oip import grpc_messages as oip_grpc
from serve_app.protocols.oip.messages import message
from tests.feedback_keeper import Keeper
from tests.unit.gateway.harness import Bare, Client, answered, offered

RNG = np.random.default_rng(2)
FRAME = pd.DataFrame(RNG.normal(size=(80, 2)), columns=["age", "dose"])
FLAGS = np.column_stack([FRAME.age > 0, FRAME.dose > 0.3]).astype(int)
WORDS = np.column_stack(
    [
        np.where(FRAME.age > 0, "Paris", "Rome"),
        np.where(FRAME.dose > 0.4, "red", np.where(FRAME.dose < -0.4, "green", "blue")),
    ]
)
FLAG_NAMES, WORD_NAMES = ["ill", "old"], ["city", "colour"]
MODELS = {
    "flags": (RandomForestClassifier(5, max_depth=3, random_state=0).fit(FRAME, FLAGS), FLAG_NAMES),
    "words": (RandomForestClassifier(5, max_depth=3, random_state=0).fit(FRAME, WORDS), WORD_NAMES),
}
ROWS = FRAME.head(3)
INSTANCES = ROWS.to_dict(orient="records")


def wanted(name):
    """Predictions and probabilities per row as the library itself says them."""
    model = MODELS[name][0]
    shares = model.predict_proba(ROWS)
    if name == "flags":
        return model.predict(ROWS).tolist(), np.column_stack([s[:, 1] for s in shares]).tolist()
    split = [[one[row].tolist() for one in shares] for row in range(len(ROWS))]
    return model.predict(ROWS).tolist(), split


def flat(shares):
    return [
        [p for part in row for p in (part if isinstance(part, list) else [part])] for row in shares
    ]


CLASSES = [["Paris", "Rome"], ["blue", "green", "red"]]
ABOUT = {"flags": {"targets": FLAG_NAMES}, "words": {"targets": WORD_NAMES, "classes": CLASSES}}


def _loaded(estimator, names):
    flavour_name, flavour = owner(estimator)
    signature = infer(estimator, flavour_name, FRAME, targets=names)
    stored = flavour.dump(estimator, trust=(), allow_pickle=False)
    model = resolve(flavour_name).load(
        stored.files,
        format=stored.format,
        trusted_types=stored.trusted_types,
        signature=signature,
        allow_pickle=False,
    )
    return signature, model


@pytest.fixture(scope="module")
def client():
    loaded = {name: _loaded(*of) for name, of in MODELS.items()}
    endpoints = {
        name: Endpoint(
            name=name,
            route=RouteSpec("single", (Variant(f"{name}@1", targets=signature.output.targets),)),
            signature=signature,
            timeout_s=2.0,
            variant_timeout_s=1.5,
        )
        for name, (signature, _) in loaded.items()
    }
    served = {f"{name}@1": Bare(model) for name, (_, model) in loaded.items()}
    models = LocalModels(served, clock=lambda: 0.0)
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: "p-1")
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    standing = Snapshot.from_json(orjson.loads(orjson.dumps(Snapshot(1, "h", endpoints).to_json())))
    predictor.swap(assembler.stages(standing))
    return Client(predictor, models)


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def alone(client, name, keeper):
    """The same gateway, whose default endpoint is the one of that name."""
    made = Client(client.predictor, client.models)
    made.app = build(client.predictor, Settings(10_000, 50, default_endpoint=name), keeper)
    return made


@pytest.fixture(params=["flags", "words"])
def name(request):
    return request.param


def asked(client, path, body, **headers):
    answer = client.send("POST", path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_native_answers_name_targets_and_classes(client, name):
    said = asked(client, f"/v1/models/{name}:predict", {"instances": INSTANCES})
    values, shares = wanted(name)
    assert said["predictions"] == values
    assert said["probabilities"] == shares
    assert {key: said[key] for key in ("targets", "classes") if key in said} == ABOUT[name]


def test_probabilities_in_place_of_predictions_are_taken_apart_too(client, name):
    body = {"instances": INSTANCES, "signature_name": "predict_proba"}
    assert asked(client, f"/v1/models/{name}:predict", body)["predictions"] == wanted(name)[1]


PARAMETERS = {"parameters": {"predict_method": "predict_proba"}}
BY_JSON = {
    "kserve": ("/kserve/v1/models/{}:predict", {"instances": INSTANCES}, PARAMETERS, "predictions"),
    "vertex": (
        "/v1/projects/p/locations/l/endpoints/{}:predict",
        {"instances": INSTANCES},
        PARAMETERS,
        "predictions",
    ),
    "mlflow": (
        "/mlflow/invocations",
        {"dataframe_records": INSTANCES},
        {"params": {"predict_method": "predict_proba"}},
        "predictions",
    ),
    "sagemaker": (
        "/sagemaker/models/{}/invoke",
        {"instances": INSTANCES},
        {"params": {"predict_method": "predict_proba"}},
        None,
    ),
    "torchserve": ("/torchserve/predictions/{}", {"instances": INSTANCES}, PARAMETERS, None),
    "azure": (
        "/azureml/score",
        {"Inputs": {"data": INSTANCES}},
        {"GlobalParameters": {"method": "predict_proba"}},
        "Results",
    ),
}


@pytest.mark.parametrize("dialect", BY_JSON)
def test_json_dialects_answer_a_list_per_row(alone, name, dialect):
    path, body, proba, key = BY_JSON[dialect]
    for more, expected in (({}, wanted(name)[0]), (proba, wanted(name)[1])):
        said = asked(alone, path.format(name), {**body, **more})
        assert (said if key is None else said[key]) == expected


def test_vertex_tells_targets_beside_probabilities(client, name):
    path = f"/v1/projects/p/locations/l/endpoints/{name}:predict"
    said = asked(client, path, {"instances": INSTANCES})["metadata"]
    assert said == {"prediction_id": "p-1", "probabilities": wanted(name)[1], **ABOUT[name]}


def test_one_row_alone_is_answered_alone_by_torchserve(client, name):
    said = asked(client, f"/torchserve/predictions/{name}", INSTANCES[0])
    assert said == wanted(name)[0][0]


def test_tensorflow_serving_answers_a_signature_of_several_outputs_by_name(client):
    body = {"signature_name": "predict_proba"}
    values, shares = wanted("words")
    path = "/tfs/v1/models/words:predict"
    assert asked(client, path, {"instances": INSTANCES}) == {"predictions": values}
    said = asked(client, path, {"instances": INSTANCES, **body})
    assert said["predictions"] == [dict(zip(WORD_NAMES, row, strict=True)) for row in shares]
    said = asked(client, path, {"inputs": ROWS.to_dict(orient="list"), **body})
    assert said["outputs"] == {
        name: [row[place] for row in shares] for place, name in enumerate(WORD_NAMES)
    }
    outputs = client.get("/tfs/v1/models/words/metadata").json()["metadata"]["signature_def"][
        "signature_def"
    ]["predict_proba"]["outputs"]
    sizes = {k: [dim["size"] for dim in v["tensor_shape"]["dim"]] for k, v in outputs.items()}
    assert sizes == {"city": ["-1", "2"], "colour": ["-1", "3"]}


def test_tensorflow_serving_classifies_by_targets_and_refuses_classes_of_several(client):
    said = asked(client, "/tfs/v1/models/flags:classify", {"examples": INSTANCES})
    assert said["results"] == [
        [list(pair) for pair in zip(FLAG_NAMES, row, strict=True)] for row in wanted("flags")[1]
    ]
    refused = client.send("POST", "/tfs/v1/models/words:classify", json={"examples": INSTANCES})
    assert refused.status_code == 400
    assert "several targets" in refused.json()["error"]


def v2(more=None):
    inputs = [
        {"name": n, "shape": [len(ROWS)], "datatype": "FP64", "data": ROWS[n].tolist()}
        for n in ROWS.columns
    ]
    return {"inputs": inputs, **(more or {})}


def tensors(said):
    return {
        one["name"]: (one["datatype"], np.reshape(one["data"], one["shape"]).tolist())
        for one in said["outputs"]
    }


def by_target(shares):
    return {
        f"predict_proba_{n}": ("FP64", [row[j] for row in shares]) for j, n in enumerate(WORD_NAMES)
    }


def test_v2_answers_yes_or_no_as_one_tensor(client):
    said = asked(client, "/v2/models/flags/infer", v2())
    values, shares = wanted("flags")
    assert tensors(said) == {"predict": ("INT64", values), "predict_proba": ("FP64", shares)}
    assert json.loads(said["parameters"]["targets"]) == FLAG_NAMES
    assert "classes" not in said["parameters"]


def test_v2_answers_the_classes_of_each_target_as_a_tensor_of_its_own(client):
    said = asked(client, "/v2/models/words/infer", v2())
    values, shares = wanted("words")
    assert tensors(said) == {"predict": ("BYTES", values), **by_target(shares)}
    assert json.loads(said["parameters"]["classes"]) == CLASSES
    described = client.get("/v2/models/words").json()["outputs"]
    assert [(one["name"], one["datatype"], one["shape"]) for one in described] == [
        ("predict", "BYTES", [-1, 2]),
        ("predict_proba_city", "FP64", [-1, 2]),
        ("predict_proba_colour", "FP64", [-1, 3]),
    ]


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["predict_proba"], ["predict_proba_city", "predict_proba_colour"]),
        (["predict_proba_colour"], ["predict_proba_colour"]),
        (["predict"], ["predict"]),
    ],
)
def test_v2_gives_the_outputs_that_are_asked_for(client, names, kept):
    body = v2({"outputs": [{"name": name} for name in names]})
    assert list(tensors(asked(client, "/v2/models/words/infer", body))) == kept


def test_v2_names_the_outputs_that_there_are(client):
    body = v2({"outputs": [{"name": "predict_proba_city"}]})
    refused = client.send("POST", "/v2/models/flags/infer", json=body)
    assert refused.status_code == 400
    assert "predict, predict_proba" in refused.json()["error"]


def test_v2_classification_names_each_target_by_its_own_labels(client):
    wish = {"name": "predict_proba_colour", "parameters": {"classification": 1}}
    said = asked(client, "/v2/models/words/infer", v2({"outputs": [wish]}))
    best = [max(range(3), key=row[1].__getitem__) for row in wanted("words")[1]]
    assert [text.split(":")[2] for text in said["outputs"][0]["data"]] == [
        CLASSES[1][at] for at in best
    ]


async def test_grpc_answers_the_same_tensors(client, name):
    request = message("ModelInferRequest")(model_name=name)
    for column in ROWS.columns:
        tensor = request.inputs.add(name=column, datatype="FP64", shape=[len(ROWS)])
        tensor.contents.fp64_contents.extend(ROWS[column].tolist())
    service = InferenceService(client.predictor, Settings(10_000, 50), ids=lambda: "r-1")
    answer = await service._infer(request, Context())
    names = [one.name for one in answer.outputs]
    values, shares = wanted(name)
    expected = {"predict": values, "predict_proba": shares}
    if name == "words":
        expected = {"predict": values, **{n: part for n, (_, part) in by_target(shares).items()}}
    assert names == list(expected)
    for one in answer.outputs:
        if one.datatype == "BYTES":
            continue
        field = {"FP64": "fp64_contents", "INT64": "int64_contents"}[one.datatype]
        values = np.array(getattr(one.contents, field)).reshape(one.shape)
        assert values.tolist() == expected[one.name]
    assert json.loads(answer.parameters["targets"].string_param) == ABOUT[name]["targets"]
    signature = client.predictor.stages.endpoint(name).spec.signature
    described = oip_grpc.metadata(name, signature, ["1"])
    assert [one.name for one in described.outputs] == names


class Context:
    """A call without headers."""

    def invocation_metadata(self):
        return ()

    def time_remaining(self):
        return None


def test_seldon_names_its_columns_by_target_and_class(client, name):
    body = {"data": {"names": list(ROWS.columns), "ndarray": ROWS.to_numpy().tolist()}}
    said = asked(client, f"/seldon/default/{name}/api/v1.0/predictions", body)["data"]
    names = {
        "flags": FLAG_NAMES,
        "words": ["city=Paris", "city=Rome", "colour=blue", "colour=green", "colour=red"],
    }
    assert said == {"names": names[name], "ndarray": flat(wanted(name)[1])}


def test_tables_in_csv_have_a_column_per_target(client, name):
    text = ROWS.to_csv(index=False)
    headers = {"content-type": "text/csv", "accept": "text/csv"}
    answer = client.send("POST", f"/sagemaker/models/{name}/invoke", content=text, headers=headers)
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows == [[str(value) for value in row] for row in wanted(name)[0]]


def test_matrices_of_numpys_have_a_column_per_target(client, name):
    headers = {"content-type": "text/csv", "accept": "application/x-npy"}
    text = ROWS.to_csv(index=False)
    answer = client.send("POST", f"/sagemaker/models/{name}/invoke", content=text, headers=headers)
    assert np.load(io.BytesIO(answer.content)).tolist() == wanted(name)[0]


def test_arrow_has_a_list_of_yes_or_no_and_a_struct_of_classes(client, name):
    sink = io.BytesIO()
    batch = pa.RecordBatch.from_pandas(ROWS)
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    kind = "application/vnd.apache.arrow.stream"
    answer = client.send(
        "POST",
        f"/v1/models/{name}:predict",
        content=sink.getvalue(),
        headers={"content-type": kind},
    )
    table = pa.ipc.open_stream(answer.content).read_all()
    values, shares = wanted(name)
    if name == "words":
        values, shares = (
            [dict(zip(WORD_NAMES, row, strict=True)) for row in rows] for rows in (values, shares)
        )
    assert table["prediction"].to_pylist() == values
    assert table["probabilities"].to_pylist() == shares
    assert json.loads(table.schema.metadata[b"targets"]) == ABOUT[name]["targets"]


def test_graphql_answers_lists_of_each_target(client, name):
    more = "classes " if name == "words" else ""
    document = (
        f"query ($rows: [{name.capitalize()}Row!]!) {{ predict {{ {name}(rows: $rows) "
        f"{{ predictions probabilities targets {more}}} }} "
        f'endpoint(name: "{name}") {{ output {{ kind targets {{ name labels }} }} }} }}'
    )
    said = asked(client, "/graphql", {"query": document, "variables": {"rows": INSTANCES}})
    assert "errors" not in said
    values, shares = wanted(name)
    assert said["data"]["predict"][name] == {
        "predictions": values, "probabilities": shares, **ABOUT[name]
    }  # fmt: skip
    output = said["data"]["endpoint"]["output"]
    assert [target["name"] for target in output["targets"]] == ABOUT[name]["targets"]


def test_pages_tell_of_targets(client, name):
    described = {one["name"]: one for one in client.get("/v1/endpoints").json()["endpoints"]}
    output = described[name]["signature"]["output"]
    assert [target["name"] for target in output["targets"]] == ABOUT[name]["targets"]
    page = client.get("/docs").text
    assert "yes or no to each of <code>ill</code>, <code>old</code>, with probabilities" in page
    assert "a class of each of <code>city</code> (one of" in page
    for path, body in offered(client):
        assert answered(client, path, body) == 200, path


def test_the_openapi_document_describes_the_answer(client, name):
    document = client.get("/openapi.json").json()
    said = asked(client, f"/v1/models/{name}:predict", {"instances": INSTANCES})
    properties = document["components"]["schemas"][f"{name}.Answer"]["properties"]
    assert {key: properties[key]["const"] for key in ABOUT[name]} == ABOUT[name]
    assert set(said) <= set(properties)
    assert (f"/v1/models/{name}:classify" in document["paths"]) == (name == "flags")


def test_a_frame_of_an_answer_has_columns_by_target(client, name):
    said = asked(client, f"/v1/models/{name}:predict", {"instances": INSTANCES})
    frame = Answer(
        predictions=said["predictions"],
        probabilities=said["probabilities"],
        classes=said.get("classes"),
        variants=said["variants"],
        prediction_id="p",
        request_id="r",
        snapshot=1,
        targets=said["targets"],
    ).frame()
    values, shares = wanted(name)
    heads = {
        "flags": ["ill", "old", "p(ill)", "p(old)"],
        "words": [
            "city", "colour", "p(city=Paris)", "p(city=Rome)", "p(colour=blue)",
            "p(colour=green)", "p(colour=red)",
        ],
    }  # fmt: skip
    assert list(frame.columns) == heads[name]
    assert frame.to_numpy().tolist() == [
        [*row, *more] for row, more in zip(values, flat(shares), strict=True)
    ]


TRUTHS = {
    "flags": ([[1, 0], [0, None]], [[True, False]], []),
    "words": ([["Paris", "red"]], [["Berlin", None]], []),
}
WRONG = {
    "flags": [
        ([1, 0], "a list of 2 values for each row"),
        ([[1, 0, 1]], "ill, old"),
        ([[1, 7]], "row 0, target 'old'"),
        (1, "a list of 2 values"),
        ([[0, [1]]], "target 'old'"),
    ],
    "words": [(["Paris", "red"], "a list of 2 values"), ([["Paris", 3]], "target 'colour'")],
}


def test_feedback_takes_a_truth_per_target(alone, keeper, name):
    path = f"/v1/models/{name}:feedback"
    for truth in TRUTHS[name]:
        asked(alone, path, {"prediction_id": "p-1", "truth": truth})
    assert [json.loads(one.truth_json) for one in keeper.kept] == list(TRUTHS[name])


def test_feedback_without_a_truth_is_taken(alone, keeper, name):
    asked(alone, f"/v1/models/{name}:feedback", {"prediction_id": "p-1", "reward": 1.0})
    assert keeper.kept[0].truth_json is None


def test_a_truth_of_another_shape_is_refused_and_kept_by_nobody(alone, keeper, name):
    for truth, words in WRONG[name]:
        body = {"prediction_id": "p-1", "truth": truth}
        refused = alone.send("POST", f"/v1/models/{name}:feedback", json=body)
        assert refused.status_code == 400
        assert words in refused.json()["error"]
    assert keeper.kept == []


def test_a_truth_of_seldons_is_held_against_the_targets_too(alone, keeper):
    path = "/seldon/default/flags/api/v1.0/feedback"
    asked(alone, path, {"truth": {"data": {"ndarray": [[1, 0]]}}, "reward": 1.0})
    body = {"truth": {"data": {"ndarray": [[1]]}}, "reward": 1.0}
    assert alone.send("POST", path, json=body).status_code == 400
    assert [one.truth_json for one in keeper.kept] == ["[[1,0]]"]
