"""What a RayService needs beside its pods: models, a key of somebody who may ask, secrets."""

import secrets
import time

from serve_app.control.keys import KeyBook
from serve_app.core.access import KeyOrder
from serve_app.examples.trained import EXAMPLES, Place, train_example
from serve_app.registry.store import Registry
from serve_app.storage.keys_file import KeysFile

ENDPOINTS = ("diagnosis", "progression")


def access(folder):
    """A key of somebody who may ask and look, and the text of the file that lets them in."""
    path = folder / "keys.json"
    book = KeyBook(
        KeysFile(path), clock=time.time, random_bytes=secrets.token_bytes,
        keep_event=lambda _: None,
    )  # fmt: skip
    order = KeyOrder("client", ("predict", "read:metadata"))
    return book.create(order, "test").key, path.read_text()


def trained(folder, *again):
    """The registry of the examples in a folder; a second version of the models named."""
    place = Place(
        Registry(str(folder / "registry")), folder / "runs", time.time, lambda progress: None
    )
    for name in (*(model for one in ENDPOINTS for model in EXAMPLES[one]), *again):
        train_example(name, place)
    return folder / "registry"
