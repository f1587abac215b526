"""A live connection as a client sees it: who gets in, what comes, how it ends."""

import base64
import hmac
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from joserfc.jwk import RSAKey
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from apps.notification.models import Notification
from shared import contracts
from shared.testing.tokens import KEY_ID, make_claims, make_token, realm_key, sign
from tests.notification.builders import happened, hear, tell
from tests.notification.client import bearer, closed_with, hears_nothing, listening, next_ids, next_message
from tests.notification.processes import Api

pytestmark = pytest.mark.django_db(transaction=True)

PROTOCOL = "microcommerce.v1"


def test_a_message_has_the_contracts_fields_and_says_what_http_says(api: Api, customer: str) -> None:
    with listening(api, customer) as socket:
        [order] = tell(customer)
        message = next_message(socket)
    assert list(message) == ["id", "event", "order_id", "title", "body", "data", "created_at"]
    assert (message["id"], message["event"], message["order_id"]) == (1, "order.confirmed", str(order))
    told = Notification.objects.get(customer_id=customer)
    assert message["data"] == told.data
    assert message["created_at"] == told.created_at.isoformat().replace("+00:00", "Z")


def test_what_was_announced_and_what_was_read_later_is_the_same(api: Api, customer: str) -> None:
    with listening(api, customer) as socket:
        tell(customer)
        live = next_message(socket)
    with listening(api, customer, "?after=0") as socket:
        assert next_message(socket) == live


@pytest.mark.parametrize("letter", ["x", "🛋", "\x01", '"'])
def test_the_longest_reason_arrives(api: Api, customer: str, letter: str) -> None:
    reason = letter * 500
    with listening(api, customer) as socket:
        hear(happened(contracts.OrderCancelled, customer, reason=reason, number="X" * 40))
        message = next_message(socket)
    assert message["data"]["reason"] == reason
    assert reason in message["body"]


def test_without_after_only_what_is_new_comes(api: Api, customer: str) -> None:
    tell(customer, 3)
    with listening(api, customer) as socket:
        assert hears_nothing(socket)
        tell(customer)
        assert next_ids(socket, 1) == [4]


def test_with_after_the_rest_comes_first_and_then_what_is_new(api: Api, customer: str) -> None:
    tell(customer, 120)
    with listening(api, customer, "?after=7") as socket:
        assert next_ids(socket, 113) == list(range(8, 121))
        tell(customer, 2)
        assert next_ids(socket, 2) == [121, 122]
        assert hears_nothing(socket)


def test_an_after_beyond_the_newest_counts_as_the_newest(api: Api, customer: str) -> None:
    tell(customer, 2)
    with listening(api, customer, "?after=999999") as socket:
        assert hears_nothing(socket)
        tell(customer)
        assert next_ids(socket, 1) == [3]


def test_a_first_notification_reaches_who_asked_from_the_start(api: Api, customer: str) -> None:
    with listening(api, customer, "?after=0") as socket:
        tell(customer)
        assert next_ids(socket, 1) == [1]


def test_nothing_is_announced_that_does_not_come_to_pass(api: Api, customer: str) -> None:
    with listening(api, customer) as socket:
        with transaction.atomic():
            tell(customer)
            transaction.set_rollback(True)
        assert hears_nothing(socket)
        [order] = tell(customer)
        message = next_message(socket)
        assert (message["id"], message["order_id"]) == (1, str(order))


def test_others_hear_nothing_of_it(api: Api, customer: str) -> None:
    with listening(api, str(uuid.uuid4()), "?after=0") as stranger, listening(api, customer) as socket:
        tell(customer)
        assert next_ids(socket, 1) == [1]
        assert hears_nothing(stranger)


def test_every_socket_of_a_customer_hears_it_on_every_replica(
    api: Api, second_api: Api, customer: str
) -> None:
    with (
        listening(api, customer) as one,
        listening(api, customer) as two,
        listening(second_api, customer) as three,
    ):
        tell(customer, 3)
        assert [next_ids(socket, 3) for socket in (one, two, three)] == [[1, 2, 3]] * 3


def test_the_subprotocol_pair_lets_in_and_is_answered(api: Api, customer: str) -> None:
    pair = [PROTOCOL, f"bearer.{make_token(customer)}"]
    with connect(api.socket_url(), subprotocols=pair) as socket:  # type: ignore[arg-type]
        assert socket.subprotocol == PROTOCOL
        tell(customer)
        assert next_ids(socket, 1) == [1]


def test_a_manager_may_listen_too(api: Api, customer: str) -> None:
    headers = {"Authorization": f"Bearer {make_token(customer, ('manager',))}"}
    with connect(api.socket_url(), additional_headers=headers) as socket:
        tell(customer)
        assert next_ids(socket, 1) == [1]


def _tampered() -> str:
    head, _, signature = make_token().split(".")
    return f"{head}.{_encoded(make_claims('victim'))}.{signature}"


def _without_algorithm() -> str:
    return f"{_encoded({'alg': 'none', 'typ': 'JWT', 'kid': KEY_ID})}.{_encoded(make_claims())}."


def _signed_with_the_public_key() -> str:
    signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': KEY_ID})}.{_encoded(make_claims())}"
    public = realm_key().as_pem(private=False)
    return f"{signed}.{_base64(hmac.digest(public, signed.encode(), 'sha256'))}"


