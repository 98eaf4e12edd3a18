"""Sends alerts: by webhook, Slack, e-mail and the log."""
