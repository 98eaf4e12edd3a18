"""`serve-app feedback import`: labels that come in bulk, from a warehouse's file to the server."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.label_files import BadRow, LabelColumns, LabelRow, rows_of
from serve_app.cluster import web
from serve_app.cluster.node import Cluster
from serve_app.errors import InvalidInput, NotFound, ServeError, Unavailable

AT_ONCE = 1000
ATTEMPTS = 6
PAUSE_S = 0.5
_SHOWN = 20


@dataclass(slots=True)
class _Sums:
    """What became of the rows so far."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    bad: list[BadRow] = field(default_factory=list)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--endpoint",
    required=True,
    shell_complete=complete_endpoint,
    help="Whose predictions it is about.",
)
@click.option("--id", "key", metavar="COLUMN", help="The column with the endpoint's key.")
@click.option("--prediction-id", metavar="COLUMN", help="The column with prediction ids.")
@click.option("--row", metavar="COLUMN", help="Which row of its prediction a label is about.")
@click.option("--truth", metavar="COLUMN", help="The column with what was right.")
@click.option("--reward", metavar="COLUMN", help="The column with rewards; more is better.")
@click.option(
    "--at",
    metavar="COLUMN",
    help="When a label became known: times (UTC where they say no zone), or seconds since 1970.",
)
@click.option("--url", help="The gateway's address.  [default: the running cluster's]")
@click.option("--skip", type=click.IntRange(min=0), default=0, help="Leave out the first rows.")
@output.option_state
@output.as_json
def import_labels(
    file: str, endpoint: str, url: str | None, skip: int, state: str, as_json: bool, **columns: Any
) -> None:
    """Send the labels of a CSV or Parquet FILE to ENDPOINT, in lists.

    What was sent before counts once, so that an import which broke off can be begun anew.
    """
    named = LabelColumns(**columns)
    named.check()
    base = _address(url) if url else Cluster(Path(state)).require().http_url
    labels = _labels(base, endpoint)
    rows = itertools.islice(rows_of(Path(file), named, labels), skip, None)
    sums = _Sums()
    send = _Sender(f"{base}/v1/models/{endpoint}:feedback")
    with output.progress().status(f"{file} …") as status:
        tell = output.tell(status)
        try:
            for batch in _batches(rows):
                _send(batch, send, sums)
                tell(f"{sums.rows:,} rows")
        except ServeError as error:
            msg = (
                f"{error.message}; {sums.rows:,} rows are done: begin anew, or go on with "
                f"--skip {skip + sums.rows}"
            )
            raise type(error)(msg) from None
    _print(file, sums, as_json=as_json)
    if sums.bad:
        click.get_current_context().exit(1)


class _Sender:
    """Sends a list, again where the server cannot take it now."""

    def __init__(self, url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = url
        self._sleep = sleep

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What became of the items.

        Raises:
            ServeError: the server refused the whole list, or does not answer.
        """
        for attempt in itertools.count(1):
            try:
                answer: dict[str, Any] = web.post(
                    self._url, {"feedback": items}, keys=("outcomes", "refused")
                )
            except Unavailable:
                if attempt == ATTEMPTS:
                    raise
                self._sleep(PAUSE_S * 2 ** (attempt - 1))
            except InvalidInput as error:
                if "refused" not in error.details:
                    raise
                return {"outcomes": [None] * len(items), "refused": error.details["refused"]}
            else:
                return answer
        raise AssertionError("unreachable")


def _batches(rows: Iterator[LabelRow | BadRow]) -> Iterator[list[LabelRow | BadRow]]:
    while batch := list(itertools.islice(rows, AT_ONCE)):
        yield batch


def _send(batch: Sequence[LabelRow | BadRow], send: _Sender, sums: _Sums) -> None:
    bad = [row for row in batch if isinstance(row, BadRow)]
    labelled = [row for row in batch if isinstance(row, LabelRow) and row.item]
    counts = Counter({"without a label": len(batch) - len(bad) - len(labelled)})
    if labelled:
        with web.understood("the server"):
            answer = send([row.item for row in labelled])
            counts.update(one for one in answer["outcomes"] if one is not None)
            bad += [
                BadRow(labelled[one["index"]].place, str(one["error"])) for one in answer["refused"]
            ]
    sums.rows += len(batch)
    sums.counts.update({what: number for what, number in counts.items() if number})
    sums.bad += bad


def _labels(base: str, endpoint: str) -> list[Any]:
    """The classes of an endpoint, none of one without any.

    Raises:
        NotFound: there is no such endpoint.
    """
    standing = web.get(f"{base}/v1/endpoints", keys=("endpoints",))
    with web.understood(base):
        outputs = {one["name"]: one["signature"]["output"] for one in standing["endpoints"]}
    if endpoint not in outputs:
        raise NotFound(f"there is no endpoint {endpoint!r}; there are {', '.join(outputs)}")
    return list(outputs[endpoint].get("labels") or ())


def _address(url: str) -> str:
    """The address of a gateway, of which people may give host and port alone."""
    return (url if "://" in url else f"http://{url}").rstrip("/")


def _print(file: str, sums: _Sums, *, as_json: bool) -> None:
    counts = dict(sorted(sums.counts.items()))
    if as_json:
        refused = [{"row": bad.place, "error": bad.why} for bad in sums.bad]
        output.print_json({"rows": sums.rows, "counts": counts, "refused": refused})
        return
    for bad in sums.bad[:_SHOWN]:
        click.echo(f"{file}, {bad.place}: {bad.why}", err=True)
    if len(sums.bad) > _SHOWN:
        click.echo(f"and {len(sums.bad) - _SHOWN:,} more; --json lists all", err=True)
    parts = [f"{number:,} {what}" for what, number in counts.items()]
    refused_rows = [f"{len(sums.bad):,} refused"] if sums.bad else []
    click.echo(f"{sums.rows:,} rows: {', '.join([*parts, *refused_rows]) or 'none to send'}")