def _encoded(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


BAD_TOKENS: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "malformed": lambda: "not-a-token",
    "three parts": lambda: "a.b.c",
    "expired": lambda: make_token(exp=int(time.time()) - 60),
    "not yet valid": lambda: make_token(nbf=int(time.time()) + 300),
    "wrong audience": lambda: make_token(aud="account"),
    "wrong issuer": lambda: make_token(iss="http://evil.example/realms/microcommerce"),
    "other key": lambda: sign(make_claims(), RSAKey.generate_key(2048, private=True)),
    "unknown kid": lambda: sign(make_claims(), kid="another"),
    "jku injection": lambda: sign(make_claims(), jku="http://evil.example/keys"),
    "tampered": _tampered,
    "alg none": _without_algorithm,
    "HS256 with the public key": _signed_with_the_public_key,
    "id token": lambda: make_token(typ="ID"),
    "refresh token": lambda: make_token(typ="Refresh"),
    "no subject": lambda: make_token(sub=None),
    "too long": lambda: make_token() + "x" * 9000,
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_bad_token_is_closed_with_4401(api: Api, name: str) -> None:
    token = BAD_TOKENS[name]()
    with connect(
        api.socket_url("?after=0"), additional_headers={"Authorization": f"Bearer {token}"}
    ) as socket:
        code, reason = closed_with(socket)
    assert code == 4401
    assert reason


@pytest.mark.parametrize("name", [name for name in BAD_TOKENS if name not in {"empty", "too long"}])
def test_a_bad_token_in_the_subprotocol_is_closed_with_4401(api: Api, name: str) -> None:
    pair = [PROTOCOL, f"bearer.{BAD_TOKENS[name]()}"]
    with connect(api.socket_url(), subprotocols=pair) as socket:  # type: ignore[arg-type]
        assert closed_with(socket)[0] == 4401


@pytest.mark.parametrize(
    ("query", "headers", "protocols"),
    [
        ("", {}, None),
        ("?token={token}", {}, None),
        ("?access_token={token}", {}, None),
        ("?authorization=Bearer%20{token}", {}, None),
        ("", {"Authorization": "Basic {token}"}, None),
        ("", {"Authorization": "{token}"}, None),
        ("", {"Cookie": "token={token}; sessionid={token}"}, None),
        ("", {"X-User-Id": "{customer}", "X-Forwarded-User": "{customer}"}, None),
        ("", {}, [PROTOCOL]),
        ("", {}, ["bearer.{token}"]),
        ("", {}, [PROTOCOL, "bearer.{token}", "bearer.{token}x"]),
        ("", {"Authorization": "Bearer nonsense"}, [PROTOCOL, "bearer.{token}"]),
    ],
)
def test_a_token_counts_only_where_the_contract_says(
    api: Api, customer: str, query: str, headers: dict[str, str], protocols: list[str] | None
) -> None:
    words = {"token": make_token(customer), "customer": customer}
    with connect(
        api.socket_url(query.format_map(words)),
        additional_headers={name: value.format_map(words) for name, value in headers.items()},
        subprotocols=[protocol.format_map(words) for protocol in protocols] if protocols else None,  # type: ignore[misc]
    ) as socket:
        assert closed_with(socket)[0] == 4401


def test_a_caller_without_the_role_is_closed_with_4403(api: Api, customer: str) -> None:
    headers = {"Authorization": f"Bearer {make_token(customer, ())}"}
    with connect(api.socket_url(), additional_headers=headers) as socket:
        assert closed_with(socket) == (4403, "This needs the role customer.")


@pytest.mark.parametrize(
    "query",
    [
        "?after=",
        "?after=x",
        "?after=-1",
        "?after=1.5",
        "?after=1&after=2",
        "?after=%00",
        "?after=" + "9" * 30,
    ],
)
def test_an_after_that_is_no_id_is_closed_with_4400(api: Api, customer: str, query: str) -> None:
    with listening(api, customer, query) as socket:
        code, reason = closed_with(socket)
    assert code == 4400
    assert "such as 17" in reason


def test_the_connection_ends_with_its_token(api: Api, customer: str) -> None:
    expires_at = int(time.time()) + 10
    with connect(api.socket_url(), additional_headers=bearer(customer, exp=expires_at)) as socket:
        tell(customer)
        assert next_ids(socket, 1) == [1]
        code, reason = closed_with(socket)
    assert (code, reason) == (4401, "The token has expired. Connect again with a fresh one.")
    assert -0.1 <= time.time() - expires_at < 15


def test_what_clients_say_is_ignored(api: Api, customer: str) -> None:
    with listening(api, customer) as socket:
        for said in ("ping", "{}", '{"type":"websocket.close"}', b"\x00\xff", "{" * 1000):
            socket.send(said)
        assert hears_nothing(socket, 0.5)
        tell(customer)
        assert next_ids(socket, 1) == [1]


def test_a_client_that_says_too_much_is_closed_with_1009(api: Api, customer: str) -> None:
    with listening(api, customer) as socket:
        socket.send("x" * (16 * 1024 + 1))
        assert closed_with(socket)[0] == 1009


@pytest.mark.parametrize(
    "path", ["/", "/ws/", "/ws/notifications", "/ws/notifications/1/", "/api/notifications/"]
)
def test_other_addresses_refuse_the_handshake(api: Api, customer: str, path: str) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"ws://127.0.0.1:{api.port}{path}", additional_headers=bearer(customer)),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_a_socket_that_is_gone_is_forgotten(api: Api, customer: str) -> None:
    before = api.metric("notification_sockets")
    with listening(api, customer), listening(api, customer):
        assert api.metric("notification_sockets") == before + 2
    api.wait_for_metric("notification_sockets", before)
