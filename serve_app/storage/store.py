"""What the stores of the database share."""

from __future__ import annotations

import time
from collections.abc import Callable

from serve_app.storage.place import place_of


class Store:
    """A store on a folder or a URL; any process may read and write.

    Its rows are opened with their first use, since SQLAlchemy is slow to import. `clock` gives
    seconds since 1970.

    Raises:
        ConfigError: the URL is of no kind that is known.
    """

    def __init__(self, state: str, *, clock: Callable[[], float] = time.time) -> None:
        self._place = place_of(state)
        self._clock = clock
