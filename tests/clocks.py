"""A time that only tests move."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Says `now_s`, in seconds, whenever it is asked."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s
