"""What a replica that cannot start says of it to those who look at Ray's pages."""

import contextlib
import logging
import sys
from collections.abc import Iterator

from serve_app.errors import ServeError


@contextlib.contextmanager
def explained(logger: logging.Logger) -> Iterator[None]:
    """Let an error of ours end the start of this replica in its own words alone.

    Serve makes the whole traceback the message of the deployment, some sixty lines of its own
    frames above the one that says what to do. The traceback goes to this replica's log.

    Raises:
        ServeError: the same, without where it came from.
    """
    try:
        yield
    except ServeError as error:
        logger.exception("this replica cannot start")
        # Serve formats the error further up and ends this process then.
        sys.tracebacklimit = 0
        raise type(error)(error.message, **error.details) from None
