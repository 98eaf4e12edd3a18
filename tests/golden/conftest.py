"""The golden files of a run."""

import pytest

from tests.golden.goldens import WRITING, Goldens


@pytest.fixture(scope="module")
def goldens(request):
    """The golden files; a record that no test of a whole run makes any more is stale."""
    config = request.config
    whole = not config.option.keyword and not any("::" in one for one in config.args)
    kept = Goldens()
    failed_before = request.session.testsfailed
    yield kept
    if WRITING:
        kept.save(whole=whole)
    elif whole and request.session.testsfailed == failed_before:
        assert not kept.stale(), "nobody makes these records; write them anew (GOLDEN=write)"
