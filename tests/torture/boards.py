"""What the boards say, read by the test itself: the layout of core/wire/board.c, and nothing of the daemon's code."""
import pathlib
import struct

MAGIC = 0x3130647262647268
HEAD_BYTES = SLOT_BYTES = 512
QUEUED, IN_PLUGIN, ON_WIRE, DONE, REVOKED = 1, 2, 3, 4, 5


def read(folder):
    """Every used slot of every board: (notification, n, attempt, state)."""
    found = []
    for path in sorted(pathlib.Path(folder).glob("*.board")):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        if len(data) < HEAD_BYTES or struct.unpack_from("<Q", data, 0)[0] != MAGIC:
            continue
        for slot in range(struct.unpack_from("<I", data, 12)[0]):
            word, notification, _run, n, attempt = struct.unpack_from("<QqqII", data, HEAD_BYTES + slot * SLOT_BYTES)
            state = word & 0xFF
            if state != 0:
                found.append((notification, n, attempt, state))
    return found


def text_of(notification, n):
    """ntf_ and 13 digits of Crockford's base 32, then the number: as providers see it."""
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    text = ""
    for _ in range(13):
        text = digits[notification & 31] + text
        notification >>= 5
    return f"ntf_{text}-{n}"
