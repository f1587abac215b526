"""The judgement of conditional requests, row by row of RFC 9110, section 13."""

import pytest

from shared.http.preconditions import Preconditions, Verdict

HOLD, NOT_MODIFIED, FAILED = Verdict.HOLD, Verdict.NOT_MODIFIED, Verdict.FAILED
TAG = '"now"'


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "read", "change"),
    [
        (None, None, HOLD, HOLD),
        (TAG, None, HOLD, HOLD),
        ("*", None, HOLD, HOLD),
        (f'"old" , {TAG}', None, HOLD, HOLD),
        ('"old"', None, FAILED, FAILED),
        (f"W/{TAG}", None, FAILED, FAILED),
        ("now", None, FAILED, FAILED),
        ("", None, FAILED, FAILED),
        (None, TAG, NOT_MODIFIED, FAILED),
        (None, f"W/{TAG}", NOT_MODIFIED, FAILED),
        (None, " * ", NOT_MODIFIED, FAILED),
        (None, '"old"', HOLD, HOLD),
        (None, "", HOLD, HOLD),
        ('"old"', TAG, FAILED, FAILED),
        (TAG, TAG, NOT_MODIFIED, FAILED),
    ],
)
def test_preconditions(
    if_match: str | None, if_none_match: str | None, read: Verdict, change: Verdict
) -> None:
    """Red where If-Match counts for changes only, or If-None-Match for reads only."""
    conditions = Preconditions(if_match, if_none_match)
    assert [conditions.verdict(method, TAG) for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE")] == [
        read, read, change, change, change
    ]  # fmt: skip
