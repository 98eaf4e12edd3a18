"""The same answers behind robyn, a framework with a server in Rust.

Settings: one process per core with one worker, uvloop, warnings only.
"""

from __future__ import annotations

import os

from robyn import Request, Response, Robyn

from benchmarks.peers.ceiling.census import answered

app = Robyn(__file__)
_HEADERS = {"content-type": "application/json"}


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Answer every request as a prediction."""
    body = request.body
    said = answered(body if isinstance(body, bytes) else body.encode())
    return Response(status_code=200, headers=_HEADERS, description=said)


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]))
