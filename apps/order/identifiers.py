"""The two names of an order: its id, for machines, and its number, for people."""

import os
import time
import uuid

# Crockford's base 32: no I, L, O or U, so that a number survives being read out on the telephone.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_order_id() -> uuid.UUID:
    """A UUID version 7 (RFC 9562, section 5.7): its leading milliseconds keep the index's newest end together."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def order_number(order_id: uuid.UUID) -> str:
    """A short name made from the id's random part, such as MC-7K3F9-Q2XB4."""
    rest = order_id.int & ((1 << 50) - 1)
    letters = "".join(ALPHABET[rest >> shift & 31] for shift in range(45, -5, -5))
    return f"MC-{letters[:5]}-{letters[5:]}"
