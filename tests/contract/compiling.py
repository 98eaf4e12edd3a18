"""How tests of what is compiled come by it."""

from serve_app.models import owner
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
