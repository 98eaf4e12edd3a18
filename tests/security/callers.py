"""Principals that tests know, by the keys that they show."""

from serve_app.core.caller import Caller
from serve_app.core.grants import grants_of
from serve_app.errors import Overloaded

ALL = Caller("root", "house", grants_of(["*"]))
AGE = Caller("ages", "a", grants_of(["predict:age", "explain:age", "feedback:age"]))
PREDICTS = Caller("predicts", "b", grants_of(["predict"]))
NOTHING = Caller("nothing", "c", grants_of([]))
MANAGES = Caller("manages", "d", grants_of(["admin:endpoints:mme-*", "predict:mme-*"]))
KEYS = {
    "k-all": ALL, "k-age": AGE, "k-predicts": PREDICTS, "k-nothing": NOTHING, "k-mme": MANAGES,
}  # fmt: skip
FLOODS = "k-flood"
MODELS = ("logistic", "other", "line")
ENDPOINTS = ("risk", "age", "both")


class Known:
    """Knows callers by keys, tokens and certificates; remembers what was asked."""

    def __init__(self, tokens=(), certificates=()):
        self._callers = {("key", key): caller for key, caller in KEYS.items()}
        self._callers |= {("token", token): ALL for token in tokens}
        self._callers |= {("certificate", subject): ALL for subject in certificates}
        self.asked = []

    def recall(self, shown):
        return None

    def authenticate(self, credential):
        self.asked.append(credential)
        if credential.value == FLOODS:
            raise Overloaded("too many credentials from there", retry_after_s=7)
        return self._callers.get((credential.kind, credential.value))


def key(name):
    """Headers with the key of a principal."""
    return {"x-api-key": name}
