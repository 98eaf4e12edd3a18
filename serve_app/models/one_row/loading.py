"""Compiled versions as quick as they may be on this machine."""

from __future__ import annotations

from serve_app.core.signature import Signature
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import CompiledModel, Program
from serve_app.models.native.choice import native
from serve_app.models.one_row.lane import one_row


def load_fastest(content: bytes, signature: Signature) -> CompiledModel:
    """The model that a compiled file holds.

    Its trees are walked by serve-app-native, and one row is computed value by value, where either
    gives the same bits.

    Raises:
        ArtifactRejected: it cannot be read, or walks through its trees would not end.
    """
    program = storage.load(content)
    if not isinstance(program, Program):
        program = Program(program)
    program = native(program)
    return CompiledModel(program, signature, one_row(program, signature))
