"""Columns of the log that say whom a row is about, and those that hold what is known of them.

What gateways send has `GIVEN_SUBJECT` and `GIVEN_TENANT`; on a disk there stand in their place a
pseudonym (`SUBJECT`) and, encrypted under the subject's key, all values of the row (`SEALED`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import pyarrow as pa

from serve_app.storage.records.rows import FEATURE, GIVEN_SUBJECT, GIVEN_TENANT

SUBJECT = "subject"
SEALED = "sealed"
KEPT = "features_kept"
KEY = "key"
BINDING = ("endpoint", "prediction_id", "row", SUBJECT)
"""What a sealed row belongs to: nobody opens it as another one."""
_VALUES = frozenset({"value", "probabilities", "segments", "shadows"})


class Vault(Protocol):
    """Encrypts what is known of subjects, and reads what was not erased."""

    def sealed(self, tables: Sequence[pa.Table]) -> list[pa.Table]:
        """Tables of a delivery as they may stand on a disk."""
        ...

    def opened(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows with their values, as far as the keys of their subjects are there."""
        ...


def is_given(table: pa.Table) -> bool:
    """Whether rows of a table still name their subjects."""
    return GIVEN_SUBJECT in table.column_names


def value_names(names: Iterable[str]) -> list[str]:
    """The columns that hold what is known of a subject."""
    return [name for name in names if name in _VALUES or name.startswith(FEATURE)]


def without_values(table: pa.Table) -> pa.Table:
    """A table without subjects and values, in columns of the same types."""
    names, rows = value_names(table.column_names), len(table)
    nothing = {name: pa.nulls(rows, table[name].type) for name in names}
    nothing[KEPT] = pa.repeat(False, rows)
    nothing[KEY] = pa.nulls(rows, pa.string())
    return exchanged(table.drop_columns([GIVEN_SUBJECT, GIVEN_TENANT]), nothing)


def exchanged(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    """A table with other columns in the places of those of their names; new ones come last."""
    for name, values in columns.items():
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, values)
        else:
            table = table.append_column(name, values)
    return table
