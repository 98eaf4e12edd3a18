"""`serve-app simulate`: clients that send rows, and later what was true of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.simulated import (
    cases_of_file,
    endpoint_named,
    example_cases,
    print_tallies,
    progress_words,
    standing,
    target_of,
)
from serve_app.cli.traffic_options import simulation, traffic_options
from serve_app.cluster.node import Cluster
from serve_app.errors import InvalidInput, ServeError
from serve_app.examples.crowd import Crowd


@click.command()
@click.argument("endpoint", shell_complete=complete_endpoint)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False),
    help="Rows with their truth: files as of predict.  [default: held-out rows of the examples]",
)
@click.option("--target", help="The column of --data that says what is true of a row.")
@click.option(
    "--key", metavar="NAME", help="What says whose request it is.  [default: the route's]"
)
@traffic_options("60s")
@click.option("--url", help="The gateway's address.  [default: the running cluster's]")
@output.option_state
@output.as_json
def simulate(
    endpoint: str,
    data: str | None,
    target: str | None,
    key: str | None,
    url: str | None,
    state: str,
    as_json: bool,
    **traffic: Any,
) -> None:
    """Send rows to ENDPOINT as clients do, and later what was true of them.

    Whoever compares versions by what became of requests has something to compare: canaries,
    bandits, shadows, experiments. Interrupted, it says what clients saw until then.
    """
    if (data is None) != (target is None):
        raise click.UsageError(
            "--data and --target belong together: rows, and what is true of them"
        )
    base = _address(url) if url else Cluster(Path(state)).require().http_url
    known = endpoint_named(endpoint, standing(base))
    if data is not None and target is not None:
        cases = cases_of_file(Path(data), target, known)
    else:
        cases = example_cases(known)
    if not cases:
        msg = (
            f"no rows of the examples fit {endpoint!r}; name a file of rows, and its column that "
            "says what is true of them: --data rows.csv --target churned"
        )
        raise InvalidInput(msg)
    options = simulation(**traffic)
    crowd = Crowd(
        [target_of(base, known, cases, key)],
        options.traffic,
        clients=options.clients,
        seed=options.seed,
    )
    try:
        with output.progress().status("sending …") as status:
            crowd.run(lambda tallies: status.update(f"{progress_words(tallies)} …"))
    except (KeyboardInterrupt, ServeError):
        _show(crowd, as_json=as_json)
        raise
    _show(crowd, as_json=as_json)


def _show(crowd: Crowd, *, as_json: bool) -> None:
    """What clients saw, if they were answered at all."""
    tallies = crowd.tallies()
    if not any(tally.answered for tally in tallies.values()):
        return
    if as_json:
        output.print_json({name: tally.to_json() for name, tally in tallies.items()})
    else:
        print_tallies(tallies)


def _address(url: str) -> str:
    """The address of a gateway, of which people may give host and port alone."""
    return (url if "://" in url else f"http://{url}").rstrip("/")
