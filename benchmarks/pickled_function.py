"""What `benchmarks.functions` compares with: scikit-learn, a pickle and a frame."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pandas as pd

MODEL = pickle.loads(Path(os.environ["PICKLED_MODEL"]).read_bytes())


def handler(event: Any, _context: Any) -> dict[str, Any]:
    """Answer a function URL's event."""
    frame = pd.DataFrame(json.loads(event["body"])["instances"])
    body = json.dumps({"predictions": MODEL.predict(frame).tolist()})
    headers = {"content-type": "application/json"}
    return {"statusCode": 200, "headers": headers, "body": body, "isBase64Encoded": False}
