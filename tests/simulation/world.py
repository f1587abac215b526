"""A whole shop in memory: the services' own rules over a simulated bus, database and clock.

What is real: the saga's engine and its table (`apps/saga`), stock's table of transitions (`apps/stock/transitions.py`),
the order's transitions and its answers to commands (`apps/order`), every message's class. What is simulated: Kafka
(which here loses, repeats, reorders and delays), transactions (a commit happens as a whole or not at all), the inbox,
Celery's wake-ups, the clock, and in half of the worlds two releases of the saga's table side by side. A process may be killed between any two effects: before a commit nothing happened and its
message comes again, after it the message comes again and its id is known.

Deterministic simulation as databases are tested with it: FoundationDB (Zhou et al., SIGMOD 2021, section 4).
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from apps.order.errors import WrongState
from apps.order.models import Order, OrderLine
from apps.order.models import Status as OrderStatus
from apps.order.operations import event
from apps.order.transitions import outcome
from apps.saga import engine
from apps.saga.definition import Definition
from apps.saga.models import Saga
from apps.stock import transitions
from apps.stock.levels import LockedLevels, StockLevel
from apps.stock.models import Movement, Reservation, State
from apps.stock.transitions import CommandContext, ReservationBatch
from shared import contracts as c
from shared.contracts.message import AboutOrder
from shared.contracts.topics import (
    BASKET_COMMANDS,
    ORDER_COMMANDS,
    ORDER_EVENTS,
    STOCK_COMMANDS,
    STOCK_EVENTS,
    Topic,
)
from tests.simulation.agenda import Agenda
from tests.simulation.faults import END, Faults
from tests.simulation.releases import (
    PAYMENT_COMMANDS,
    PAYMENT_EVENTS,
    AuthorizePayment,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentVoided,
    Releases,
    VoidPayment,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCTS = tuple(letter * 24 for letter in "abc")
PRICE = Decimal("9.90")
SWEEP = 2.0  # seconds: how long a lost wake-up or a passed deadline goes unseen
NEVER = 1e8  # seconds: in some worlds no reservation expires, so that nothing but the saga gives stock back
RESTART = 3.0  # seconds until a killed process is back
# Nobody asks for these again: their outbox and Kafka keep them until they are handled.
MUST_ARRIVE = (c.OrderSubmitted, c.OrderCancellationRequested)


class Violation(AssertionError):
    """A promise was broken in a simulated life."""


class World:
    """Orders of a few customers for a few products, and everything that can happen to them."""

    def __init__(self, seed: int) -> None:
        self.seed, self.random, self.agenda = seed, Random(seed), Agenda()
        self.faults = Faults.draw(self.random, ("saga", "stock", "order", "payment", "basket"))
        self.releases = Releases.draw(self.random)
        self.log: list[tuple[float, str]] = []
        self.saga, self.stock, self.order = SagaService(self), StockService(self), OrderService(self)
        self.payment, self.basket = PaymentService(self), BasketService(self)
        self._readers: Mapping[Topic, Service] = {
            ORDER_EVENTS: self.saga,
            STOCK_EVENTS: self.saga,
            STOCK_COMMANDS: self.stock,
            ORDER_COMMANDS: self.order,
            BASKET_COMMANDS: self.basket,
            PAYMENT_COMMANDS: self.payment,
            PAYMENT_EVENTS: self.saga,
        }
        self._sent = 0

    @property
    def time(self) -> datetime:
        """The simulated moment."""
        return START + timedelta(seconds=self.agenda.now)

    def note(self, line: str) -> None:
        """Keep a line for whoever reads why a seed failed."""
        self.log.append((self.agenda.now, line))

    def strikes(self, likelihood: float) -> bool:
        """Whether a fault of that likelihood happens now."""
        return likelihood > 0.0 and self.agenda.now < END and self.random.random() < likelihood

    def publish(self, message: c.Message) -> None:
        """A row of an outbox that was committed: its relay carries it, once or more often, soon or late."""
        self._sent += 1
        faults, reader = self.faults, self._readers[message.TOPIC]
        if self.strikes(faults.lost) and not isinstance(message, MUST_ARRIVE):
            self.note(f"lost {message.TYPE}")
            if self.random.random() < 0.5:  # a manager replays the dead letter
                self.agenda.after(self.random.uniform(20, 300), reader.deliver, self._sent, message)
            return
        self.agenda.after(self._delay(), reader.deliver, self._sent, message)
        while self.strikes(faults.repeated):
            self.agenda.after(self._delay() + self.random.random() * 90, reader.deliver, self._sent, message)

    def _delay(self) -> float:
        return self.random.random() * (60.0 if self.strikes(self.faults.late) else 0.2)


class Service(ABC):
    """One consumer: an inbox of message ids, and an effect that is committed as a whole."""

    name = ""

    def __init__(self, world: World) -> None:
        self.world = world
        self.inbox: set[int] = set()

    def deliver(self, number: int, message: c.Message) -> None:
        """Kafka brings a message, perhaps again."""
        world = self.world
        away = world.faults.away_until.get(self.name, 0.0)
        if world.agenda.now < away:
            world.agenda.after(away - world.agenda.now, self.deliver, number, message)
            return
        if world.strikes(world.faults.crash):
            world.agenda.after(RESTART, self.deliver, number, message)
            return
        if number not in self.inbox:
            answers = self.handle(message)
            if answers is None:  # about something that nobody has heard of yet: parked, and tried again
                world.agenda.after(RESTART, self.deliver, number, message)
                return
            self.inbox.add(number)
            world.note(f"{self.name} took {message.TYPE} of {message.key[-2:]}")
            for answer in answers:
                world.publish(answer)
        if world.strikes(world.faults.crash):  # killed after the commit, before Kafka had the offset
            world.agenda.after(RESTART, self.deliver, number, message)

    @abstractmethod
    def handle(self, message: c.Message) -> list[c.Message] | None:
        """One transaction: what it writes, and what it has to tell. None: not now, try again later."""


class SagaService(Service):
    """The consumer that moves sagas as events come, and the worker that does what is left."""

    name = "saga"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        releases = world.releases
        self.heard: tuple[type[c.Message], ...] = (
            c.OrderSubmitted,
            *releases.old.events,
            *releases.new.events,
        )
        self.rows: dict[UUID, Saga] = {}
        self.waiting: dict[UUID, list[c.Message]] = defaultdict(list)

    def handle(self, message: c.Message) -> list[c.Message] | None:
        """Move its saga, or write the event down and wake a worker; Redis may lose the wake-up, the sweep finds it."""
        if not isinstance(message, AboutOrder) or not isinstance(message, self.heard):
            return []
        order_id = message.order_id
        if isinstance(message, c.OrderSubmitted):
            self.rows.setdefault(order_id, self._new(message))
        elif order_id not in self.rows:
            return None
        if not self.waiting[order_id] and not self.world.strikes(self.world.faults.held):
            definition = self.world.releases.at(self.world.agenda.now, self.world.random)
            if definition.version >= self.rows[order_id].version:
                return self._moved(order_id, definition, [message])
        self.waiting[order_id].append(message)
        delay = SWEEP if self.world.strikes(self.world.faults.unwoken) else 0.01
        self.world.agenda.after(delay, self.drain, order_id)
        return []

    def _new(self, order: c.OrderSubmitted) -> Saga:
        lines = [{"product_id": item.product_id, "quantity": item.quantity} for item in order.items]
        return Saga(
            kind=self.world.releases.new.kind,
            id=order.order_id,
            order_id=order.order_id,
            customer_id=order.customer_id,
            items=lines,
        )

    def drain(self, order_id: UUID) -> None:
        """One worker's turn with one saga: every waiting event in order, then the deadline."""
        world = self.world
        if world.strikes(world.faults.crash):  # killed before its commit: the sweep finds the saga again
            world.agenda.after(RESTART, self.drain, order_id)
            return
        definition = world.releases.at(world.agenda.now, world.random)
        if definition.version < self.rows[order_id].version:  # of the earlier release: it is the later one's
            world.agenda.after(SWEEP, self.drain, order_id)
            return
        self._publish(self._moved(order_id, definition, self.waiting.pop(order_id, [])))

    def _moved(self, order_id: UUID, definition: Definition, events: list[c.Message]) -> list[c.Message]:
        """One transaction: every event in order, then the deadline; what has to be told."""
        world, saga, commands = self.world, self.rows[order_id], []
        deadline = saga.deadline
        for message in events:
            if isinstance(message, c.OrderSubmitted):
                commands += engine.start(saga, definition, world.time)
            else:
                commands += engine.apply(saga, definition, message, world.time)
        commands += engine.wake(saga, definition, world.time)
        saga.version = definition.version
        if saga.deadline and saga.deadline != deadline:
            seconds = (saga.deadline - world.time).total_seconds()
            world.agenda.after(seconds + world.random.random() * SWEEP, self.drain, order_id)
        return commands

    def _publish(self, commands: list[c.Message]) -> None:
        for command in commands:
            self.world.publish(command)

    def wake_by_hand(self, saga: Saga) -> None:
        """A manager wakes a saga that is stuck."""
        self._publish(engine.wake(saga, self.world.releases.new, self.world.time, by_hand=True))
        if saga.deadline:
            seconds = (saga.deadline - self.world.time).total_seconds()
            self.world.agenda.after(seconds, self.drain, saga.order_id)


