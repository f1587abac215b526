"""A JSON parser that takes nothing that RFC 8259 does not allow and nothing that a store would choke on."""

import json
import math
import re
import zlib
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from shared.http.problems import Problem
from shared.http.renderers import JSONRenderer

GZIP = {"gzip", "x-gzip"}  # RFC 9110, section 8.4.1.3
UNDERSTOOD = {*GZIP, "identity"}  # as a request's Content-Encoding
GZIP_FORMAT = zlib.MAX_WBITS | 16
SURROGATE = re.compile("[\ud800-\udfff]")
MAX_DEPTH = 32  # nested arrays and objects; a body of brackets alone must not exhaust the stack


class BodyTooLarge(Problem):
    """Nothing that this API takes is that long."""

    slug = "content-too-large"
    status_code = 413


class StrictJSONParser(BaseParser):
    """Refuses NaN and infinities, doubled names, lone surrogates, NUL, deep nesting and non-UTF-8 bytes.

    A body may be compressed with gzip; the limit of its size is looked at before and after.
    """

    media_type = "application/json"
    renderer_class = JSONRenderer  # the browsable API writes its examples with it

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value in the body; raises ParseError that says what is wrong."""
        headers = parser_context["request"].headers if parser_context else {}
        body = read_body(
            stream, headers.get("Content-Encoding", ""), settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        )
        try:
            text = body.decode("utf-8")
            value = json.loads(
                text, parse_constant=_refuse_constant, object_pairs_hook=_unique, parse_float=_finite
            )
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8.") from error
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}.") from error
        _check(value)
        return value


def read_body(stream: IO[bytes], coding: str, most: int) -> bytes:
    """The body under a `Content-Encoding`, of at most `most` bytes; raises BodyTooLarge and ParseError.

    Django looks at its own limit only where a view asks for `request.body`.
    """
    body = stream.read(most + 1)
    if coding.strip().lower() in GZIP and len(body) <= most:
        body = _inflated(body, most)
    if len(body) > most:
        raise BodyTooLarge(f"The body is larger than {most} bytes.")
    return body


def _inflated(body: bytes, most: int) -> bytes:
    """What `body` holds (RFC 1952: one member after the other), or a little more than `most` bytes of it."""
    found = b""
    try:
        while body and len(found) <= most:
            member = zlib.decompressobj(GZIP_FORMAT)
            found += member.decompress(body, most + 1 - len(found))
            if not member.eof and not member.unconsumed_tail:
                raise ParseError("The body is not whole: its gzip data ends too early.")
            body = member.unused_data
    except zlib.error as error:
        raise ParseError("The body is not gzip data, as its Content-Encoding says.") from error
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _check(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ParseError("The body is nested too deeply.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ParseError("A text contains the character NUL.")
    if SURROGATE.search(text):
        raise ParseError("A text contains half of a surrogate pair.")
