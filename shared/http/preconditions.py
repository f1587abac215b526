"""Conditional requests (RFC 9110, section 13), judged in one place for everything that has an entity tag.

Not Django's `get_conditional_response`: that one goes on as if there were no `If-Match` where the header holds
no tag at all, and a guard that cannot be read must not let a change through.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Self, TypeVar

from django.http import HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags

from shared.http.problems import Problem

if TYPE_CHECKING:
    from rest_framework.request import Request

R = TypeVar("R", bound=HttpResponseBase)

SAFE = ("GET", "HEAD")
KEPT_BY_304 = ("Cache-Control", "Content-Location", "Expires", "Vary")  # RFC 9110, section 15.4.5
ANY = "*"


class PreconditionFailed(Problem):
    """`If-Match` or `If-None-Match` does not hold for what is there now; its entity tag is in `ETag`."""

    slug = "precondition-failed"
    status_code = 412
    title = "It has changed"
    default_detail = "What is there is not what If-Match or If-None-Match asks for. Read it again and repeat with its new ETag."


class Verdict(Enum):
    """What the preconditions of a request say about a thing with a certain entity tag."""

    HOLD = "hold"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The two headers as they came; None where they did not."""

    if_match: str | None = None
    if_none_match: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """Those of a request with `headers`."""
        return cls(headers.get("If-Match"), headers.get("If-None-Match"))

    @property
    def are_none(self) -> bool:
        """Whether the request makes no condition."""
        return self.if_match is None and self.if_none_match is None

    def verdict(self, method: str, tag: str) -> Verdict:
        """Judge what is there under the strong entity tag `tag`, in the order of section 13.2.2.

        `If-Match` counts for a read as well, and `If-None-Match` for a change: `*` says "only if there is nothing".
        """
        if self.if_match is not None and not matches_strongly(self.if_match, tag):
            return Verdict.FAILED
        if self.if_none_match is not None and matches_weakly(self.if_none_match, tag):
            return Verdict.NOT_MODIFIED if method in SAFE else Verdict.FAILED
        return Verdict.HOLD


def tags_in(header: str | None) -> list[str] | None:
    """The entity tags that a header names, weak ones with their mark; None where it says `*`, any."""
    if header is None:
        return []
    return None if header.strip() == ANY else list(parse_etags(header))


def matches_strongly(header: str, tag: str) -> bool:
    """Whether a list of tags names `tag` or anything; a weak tag matches nothing (section 8.8.3.2)."""
    tags = tags_in(header)
    return tags is None or tag in tags


def matches_weakly(header: str, tag: str) -> bool:
    """Whether a list of tags names `tag`, weak or strong, or anything."""
    tags = tags_in(header)
    return tags is None or opaque(tag) in map(opaque, tags)


def opaque(tag: str) -> str:
    """A tag without its mark of weakness."""
    return tag.removeprefix("W/")


def strong_tag(body: bytes) -> str:
    """A strong entity tag for exactly these bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def refuse_failed(
    request: "Request | HttpRequest", tag: str, problem: type[Problem] = PreconditionFailed
) -> None:
    """Raise `problem` where a change of what has `tag` is not what the caller wants; call it under the lock."""
    if Preconditions.of(request.headers).verdict(str(request.method), tag) is not Verdict.HOLD:
        raise problem(headers={"ETag": tag})


def conditional(request: "Request | HttpRequest", response: R, tag: str) -> R | HttpResponseNotModified:
    """`response` of a read under its `tag`, or 304 where the caller has it; raises PreconditionFailed."""
    verdict = Preconditions.of(request.headers).verdict(str(request.method), tag)
    if verdict is Verdict.FAILED:
        raise PreconditionFailed(headers={"ETag": tag})
    if verdict is Verdict.NOT_MODIFIED:
        unchanged = HttpResponseNotModified()
        _copy(response, unchanged, KEPT_BY_304)
        unchanged["ETag"] = tag
        return unchanged
    response["ETag"] = tag
    return response


def about(response: R, tag: str) -> R:
    """`response`, which may become a page about what has `tag` as JSON: the page's forms send it as `If-Match`."""
    response.data_tag = tag  # type: ignore[attr-defined]
    return response


def _copy(source: HttpResponseBase, target: HttpResponseBase, names: Iterable[str]) -> None:
    for name in names:
        if name in source:
            target[name] = source[name]
