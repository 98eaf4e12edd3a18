"""How exactly callers are told what models say: `detail` of `access`."""

from typing import Annotated

from pydantic import AfterValidator, Field

from serve_app.config.base import Frozen
from serve_app.core.coarsening import Details
from serve_app.core.detail import detail_of
from serve_app.errors import InvalidInput


def _checked(text: str) -> str:
    try:
        return str(detail_of(text))
    except InvalidInput as error:
        raise ValueError(error.message) from None


DetailName = Annotated[str, AfterValidator(_checked)]
"""`full`, `rounded(2)` or `top1`."""


class DetailSettings(Frozen):
    """How exactly callers are told: principals by their names, and all others as `default` says.

    It holds for whoever brings no detail of its own, by a key, a token or a certificate.
    """

    default: DetailName = "full"
    principals: dict[Annotated[str, Field(min_length=1, max_length=200)], DetailName] = Field(
        default_factory=dict
    )


def details_of(settings: DetailSettings) -> Details:
    """What settings say."""
    named = {name: detail_of(text) for name, text in settings.principals.items()}
    return Details(detail_of(settings.default), named)
