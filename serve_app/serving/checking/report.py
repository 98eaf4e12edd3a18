"""What is wrong with a config, and where."""

from dataclasses import dataclass

from serve_app.documents.finding import Finding


@dataclass(frozen=True, slots=True)
class Report:
    """What a config file holds and what is wrong with it.

    `follows` are the aliases by which endpoints name versions, with what they name now;
    `warnings` are what can be deployed and better were not, `notes` what is as it was written and
    may be as well otherwise.
    """

    findings: tuple[Finding, ...]
    applications: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
