"""Lets a script in the environment of the clients be called: a line of JSON in, one out."""

import json
import sys


def answer_calls(table):
    """Answer `{"call": name, "with": arguments}` by the functions of a table until input ends."""
    # What a library prints must not stand among the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            said = {"gave": table[asked["call"]](**asked["with"])}
        except Exception as error:  # noqa: BLE001 - the test knows which it should have been
            kinds = [kind.__name__ for kind in type(error).__mro__]
            said = {"raised": kinds, "message": str(error)}
        answers.write(json.dumps(said) + "\n")
        answers.flush()
