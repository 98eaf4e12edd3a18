"""TorchServe's inference API: `POST /predictions/{model}[/{version}]`.

https://pytorch.org/serve/inference_api.html
"""

from __future__ import annotations

from typing import Any

from serve_app.core.messages import Payload, Response
from serve_app.core.violations import told
from serve_app.errors import BadEncoding
from serve_app.protocols import delimited, json_body, rows
from serve_app.protocols.dialect import FORM, JSON_TYPES, ByPath, Call, Reply

CSV = "text/csv"
_WRAPPERS = ("instances", "data", "body")


class TorchServe(ByPath):
    """A row, a list of rows, or rows under `instances` or `data`; a prediction for each.

    One row that stands alone is answered by its prediction alone.
    """

    name = "torchserve"
    # curl sends a file (-T, --data-binary) as a form or without any type.
    media_types = JSON_TYPES | {
        FORM,
        "application/octet-stream",
        "text/plain",
        CSV,
    }

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: it is neither JSON nor, where its type says so, CSV.
            TooLarge: more than `max_rows` rows.
        """
        if call.media_type == CSV:
            columns, count = delimited.read_csv(call.body, call.columns, call.max_rows)
            return Payload(columns=columns, rows=count, form=False)
        document = json_body.parse_any(call.body, nan=True)
        found: Any = document
        if isinstance(document, dict):
            named = [key for key in _WRAPPERS if key in document and key not in call.names]
            found = document[named[0]] if named else [document]
        if not isinstance(found, list):
            raise BadEncoding(f"the body must be rows, got {told(found)}")
        json_body.check_rows(len(found), call.max_rows)
        alone = isinstance(document, dict) and found == [document]
        return Payload(columns=rows.of_rows(found, call.names), rows=len(found), form=alone)

    def encode(self, response: Response) -> Reply:
        """The predictions as a list, or the only one."""
        values = response.answer.prediction.values
        alone = response.request.payload.form
        return Reply(json_body.dump(values.tolist()[0] if alone else json_body.plain(values)))


DIALECT = TorchServe()
