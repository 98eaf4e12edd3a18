"""TorchServe's inference API, `/predictions/{model}[/{version}]`, and how it describes models.

https://pytorch.org/serve/inference_api.html and https://pytorch.org/serve/management_api.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.core.messages import PREDICT, Payload, Response
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding
from serve_app.protocols import methods
from serve_app.protocols.bodies import delimited, forms, json_body, rows, several_targets
from serve_app.protocols.dialect import ANY, ByPath, Call, Refusal, Reply
from serve_app.protocols.error_body import TYPES

CSV = "text/csv"
_WRAPPERS = ("instances", "data", "body")
_NO_RESOURCE = "Requested resource is not found, please refer to API document."
_NO_METHOD = "Requested method is not allowed, please refer to API document."


class TorchServe(ByPath):
    """A row, a list of rows, or rows under `instances` or `data`; a prediction for each.

    In a form, every field is an input. One row that stands alone is answered by its prediction
    alone. Beside the rows, `parameters: {"predict_method": "predict_proba"}` asks for
    probabilities, `raw_scores` for those.
    """

    name = "torchserve"
    # curl sends a file (-T, --data-binary) as a form or without any type.
    media_types = ANY

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: it is neither JSON nor, where its type says so, CSV or a form.
            TooLarge: more than `max_rows` rows.
        """
        if call.media_type == CSV:
            columns, count = delimited.read_csv(call, header=call.header)
            return Payload(columns=columns, rows=count, form=False)
        document = _document(call)
        instances: Any = document
        method = PREDICT
        if isinstance(document, dict):
            named = [key for key in _WRAPPERS if key in document and key not in call.names]
            instances = document[named[0]] if named else [document]
            if named:
                method = methods.of_parameters(json_body.members(document, "parameters"))
        if not isinstance(instances, list):
            raise BadEncoding(f"the body must be rows, got {value_text(instances)}")
        json_body.check_rows(len(instances), call.max_rows)
        alone = isinstance(document, dict) and instances == [document]
        columns = rows.of_rows(instances, call.names)
        return Payload(columns=columns, rows=len(instances), form=alone, method=method)

    def encode(self, response: Response) -> Reply:
        """The predictions as a list, or the only one.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        alone = response.request.payload.form
        values = several_targets.answered(response, methods.answered(response))
        # One row alone: of an array, its first is of NumPy, which JSON does not write as a value.
        if alone:
            values = values[0] if isinstance(values, list) else values.tolist()[0]
        return Reply(json_body.dump(values))


DIALECT = TorchServe()


def refuse(refusal: Refusal) -> Reply:
    """An error as TorchServe says it; of what is not there in its very words."""
    kind, message = TYPES.get(refusal.status, TYPES[400]), refusal.message
    if refusal.code == "no_such_path":
        kind, message = "ResourceNotFoundException", _NO_RESOURCE
    elif refusal.status == 405:
        message = _NO_METHOD
    name, version = refusal.details.get("endpoint"), refusal.details.get("version")
    if refusal.status == 404 and name is not None:
        message = f"Model not found: {name}"
        if version is not None:
            kind = "ModelVersionNotFoundException"
            message = f"Model version: {version} does not exist for model: {name}"
    return Reply(json_body.dump({"code": refusal.status, "type": kind, "message": message}))


def model_description(endpoint: str, version: str, short: str) -> Mapping[str, Any]:
    """One version of an endpoint as the management API describes it.

    How many workers there are is Ray's to say: they are left out.
    """
    return {
        "modelName": endpoint,
        "modelVersion": short,
        "modelUrl": version,
        "runtime": "python",
    }


def _document(call: Call) -> Any:
    form = forms.fields(call.body, call.headers.get("content-type", ""))
    if form is None:
        return json_body.parse_any(call.body, nan=True)
    inputs = [json_body.parse_any(value, nan=True) for name in form for value in form[name]]
    if len(inputs) == 1:
        return inputs[0]
    return inputs
