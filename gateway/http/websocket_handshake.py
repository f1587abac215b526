"""Whether a request opens a WebSocket, and whether it does so as RFC 6455, section 4.2.1, asks for.

What is wrong is found here, before the WebSocket library sees the request: it would answer with plain text, or not
at all.
"""

import base64
import binascii
import re

from gateway.errors import BadRequest, HeadersTooLarge, UpgradeRequired
from gateway.http.request_head import RequestHead, tokens

MAX_LINE = 8 * 1024 - 2  # bytes of one header, its name and its end: the library reads no longer line
KEY_BYTES = 16
VERSION = b"13"
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_PASSED_ON = {b"upgrade", b"connection", b"sec-websocket-extensions", b"content-length"}


def is_handshake(head: RequestHead, method: bytes, version: str) -> bool:
    """Whether a request asks for a WebSocket; any other `Upgrade` is ignored (RFC 9110, section 7.8)."""
    return method == b"GET" and version == "1.1" and b"websocket" in tokens(head.all(b"upgrade"))


def check_handshake(head: RequestHead) -> None:
    """Refuse a handshake that breaks the rules. Raises BadRequest, UpgradeRequired or HeadersTooLarge."""
    if head.all(b"transfer-encoding") or any(length != b"0" for length in head.all(b"content-length")):
        raise BadRequest("The opening of a WebSocket takes no body.")
    if head.all(b"sec-websocket-version") != [VERSION]:
        raise UpgradeRequired("The version of WebSocket that is spoken here is 13.")
    keys = head.all(b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise BadRequest("A WebSocket's opening needs one Sec-WebSocket-Key of 16 bytes in base64.")
    offered = b",".join(head.all(b"sec-websocket-protocol"))
    if offered and not all(_TOKEN.fullmatch(offer.strip(b" \t")) for offer in offered.split(b",")):
        raise BadRequest("Sec-WebSocket-Protocol is no list of names.")
    if any(len(name) + len(value) + len(b": ") > MAX_LINE for name, value in head.headers):
        raise HeadersTooLarge


def plain_handshake(head: RequestHead) -> bytes:
    """The handshake for the library to read: with one `Upgrade`, whatever else was offered, and no extension."""
    scope = head.scope(b"GET", "1.1", None)
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    lines = [b"GET ", scope["raw_path"], query, b" HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"]
    for name, value in head.headers:
        if name not in _NOT_PASSED_ON:
            lines += (name, b": ", value, b"\r\n")
    return b"".join([*lines, b"\r\n"])


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except binascii.Error:
        return False
