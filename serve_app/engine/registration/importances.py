"""Which features of a version matter most, where that is known exactly and quickly."""

from __future__ import annotations

import time

from serve_app.core.columns import Columns
from serve_app.engine.registration.build import Build
from serve_app.models.explain.choice import quick_explainer_of
from serve_app.models.frames import to_columns
from serve_app.models.replay import ROWS
from serve_app.monitoring.profile.background import background_rows
from serve_app.monitoring.profile.importances import ReferenceImportances, reference_importances
from serve_app.monitoring.profile.profile import FeatureProfile


def importances(
    build: Build, columns: Columns, profile: FeatureProfile
) -> ReferenceImportances | None:
    """The importances of the features of a profile's rows.

    None where the version's own form is not kept, or it is not explained exactly and quickly.
    """
    frame, signature = build.candidate.frame, build.signature
    if build.wishes.coarser is not None or not len(frame):
        return None
    # As who explains the version later has them: the rows of its sample, and of its profile.
    sample = to_columns(frame.head(ROWS))
    explainer = quick_explainer_of(
        build.form.model,
        signature,
        lambda rows: background_rows(profile, signature.inputs, rows, sample),
        sample,
    )
    if explainer is None:
        return None
    try:
        return reference_importances(columns, explainer.explain, time.perf_counter)
    except Exception:  # noqa: BLE001 - whatever a library raises; the version is served all the same
        return None