class StockService(Service):
    """Stock's table of transitions over levels and reservations in memory, with the database's own constraints."""

    name = "stock"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.levels = {product: [world.random.randrange(7), 0] for product in PRODUCTS}  # on hand, reserved
        self.initial = {product: level[0] for product, level in self.levels.items()}
        self.reservations: dict[UUID, Reservation] = {}
        self.ledger: dict[tuple[UUID | str, str, str], int] = {}
        self.hold_seconds = world.random.choice((3.0, 15.0, 900.0, NEVER))

    def handle(self, message: c.Message) -> list[c.Message] | None:
        """One command, one answer."""
        if not isinstance(message, c.ReserveStock | c.CommitStock | c.ReleaseStock):
            return []
        lines: dict[str, int] = {}
        for item in message.items:
            lines[item.product_id] = lines.get(item.product_id, 0) + item.quantity
        return [
            self._decide(message.order_id, lines, lambda context: transitions.apply(type(message), context))
        ]

    def expire(self, order_id: UUID) -> None:
        """The time of a reservation is over: what stock's clock does."""
        if self.reservations[order_id].state == State.HELD:
            self.world.publish(self._decide(order_id, {}, transitions.expire))

    def _decide(
        self, order_id: UUID, lines: dict[str, int], decide: Callable[[CommandContext], c.Message]
    ) -> c.Message:
        known = self.reservations.get(order_id)
        locked = LockedLevels(
            StockLevel(product, level[0], level[1]) for product, level in self.levels.items()
        )
        world = self.world
        batch = ReservationBatch(
            locked, {order_id: known} if known else {}, world.time + timedelta(seconds=self.hold_seconds)
        )
        answer = decide(CommandContext(order_id, lines, batch))
        for level in locked.touched():
            if not 0 <= level.reserved <= level.on_hand:
                raise Violation(f"The database refuses {level}.")
            self.levels[level.product_id] = [level.on_hand, level.reserved]
        for movement in locked.movements:
            self._write(movement)
        for row in batch.written.values():
            self.reservations[row.order_id] = row
            if row.state == State.HELD and self.hold_seconds != NEVER:
                late = world.random.random() * 5
                world.agenda.after(self.hold_seconds + late, self.expire, row.order_id)
        return answer

    def _write(self, movement: Movement) -> None:
        line = (movement.order_id or "", movement.product_id, movement.kind)
        if line in self.ledger:
            raise Violation(f"The ledger has {line} already.")
        self.ledger[line] = movement.delta


