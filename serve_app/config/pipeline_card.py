"""What a pipeline adds to the cards of its versions."""

from typing import Annotated

from pydantic import Field

from serve_app.config.base import Frozen


class ImportanceSettings(Frozen):
    """How often each column of the hold-out is shuffled, to see what the model loses without it.

    With 0 repeats that is not computed.
    """

    repeats: Annotated[int, Field(ge=0, le=100)] = 5


class CardSettings(Frozen):
    """What people say of every version that the pipeline registers.

    `add` names Markdown files with sections (`## Intended use`, `## Limitations`, any other), seen
    from the working directory; each section is added to the cards.
    """

    add: tuple[str, ...] = ()
