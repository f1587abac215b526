"""The JSON parser takes JSON, and only what every store can keep."""

import gzip
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


def zipped(body: bytes, coding: str = "gzip") -> Any:
    return APIClient().post(
        "/echo/", body, content_type="application/json", headers={"Content-Encoding": coding}
    )


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", " gzip "])
def test_a_body_may_be_compressed(coding: str) -> None:
    assert zipped(gzip.compress('"é"'.encode()), coding).json() == "é"
    assert zipped(gzip.compress(b"[1,") + gzip.compress(b"2]")).json() == [1, 2]
    assert zipped(b"[1]", "identity").json() == [1]


def test_a_compressed_body_is_what_its_coding_says() -> None:
    """Red when plain JSON is taken under `Content-Encoding: gzip`, or gzip is read as text."""
    whole = gzip.compress(b"[1, 2, 3]")
    for body in (b"[1]", whole[:-4], whole[:6], whole + b"x", b"\x1f\x8b" + b"x" * 40):
        refused = zipped(body)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (400, "malformed-body")


def test_the_limit_holds_after_inflating() -> None:
    """Red when a small body may become a large one: a kilobyte of gzip holds a megabyte of blanks."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    assert zipped(gzip.compress(b'"' + b"x" * (limit - 2) + b'"')).status_code == 200
    for bomb in (gzip.compress(b" " * (limit + 1)), gzip.compress(b" " * limit) * 2):
        assert len(bomb) < limit
        assert zipped(bomb).status_code == 413


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, identity", "compress", "x"])
@pytest.mark.parametrize("path", ["/echo/", "/gone/"])
def test_another_coding_is_415(coding: str, path: str) -> None:
    """Also where no view reads the body. Red when what was sent is thrown away unread."""
    method = "POST" if path == "/echo/" else "DELETE"
    refused: Any = APIClient().generic(
        method, path, "{}", content_type="application/json", headers={"Content-Encoding": coding}
    )
    assert (refused.status_code, refused["Content-Type"]) == (415, "application/problem+json")
    assert refused["Accept-Encoding"] == "gzip"
    assert refused.json()["type"].endswith("/problems/unsupported-media-type")


def test_a_coding_without_a_body_is_no_matter() -> None:
    assert APIClient().get("/open/", headers={"Content-Encoding": "br"}).status_code == 200
