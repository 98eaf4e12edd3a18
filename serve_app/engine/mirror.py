"""Who is shown the requests of one endpoint beside those who answer, and how they are asked."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.ports import Prepare
from serve_app.core.record import Record
from serve_app.core.record_settings import is_sampled
from serve_app.core.snapshot import Shadow
from serve_app.engine.ask import Variants
from serve_app.errors import ModelFailed, Overloaded, ServerFault, Unavailable


@dataclass(frozen=True, slots=True)
class Mirror:
    """The shadows of one endpoint; requests of these `methods` are shown to them."""

    endpoint: str
    shadows: tuple[Shadow, ...]
    methods: frozenset[str]
    variants: Variants
    prepare: Prepare

    def chosen(self, record: Record) -> list[Shadow]:
        """The shadows that are shown a request: the same ones wherever that is computed.

        One that answered alone is not asked again, and neither is anybody where the request itself
        was at fault or one too many.
        """
        if record.request.payload.method not in self.methods or not _can_be_shown(record):
            return []
        answered = None if record.answer is None else record.answer.variants
        name = record.prediction_id or record.request.id
        return [
            shadow
            for shadow in self.shadows
            if answered != (shadow.version,) and is_sampled(name, shadow.sample)
        ]

    async def ask(self, shadow: Shadow, columns: Columns, deadline: float) -> Prediction:
        """Ask a shadow about rows, of which it gets its own copy.

        The prediction is in the endpoint's order of labels and targets.

        Raises:
            ServeError: the shadow did not answer, or not for each row.
        """
        variants = self.variants
        prediction = await variants.models.ask(
            shadow.version, variants.task, columns.copy(), deadline
        )
        parts = (prediction.values, prediction.probabilities, prediction.scores)
        if any(part is not None and len(part) != columns.rows for part in parts):
            msg = f"{shadow.version} did not answer each of {columns.rows} rows"
            raise ModelFailed(msg)
        return variants.aligned(prediction, shadow.variant)


def _can_be_shown(record: Record) -> bool:
    """Whether the rows are valid, and whoever was asked answered or is to blame."""
    if record.columns is None or not record.columns.rows:
        return False
    error = record.error
    failed = isinstance(error, Unavailable | ServerFault) and not isinstance(error, Overloaded)
    return error is None or failed
