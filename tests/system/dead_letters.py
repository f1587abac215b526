"""What managers see of messages that were given up."""

from collections.abc import Collection

import requests

from tests.system.messages import Message
from tests.system.shopper import Json, Shopper
from tests.system.waiting import HEAL, WAIT_SECONDS, eventually

PATH = "/api/dead-letters/"
PAGE = 25


class DeadLetters:
    """The dead letters that came after this was made: those of before are somebody else's."""

    def __init__(self, manager: Shopper) -> None:
        self._manager = manager
        self._newest = max((letter["id"] for letter in manager.read(PATH, page_size=1)["results"]), default=0)
        self._found: list[Json] = []

    def all(self) -> list[Json]:
        """Those that came since, as they were when they were first seen; only what is new is read."""
        page = self._manager.read(PATH, page_size=PAGE)
        fresh = page["results"]
        while page["next"] and page["results"][-1]["id"] > self._newest:
            page = self._manager.read(page["next"])
            fresh += page["results"]
        self._found += [letter for letter in fresh if letter["id"] > self._newest]
        self._newest = max([self._newest, *(letter["id"] for letter in fresh)])
        return self._found

    def of(
        self, given_up: Message, services: Collection[str] = (), within: float = WAIT_SECONDS
    ) -> list[Json]:
        """The letters of one message, once each of `services` has written one."""
        return eventually(
            lambda: [letter for letter in self.all() if _is_of(letter, given_up)],
            lambda letters: {letter["service"] for letter in letters} >= set(services),
            within=within,
            what=f"dead letters of {given_up.topic} {given_up.header('ce_type')} by {services}",
        )

    def wait_for_another(self, given_up: Message, service: str, than: Json) -> Json:
        """The letter that the service writes when the message comes again."""
        return eventually(
            lambda: [
                letter
                for letter in self.of(given_up)
                if letter["service"] == service and letter["id"] != than["id"]
            ],
            within=HEAL,
            what=f"another dead letter of {given_up.topic} by {service}",
        )[0]

    def settle(self, letter: Json, how: str) -> requests.Response:
        """Replay or discard it."""
        return self._manager.send("POST", f"{PATH}{letter['id']}/{how}/")

    def insist(self, letter: Json, how: str) -> requests.Response:
        """As `settle`, however often it takes while the saga service is away; what is settled stays so."""
        return self._manager.insist("POST", f"{PATH}{letter['id']}/{how}/")

    def look_at(self, letter: Json) -> Json:
        """The letter at its own address, as it is now."""
        found: Json = self._manager.read(f"{PATH}{letter['id']}/")
        return found

    def is_listed(self, letter: Json, status: str) -> bool:
        """Whether it is found under this status."""
        return letter["id"] in {
            each["id"] for each in self._manager.read_all(PATH, status=status, topic=letter["topic"])
        }

    def discard_all(self) -> None:
        """Leave nothing for a manager to look at."""
        for letter in self.all():
            assert self.insist(letter, "discard").status_code in {200, 409}


def _is_of(letter: Json, given_up: Message) -> bool:
    """By the id; where a message has none, or two, by what was sent."""
    if letter["topic"] != given_up.topic:
        return False
    ids = [value for name, value in given_up.headers if name == "ce_id"]
    if len(ids) == 1 and ids[0] is not None:
        return bool(letter["headers"].get("ce_id") == ids[0].decode())
    return bool(letter["payload"] == (given_up.value or b"").decode("utf-8", "replace"))
