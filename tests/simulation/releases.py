"""Releases of the saga's table that work side by side for a while, as in a rolling upgrade.

Next to the table of today stand two that a later release might have: one with a step more (a payment between reserving
and committing, answered by a simulated service), and one after it that does not ask for the payment any more but still
undoes it.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Self

from apps.saga.definition import Ask, Definition, Step
from apps.saga.models import Saga
from apps.saga.placement import PLACEMENT
from shared.contracts import Message
from shared.contracts.message import AboutOrder
from shared.contracts.topics import Topic

PAYMENT_COMMANDS, PAYMENT_EVENTS = Topic("payment.commands"), Topic("payment.events")


class AuthorizePayment(AboutOrder):
    """Hold the money."""

    TYPE, TOPIC = "payment.authorize.v1", PAYMENT_COMMANDS


class VoidPayment(AboutOrder):
    """Give up the hold; also before there was one."""

    TYPE, TOPIC = "payment.void.v1", PAYMENT_COMMANDS


class PaymentAuthorized(AboutOrder):
    """The money is held."""

    TYPE, TOPIC = "payment.authorized.v1", PAYMENT_EVENTS


class PaymentDeclined(AboutOrder):
    """The money is not held."""

    TYPE, TOPIC = "payment.declined.v1", PAYMENT_EVENTS


class PaymentVoided(AboutOrder):
    """No money is held any more and none will be."""

    TYPE, TOPIC = "payment.voided.v1", PAYMENT_EVENTS


def authorize(saga: Saga) -> Message:
    """Hold the money of this saga's order."""
    return AuthorizePayment(order_id=saga.order_id)


def void(saga: Saga) -> Message:
    """Give up the hold for this saga's order."""
    return VoidPayment(order_id=saga.order_id)


SUBMIT, RESERVE, COMMIT, *REST = PLACEMENT.steps
PAY = Step(
    "authorize-payment",
    forward=Ask(authorize, done=(PaymentAuthorized,), refused=(PaymentDeclined, PaymentVoided)),
    backward=replace(RESERVE.backward, command=void, done=(PaymentVoided,)) if RESERVE.backward else None,
)
WITH_PAYMENT = replace(
    PLACEMENT,
    version=PLACEMENT.version + 1,
    steps=(SUBMIT, RESERVE, PAY, COMMIT, *REST),
    too_late={**PLACEMENT.too_late, PaymentAuthorized: void},
)
WITHOUT_PAYMENT = replace(
    WITH_PAYMENT,
    version=WITH_PAYMENT.version + 1,
    steps=(SUBMIT, RESERVE, replace(PAY, forward=None), COMMIT, *REST),
)


@dataclass(frozen=True, slots=True)
class Releases:
    """Which table a worker has: the old one at first, either for a while, the new one in the end."""

    old: Definition
    new: Definition
    begins: float = 0.0  # simulated seconds
    ends: float = 0.0

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Half of the worlds see an upgrade."""
        begins, lasts = random.random() * 60, random.random() * 60
        old, new = random.choice(
            (
                (PLACEMENT, PLACEMENT),
                (PLACEMENT, PLACEMENT),
                (PLACEMENT, WITH_PAYMENT),
                (WITH_PAYMENT, WITHOUT_PAYMENT),
            )
        )
        return cls(old, new, begins, begins + lasts)

    def at(self, now: float, random: Random) -> Definition:
        """The table of the worker that happens to take a saga now."""
        if self.old is self.new or now >= self.ends:
            return self.new
        return self.new if now >= self.begins and random.random() < 0.5 else self.old
