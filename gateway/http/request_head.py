"""The head of one request as it is read: its address and its headers, within their limits."""

from collections.abc import Iterable
from typing import Any

from gateway.errors import BadRequest, HeadersTooLarge, UriTooLong

MAX_BYTES = 32 * 1024  # of an address and all headers
MAX_LINE = 8 * 1024  # of an address
MAX_HEADERS = 100
ASGI = {"version": "3.0", "spec_version": "2.3"}


class RequestHead:
    """Grows while the parser reads; raises the refusal where it grows too much."""

    __slots__ = ("_size", "expects", "headers", "url")

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.expects = False  # whether the client waits for 100 Continue
        self._size = 0

    def add_url(self, url: bytes) -> None:
        """A part of the address."""
        self.url += url
        if len(self.url) > MAX_LINE:
            raise UriTooLong

    def add_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name == b"expect" and expects_continue(value):
            self.expects = True
        self.headers.append((name, value))
        self._size += len(name) + len(value)
        if self._size > MAX_BYTES or len(self.headers) > MAX_HEADERS:
            raise HeadersTooLarge

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header, whose name is in lower case."""
        return [value for found, value in self.headers if found == name]

    def scope(self, method: bytes, version: str, client: tuple[str, int] | None) -> dict[str, Any]:
        """The request as ASGI describes it. The path is not decoded: none that would have to be is let through."""
        url = self.url if self.url.startswith(b"/") else self._origin_form()
        if not url.isascii():
            raise BadRequest("The address holds bytes that belong into no address.")
        path, _, query = url.partition(b"?")
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            "method": method.decode("ascii"),
            "scheme": "http",
            "path": path.decode("ascii"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": client,
            "server": None,
        }

    def without_upgrade(self, method: bytes, version: str) -> bytes:
        """The head as it would stand on the wire if its client had asked for no upgrade."""
        lines = [method, b" ", self.url, b" HTTP/", version.encode(), b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                lines += (name, b": ", value, b"\r\n")
        return b"".join([*lines, b"\r\n"])

    def _origin_form(self) -> bytes:
        """The path and query of an absolute address, which RFC 9112, section 3.2.2, asks every server to take."""
        scheme, separator, rest = self.url.partition(b"://")
        authority, slash, path = rest.partition(b"/")
        if not separator or scheme.lower() not in {b"http", b"https"}:
            return self.url
        if (b"host", authority) not in self.headers:
            raise BadRequest("The address and the Host header name different hosts.")
        return slash + path


def tokens(values: Iterable[bytes]) -> set[bytes]:
    """The words of a header that is a list, in lower case; `values` are those of all its lines."""
    return {token.strip(b" \t").lower() for value in values for token in value.split(b",")}


def expects_continue(value: bytes) -> bool:
    """Whether an `Expect` header asks for 100 Continue, beside whatever else (RFC 9110, section 10.1.1)."""
    return b"100-continue" in tokens([value])
