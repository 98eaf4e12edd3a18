"""What libraries say is told in one line, without the places in their own code."""

from __future__ import annotations

import pytest

from serve_app.models.library_errors import reason

MESSAGES = {
    "[12:00:01] /workspace/src/gbm/gbtree.cc:42: Check failed: false\nStack trace:\n  [bt] (0)": (
        "RuntimeError: Check failed: false"
    ),
    "Exception during initialization: /onnxruntime_src/onnxruntime/core/providers/cpu/ml/"
    "ml_common.h:68 onnxruntime::ml::NODE_MODE_ONNX onnxruntime::ml::MakeTreeNodeMode("
    "const std::string&) Unexpected value for node_mode": (
        "RuntimeError: Exception during initialization: Unexpected value for node_mode"
    ),
    "No Op registered for X\n\n==> Context: Bad node spec": (
        "RuntimeError: No Op registered for X ==> Context: Bad node spec"
    ),
    "it holds \x1b[31m red": "RuntimeError: it holds ?[31m red",
    "": "RuntimeError",
}


@pytest.mark.parametrize("text", MESSAGES)
def test_words_of_a_library_become_one_line(text: str) -> None:
    assert reason(RuntimeError(text)) == MESSAGES[text]


def test_words_without_end_are_cut() -> None:
    assert len(reason(ValueError("x" * 10_000))) < 250
