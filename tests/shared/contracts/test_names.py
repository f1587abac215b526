"""Customers read names: whatever wrote a text, ids of products do not stand in it."""

import pytest

from shared.contracts.names import with_names

TEA, CUP = "65f0c0ffee65f0c0ffee65f0", "0" * 24
NAMES = {TEA: "Tea", CUP: ""}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        ("too dear", "too dear"),
        (TEA, "Tea"),
        (f"{TEA}: 5 wanted; ({TEA})", "Tea: 5 wanted; (Tea)"),
        (f"{CUP}, {'f' * 24}", f"{CUP}, {'f' * 24}"),  # nobody said what these are called
        (f"{TEA}0 0{TEA} {TEA.upper()}", f"{TEA}0 0{TEA} {TEA.upper()}"),  # these are no ids
        (f"{TEA}{TEA}", f"{TEA}{TEA}"),
    ],
)
def test_ids_become_names(text: str, read: str) -> None:
    assert with_names(text, NAMES) == read


def test_the_text_stays_as_short_as_a_reason_must_be() -> None:
    long = with_names(f"{TEA} " * 20, {TEA: "x" * 200})
    assert (len(long), long[-1]) == (500, "…")
    assert with_names("x" * 500, {}) == "x" * 500
