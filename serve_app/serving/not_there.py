"""What is said where somebody names what is not there."""

from collections.abc import Iterable

from serve_app.errors import NotFound


def no_endpoint(name: str, known: Iterable[str]) -> NotFound:
    """There is no such endpoint; names those that there are."""
    listed = ", ".join(sorted(known)) or "none"
    return NotFound(f"there is no endpoint {name[:80]!r}; endpoints: {listed}", known=sorted(known))


def no_experiment(endpoint: str, known: Iterable[str]) -> NotFound:
    """The endpoint has no experiment; names those that have one."""
    msg = (
        f"endpoint {endpoint[:80]!r} has no experiment; endpoints with one: "
        f"{', '.join(sorted(known)) or 'none'}"
    )
    return NotFound(msg, known=sorted(known))
