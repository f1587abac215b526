"""The OpenAPI document of the whole platform, as `manage_all.py schema` wrote it, at `/api/schema/`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.conf import settings

from gateway.errors import PreconditionFailed
from gateway.http.exchange import Exchange
from shared.http.preconditions import Verdict, strong_tag

FILE = Path(__file__).resolve().parents[1] / "openapi.json"
AUTHORIZATION = "/protocol/openid-connect/auth"
A_MINUTE = b"public, max-age=60"
ANY_ORIGIN = (b"access-control-allow-origin", b"*")  # a page of any site may read what this platform can do


@dataclass(frozen=True, slots=True)
class OpenApiView:
    """The file's bytes, read once, and their strong entity tag."""

    body: bytes
    tag: bytes

    @classmethod
    def read(cls) -> Self:
        """The document as the file holds it, with the realm of this installation."""
        body = FILE.read_bytes()
        flow = json.loads(body)["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]
        written = flow["authorizationUrl"].removesuffix(AUTHORIZATION)
        body = body.replace(written.encode(), settings.ENVIRONMENT.issuer.encode())
        return cls(body, strong_tag(body).encode())

    async def answer(self, exchange: Exchange) -> None:
        """The document, or 304 for who has it."""
        exchange.cors = [ANY_ORIGIN]
        headers = [(b"etag", self.tag), (b"cache-control", A_MINUTE)]
        verdict = exchange.headers.preconditions.verdict(exchange.method, self.tag.decode())
        if verdict is Verdict.FAILED:
            raise PreconditionFailed(headers=((b"etag", self.tag),))
        if verdict is Verdict.NOT_MODIFIED:
            await exchange.begin(304, headers)
            await exchange.write(b"")
            return
        await exchange.answer(200, [*headers, (b"content-type", b"application/json")], self.body)
