"""The name server of a cluster, as far as addresses of version 4 go (RFC 1035)."""

import contextlib
import socket
import struct
import threading
from pathlib import Path

DOMAIN = "default.svc.cluster.local"
_PORT = 53
_LONGEST_BYTES = 512
_ADDRESS, _INTERNET = 1, 1
_AUTHORITATIVE_ANSWER, _NO_SUCH_NAME = 0x8580, 0x8583
_AGE_S = 5
_TICK_S = 0.2


@contextlib.contextmanager
def name_server(address):
    """Answers at an address until the block ends, with what the given mapping holds then."""
    names, ended = {}, threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((address, _PORT))
        listening.settimeout(_TICK_S)
        thread = threading.Thread(target=_answer, args=(listening, names, ended), daemon=True)
        thread.start()
        try:
            yield names
        finally:
            ended.set()
            thread.join()


def write_configuration(path: Path, address):
    """What a pod's `/etc/resolv.conf` says."""
    lines = [f"nameserver {address}", f"search {DOMAIN} svc.cluster.local cluster.local"]
    path.write_text("\n".join([*lines, "options ndots:5", ""]))


def _answer(listening, names, ended):
    while not ended.is_set():
        try:
            query, client = listening.recvfrom(_LONGEST_BYTES)
        except TimeoutError:
            continue
        if len(query) > 12:
            with contextlib.suppress(OSError):
                listening.sendto(_reply(query, names), client)


def _reply(query, names):
    number, _, questions = struct.unpack_from("!HHH", query)
    labels, place = [], 12
    while length := query[place]:
        labels.append(query[place + 1 : place + 1 + length].decode())
        place += 1 + length
    kind, _ = struct.unpack_from("!HH", query, place + 1)
    question = query[12 : place + 5]
    address = names.get(".".join(labels).lower())
    flags = _AUTHORITATIVE_ANSWER if address else _NO_SUCH_NAME
    answers = b""
    if address and kind == _ADDRESS:
        # The name is the one at the twelfth byte.
        answers = struct.pack("!HHHIH", 0xC00C, _ADDRESS, _INTERNET, _AGE_S, 4)
        answers += socket.inet_aton(address)
    counts = struct.pack("!HHHHHH", number, flags, questions, 1 if answers else 0, 0, 0)
    return counts + question + answers
