"""The way of an order through the platform's processes, simulated: each takes all that waits for it, in one turn.

What makes this platform faster under load is that a turn (a transaction, a batch to Kafka) costs about the same for one
message as for many. So a process has three figures: milliseconds of a core for each message, for each turn, and how long a
turn waits for a store. `fitted` finds them in measurements of several sizes; `simulated` lets orders go their way.
"""

import heapq
import itertools
import math
import operator
import random
import statistics
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from launcher.system import BLOCKING_THREADS

BATCH = 200  # messages of one turn at most: shared/messaging/consumer.py, apps/saga/orchestrator.py
SAMPLE = 500.0  # orders a second of which a simulation is not yet slow
TO_CONFIRMED = (
    *("gateway", "order-api", "order-consumer"),  # which carries what the API has written
    *("saga-consumer", "stock-consumer"),  # reserve
    *("saga-consumer", "stock-consumer"),  # commit
    *("saga-consumer", "order-consumer"),  # confirm
)
PUSHED = ("notification-consumer", "notification-api")
ENDED = ("saga-consumer", "basket-consumer")
WAY = (*TO_CONFIRMED, *PUSHED, *ENDED)
CARRIERS = ("order-consumer", "stock-consumer", "saga-consumer")  # with the relay of their service in them
APIS = ("gateway", "order-api", "notification-api")  # a request costs what it costs, whoever else asks
MOMENT = 4.0  # ms of a core that others take at once
SAME = 1e-9  # sizes whose batches are the same say nothing of batches
Sizes = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Station:
    """A process that orders pass: `visits` times each."""

    name: str
    visits: int
    each: float  # ms of a core for one message
    turn: float  # ms of a core for one turn
    wait: float = 0.0  # ms in which a turn waits for a store
    most: int = BATCH

    @property
    def batch(self) -> int:
        """Messages of one turn at most."""
        return BLOCKING_THREADS if self.name == "order-api" else self.most

    @property
    def orders_a_second(self) -> float:
        """What one process can, with the largest batches."""
        return 1000 / self.visits / (self.each + (self.turn + self.wait) / self.batch)

    def cores(self, orders: float) -> float:
        """Of one process that so many orders a second pass. Its batches are as large as what came during the last one."""
        messages = orders * self.visits / 1000  # a millisecond
        idle_enough = (
            (1 - messages * self.each) / (self.turn + self.wait) if self.turn + self.wait else math.inf
        )
        return messages * self.each + self.turn * max(0.0, min(messages, idle_enough))

    def faster(self, speed: float) -> "Station":
        """On cores that are so much faster; stores keep their time."""
        return replace(self, each=self.each / speed, turn=self.turn / speed)


def fitted(sizes: Sizes) -> list[Station]:
    """Every process's figures. An order's cost is visits × (each + turn / batch), and the batches were measured."""
    stations = [_fitted(name, sizes) for name in dict.fromkeys(WAY)]
    wait = _wait(stations, sizes)
    return [replace(each, wait=wait) if each.name not in APIS else each for each in stations]


def _fitted(name: str, sizes: Sizes) -> Station:
    visits = WAY.count(name)
    costs = [size["cpu_ms"].get(name, 0.0) / visits for size in sizes]
    if name in APIS:
        most = max(range(len(sizes)), key=lambda index: sizes[index]["buyers"])
        return Station(name, visits, costs[most], 0.0)
    turns = [1 / _batch(name, size) for size in sizes]
    turn, each = _line(turns, costs)
    return Station(name, visits, each, turn)


