"""Amounts that somebody wrote with another unit are known for what they mean."""

import pytest

from serve_app.documents.quantities import nearest_quantity

BYTES = "^[0-9]+(Ki|Mi|Gi|Ti)$"
PROCESSORS = "^[0-9]+m?$"


@pytest.mark.parametrize(
    ("written", "pattern", "meant"),
    [
        ("4gb", BYTES, "4Gi"),
        ("4 GiB", BYTES, "4Gi"),
        ("512m", BYTES, "512Mi"),
        ("512 kb", BYTES, "512Ki"),
        ("8", BYTES, "8Gi"),
        ("500mi", PROCESSORS, "500m"),
        ("500 m", PROCESSORS, "500m"),
        ("2 ", PROCESSORS, "2"),
        ("two", PROCESSORS, None),
        ("1.5x", BYTES, None),
        ("", BYTES, None),
    ],
)
def test_what_is_near_fits_the_pattern(written, pattern, meant):
    assert nearest_quantity(written, pattern) == meant
