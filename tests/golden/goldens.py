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
        self._known = {}

    def known(self, folder):
        """The records that stand in a file."""
        if folder not in self._known:
            path = HERE / folder / "cases.json"
            self._known[folder] = json.loads(path.read_text()) if path.exists() else {}
        return self._known[folder]

    def check(self, folder, writer, name, record):
        """Hold a record against the file, or keep it for writing."""
        self.written[folder][f"{writer}/{name}"] = record
        if WRITING:
            return
        known = self.known(folder).get(f"{writer}/{name}")
        assert record == known, "see GOLDEN=write in CONTRIBUTING.md"

    def stale(self):
        """The records that stand in the files and that no test made."""
        return {
            folder: sorted(set(self.known(folder)) - set(records))
            for folder, records in self.written.items()
            if set(self.known(folder)) - set(records)
        }

    def save(self, *, whole):
        """Write the files: a record per line; what a run of a part did not make stays."""
        for folder, records in self.written.items():
            (HERE / folder).mkdir(exist_ok=True)
            merged = records if whole else {**self.known(folder), **records}
            (HERE / folder / "cases.json").write_text(text_of(merged))


def text_of(records):
    """The text of a golden file: JSON with one record per line, in the order of their names."""
    lines = [
        f" {json.dumps(name)}: {json.dumps(records[name], ensure_ascii=False, sort_keys=True)}"
        for name in sorted(records)
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"