def _line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Slope and intercept of y over x, neither negative. Errors count in parts of y: so the cheap, large batches have a say."""
    if any(not each for each in y):
        return 0.0, statistics.fmean(y)
    ones, ratios = [1 / each for each in y], [each / other for each, other in zip(x, y, strict=True)]
    square, mixed, rest = _dot(ratios, ratios), _dot(ratios, ones), _dot(ones, ones)
    below = square * rest - mixed**2
    if below > SAME * square * rest:
        slope = (sum(ratios) * rest - sum(ones) * mixed) / below
        intercept = (sum(ones) * square - sum(ratios) * mixed) / below
        if slope >= 0 and intercept >= 0:
            return slope, intercept
        if slope < 0:
            return 0.0, sum(ones) / rest
    return sum(ratios) / square, 0.0


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(map(operator.mul, one, other))


def _batch(name: str, size: Mapping[str, Any]) -> float:
    """Messages of one turn: as its service's consumer has counted. What a consumer takes at once leaves at once."""
    handled = size["handled"][f"{name.partition('-')[0]}-consumer"]
    return max(1.0, float(handled["messages"]) / float(handled["transactions"]))


def _wait(stations: Sequence[Station], sizes: Sizes) -> float:
    """How long a turn waits for stores: what the smallest size took from POST to push beyond the time of the cores."""
    smallest = min(sizes, key=lambda size: float(size["buyers"]))
    costs = {each.name: each.each + each.turn for each in stations}
    more = share_of_stores(stations, [smallest])
    way = [*TO_CONFIRMED, *PUSHED]
    spent = sum(costs[name] for name in way) * more
    turns = sum(name not in APIS for name in way)
    return max(0.0, (float(smallest["pushed_ms"]["p50"]) - spent) / turns)


def share_of_stores(stations: Sequence[Station], sizes: Sizes) -> float:
    """By how much an order costs more than its processes: stores, and the buyers themselves."""
    shares = []
    for size in sizes:
        processes = sum(size["cpu_ms"].get(each.name, 0.0) for each in stations)
        shares.append(sum(size["cpu_ms"].values()) / processes)
    return statistics.fmean(shares)


def with_stores_elsewhere(sizes: Sizes) -> list[Station]:
    """As `fitted`, where stores have cores of their own: a turn waits for what they compute, too."""
    stations = fitted(sizes)
    more = share_of_stores(stations, sizes) - 1
    return [
        replace(each, wait=each.wait + more * (each.each + each.turn)) if each.name not in APIS else each
        for each in stations
    ]


@dataclass
class Told:
    """What a simulation says."""

    rate: float
    p50: float
    p99: float
    batches: Mapping[str, float]  # messages of a turn


@dataclass
class _Process:
    """One pod of a station: what waits for it, and whether it has a turn in hand."""

    station: Station
    waiting: deque[tuple[int, int]] = field(default_factory=deque)  # order, and how far on its way
    busy: bool = False


