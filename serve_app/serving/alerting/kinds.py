"""The way to each kind of receiver."""

from collections.abc import Callable

from serve_app.config.alerts import (
    AlertArgs,
    EmailReceiver,
    LogReceiver,
    SlackReceiver,
    WebhookReceiver,
)
from serve_app.serving.alerting.delivery import Delivery, Environment
from serve_app.serving.alerting.log_line import LogLine
from serve_app.serving.alerting.mail import Mail
from serve_app.serving.alerting.slack import Slack
from serve_app.serving.alerting.webhook import Webhook


def delivery_of(
    settings: LogReceiver | WebhookReceiver | SlackReceiver | EmailReceiver,
    args: AlertArgs,
    environment: Environment,
    clock: Callable[[], float],
) -> Delivery:
    """The way to one receiver; secrets are read from the environment whenever it is used."""
    if isinstance(settings, WebhookReceiver):
        return Webhook(settings, environment, clock=clock, link=args.link)
    if isinstance(settings, SlackReceiver):
        return Slack(settings, environment, link=args.link)
    if isinstance(settings, EmailReceiver):
        return Mail(settings, environment, link=args.link)
    return LogLine()
