"""Which batch jobs are taken over HTTP."""

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt

from serve_app.config.base import Frozen
from serve_app.config.names import Location


def _written_to(place: str) -> str:
    if "://" in place and not place.startswith("s3://"):
        msg = f"output is written to a folder of this machine or to s3://bucket/folder; got {place}"
        raise ValueError(msg)
    return place


class JobsSettings(Frozen):
    """Where batch jobs that are submitted over HTTP may read and write, and how many may wait.

    `inputs` are folders and URLs below which all files stand that a job may read; `outputs` the
    folder, or `s3://…`, below which each job has one of its own; `state` that of the ledger's, on a
    disk of this machine, from which `serve-app jobs work` takes them. `destinations` are further
    folders and URLs for output that is named by a URL, and for that of jobs in the words of other
    systems. A file larger than
    `max_input_mb`, all of a job's together, is read too slowly for a request, and refused.
    """

    inputs: Annotated[tuple[Location, ...], Field(min_length=1, max_length=100)]
    outputs: Annotated[Location, AfterValidator(_written_to)]
    state: Location = "./state"
    destinations: Annotated[tuple[Location, ...], Field(max_length=100)] = ()
    max_input_mb: PositiveInt = 1024
    max_unfinished: PositiveInt = 100
