"""The two names of an order: its id, for machines, and its number, for people."""

import os
import time
import uuid

# Crockford's base 32: no I, L, O or U, so that a number survives being read out on the telephone.
NUMBER_LETTERS = 10
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


def number_suffix(number: str) -> str | None:
    """The last 12 hexadecimal digits of the id of the order with that number; None where it is no number.

    What a number leaves out of the id is random, too: nobody finds another order by it.
    """
    letters = number.upper().replace("-", "").replace(" ", "").removeprefix("MC")
    if len(letters) != NUMBER_LETTERS or not set(letters) <= set(ALPHABET):
        return None
    value = 0
    for letter in letters:
        value = value << 5 | ALPHABET.index(letter)
    return f"{value & ((1 << 48) - 1):012x}"
