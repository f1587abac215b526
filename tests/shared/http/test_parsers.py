"""The JSON parser takes JSON, and only what every store can keep."""

from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from shared.http.parsers import MAX_DEPTH

pytestmark = pytest.mark.usefixtures("small_api")


def send(body: bytes, content_type: str = "application/json") -> Any:
    return APIClient().post("/echo/", body, content_type=content_type)


GOOD = {
    "an object": (b'{"a": [1, -2.5, "x", true, false, null]}', {"a": [1, -2.5, "x", True, False, None]}),
    "text of every plane": ('"é ☕ 🖋"'.encode(), "é ☕ 🖋"),
    "a whole surrogate pair": (b'"\\ud83d\\ude00"', "😀"),
    "white space": (b" \n\t[ ]\r\n", []),
    "a large whole number": (b"123456789012345678901234567890", 123456789012345678901234567890),
    "as deep as allowed": (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    "the same name in two objects": (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
}


@pytest.mark.parametrize(("body", "value"), GOOD.values(), ids=GOOD.keys())
def test_what_is_json_is_taken(body: bytes, value: Any) -> None:
    response = send(body)

    assert response.status_code == 200, response.content
    assert value is None or response.json() == value


BAD = {
    "half an object": b"{",
    "two values": b"{} {}",
    "a comment": b"{} // x",
    "a comma too many": b"[1,]",
    "single quotes": b"{'a': 1}",
    "a bare word": b"undefined",
    "NaN": b"[NaN]",
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "a number beyond all floats": b"[1e999]",
    "minus a number beyond all floats": b"[-1e999]",
    "a number of 5,000 digits": b"[" + b"9" * 5000 + b"]",
    "a leading zero": b"[01]",
    "a doubled name": b'{"a": 1, "a": 2}',
    "a doubled name, escaped": b'{"a": 1, "\\u0061": 2}',
    "a doubled name further in": b'[{"b": {"a": 1, "a": 1}}]',
    "half a surrogate pair": b'"\\ud83d"',
    "the other half": b'"\\ude00"',
    "halves in the wrong order": b'"\\ude00\\ud83d"',
    "half a surrogate pair in a name": b'{"\\ud83d": 1}',
    "NUL": b'"a\\u0000b"',
    "NUL in a name": b'{"a\\u0000": 1}',
    "a raw control character": b'"a\x01b"',
    "not UTF-8": b'"\xff"',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "an overlong encoding": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xa0\xbd"',
    "too deep": b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
    "too deep in objects": b'{"a":' * (MAX_DEPTH + 2) + b"1" + b"}" * (MAX_DEPTH + 2),
    "deeper than the stack": b"[" * 100_000,
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    response = send(body)

    assert response.status_code == 400
    assert response.json()["type"].endswith("/problems/malformed-body")
    assert response.json()["detail"].endswith(".")


def test_a_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0

    assert send(b'"' + b"x" * (limit - 2) + b'"').status_code == 200
    too_large = send(b'"' + b"x" * (limit - 1) + b'"')
    assert too_large.status_code == 413
    assert too_large.json()["type"].endswith("/problems/content-too-large")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "x",
    ],
)
def test_another_content_type_is_415(content_type: str) -> None:
    assert send(b"{}", content_type).status_code == 415


def test_a_charset_is_no_matter() -> None:
    assert send('"é"'.encode(), "application/json; charset=utf-8").json() == "é"
