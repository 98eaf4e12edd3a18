"""How a job in the words of another system reads records, and what it writes of each.

A job of ours reads rows of named columns and writes tables; theirs read records in the form of a
request's body and write what a request would be answered, one file per file of the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Content = Literal["csv", "lines", "json"]
"""CSV, a JSON value per line, or JSON documents."""
_MIB = 1024 * 1024
MAX_PAYLOAD_BYTES = 6 * _MIB


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform job of SageMaker's.

    `destination` is the folder or URL that the files are put below, each called as that of the
    input is from `base` on, with `.out` behind. With `split`, each line of a file is a record,
    else the file as a whole. `lines` ends each record of output with a line end. With `join`
    the record of the input stands before its answer. `input_filter` takes of a record what is
    asked, `output_filter` of what it became what is written. `method` is what models are asked.
    Where the input `is_manifest`, it lists the files. All files are `packed` by gzip, or none is.
    """

    destination: str
    base: str
    content: Content
    accept: Content
    split: bool = False
    lines: bool = False
    join: bool = False
    input_filter: str = "$"
    output_filter: str = "$"
    method: str = "predict"
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    is_manifest: bool = False
    packed: bool = False
    words: Literal["transform"] = "transform"


@dataclass(frozen=True, slots=True)
class Instances:
    """A batch prediction job of Vertex AI's.

    Each record becomes `{"instance": …, "prediction": …}` in a file of the folder or URL
    `destination`. The fields `excluded` of an instance are not asked, or all but those
    `included`; `key` names the one that stands in the output in place of the instance. Of CSV,
    `as_objects` makes objects of rows instead of lists.
    """

    destination: str
    content: Content
    key: str | None = None
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    as_objects: bool = False
    method: str = "predict"
    words: Literal["instances"] = "instances"


Rendering = Transform | Instances


def rendering_of(body: Mapping[str, Any] | None) -> Rendering | None:
    """Read what `asdict` made of one."""
    if body is None:
        return None
    if body["words"] == "transform":
        return Transform(**body)
    fields = {**body, "included": tuple(body["included"]), "excluded": tuple(body["excluded"])}
    return Instances(**fields)
