"""The sections of a file that people write for a card."""

from __future__ import annotations

from pathlib import Path

from serve_app.errors import InvalidInput


def sections_of(path: Path, named_by: str) -> list[tuple[str, str]]:
    """The sections of a Markdown file by their headings of the second level.

    `named_by` is the option or key that names the file, which an error begins with.

    Raises:
        InvalidInput: it cannot be read, has no section, one is empty, or there is text before the
            first.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{named_by}: {path} is not UTF-8") from None
    except OSError as error:
        raise InvalidInput(f"{named_by}: {path} cannot be read: {error.strerror}") from error
    before, *parts = f"\n{text}".split("\n## ")
    sections = [
        (head.strip(), rest.strip()) for head, _, rest in (one.partition("\n") for one in parts)
    ]
    empty = next((head for head, rest in sections if not head or not rest), None)
    if not sections or before.strip() or empty is not None:
        msg = (
            f"{named_by}: {path} holds no sections; begin each with a heading, such as "
            "`## Intended use`, and text below it"
        )
        raise InvalidInput(msg)
    return sections
