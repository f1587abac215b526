"""The two names of an order: its id, for machines, and its number, for people."""

import os
import time
import uuid
from dataclasses import dataclass

# Crockford's base 32: no I, L, O or U, so that a number survives being read out on the telephone.
NUMBER_LETTERS = 10
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TAIL_BITS = (1 << 48) - 1


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


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The ids of the orders whose numbers begin alike: the last 12 hexadecimal digits, and the one before them.

    What a number leaves out of the id is random, too: nobody finds another order by a whole number.
    """

    first: str
    last: str
    before: frozenset[str]


def number_range(number: str) -> NumberRange | None:
    """The ids of the orders whose number is, or begins with, `number`; None where no number does."""
    letters = number.upper().replace("-", "").replace(" ", "").removeprefix("MC")
    if not 1 <= len(letters) <= NUMBER_LETTERS or not set(letters) <= set(ALPHABET):
        return None
    value = 0
    for letter in letters:
        value = value << 5 | ALPHABET.index(letter)
    unknown = 5 * (NUMBER_LETTERS - len(letters))
    first = value << unknown
    last = first | (1 << unknown) - 1
    # Of 50 bits the last 48 are 12 digits; the other two end the digit before, whose first two are anything.
    before = frozenset(f"{digit:x}" for digit in range(first >> 48, 16, 4))
    return NumberRange(f"{first & TAIL_BITS:012x}", f"{last & TAIL_BITS:012x}", before)
