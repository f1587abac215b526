"""Buyers who order, cancel and fill baskets, and a manager who counts and reprices, all at once and recorded.

The goods are the load's own: made at the start, taken off sale at the end. There are few of some, so that buyers
are sent away too.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from launcher.faults.people import Answer, Person
from launcher.faults.record import Call, Record, What, outcome_of
from launcher.instance import Instance
from launcher.system import USERS

GOODS = 6
PLENTY, FEW = 1_000_000, 40
TRIES = 6  # of a call whose outcome is unknown; what is unknown after these the databases decide
ADDRESS = {
    "name": "Load",
    "line1": "1 Test Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


@dataclass
class Load:
    """`buyers` threads and one manager, from `start()` to `stop()`. Every choice comes from `seed`."""

    instance: Instance
    record: Record
    seed: int
    buyers: int = 4
    pause: float = 0.4  # seconds at most between two calls of one buyer

    def __post_init__(self) -> None:
        customers = [name for name, role in USERS.items() if role == "customer"]
        self._people = [Person(self.instance, name) for name in customers]
        (manager,) = (name for name, role in USERS.items() if role == "manager")
        self._manager = Person(self.instance, manager)
        self._enough = threading.Event()
        self._threads: list[threading.Thread] = []
        self.goods: list[str] = []

    def start(self) -> None:
        """Put goods on the shelves and let everybody in."""
        self.goods = [self._new_good(number) for number in range(GOODS)]
        for number in range(self.buyers):
            self._run(self._buy, self._people[number % len(self._people)], number)
        self._run(self._manage, self._manager, -1)

    def stop(self) -> None:
        """Everybody finishes the call in hand; the goods go off sale."""
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def clear_out(self) -> None:
        """Take the goods off sale, once the shop is all right again."""
        for product in self.goods:
            self._manager.insist("DELETE", f"/api/products/{product}/")

    def _run(self, work: Callable[[Person, random.Random], None], who: Person, number: int) -> None:
        def turns() -> None:
            choices = random.Random(f"{self.seed}/{number}")  # noqa: S311 - to be repeated, not to be secret
            while not self._enough.wait(choices.uniform(0, self.pause)):
                work(who, choices)

        self._threads.append(threading.Thread(target=turns, name=f"load-{number}", daemon=True))
        self._threads[-1].start()

    def _new_good(self, number: int) -> str:
        price = f"{number + 1}.00"
        body = {"name": f"Chaos piece {uuid.uuid4().hex[:12]}", "price": price}
        product = str(self._manager.insist("POST", "/api/products/", body)["id"])
        self._note("price", self._manager, price, Answer(201), product, time.monotonic())
        on_hand = FEW if number == 0 else PLENTY
        self._manager.insist("PUT", f"/api/stock/{product}/", {"on_hand": on_hand})
        return product

    def _buy(self, who: Person, choices: random.Random) -> None:
        lines = choices.sample(
            self.goods, choices.randint(1, len(self.goods))
        )  # in any order: opposite ones too
        items = [{"product_id": product, "quantity": choices.randint(1, 3)} for product in lines]
        body: dict[str, Any] = {"shipping_address": ADDRESS, "items": items}
        if choices.random() < 0.2:  # noqa: PLR2004 - one in five orders the basket
            who.call("PUT", "/api/basket/", body={"items": items})
            del body["items"]
        answer = self._until_known("order", who, "POST", "/api/orders/", body, choices)
        if "id" in answer.body and choices.random() < 0.2:  # noqa: PLR2004 - one in five thinks better of it
            time.sleep(choices.uniform(0, 0.5))
            path = f"/api/orders/{answer.body['id']}/cancel/"
            self._until_known("cancel", who, "POST", path, {}, choices, subject=answer.body["id"])

    def _manage(self, who: Person, choices: random.Random) -> None:
        time.sleep(choices.uniform(0.2, 1))
        product = choices.choice(self.goods)
        if choices.random() < 0.5:  # noqa: PLR2004 - half counts, half prices
            body = {"delta": choices.choice((-2, -1, 1, 2, 9)), "reason": "counted"}
            path = f"/api/stock/{product}/adjustments/"
            self._until_known("adjustment", who, "POST", path, body, choices)
        else:
            price = f"{choices.randint(1, 99)}.00"
            began = time.monotonic()
            answer = who.call("PATCH", f"/api/products/{product}/", body={"price": price})
            self._note("price", who, price, answer, product, began)

    def _until_known(
        self,
        what: What,
        who: Person,
        method: str,
        path: str,
        body: Any,
        choices: random.Random,
        subject: str = "",
    ) -> Answer:
        """Call with one key until the answer says what happened; most do, some give up earlier."""
        key, answer = str(uuid.uuid4()), Answer(0)
        for _ in range(choices.choice((1, TRIES, TRIES, TRIES))):
            began = time.monotonic()
            answer = who.call(method, path, key=key, body=body)
            self._note(what, who, key, answer, subject or str(answer.body.get("id", "")), began)
            if outcome_of(answer.status) != "unknown" or self._enough.wait(0.5):
                break
        return answer

    def _note(self, what: What, who: Person, key: str, answer: Answer, subject: str, began: float) -> None:
        took, now = round(time.monotonic() - began, 3), datetime.now(UTC).isoformat()
        kind = str(answer.body.get("type", ""))
        outcome = outcome_of(answer.status)
        self.record.add(Call(what, who.id, key, outcome, answer.status, took, now, subject, kind))
