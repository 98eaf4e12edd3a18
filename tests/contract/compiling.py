"""How tests of what is compiled come by it, and whether threads may share its rows."""

import numpy as np

from serve_app.core.columns import concatenate
from serve_app.errors import ServeError
from serve_app.models import owner, row_blocks
from serve_app.models.compilation import compilation
from serve_app.models.frames import to_columns
from serve_app.models.signature import infer


def compiled(estimator, frame):
    """What became of compiling, with the library's own model and the signature."""
    name, flavour = owner(estimator)
    signature = infer(estimator, name, frame)
    stored = flavour.dump(estimator, trust=(), allow_pickle=True)
    native = flavour.load(
        stored.files,
        format=stored.format,
        trusted_types=stored.trusted_types,
        signature=signature,
        allow_pickle=True,
    )
    return compilation(estimator, native, signature, to_columns(frame)), native, signature


def assert_same_in_threads(model, columns):
    """What three threads say of many rows has the bits of what one thread says."""
    shared = row_blocks.in_threads(model, 3)
    many = concatenate([columns] * (700 // columns.rows + 1))
    if shared is model:
        return
    for rows in (many, many.slice(0, 331), many.slice(40, 201)):
        for method in ("predict", "predict_with_scores", "transform"):
            shared._row_s = 1.0
            alone, together = (_bits(getattr(one, method), rows) for one in (model, shared))
            assert alone == together


def _bits(compute, columns):
    try:
        said = compute(columns)
    except (ServeError, AttributeError) as error:
        return type(error), str(error)
    if hasattr(said, "arrays"):
        parts = said.arrays
    else:
        parts = [said.values, said.probabilities, said.scores, *(said.tensors or {}).values()]
    parts = [np.asarray(part) for part in parts if part is not None]
    return [
        (part.dtype, part.shape, part.tolist() if part.dtype == object else part.tobytes())
        for part in parts
    ]