class OrderService(Service):
    """Orders, and what customers and managers do with them."""

    name = "order"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.rows: dict[UUID, Order] = {}
        self.confirmed: set[UUID] = set()

    def place(self, order: Order) -> None:
        """POST /api/orders/."""
        self.rows[order.id] = order
        self.world.publish(event(c.OrderSubmitted, order))

    def cancel(self, order: Order) -> None:
        """POST /api/orders/{id}/cancel/, when it is not too late."""
        try:
            if order.request_cancellation("changed my mind"):
                self.world.note(f"cancellation of {str(order.id)[-2:]} asked for")
                self.world.publish(event(c.OrderCancellationRequested, order))
        except WrongState:
            return

    def ship(self, order: Order) -> None:
        """POST /api/orders/{id}/ship/, when it can be shipped."""
        try:
            order.ship()
        except WrongState:
            return
        self.world.publish(event(c.OrderShipped, order))

    def handle(self, message: c.Message) -> list[c.Message] | None:
        """One command, perhaps an answer; a customer hears `confirmed` only when the stock is taken."""
        if not isinstance(message, c.ConfirmOrder | c.RejectOrder | c.CancelOrder):
            return []
        order = self.rows[message.order_id]
        before = order.status
        answer = outcome(order, message)
        if order.status == OrderStatus.CONFIRMED != before:
            self.confirmed.add(order.id)
            held = self.world.stock.reservations.get(order.id)
            if held is None or held.state != State.COMMITTED:
                raise Violation(f"{order.id} was confirmed and its stock is {held and held.state}.")
        return [event(answer, order)] if answer else []


class PaymentService(Service):
    """A payment provider of a later release: authorizes or declines, voids, and remembers what it said."""

    name = "payment"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.states: dict[UUID, type[AboutOrder]] = {}  # order -> what was said of it last

    def handle(self, message: c.Message) -> list[c.Message] | None:
        """One command, one answer; the first decision stands, and what was voided stays so."""
        if isinstance(message, AuthorizePayment):
            decision = PaymentDeclined if self.world.random.random() < 0.2 else PaymentAuthorized
            return [self.states.setdefault(message.order_id, decision)(order_id=message.order_id)]
        if isinstance(message, VoidPayment):
            self.states[message.order_id] = PaymentVoided
            return [PaymentVoided(order_id=message.order_id)]
        return []


class BasketService(Service):
    """What was ordered leaves the basket, once for each order."""

    name = "basket"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.emptied: dict[UUID, int] = defaultdict(int)

    def handle(self, message: c.Message) -> list[c.Message] | None:
        """Count it."""
        if isinstance(message, c.RemoveBasketItems):
            self.emptied[message.order_id] += 1
        return []


def new_order(random: Random, number: int) -> Order:
    """An order of one to three products."""
    products = random.sample(PRODUCTS, random.choice((1, 1, 2, 3)))
    lines = [
        OrderLine(
            position=i, product_id=product, name="Cup", unit_price=PRICE, quantity=random.choice((1, 1, 2, 3))
        )
        for i, product in enumerate(products)
    ]
    total = sum((line.line_total for line in lines), Decimal(0))
    order = Order(id=UUID(int=number), customer_id="alice", total=total, currency="EUR", shipping_address={})
    order.bought = lines
    return order
