"""Ports of a gateway's own, each with the words of one system."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from serve_app.config.base import Frozen
from serve_app.config.tls import TlsSettings

Profile = Literal[
    "tfs",
    "kserve",
    "oip",
    "torchserve",
    "torchserve-management",
    "torchserve-metrics",
    "mlflow",
    "sagemaker",
    "vertex",
    "azureml",
    "bentoml",
    "seldon",
    "all",
]


class ListenerSettings(Frozen):
    """A port on which gateways speak as one system does, or like the main port (`all`).

    A connection is closed once it was idle for `keep_alive_timeout_s`, by default as on the main
    port. Load balancers must give up idle connections sooner, or some of their requests meet a
    closed one; many wait for 60 seconds. With `tls` https is spoken.
    """

    profile: Profile
    port: Annotated[int, Field(ge=1, le=65535)]
    host: str = "127.0.0.1"
    keep_alive_timeout_s: PositiveInt = 90
    tls: TlsSettings | None = None

    @property
    def address(self) -> str:
        """Host and port, as errors and logs say them."""
        return f"{self.host}:{self.port}"
