"""Sends messages as JSON to a URL, signed where there is a secret."""

import hashlib
import hmac
from collections.abc import Callable

from serve_app.config.alerts import WebhookReceiver
from serve_app.core.secret import Secret
from serve_app.monitoring.alerts.message import Message
from serve_app.monitoring.alerts.words import lines, title
from serve_app.serving.alerting.delivery import Environment, secret
from serve_app.serving.alerting.posting import Target, as_body, post

TIMESTAMP_HEADER = "X-Serve-App-Timestamp"
SIGNATURE_HEADER = "X-Serve-App-Signature"


class Webhook:
    """A URL of somebody's own; `clock` gives seconds since 1970."""

    def __init__(
        self,
        settings: WebhookReceiver,
        environment: Environment,
        *,
        clock: Callable[[], float],
        link: str | None,
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._clock = clock
        self._link = link

    def send(self, message: Message) -> None:
        """Return once somebody took it with a status of success.

        Raises:
            Unavailable: nobody did.
        """
        settings = self._settings
        url = Secret(settings.url) if settings.url else self._secret(settings.url_env)
        body = as_body(
            {
                **message.to_json(),
                "title": title(message),
                "text": "\n".join(lines(message)),
                "link": self._link,
            }
        )
        headers = {}
        if settings.secret_env is not None:
            timestamp = str(int(self._clock()))
            headers[TIMESTAMP_HEADER] = timestamp
            headers[SIGNATURE_HEADER] = signature(
                self._secret(settings.secret_env).reveal(), timestamp, body
            )
        post(Target(url, settings.timeout_s, settings.ca_file), body, headers)

    def _secret(self, name: str | None) -> Secret:
        return secret(self._environment, name or "")


def signature(key: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of the time, a full stop and the body, so that nothing can be sent anew later."""
    digest = hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"
