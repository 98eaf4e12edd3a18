"""Sends messages to an incoming webhook of Slack."""

from collections.abc import Iterator
from typing import Any

from serve_app.config.alerts import SlackReceiver
from serve_app.monitoring.alerts.message import Message
from serve_app.monitoring.alerts.words import lines, one_line, title
from serve_app.serving.alerting.delivery import Environment, secret
from serve_app.serving.alerting.posting import Target, as_body, post

LONGEST_LINE = 300
LONGEST_SECTION = 3000
"""Characters of one block, as Slack takes them."""


class Slack:
    """A channel of Slack."""

    def __init__(
        self, settings: SlackReceiver, environment: Environment, *, link: str | None
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._link = link

    def send(self, message: Message) -> None:
        """Return once Slack took it.

        Raises:
            Unavailable: it did not.
        """
        url = secret(self._environment, self._settings.url_env)
        target = Target(url, self._settings.timeout_s, self._settings.ca_file)
        post(target, as_body(slack_body(message, self._link)), {})


def slack_body(message: Message, link: str | None) -> dict[str, Any]:
    """The message as blocks, and in one line for notifications."""
    blocks: list[dict[str, Any]] = [_section(f"*{escaped(title(message))}*")]
    blocks += map(_section, _parts(message))
    if link is not None:
        blocks.append(_section(f"<{escaped(link)}|Look at it>"))
    return {"text": escaped(title(message)), "blocks": blocks}


def escaped(text: str) -> str:
    """Text that Slack takes for nothing else: no link, and nobody that is called."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _parts(message: Message) -> Iterator[str]:
    """The lines, as many in each part as fit into a block."""
    part = ""
    for one in lines(message):
        # Slack takes 50 blocks; no character grows more than fivefold.
        line = f"• {escaped(one_line(one, LONGEST_LINE))}"
        if part and len(part) + 1 + len(line) > LONGEST_SECTION:
            yield part
            part = ""
        part = f"{part}\n{line}" if part else line
    yield part
