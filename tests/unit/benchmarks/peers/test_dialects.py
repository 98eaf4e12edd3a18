"""The probabilities in answers of each dialect."""

import pytest

from benchmarks.peers import dialects


@pytest.mark.parametrize(
    ("dialect", "answer"),
    [
        (dialects.OWN, b'{"predictions": [1, 0], "probabilities": [[0.25, 0.75], [0.5, 0.5]]}'),
        (dialects.INSTANCES, b'{"probabilities": [[0.25, 0.75], [0.5, 0.5]]}'),
        (dialects.BENTOML, b"[[0.25, 0.75], [0.5, 0.5]]"),
        (dialects.MLFLOW, b'{"predictions": [[0.25, 0.75], [0.5, 0.5]]}'),
        (dialects.TENSORS, b'{"outputs": [{"shape": [2, 2], "data": [0.25, 0.75, 0.5, 0.5]}]}'),
    ],
)
def test_every_dialect_gives_the_second_class(dialect: dialects.Dialect, answer: bytes) -> None:
    assert dialect.decode(answer).tolist() == [0.75, 0.5]
