"""Which process comes by which crash point, as the services declare it, and how one is made to die there."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from launcher import platform
from launcher.instance import Instance
from launcher.supervisor.specification import Specification
from launcher.system import SERVICES, process_name
from launcher.up import specification_of
from shared.declaration import POINTS

VARIABLE = "MICROCOMMERCE_CRASH_POINT"

ALL: Mapping[str, str] = {**POINTS, **{k: v for owner in SERVICES for k, v in owner.crash_points.items()}}
PASSED_BY: Mapping[str, tuple[str, ...]] = {
    process_name(owner, each.role): each.passes
    for owner in SERVICES
    for each in owner.processes
    if each.passes
}
# What the load of `chaos` comes by: it sends no poison, replays nothing and locks no saga, and whoever is armed stays so.
UNDER_LOAD: Mapping[str, tuple[str, ...]] = {
    process_name(owner, each.role): kept
    for owner in SERVICES
    for each in owner.processes
    if (kept := tuple(point for point in each.passes if point not in each.not_under_load))
}


def arm(
    instance: Instance,
    points: Mapping[str, str],
    *,
    way: Callable[[Specification], Specification] = lambda straight: straight,
) -> None:
    """Start these processes anew, each to die at its point; started again, they do not die there again.

    `way` is how they go to their stores, where that is not the straight one.
    """

    def start(name: str) -> None:
        specifications = [way(each) for each in specification_of(instance, [name])]
        platform.restart(instance, specifications, once={VARIABLE: points[name]})

    with ThreadPoolExecutor(len(points)) as pool:
        list(pool.map(start, points))
