"""What the counted windows of each version mean, for the watches that read them."""

from collections.abc import Sequence

from serve_app.monitoring.binning import Layout
from serve_app.monitoring.row_counting import counted_part
from serve_app.monitoring.window import Series
from serve_app.serving.record_packing import together_of
from serve_app.serving.watches.watch import Sources


class Layouts:
    """Knows the layouts of profiles that were read before."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[tuple[str, str | None, bool], Layout] = {}

    def of(self, every: Sequence[Series]) -> dict[Series, Layout | None]:
        """What the vectors mean of the series that are judged; none where it cannot be known now.

        Judged are versions that their endpoint still asks, as far as they were counted by the
        profile that they have.
        """
        endpoints = self._sources.endpoints()
        layouts: dict[Series, Layout | None] = {}
        for series in every:
            spec = endpoints.get(series.endpoint)
            if spec is None or series.variant not in spec.asks():
                continue
            taker = None if spec.preprocess is None else spec.preprocess.version
            layout = self._layout(series, taker, alone=series.variant not in together_of(spec))
            if layout is None or layout.digest == series.profile:
                layouts[series] = layout
        return layouts

    def _layout(self, series: Series, taker: str | None, *, alone: bool) -> Layout | None:
        """The layout of a version's profile; none where that cannot be read now."""
        key = (series.variant, taker, alone)
        known = self._known.get(key)
        if known is not None and known.digest == series.profile:
            return known
        # A baseline may have taken the place of a former one.
        profile = self._sources.profiles(series.variant)
        if profile is None:
            return None
        part = counted_part(profile, series.variant, taker, alone=alone)
        layout = self._known[key] = Layout(part)
        return layout
