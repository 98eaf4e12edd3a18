"""MLflow's client of scoring servers, in the environment of the clients."""

import numpy as np
import pandas as pd
from answering import answer_calls
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

_FORMS = {
    "frame": pd.DataFrame,
    "ndarray": lambda rows: np.array([list(row.values()) for row in rows]),
    "list": lambda rows: [list(row.values()) for row in rows],
    "records": lambda rows: rows,
}


def _client(place):
    host, _, port = place.partition(":")
    return ScoringServerClient(host, port)


def wait(place, timeout):
    """Wait until the server says that it is ready, and ask for its version."""
    client = _client(place)
    client.wait_server_ready(timeout=timeout)
    return client.get_version()


def invoke(place, rows, form="frame", params=None, like="dataframe"):
    """The predictions for rows in one of the forms that the client takes."""
    found = _client(place).invoke(_FORMS[form](rows), params).get_predictions(like)
    return (found.to_numpy() if like == "dataframe" else found).tolist()


if __name__ == "__main__":
    answer_calls({"wait": wait, "invoke": invoke})
