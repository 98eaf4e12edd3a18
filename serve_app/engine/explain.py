"""Why an endpoint answered as it did: asked of those who answered, once they have."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from serve_app.core.columns import Columns
from serve_app.core.explanation import Explanation, aligned, folded, mean_of
from serve_app.core.ports import Models
from serve_app.core.snapshot import Endpoint
from serve_app.engine.stacked import AskStacked
from serve_app.errors import InvalidInput
from serve_app.routing import kind_named
from serve_app.tasks import task_named

TIMEOUT_S = 60.0
"""How long an explanation may take, whatever time predictions have; clients may give less."""


class Explained(NamedTuple):
    """Why answers are as they are; `prepared_by` made the columns that they are explained by.

    That is the version which prepares the rows of the endpoint, or the meta-model whose columns
    they are; none where rows are explained by what the client sent.
    """

    explanation: Explanation
    prepared_by: str | None


@dataclass(frozen=True, slots=True)
class AskWhy:
    """Asks versions of an endpoint why they say what they say.

    `transformers` are where the version is that prepares rows, if there is one, and `stacked`
    asks what a meta-model is asked, where one answers.
    """

    models: Models
    spec: Endpoint
    transformers: Models
    stacked: AskStacked | None = None

    async def __call__(
        self, versions: tuple[str, ...], columns: Columns, deadline: float
    ) -> Explanation:
        """What the answers of these versions, together, are made of.

        Raises:
            InvalidInput: they cannot be explained, or not together; says what to do.
            ServeError: one did not answer.
        """
        labels = self.spec.signature.output.labels
        if self._by_meta_model(versions) and self.stacked is not None:
            return aligned(await self.stacked.explained(versions, columns, deadline), labels)
        if len(versions) > 1:
            self._require_together(versions)
        task = task_named("explain")
        calls = [self.models.ask(version, task, columns, deadline) for version in versions]
        answers = await asyncio.gather(*calls)
        weights = self._weights()
        members = [
            (version, weights.get(version, 1.0), aligned(answer, labels))
            for version, answer in zip(versions, answers, strict=True)
        ]
        return mean_of(members)

    async def by_columns(
        self, explanation: Explanation, versions: tuple[str, ...], columns: Columns, deadline: float
    ) -> Explained:
        """An explanation by the columns of rows, where what prepares them lets it be folded back.

        What a meta-model made of the answers of `versions` is explained by these answers.

        Raises:
            ServeError: what prepares rows did not answer.
        """
        preprocess, meta = self.spec.preprocess, self.spec.meta
        if meta is not None and self._by_meta_model(versions):
            return Explained(explanation, meta.version)
        if preprocess is None:
            return Explained(explanation, None)
        task = task_named("origins")
        try:
            origins = await self.transformers.ask(
                preprocess.version, task, columns.slice(0, 1), deadline
            )
            return Explained(folded(explanation, origins, columns.names), None)
        except (InvalidInput, LookupError):
            return Explained(explanation, preprocess.version)

    def _by_meta_model(self, versions: tuple[str, ...]) -> bool:
        """Whether these answered together, and the meta-model by what they gave."""
        return self.stacked is not None and len(versions) > 1

    def _weights(self) -> dict[str, float]:
        """How much each version counts where several answer together."""
        weights = self.spec.route.weights
        if self.spec.route.settings.get("combine") == "weighted":
            return weights
        return dict.fromkeys(weights, 1.0)

    def _require_together(self, versions: tuple[str, ...]) -> None:
        """Refuse to explain what is no mean of what several versions say."""
        if kind_named(self.spec.route.kind).answers_by_row:
            msg = (
                f"rows of this request were answered by {', '.join(versions)}; explain them in "
                "requests of their own, or ask for one version by its name"
            )
            raise InvalidInput(msg, known=list(versions))
        if self.spec.route.settings.get("combine") == "vote":
            msg = (
                "a vote has no output that contributions could add up to; ask for one of the "
                f"variants by its version: {', '.join(versions)}"
            )
            raise InvalidInput(msg, known=list(versions))
