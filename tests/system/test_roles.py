"""Who may do what, at the gateway and again at each service's own port."""

import itertools
import uuid
from collections.abc import Iterator

import pytest

from tests.system.conftest import NewShopper, Settle
from tests.system.dead_letters import DeadLetters
from tests.system.endpoints import EFFECTIVE, ENDPOINTS, Endpoint
from tests.system.keycloak import LogIn, claims_of
from tests.system.platform import Platform
from tests.system.poison import poison
from tests.system.problems import problem
from tests.system.records import Records
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.signer import Signer
from tests.system.tables import cells, in_turn
from tests.system.topics import Topics

CALLERS = (
    "nobody",
    "token in the address",
    "without a role",
    "owner",
    "other",
    "manager of a client",
    "in a group",
    "manager",
)
DOORS = ("gateway", "own port")
SPOOFED = {
    "X-User-Id": "mia",
    "X-User-Roles": "manager",
    "X-User": "mia",
    "X_User_Roles": "manager",
    "X-Forwarded-User": "mia",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "Forwarded": "host=evil.example;proto=https",
    "Remote-User": "mia",
}
Places = dict[str, str]
Callers = dict[str, Shopper]


def _expected(endpoint: Endpoint, caller: str) -> int:
    match endpoint.who, caller:
        case "customer" | "owner" | "manager", "nobody" | "token in the address":
            return 401
        case "customer" | "owner" | "manager", "without a role":
            return 403
        case "manager", "owner" | "other" | "manager of a client" | "in a group":
            return 403
        case "owner", "other" | "manager of a client" | "in a group":
            return 404
        case "owner", "manager" if endpoint.service == "notification":
            return 404  # what a customer was told is for that customer only
    return endpoint.answer


REFUSED = [
    (endpoint, caller)
    for endpoint in EFFECTIVE
    for caller in CALLERS
    if _expected(endpoint, caller) >= 400  # whoever may do it would change something
]


@pytest.fixture(scope="module")
def callers(anybody: Shopper, new_manager: NewShopper, new_shopper: NewShopper, signer: Signer) -> Callers:
    customer = new_shopper()
    assert customer.log_in
    says = {**claims_of(customer.log_in.token), "sub": str(uuid.uuid4())}

    def saying(**other: object) -> Shopper:
        return Shopper(customer.address, LogIn(lambda: signer.sign(says, **other)))

    return {
        "nobody": anybody,
        "token in the address": anybody,
        "without a role": saying(realm_access=None),
        "owner": new_shopper(),
        "other": customer,
        "manager of a client": saying(resource_access={"microcommerce": {"roles": ["manager"]}}),
        "in a group": saying(groups=["manager", "/manager"], roles=["manager"], scope="openid manager"),
        "manager": new_manager(),
    }


@pytest.fixture(scope="module")
def places(
    shop: Shop, callers: Callers, new_shopper: NewShopper, manager: Shopper, topics: Topics
) -> Iterator[Places]:
    """What the owner has: an order that has arrived, so that nothing can happen to it any more, and all around it.

    Beside it one that is confirmed. Somebody else has an order, too: a manager's list of orders leads on to it. And
    one dead letter waits for a manager.
    """
    owner, product = callers["owner"], shop.product(stock=3)
    new_shopper().place((product, 1))
    order_id, confirmed = owner.place((product, 1)), owner.place((product, 1))
    assert set(owner.outcomes([order_id, confirmed]).values()) == {"confirmed"}
    shop.ship(order_id)
    shop.deliver(order_id)
    told = owner.told(order_id, "order.delivered")["id"]
    assert owner.send("POST", f"/api/notifications/{told}/read/").status_code == 204
    letters, poisoned = DeadLetters(manager), poison("not JSON", "order.commands")
    topics.send([poisoned])
    yield {
        "product": product.id,
        "order": order_id,
        "confirmed": confirmed,
        "saga": owner.saga(order_id)["id"],
        "notification": str(told),
        "category": shop.category()["id"],
        "letter": str(letters.of(poisoned, ["order"])[0]["id"]),
    }
    letters.discard_all()


@pytest.fixture(scope="module", autouse=True)
def nothing_changes(places: Places, settle: Settle, records: Records) -> Iterator[None]:
    """Whatever was refused, and whatever was let in only to be told that it is wrong, left no trace."""
    settle()
    with records.nothing_changes():
        yield


