"""Runners that tests see into: work is done at once, later, or never."""


class Done:
    def __init__(self, work, args, named):
        self.work, self.args, self.named = work, args, named
        self.is_cancelled = False

    def is_done(self):
        return True

    def result(self):
        return self.work(*self.args, **self.named)

    def cancel(self):
        self.is_cancelled = True


class Never(Done):
    def is_done(self):
        return False


class Dies(Done):
    def result(self):
        raise MemoryError("the process was killed")


class AtOnce:
    """Does work when its result is wanted; `kind` says what becomes of it."""

    def __init__(self, kind=Done):
        self.kind = kind
        self.begun = []

    def start(self, work, *args, **named):
        self.begun.append(self.kind(work, args, named))
        return self.begun[-1]
