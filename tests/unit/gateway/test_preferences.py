"""The header `Prefer`, as RFC 7240 writes it."""

import pytest

from serve_app.gateway.preferences import Preference, preference_of


@pytest.mark.parametrize(
    ("values", "preferred"),
    [
        ([], Preference()),
        (["respond-async"], Preference(later=True)),
        (["Respond-Async, wait=10"], Preference(later=True, wait_s=10)),
        (["respond-async", "wait=10"], Preference(later=True, wait_s=10)),
        (['wait="10"; x=y, respond-async'], Preference(later=True, wait_s=10)),
        (["respond-async, wait=5, wait=50"], Preference(later=True, wait_s=5)),
        (["respond-async, wait=3600"], Preference(later=True, wait_s=60)),
        (["respond-async, wait=soon"], Preference(later=True)),
        (["respond-async, wait=-1"], Preference(later=True)),
        (["respond-async, wait=" + "9" * 5000], Preference(later=True)),
        (["return=minimal, handling=lenient"], Preference()),
        (['foo="a, respond-async"'], Preference()),
        (["wait=10"], Preference(wait_s=10)),
    ],
)
def test_what_is_preferred_is_read_as_the_rfc_writes_it(values, preferred):
    headers = [(b"accept", b"respond-async"), *((b"prefer", one.encode()) for one in values)]
    assert preference_of(headers) == preferred
