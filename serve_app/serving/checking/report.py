"""What is wrong with a config, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One problem: where it stands and what to do about it."""

    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.key}: {self.message}" if self.key else self.message


@dataclass(frozen=True, slots=True)
class Report:
    """What a config file holds and what is wrong with it.

    `follows` are the aliases by which endpoints name versions, with what they name now.
    """

    findings: tuple[Finding, ...]
    applications: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
