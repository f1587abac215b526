"""The head of one request as it is read: its address and its headers, within their limits."""

from typing import Any

from gateway.errors import BadRequest, HeadersTooLarge, UriTooLong

MAX_BYTES = 32 * 1024  # of an address and all headers
MAX_LINE = 8 * 1024  # of an address
MAX_HEADERS = 100
ASGI = {"version": "3.0", "spec_version": "2.3"}


class Head:
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
        if name == b"expect":
            self.expects = value.lower() == b"100-continue"
        self.headers.append((name, value))
        self._size += len(name) + len(value)
        if self._size > MAX_BYTES or len(self.headers) > MAX_HEADERS:
            raise HeadersTooLarge

    @property
    def wants_socket(self) -> bool:
        """Whether the client asks for a WebSocket."""
        return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in self.headers)

    def scope(self, method: bytes, version: str, client: tuple[str, int] | None) -> dict[str, Any]:
        """The request as ASGI describes it. The path is not decoded: none that would have to be is let through."""
        url = self.url if self.url.startswith(b"/") else self._origin_form()
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

    def raw(self, method: bytes) -> bytes:
        """The head as it would stand on the wire, for a protocol that wants to read it again."""
        lines = [method, b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
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
