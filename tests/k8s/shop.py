"""The shop on a cluster, as a customer sees it."""

import contextlib
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import requests
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from launcher.k8s.cluster import Cluster
from launcher.k8s.secrets import NAMESPACE

Json = dict[str, Any]
T = TypeVar("T")
ANSWER = 30.0  # seconds
PLENTY = 100_000  # pieces: what tests buy is never sold out
HEAL = 240.0  # seconds, until what was disturbed must be well again
ADDRESS = {
    "name": "Alice",
    "line1": "1 High Street",
    "city": "London",
    "postal_code": "N1 9GU",
    "country": "GB",
}


def eventually(look: Callable[[], T | None], what: str, seconds: float = HEAL) -> T:
    """What `look` finds, as soon as it is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


@dataclass(frozen=True)
class Shop:
    """Where the gateway and Keycloak answer: on their Services' addresses, or through kubectl."""

    gateway: str
    keycloak: str

    @classmethod
    @contextmanager
    def of(cls, cluster: Cluster) -> Iterator[Self]:
        with ExitStack() as stack:
            yield cls(*(stack.enter_context(_reached(cluster, name)) for name in ("gateway", "keycloak")))

    def shopper(self, user: str) -> "Shopper":
        return Shopper(self, user)

    def products(self, count: int, on_hand: int = PLENTY) -> list[str]:
        """The ids of so many products, of each of which the manager has counted so many pieces."""
        answer = requests.get(f"{self.gateway}/api/products/", headers=HOST, timeout=ANSWER)
        answer.raise_for_status()
        found = [str(each["id"]) for each in answer.json()["results"][:count]]
        mia = self.shopper("mia")
        for product in found:
            counted = mia.ask("PUT", f"/api/stock/{product}/", json={"on_hand": on_hand})
            assert counted.status_code == 200, counted.text
        return found


HOST = {"Host": "localhost:8000"}  # MICROCOMMERCE_GATEWAY_URL of overlays/local


@contextmanager
def _reached(cluster: Cluster, name: str) -> Iterator[str]:
    """The address of a Service. Who stands outside of the cluster's network goes through kubectl, to one pod."""
    spec = cluster.get("service", name, f"--namespace={NAMESPACE}")["spec"]
    host, port = spec["clusterIP"], spec["ports"][0]["port"]
    if _answers(host, port):
        yield f"http://{host}:{port}"
        return
    with forwarded(cluster, name) as here:
        yield f"http://127.0.0.1:{here}"


@contextmanager
def forwarded(cluster: Cluster, name: str) -> Iterator[int]:
    """The port of this machine that leads to the first port of a Service's pod, whatever policies say."""
    port = cluster.get("service", name, f"--namespace={NAMESPACE}")["spec"]["ports"][0]["port"]
    forward = [cluster.kubectl, f"--namespace={NAMESPACE}", "port-forward", f"service/{name}", f":{port}"]
    with subprocess.Popen(
        forward, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as forwarding:
        said = forwarding.stdout.readline() if forwarding.stdout else ""
        try:
            yield int(said.split("->")[0].rpartition(":")[2])
        finally:
            forwarding.terminate()


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError:
        return False
    return True


class Shopper:
    """A development user, whose password is the name."""

    def __init__(self, shop: Shop, user: str) -> None:
        self._shop = shop
        self._user = user
        self._token, self._until = "", 0.0

    def token(self) -> str:
        """One that is good for a while. Keycloak may have lost its connections with a store that was killed: ask again."""
        if time.monotonic() > self._until:
            self._token, self._until = eventually(self._signed_in, "signed in"), time.monotonic() + 120
        return self._token

    def _signed_in(self) -> str | None:
        form = {
            "grant_type": "password",
            "client_id": "microcommerce-cli",
            "username": self._user,
            "password": self._user,
        }
        address = f"{self._shop.keycloak}/realms/microcommerce/protocol/openid-connect/token"
        with contextlib.suppress(OSError):
            answer = requests.post(address, data=form, timeout=ANSWER)
            assert answer.status_code == 200 or answer.status_code >= 500, answer.text
            return str(answer.json()["access_token"]) if answer.ok else None
        return None

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**HOST, "Authorization": f"Bearer {self.token()}", **options.pop("headers", {})}
        return requests.request(method, self._shop.gateway + path, headers=headers, timeout=ANSWER, **options)

    def order(self, product: str, quantity: int = 1, key: str = "") -> requests.Response:
        body = {"shipping_address": ADDRESS, "items": [{"product_id": product, "quantity": quantity}]}
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return self.ask("POST", "/api/orders/", json=body, headers=headers)

    def insist_on_order(self, product: str) -> str:
        """Order once, and ask again with the same key until it is said to be taken, as a good client does."""
        key = str(uuid.uuid4())

        def taken() -> str | None:
            with contextlib.suppress(OSError):
                answer = self.order(product, key=key)
                return str(answer.json()["id"]) if answer.status_code in (200, 201) else None
            return None

        return eventually(taken, f"an order of {product} taken")

    def state(self, order: str) -> str:
        """How it stands; nothing while nobody answers."""
        with contextlib.suppress(OSError):
            answer = self.ask("GET", f"/api/orders/{order}/")
            return str(answer.json()["status"]) if answer.ok else ""
        return ""

    def until(self, order: str, state: str) -> None:
        """Wait until it is so. An order that has come to another end never will be."""

        def is_decided() -> str | None:
            found = self.state(order)
            return found if found not in ("", "submitted") else None

        assert eventually(is_decided, f"order {order} decided") == state

    def listen(self) -> ClientConnection:
        """A live connection, through the gateway."""
        host, _, port = self._shop.gateway.removeprefix("http://").partition(":")
        protocols = [Subprotocol("microcommerce.v1"), Subprotocol(f"bearer.{self.token()}")]
        address = "ws://localhost:8000/ws/notifications/"
        return connect(
            address, sock=socket.create_connection((host, int(port))), subprotocols=protocols, proxy=None
        )
