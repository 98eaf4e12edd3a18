"""The load generator, in front of a server of a few lines."""

import asyncio

import pytest

from benchmarks.load import build_request, run_due
from benchmarks.scaling.timeline import Timeline


async def test_requests_are_sent_when_they_are_due_and_told_to_the_recorder() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    timeline = Timeline()
    async with server:
        report = await run_due(
            "127.0.0.1", port, [build_request("GET", "/")], [0.0, 0.01, 1.05],
            connections=2, recorder=timeline,
        )  # fmt: skip
    assert (report.ok, report.failed) == (3, 0)
    assert [second.offered for second in timeline.seconds()] == [2, 1]
    assert report.duration_s == pytest.approx(1.05, abs=0.5)
