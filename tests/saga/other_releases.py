"""Today's table as another release may have it: with a step more, with a step less, with one that is being retired."""

from dataclasses import replace

from apps.saga.definition import Ask, Definition, Step
from apps.saga.models import Saga
from shared.contracts.message import AboutOrder
from shared.contracts.topics import Topic

EXTRA = Topic("other.release")
NAME = "charge-card"


class ChargeCard(AboutOrder):
    """What the step more asks for."""

    TYPE, TOPIC = "card.charge.v1", EXTRA


class CardCharged(AboutOrder):
    """Its answer."""

    TYPE, TOPIC = "card.charged.v1", EXTRA


class RefundCard(AboutOrder):
    """What undoes it."""

    TYPE, TOPIC = "card.refund.v1", EXTRA


class CardRefunded(AboutOrder):
    """The answer to that."""

    TYPE, TOPIC = "card.refunded.v1", EXTRA


ANSWERS: dict[type, type[AboutOrder]] = {ChargeCard: CardCharged, RefundCard: CardRefunded}


def _charge(saga: Saga) -> ChargeCard:
    return ChargeCard(order_id=saga.order_id)


def _refund(saga: Saga) -> RefundCard:
    return RefundCard(order_id=saga.order_id)


STEP = Step(NAME, forward=Ask(_charge, done=(CardCharged,)), backward=Ask(_refund, done=(CardRefunded,)))


def with_one_more(definition: Definition, place: int, step: Step = STEP) -> Definition:
    """A step that charges a card, before the step number `place`."""
    steps = (*definition.steps[:place], step, *definition.steps[place:])
    return replace(definition, version=definition.version + 1, steps=steps)


def with_one_less(definition: Definition, name: str) -> Definition:
    """Without the step of that name."""
    steps = tuple(step for step in definition.steps if step.name != name)
    return replace(definition, version=definition.version + 1, steps=steps)


RETIRED = replace(STEP, forward=None)  # nobody is charged any more, and who was can be refunded
