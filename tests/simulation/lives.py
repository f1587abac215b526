"""From a seed to the lives of a few orders, each judged at its end by the platform's invariants."""

from random import Random

from apps.order.models import Order
from apps.order.models import Status as OrderStatus
from apps.saga.models import Status as SagaStatus
from apps.stock.models import State
from tests.simulation.releases import WITHOUT_PAYMENT, PaymentAuthorized
from tests.simulation.world import PRODUCTS, Violation, World, new_order

MOST = 6  # orders in one world
BOUGHT = {OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED}
UNDONE = {OrderStatus.REJECTED, OrderStatus.CANCELLED}


def judge(world: World) -> str:
    """Let the orders of `world` live to their ends; which promise was broken, and how. Empty: none."""
    try:
        live(world)
    except Exception as error:  # noqa: BLE001 - whatever a rule raises, a service would have raised
        return f"{type(error).__name__}: {error}"
    return ""


def live(world: World) -> None:
    """Let the orders of `world` live to their ends; raises Violation where a promise is broken."""
    orders = [_plan(world, number) for number in range(1, world.random.randrange(1, MOST + 1) + 1)]
    world.agenda.run()
    _wake_the_stuck(world)
    for order in orders:
        _judge_order(world, order)
    _judge_stock(world)


def _plan(world: World, number: int) -> Order:
    """What its customer, and a manager, will try with one order."""
    random, after = world.random, world.agenda.after
    order = new_order(random, number)
    placed = random.random() * 30
    after(placed, world.order.place, order)
    while random.random() < 0.35:
        after(placed + _some_time(random), world.order.cancel, order)
    if random.random() < 0.3:
        after(placed + _some_time(random), world.order.ship, order)
    return order


def _some_time(random: Random) -> float:
    return random.random() * random.choice((0.3, 2.0, 90.0, 400.0))


def _wake_the_stuck(world: World) -> None:
    """Where a service was away longer than the retries last, a manager wakes what is stuck."""
    for saga in world.saga.rows.values():
        if saga.is_stuck:
            world.saga.wake_by_hand(saga)
    world.agenda.run()


def _judge_order(world: World, order: Order) -> None:
    saga, reservation = world.saga.rows[order.id], world.stock.reservations.get(order.id)
    state = reservation.state if reservation else None
    emptied = world.basket.emptied[order.id]
    paid = world.payment.states.get(order.id)
    said = f"order {order.status}, saga {saga.shown_status} at {saga.step!r}, stock {state}, basket {emptied}, {paid and paid.TYPE}"
    if saga.is_stuck or saga.deadline is not None:
        raise Violation(f"The saga of {order.id} has not ended: {said}")
    if order.status in BOUGHT:
        agree = saga.status == SagaStatus.COMPLETED and state == State.COMMITTED and emptied <= 1
        agree = agree and (paid in {None, PaymentAuthorized} or world.releases.new is WITHOUT_PAYMENT)
    else:
        undone = state in {None, State.RELEASED, State.EXPIRED, State.REJECTED}
        agree = order.status in UNDONE and saga.status == SagaStatus.COMPENSATED and undone
        agree = agree and paid is not PaymentAuthorized and emptied <= (order.id in world.order.confirmed)
    if not agree:
        raise Violation(f"They disagree about {order.id}: {said}")


def _judge_stock(world: World) -> None:
    stock = world.stock
    for product in PRODUCTS:
        on_hand, reserved = stock.levels[product]
        moved = sum(delta for (_, moved, _), delta in stock.ledger.items() if moved == product)
        sold = sum(
            row.lines.get(product, 0) for row in stock.reservations.values() if row.state == State.COMMITTED
        )
        if reserved or on_hand != stock.initial[product] + moved or on_hand != stock.initial[product] - sold:
            raise Violation(
                f"{product[0]}: {stock.initial[product]} at first, {on_hand} on hand, {reserved} reserved, {sold} sold"
            )
