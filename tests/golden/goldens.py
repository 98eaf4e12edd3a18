"""Golden files: what stands in them, and how they are compared and written anew."""

import base64
import collections
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
WRITING = os.environ.get("GOLDEN") == "write"
SHOWN_BYTES = 2_000
TEXTS = ("json", "csv", "text", "form", "lines")


def told(body, kind):
    """Bytes as they stand in a golden file: text, base64, or a digest of what is long."""
    if len(body) > SHOWN_BYTES:
        return {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    if any(text in kind for text in TEXTS):
        try:
            return {"text": body.decode()}
        except UnicodeDecodeError:
            pass
    return {"base64": base64.b64encode(body).decode()}


def plain(columns):
    """Decoded columns as JSON values; NaN as text, since JSON has none."""
    said = {}
    for name, values in columns.items():
        cells = values.tolist() if isinstance(values, np.ndarray) else list(values)
        said[name] = [_cell(value) for value in cells]
    return said


def _cell(value):
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return {"other": repr(value)}


class Goldens:
    """The golden files: one per folder, a record per writer and case."""

    def __init__(self):
        self.written = collections.defaultdict(dict)

    def check(self, folder, writer, name, record):
        """Hold a record against the file, or keep it for writing."""
        self.written[folder][f"{writer}/{name}"] = record
        if WRITING:
            return
        known = json.loads((HERE / folder / "cases.json").read_text())
        assert record == known.get(f"{writer}/{name}"), "see GOLDEN=write in CONTRIBUTING.md"

    def save(self):
        for folder, records in self.written.items():
            (HERE / folder).mkdir(exist_ok=True)
            text = json.dumps(records, indent=1, ensure_ascii=False, sort_keys=True)
            (HERE / folder / "cases.json").write_text(text + "\n")
