"""How much is probed of a model, by how wide it is: the work of a proof has a bound.

A library takes time per call in proportion to the columns of a frame (about 10 µs each), so that
rows which have to be asked about one by one are what makes wide models slow to prove.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_TRAINING = 20_000
MAX_ROWS = 40_000
MAX_CELLS = 20_000_000
MAX_HALVINGS = 10_000
COLUMNS_AND_HALVINGS = 200_000
BATCH_ROWS = 1000
BATCH_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Coverage:
    """Bounds of a proof.

    So many rows of the `training` data are compared. `rows` are made up with one column changed
    each, `batch` of them are asked about at once at the most, and so many `halvings` of them may
    go into telling refused rows from their neighbours.
    """

    training: int
    rows: int
    batch: int
    halvings: int

    def columns(self, values: int) -> int:
        """How many columns can be changed to so many values each."""
        return max(1, self.rows // max(1, values))


def coverage(columns: int) -> Coverage:
    """What is affordable for so many columns."""
    width = max(1, columns)
    return Coverage(
        training=min(MAX_TRAINING, max(200, MAX_CELLS // width)),
        rows=min(MAX_ROWS, max(500, MAX_CELLS // width)),
        batch=min(BATCH_ROWS, max(50, BATCH_CELLS // width)),
        halvings=min(MAX_HALVINGS, max(40, COLUMNS_AND_HALVINGS // width)),
    )
