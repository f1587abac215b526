"""Who acts: in a request nobody until the caller is known, and nobody any more afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from rest_framework.response import Response
from rest_framework.views import APIView

from shared.auth import actor
from shared.auth.actor import PLATFORM, Actor, NobodyActs, Source
from shared.auth.drf import BearerAuthentication, IsManager
from shared.http.middleware import RequestContextMiddleware
from shared.testing.tokens import MIA, make_token


@contextmanager
def noted(seen: list[Any]) -> Iterator[None]:
    """Notes who acts, or that nobody does."""
    try:
        seen.append(actor.current())
    except NobodyActs:
        seen.append(None)
    yield


class Tell(APIView):
    """Notes who acts."""

    authentication_classes = [BearerAuthentication]
    permission_classes = [IsManager]
    seen: list[Any] = []

    def post(self, request: Any) -> Response:
        with noted(self.seen):
            return Response()


def test_outside_of_requests_it_is_the_platform_or_a_command() -> None:
    assert actor.current() == PLATFORM
    with actor.acting(actor.command("load_demo")):
        assert actor.current() == Actor(Source.COMMAND, name="load_demo")
    assert actor.current() == PLATFORM


def test_a_request_is_nobodys_until_its_caller_is_known(trusted_realm: None) -> None:
    """Red without `acting(None)` in RequestContextMiddleware: the platform would have done it."""
    seen: list[Any] = []

    def view(_: Any) -> HttpResponse:
        with noted(seen):
            return HttpResponse()

    RequestContextMiddleware(view)(RequestFactory().post("/"))
    assert seen == [None]


def test_a_caller_of_the_api_acts_until_the_request_ends(trusted_realm: None) -> None:
    """Red without the reset at the end of `acting`: the next request of the thread would be hers."""
    Tell.seen = []
    headers: Any = {"authorization": f"Bearer {make_token(MIA, ('manager',))}"}
    answer = RequestContextMiddleware(Tell.as_view())(RequestFactory().post("/", headers=headers))
    assert answer.status_code == 200
    assert Tell.seen == [Actor(Source.API, MIA, "mia")]
    assert actor.current() == PLATFORM


@pytest.mark.parametrize("token", ["nonsense", make_token.__name__])
def test_a_token_that_is_not_good_makes_nobody(trusted_realm: None, token: str) -> None:
    Tell.seen = []
    headers: Any = {"authorization": f"Bearer {token}"}
    answer = RequestContextMiddleware(Tell.as_view())(RequestFactory().post("/", headers=headers))
    assert answer.status_code == 401
    assert Tell.seen == []
