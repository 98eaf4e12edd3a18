"""Serves mutations of an honest file one after the other: each is refused, or answers as it says.

Run as a program, so that a mutation that ends the process ends this one: the last line names it.
"""

from __future__ import annotations

import io
import json
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tests.security.boosters import lightgbm_text, ubj, xgboost_json
from tests.security.fuzzed_answers import by_library, outcome, served
from tests.security.test_onnx import trees as graph
from tests.security.test_skops import Edit, honest

Mutate = Callable[[bytes, random.Random], bytes]
OUTCOMES = ("refused", "equal")
EVERY_COMPILED = 10
"""Of so many mutations one is compiled as well, which takes as long as all else."""
NUMBERS = (-(2**31), -7, -2, -1, 0, 1, 2, 3, 5, 8, 13, 99, 255, 10**4, 2**31 - 1, 2**40)


def flipped(content: bytes, rng: random.Random) -> bytes:
    """A few bytes of another value."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def cut(content: bytes, rng: random.Random) -> bytes:
    """Broken off, or a part left out or twice there."""
    start, end = sorted(rng.randrange(len(content)) for _ in range(2))
    return rng.choice(
        [content[:end], content[:start] + content[end:], content[:end] + content[start:]]
    )


def _leaf(value: Any, rng: random.Random) -> None:
    """Change one number or text somewhere in a document."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        inner = value[key]
        if isinstance(inner, (dict, list)) and inner:
            value = inner
            continue
        value[key] = str(rng.choice(NUMBERS)) if isinstance(inner, str) else rng.choice(NUMBERS)
        return


def _part(document: Any, rng: random.Random) -> Any:
    model = document["learner"]["gradient_booster"]["model"]
    return model if rng.random() < 0.2 else rng.choice(model["trees"])


def in_json(content: bytes, rng: random.Random) -> bytes:
    document = json.loads(content)
    _leaf(_part(document, rng), rng)
    return json.dumps(document).encode()


def in_ubj(content: bytes, rng: random.Random) -> bytes:
    document = json.loads(xgboost_json())
    _leaf(_part(document, rng), rng)
    return ubj(document)


def in_text(content: bytes, rng: random.Random) -> bytes:
    """A number of a list in the trees of a LightGBM file, as long as before where that fits."""
    lines = content.decode().split("\n")
    at = rng.choice([n for n, line in enumerate(lines[:120]) if "=" in line])
    key, _, rest = lines[at].partition("=")
    words = rest.split(" ")
    place = rng.randrange(len(words))
    new = str(rng.choice(NUMBERS))
    words[place] = new.rjust(len(words[place]), "0") if len(new) <= len(words[place]) else new
    lines[at] = f"{key}={' '.join(words)}"
    return "\n".join(lines).encode()


def in_arrays(content: bytes, rng: random.Random) -> bytes:
    """An entry of an array, or a number of the schema, in a file of skops."""
    file = Edit(content)
    name = rng.choice([name for name in file.files if name.endswith(".npy")])
    array = np.load(io.BytesIO(file.files[name]))
    if array.size and rng.random() < 0.8:
        fields = array.dtype.names
        target = array[rng.choice(fields)] if fields else array
        with np.errstate(all="ignore"):
            target.flat[rng.randrange(target.size)] = np.array(rng.choice(NUMBERS)).astype(
                target.dtype
            )
    else:
        array = array[: rng.randrange(len(array) + 1)] if array.ndim else array
    buffer = io.BytesIO()
    np.save(buffer, array)
    file.files[name] = buffer.getvalue()
    return file.content()


def in_graph(content: bytes, rng: random.Random) -> bytes:
    model = onnx.load_from_string(content)
    node = next(one for one in model.graph.node if one.op_type.startswith("TreeEnsemble"))
    attribute = rng.choice([one for one in node.attribute if one.ints])
    attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
    written: bytes = model.SerializeToString()
    return written


FORMS: dict[str, tuple[str, Callable[[], bytes], tuple[Mutate, ...]]] = {
    "json": (".json", lambda: xgboost_json().encode(), (in_json, in_json, flipped, cut)),
    "ubj": (".ubj", lambda: ubj(json.loads(xgboost_json())), (in_ubj, in_ubj, flipped, cut)),
    "lightgbm": (".txt", lambda: lightgbm_text().encode(), (in_text, in_text, flipped, cut)),
    "onnx": (".onnx", lambda: graph(True), (in_graph, in_graph, flipped, cut)),
    **{
        f"skops-{name}": (".skops", lambda name=name: honest(name), (in_arrays, in_arrays, flipped))
        for name in ("forest", "hist", "kd", "spline", "svm", "svr", "means", "boosted")
    },
}


def count_outcomes(
    content: bytes, mutations: Sequence[Mutate], seeds: int, became: Callable[[bytes], str]
) -> None:
    """Print what `became` of one mutation per seed where that is wrong, and count it in the end.

    Raises:
        AssertionError: the honest file itself is refused, or answers otherwise.
    """
    honest = became(content)
    assert honest == "equal", honest
    counts = dict.fromkeys((*OUTCOMES, "wrong"), 0)
    for seed in range(seeds):
        print(f"seed {seed}", flush=True)
        one = became(mutations[seed % len(mutations)](content, random.Random(seed)))
        counts[one if one in OUTCOMES else "wrong"] += 1
        if one not in OUTCOMES:
            print(f"seed {seed}: {one}", flush=True)
    print(json.dumps(counts))


def main(form: str, seeds: int, folder: Path) -> None:
    """Serve one mutation per seed; the last line counts what became of them."""
    warnings.simplefilter("ignore")
    suffix, make, mutations = FORMS[form]
    path, numbers = folder / f"model{suffix}", count()

    def became(content: bytes) -> str:
        path.write_bytes(content)
        compiling = next(numbers) % EVERY_COMPILED == 0
        return outcome(
            partial(served, form, path, compiling=compiling),
            partial(by_library, form, path),
            exact=not compiling,
        )

    count_outcomes(make(), mutations, seeds, became)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
