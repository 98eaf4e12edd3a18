"""What every task may decide, and what holds where a task decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic

from serve_app.core.messages import Prediction, stacked
from serve_app.core.waiting import T

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serve_app.core.columns import Array, Columns
    from serve_app.core.ports import Model
    from serve_app.core.signature import Output


@dataclass(frozen=True, slots=True)
class Method:
    """One part of what a task computes, which a request may want in place of the predictions.

    `part` takes it out of a prediction, None where that has none; `is_given` says whether an
    endpoint with some output has it, and `width` how many numbers of it a row has then, 0 where
    its shape is that of the predictions. `words` are what messages call it.
    """

    name: str
    words: str
    part: Callable[[Prediction], Array | None]
    is_given: Callable[[Output], bool]
    width: Callable[[Output], int]
    aliases: tuple[str, ...] = ()


class Task(Generic[T]):
    """One way of asking a model about rows.

    `methods` are those of requests to endpoints, none for a task that only the house asks. Where
    answers of several models `compare`, an ensemble combines them, and another variant or the
    fallback may answer for the one that was chosen. A cache may remember what `is_remembered`.
    A result has an entry per row, and its `slice` cuts the rows of one request out of a batch.
    What `takes_long` is computed beside predictions, one request at a time, and asked of a model
    in which everything is known that its library knows.
    """

    name: ClassVar[str]
    methods: ClassVar[tuple[Method, ...]] = ()
    compare: ClassVar[bool] = False
    is_remembered: ClassVar[bool] = False
    takes_long: ClassVar[bool] = False

    def compute(self, model: Model, columns: Columns) -> T:
        """Ask a model about rows.

        Raises:
            InvalidInput: the model cannot do that.
            RowsRefused: it does not take the rows.
            ModelFailed: it failed.
        """
        raise NotImplementedError

    def join(self, parts: Sequence[T]) -> T:
        """The results of some rows, part after part, as one."""
        raise NotImplementedError

    @property
    def words(self) -> str:
        """What messages call what it gives."""
        return self.methods[0].words if self.methods else self.name

    def is_given(self, output: Output) -> bool:
        """Whether an endpoint with some output answers it, whichever variant is chosen."""
        return any(method.is_given(output) for method in self.methods)


class PredictionTask(Task[Prediction]):
    """A task that gives predictions, as all do that endpoints are asked."""

    def join(self, parts: Sequence[Prediction]) -> Prediction:
        """The predictions of some rows, part after part, as one."""
        return stacked(parts)
