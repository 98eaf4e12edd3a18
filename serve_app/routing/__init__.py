"""Who answers? One file per kind of route.

To add a kind: write its module with a class that has `of(endpoint, draw=...)` and
`plan(request)`, and name it here. `tests/contract/test_routers.py` runs on every kind.
"""

from __future__ import annotations

KINDS = {
    "ensemble": "serve_app.routing.ensemble:Ensemble",
    "single": "serve_app.routing.single:Single",
    "split": "serve_app.routing.split:Split",
}
