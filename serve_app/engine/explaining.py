"""A loaded version that can also say why: what that needs is read when it is first asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from serve_app.core.columns import Columns
from serve_app.core.explanation import Explanation, Origins
from serve_app.core.messages import Prediction
from serve_app.core.ports import Model
from serve_app.errors import InvalidInput, ServeError
from serve_app.monitoring.profile.background import background_rows
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.registry.manifest import Manifest

if TYPE_CHECKING:
    from serve_app.models.explain.choice import Explainer

logger = logging.getLogger("serve_app.explain")


class ExplainingModel:
    """Implements the `Model` and `Explaining` ports over a version's served form.

    `own_form` loads that of its own library and `profile` that of its training data, where they
    are; both are read once, when the version is first explained. Where the served form is not
    `is_shared`, several threads may not ask it at once: then the one that was loaded is asked.
    """

    def __init__(
        self,
        served: Model,
        manifest: Manifest,
        *,
        own_form: Callable[[], Model | None],
        is_shared: bool,
        profile: Callable[[], FeatureProfile | None],
        sample: Columns | None,
    ) -> None:
        self._served = served
        self._manifest = manifest
        self._load_own_form = own_form
        self._is_shared = is_shared
        self._profile = profile
        self._sample = sample
        self._lock = threading.Lock()
        self._explainer: Explainer | None = None
        self._origins: Origins | None = None

    def predict(self, columns: Columns) -> Prediction:
        """Predict every row; raises as the model does."""
        return self._served.predict(columns)

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """Predict every row, with its raw scores; raises as the model does."""
        return self._served.predict_with_scores(columns)

    def transform(self, columns: Columns) -> Columns:
        """Transform every row; raises as the model does."""
        return self._served.transform(columns)

    def explain(self, columns: Columns) -> Explanation:
        """Explain every row.

        Raises:
            InvalidInput: the version cannot be explained; says why and what to do.
            RowsRefused: it does not take the rows.
            ModelFailed: it failed.
        """
        with self._lock:
            if self._explainer is None:
                self._explainer = self._made()
        if columns.rows:
            return self._explainer.explain(columns)
        # Libraries refuse tables without rows; what an explanation of none looks like, one shows.
        if self._sample is None:
            raise InvalidInput("there are no rows to explain")
        return self._explainer.explain(self._sample.slice(0, 1)).slice(0, 0)

    def origins(self) -> Origins:
        """From which column each feature is made that the version, a transformer, gives.

        Raises:
            InvalidInput: a feature is made of several columns, or nobody knows of which.
        """
        from serve_app.models.explain.transformed import origins_in  # noqa: PLC0415

        with self._lock:
            if self._origins is None:
                self._origins = origins_in(self._own_form(), self._manifest.signature)
        return self._origins

    def _made(self) -> Explainer:
        # Who never explains need not wait for the import.
        from serve_app.models.explain.choice import (  # noqa: PLC0415
            explainer_of,
            require_explainable,
        )

        signature = self._manifest.signature
        version = self._manifest.reference
        try:
            require_explainable(signature.output)
            profile, own = self._profile(), self._own_form()
            explainer = explainer_of(
                own,
                self._served if self._is_shared or own is None else own,
                signature,
                lambda rows: background_rows(profile, signature.inputs, rows, self._sample),
                self._sample,
            )
        except InvalidInput as error:
            raise InvalidInput(f"{version}: {error.message}", **error.details) from error
        logger.info(
            "a version can be explained",
            extra={
                "version": version,
                "method": explainer.method,
                "terms": explainer.terms.space,
            },
        )
        return explainer

    def _own_form(self) -> Model | None:
        """The form of the library, where it may be loaded here."""
        try:
            return self._load_own_form()
        except ServeError as error:
            logger.warning(
                "a version is explained by asking the form that is served: its own cannot be read",
                extra={"version": self._manifest.reference, "reason": error.message},
            )
            return None