# In every run of the tests: at a service's own port whatever differs from endpoint to endpoint; at the gateway, whose
# table its own tests try in full, and of callers whom the token alone makes what they are, each at each service.
OF_EACH_ENDPOINT = ("nobody", "owner", "other", "manager")
IN_EVERY_RUN = {
    *((str(endpoint), caller, "own port") for endpoint in ENDPOINTS for caller in OF_EACH_ENDPOINT),
    *(
        (row, caller, door)
        for row, caller in in_turn(CALLERS, ENDPOINTS, lambda each: each.service)
        for door in DOORS
    ),
}
REFUSED_IN_EVERY_RUN = {
    *((str(endpoint), caller, "own port") for endpoint, caller in REFUSED),
    *((row, caller, "gateway") for row, caller in in_turn(("nobody", "other"), EFFECTIVE, str)),
}


@pytest.mark.parametrize(
    ("endpoint", "caller", "door"), cells(itertools.product(ENDPOINTS, CALLERS, DOORS), IN_EVERY_RUN)
)
def test_who_may_do_what(
    endpoint: Endpoint, caller: str, door: str, callers: Callers, places: Places, platform: Platform
) -> None:
    """One cell of the table. Red without the role in `shared.auth.drf`, at a service's own port."""
    _try(endpoint, caller, door, callers, places, platform)


@pytest.mark.parametrize(
    ("endpoint", "caller", "door"),
    cells(((*refused, door) for refused in REFUSED for door in DOORS), REFUSED_IN_EVERY_RUN),
)
def test_whoever_is_refused_changes_nothing(
    endpoint: Endpoint, caller: str, door: str, callers: Callers, places: Places, platform: Platform
) -> None:
    """As above, with requests that would have an effect. Red where they have one: see `nothing_changes`."""
    _try(endpoint, caller, door, callers, places, platform)


def _try(
    endpoint: Endpoint, caller: str, door: str, callers: Callers, places: Places, platform: Platform
) -> None:
    at = callers[caller].address if door == "gateway" else platform.door(endpoint.service)
    path = endpoint.path.format(**places)
    if caller == "token in the address":
        token = callers["manager"].log_in.token  # type: ignore[union-attr]
        path += f"?access_token={token}"
    answer = callers[caller].at(at).send(endpoint.method, path, json=endpoint.body_at(places))
    expected = _expected(endpoint, caller)
    if expected >= 400:
        problem(answer, expected)
    assert answer.status_code == expected, answer.text
    if expected == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("door", DOORS)
def test_headers_make_nobody_a_manager(
    door: str, callers: Callers, places: Places, platform: Platform
) -> None:
    """Trust is in the token alone. Red, at the own port, without `HTTP_HOST` in `shared/http/middleware.py`."""
    gateway = callers["other"].address
    caller = callers["other"].at(gateway if door == "gateway" else platform.door("order"))
    problem(caller.send("POST", f"/api/orders/{places['order']}/ship/", headers=SPOOFED), 403)
    problem(caller.send("GET", f"/api/orders/{places['order']}/", headers=SPOOFED), 404)
    own = caller.send("GET", "/api/orders/", headers=SPOOFED)
    assert (own.status_code, own.json()["count"]) == (200, 0)
    everybody = callers["manager"].at(caller.address).send("GET", "/api/orders/?page_size=1", headers=SPOOFED)
    assert everybody.json()["next"].startswith(f"{gateway}/api/orders/")


def test_lists_hold_what_is_the_callers_own(callers: Callers, places: Places) -> None:
    """A list shows no more than its items would one by one. Red without `customer_id` in `get_queryset`."""
    for path, place in (("/api/orders/", "order"), ("/api/sagas/", "saga")):
        own = callers["owner"].read_all(path)
        assert {each.get("order_id", each["id"]) for each in own} == {places["order"], places["confirmed"]}
        assert callers["other"].read_all(path) == []
        filtered = callers["manager"].read(path, **({"order_id": places["order"]} if place == "saga" else {}))
        assert places[place] in {each["id"] for each in filtered["results"]}
    assert callers["other"].read_all("/api/notifications/") == []


def test_only_a_manager_sees_more_of_a_level(callers: Callers, places: Places) -> None:
    """`on_hand`, `reserved` and `version` are the shop's business. Red without `FOR_MANAGERS`."""
    path = f"/api/stock/{places['product']}/"
    for caller in ("nobody", "owner", "other"):
        assert set(callers[caller].read(path)) == {"product_id", "available"}
    assert set(callers["manager"].read(path)) == {"product_id", "available", "on_hand", "reserved", "version"}
