"""Rows of a job's quarantine as files again, which people mend and answer in another job."""

from __future__ import annotations

import csv
import io
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fsspec
import orjson

from serve_app.batch.inputs import (
    DELIMITERS,
    Input,
    check_unchanged,
    opened,
    unpacked,
    without_gzip,
)
from serve_app.batch.job import Job
from serve_app.batch.shards import records_of
from serve_app.engine.batch.output_place import QUARANTINE
from serve_app.errors import Conflict, ServerFault


def quarantined(out: str) -> Iterator[dict[str, Any]]:
    """What the quarantine of some output says of each row, in the order of the input.

    Raises:
        ServerFault: the output cannot be read; says why.
    """
    try:
        files, root = fsspec.url_to_fs(out)
        files.invalidate_cache()
        listed = files.ls(f"{root}/{QUARANTINE}", detail=False)
    except FileNotFoundError:
        return
    except Exception as error:
        raise _unreadable(out, error) from error
    for path in sorted(listed):
        if path.rpartition("/")[2].startswith("part-"):
            yield from _rows(out, files, path)


def _rows(out: str, files: Any, path: str) -> Iterator[dict[str, Any]]:
    try:
        lines = files.open(path, "rb")
    except Exception as error:
        raise _unreadable(out, error) from error
    with lines:
        yield from map(json.loads, lines)


def _unreadable(out: str, error: Exception) -> ServerFault:
    return ServerFault(f"the output at {out} cannot be read: {error}")


def write_rows(job: Job, target: Path) -> dict[str, int]:
    """Write the quarantined rows of a job into a folder, a file for each file that they came from.

    Rows of CSV and of JSON lines are byte for byte what they were, those of Parquet become JSON
    lines. Gives the rows by the name of the file that holds them.

    Raises:
        InputChanged: a file that the job read is another now.
        Conflict: the folder is there already.
    """
    if target.exists():
        raise Conflict(f"{target} is there already; name a folder that is not")
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in quarantined(job.out):
        rows.setdefault(row["file"], []).append(row)
    sources = {one.path: (position, one) for position, one in enumerate(job.inputs)}
    for path in rows:
        check_unchanged(sources[path][1])
    target.mkdir(parents=True)
    written: dict[str, int] = {}
    for path, listed in rows.items():
        position, one = sources[path]
        name = Path(without_gzip(path.rpartition("/")[2]))
        suffix = ".jsonl" if one.kind == "parquet" else name.suffix
        file = target / f"{position:05d}-{name.stem}{suffix}"
        with file.open("xb") as out:
            out.writelines(_content(one, listed))
        written[file.name] = len(listed)
    return written


def _content(one: Input, listed: list[dict[str, Any]]) -> Iterator[bytes]:
    if one.kind == "parquet":
        yield from _of_parquet(one, {row["row"] for row in listed})
        return
    if one.columns is not None:
        header = io.StringIO()
        csv.writer(header, delimiter=DELIMITERS[one.kind], lineterminator="\n").writerow(
            one.columns
        )
        yield header.getvalue().encode()
    with unpacked(one) as file:
        for row in listed:
            records = records_of(file, one, row["byte_offset"], sys.maxsize)
            for record in itertools.islice(records, 1):
                yield record.content if record.content.endswith(b"\n") else record.content + b"\n"


def _of_parquet(one: Input, wanted: set[int]) -> Iterator[bytes]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    with opened(one.path) as file:
        table, first_row = pq.ParquetFile(file), 0
        for group in range(table.num_row_groups):
            rows = range(first_row, first_row + table.metadata.row_group(group).num_rows)
            places = [row - first_row for row in sorted(wanted) if row in rows]
            if places:
                values: list[Mapping[str, Any]] = (
                    table.read_row_group(group).take(places).to_pylist()
                )
                for value in values:
                    yield orjson.dumps(value, default=str) + b"\n"
            first_row = rows.stop
