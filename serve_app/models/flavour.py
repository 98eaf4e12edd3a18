"""What a flavour does: store an estimator as bytes, and make a model of such bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from serve_app.core.messages import Prediction
from serve_app.core.ports import Model
from serve_app.core.signature import Signature
from serve_app.models.devices import Device

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Stored:
    """An estimator as files, with what is needed to load them again.

    `pickle` is true when loading it can run any code; `modules` are those that loading it
    imports and that belong to no installed library.
    """

    format: str
    files: Mapping[str, bytes]
    libraries: Mapping[str, str]
    trusted_types: tuple[str, ...] = ()
    pickle: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()


class Flavour(Protocol):
    """One library's way of storing and computing.

    What has a body here holds for libraries whose estimators are asked as scikit-learn's are;
    a flavour says otherwise where it does not for its own.
    """

    is_compiled: ClassVar[bool] = False
    """Whether what it stores is a compiled form already, of which none is made."""
    knows_columns: ClassVar[bool] = False
    """Whether its models say themselves what they take, so that no rows have to show it."""

    def columns(self, estimator: Any) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        """The name and dtype of each column of a table, where the model itself knows both."""
        return ()

    def takes_by_name(self, estimator: Any) -> bool:  # noqa: ARG002
        """Whether each of the model's inputs is fed by its name, in whatever order."""
        return False

    def examined(self, estimator: Any, frame: pd.DataFrame, labels: Sequence[Any]) -> Any:  # noqa: ARG002
        """The estimator as it is stored, once rows have shown what could not be read off it."""
        return estimator

    def signature(
        self,
        estimator: Any,  # noqa: ARG002
        frame: pd.DataFrame,  # noqa: ARG002
        labels: Sequence[Any],  # noqa: ARG002
    ) -> Signature | None:
        """What an estimator takes and gives; None where that is found by asking it about rows.

        Raises:
            InvalidInput: a column cannot be served, or the labels do not fit.
        """
        return None

    def owns(self, estimator: Any) -> bool:
        """Whether an estimator is of this library."""
        ...

    def dump(self, estimator: Any, *, trust: Sequence[str], allow_pickle: bool) -> Stored:
        """Store an estimator. Raises InvalidInput when that needs consent nobody gave."""
        ...

    def answers(self, estimator: Any, rows: pd.DataFrame, signature: Signature) -> Prediction:
        """What the estimator itself says of rows, called as its user would call it.

        The rows have the names and dtypes of training. The way there has nothing in common with
        that of a loaded model, which is held against it: no columns, no matrix, no short cut.
        """
        ...

    def load(
        self,
        files: Mapping[str, bytes],
        *,
        format: str,  # noqa: A002 - the manifest's word
        trusted_types: Sequence[str],
        signature: Signature,
        allow_pickle: bool,
        device: Device = "cpu",
    ) -> Model:
        """Make a model of stored files.

        Raises:
            ArtifactRejected: they are unsafe or damaged.
            ConfigError: it does not compute on that device.
        """
        ...
