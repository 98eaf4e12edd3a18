"""Writes messages to the log, one line each."""

import logging

from serve_app.monitoring.alerts.message import Message
from serve_app.monitoring.alerts.words import lines, title

logger = logging.getLogger("serve_app.alerts")


class LogLine:
    """The log of this process."""

    def send(self, message: Message) -> None:
        """Write it."""
        grave = logging.ERROR if message.severity == "critical" else logging.WARNING
        level = grave if message.status == "firing" and not message.is_test else logging.INFO
        fields = {
            "alert_id": message.id,
            "receiver": message.receiver,
            "endpoint": message.endpoint,
            "status": message.status,
            "severity": message.severity,
            "standing": message.standing,
            "findings": lines(message),
        }
        logger.log(level, title(message), extra=fields)