class _World:
    """Orders, processes and cores in simulated milliseconds."""

    def __init__(
        self, stations: Sequence[Station], pods: Mapping[str, int], cores: float, stores: float, seed: int
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a simulation
        self.processes = {
            each.name: [_Process(each) for _ in range(pods.get(each.name, 1))] for each in stations
        }
        self.free, self.stores, self.now = cores, stores, 0.0
        self.runnable: deque[_Process] = deque()
        self.agenda: list[tuple[float, int, str, Any]] = []
        self.count, self.numbers = itertools.count(), itertools.count()
        self.began: dict[int, float] = {}
        self.pushed: list[tuple[float, float]] = []  # when, and how long it took
        self.turns: dict[str, list[int]] = defaultdict(list)
        self.closed = False

    def at(self, when: float, what: str, about: Any) -> None:
        heapq.heappush(self.agenda, (when, next(self.count), what, about))

    def order(self) -> None:
        """Somebody orders now."""
        number = next(self.numbers)
        self.began[number] = self.now
        self.arrive(number, 0)

    def arrive(self, order: int, step: int) -> None:
        """An order comes to the process that does this step of it; a key's messages go to the same one."""
        several = self.processes[WAY[step]]
        process = several[order % len(several)]
        process.waiting.append((order, step))
        self.begin(process)

    def begin(self, process: _Process) -> None:
        """Ask for a core, where there is something to do."""
        if not process.busy and process.waiting:
            process.busy = True
            self.runnable.append(process)
            self.run()

    def run(self) -> None:
        """Give free cores away. Who gets one takes all that waits by now: that is more than what made it ask."""
        while self.free >= 1 and self.runnable:
            process = self.runnable.popleft()
            self.free -= 1
            station = process.station
            most = min(station.batch, len(process.waiting))
            taken = [process.waiting.popleft() for _ in range(most)]
            self.turns[station.name].append(most)
            mean = (station.turn + station.each * most) * self.stores
            took = mean * self.random.gammavariate(4, 1 / 4)
            if station.name in APIS:  # which answer each as soon as they can
                for number, each in enumerate(taken, start=1):
                    self.at(self.now + took * number / most, "leave", ([each],))
                taken = []
            self.at(self.now + took, "computed", (process, taken))

    def disturb(self, every: float) -> None:
        """Somebody else wants a core for a moment, and again `every` so many milliseconds."""
        self.runnable.append(_Process(Station("others", 0, 0.0, MOMENT / self.stores)))
        self.run()
        self.at(self.now + self.random.expovariate(1 / every), "disturb", (every,))

    def computed(self, process: _Process, taken: list[tuple[int, int]]) -> None:
        """Others get the core; what was done counts when the store has it."""
        self.free += 1
        self.at(self.now + process.station.wait, "done", (process, taken))
        self.run()

    def done(self, process: _Process, taken: list[tuple[int, int]]) -> None:
        """A turn has ended."""
        process.busy = False
        self.leave(taken)
        self.begin(process)

    def leave(self, taken: list[tuple[int, int]]) -> None:
        """Orders go on; whose was pushed may order again."""
        for order, step in taken:
            for following in _following(step):
                self.arrive(order, following)
            if step == LAST_PUSHED:
                self.pushed.append((self.now, self.now - self.began.pop(order)))
                if self.closed:
                    self.order()


FORK, LAST_PUSHED, LAST = len(TO_CONFIRMED) - 1, len(TO_CONFIRMED) + len(PUSHED) - 1, len(WAY) - 1


def _following(step: int) -> Iterator[int]:
    """What comes after a step: a confirmed order is told to its customer and to its saga."""
    if step not in (LAST_PUSHED, LAST):
        yield step + 1
    if step == FORK:
        yield LAST_PUSHED + 1


def simulated(
    stations: Sequence[Station],
    *,
    buyers: int = 0,
    rate: float = 0.0,
    pods: Mapping[str, int] | None = None,
    cores: float = math.inf,
    others: float = 0.0,
    whole: Sizes = (),
    seconds: float = 20.0,
    seed: int = 1,
) -> Told:
    """So many `buyers` who order again once told, or `rate` orders a second that come by themselves.

    All processes share `cores`, of which `others` are wanted for something else; with `whole`, the measured sizes, stores
    and the buyers themselves have their part of them, too.
    """
    stores = share_of_stores(stations, whole) if whole else 1.0
    world = _World(stations, pods or {}, cores, stores, seed)
    if others:
        world.disturb(MOMENT / others)
    world.closed = bool(buyers)
    for _ in range(buyers):
        world.order()
    if rate:
        when = 0.0
        while (when := when + world.random.expovariate(rate / 1000)) < 1000 * seconds:
            world.at(when, "order", ())
    while world.agenda and world.now < 1000 * seconds:
        world.now, _, what, about = heapq.heappop(world.agenda)
        getattr(world, what)(*about)
    return _told(world, 1000 * seconds)


def _told(world: _World, end: float) -> Told:
    counted = [
        took for when, took in world.pushed if when > end / 4
    ]  # what came before began with nothing waiting
    cuts = statistics.quantiles(counted, n=100)
    batches = {name: statistics.fmean(sizes) for name, sizes in world.turns.items()}
    return Told(len(counted) / (end * 3 / 4) * 1000, cuts[49], cuts[98], batches)
