"""Who answers? One file per kind of route, named in `KINDS` and imported when chosen.

To add a kind: write its module here with a class that has the class method
`of(endpoint, *, draw)`, which refuses with ConfigError what it cannot serve, and the method
`plan(request)`; then name the class below. `draw` gives numbers in [0, 1) and is the only
source of chance. `tests/contract/test_routers.py` runs on every kind.
"""

from __future__ import annotations

KINDS = {
    "ensemble": "serve_app.routing.ensemble:Ensemble",
    "single": "serve_app.routing.single:Single",
    "split": "serve_app.routing.split:Split",
}
"""Kind to the place of its class, `module:Name`."""
