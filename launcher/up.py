"""From nothing to a platform in which everything is healthy."""

import fcntl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from types import ModuleType

from launcher import platform
from launcher.demo import load_products, load_stock
from launcher.instance import Instance
from launcher.migrations import migrate
from launcher.plan import Progress, Step, carry_out
from launcher.ports import require_free
from launcher.services import specifications
from launcher.stores import kafka, keycloak, mongod, postgres, redis
from launcher.supervisor.specification import Specification
from launcher.system import SERVICES, STORES, Service
from launcher.topics import create_topics

START_SECONDS = 240
MODULES: dict[str, ModuleType] = {each.NAME: each for each in (postgres, mongod, redis, kafka, keycloak)}
# What makes a started store usable; the steps of the services wait for it.
INITIALISE: dict[str, Callable[[Instance], None]] = {
    "postgres": postgres.initialise,
    "mongod": mongod.initialise,
    "kafka": create_topics,
}


def bring_up(instance: Instance, progress: Progress, only: Collection[Service] = SERVICES, *, demo: bool = True) -> bool:
    """Start the stores and `only` these services; whether there was anything to do."""
    instance.make_directories()
    with _alone(instance):
        wanted = _names(only)
        if all(each["state"] == "running" for each in platform.processes(instance) if each["name"] in wanted):
            return False
        require_free(instance)
        platform.ensure_supervisor(instance)
        carry_out([*_stores(instance), *_services(instance, only), *(_demo(instance) if demo else ())], progress)
        return True


@contextmanager
def _alone(instance: Instance) -> Iterator[None]:
    """Wait until no other `up` of this platform is under way."""
    with (instance.state / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _names(services: Collection[Service]) -> set[str]:
    owners = {"infrastructure", *(each.name for each in services)}
    return {each["name"] for each in platform.table(Instance()) if each["service"] in owners}


def _stores(instance: Instance) -> Iterator[Step]:
    for store in STORES:
        module = MODULES[store.name]
        yield Step(f"prepare {store.name}", lambda module=module: module.prepare(instance))
        after = (f"prepare {store.name}", *store.waits_for)
        yield Step(store.name, lambda module=module: _start_store(module, instance), after)


def _start_store(module: ModuleType, instance: Instance) -> None:
    platform.start(instance, [module.specification(instance)])
    platform.wait_until_running(instance, {module.NAME}, START_SECONDS)
    INITIALISE.get(module.NAME, lambda _: None)(instance)


def _services(instance: Instance, services: Collection[Service]) -> Iterator[Step]:
    for owner in services:
        after = owner.waits_for
        if owner.database:
            yield Step(f"migrate {owner.name}", lambda owner=owner: migrate(owner, instance), (owner.database,))
            after = (*after, f"migrate {owner.name}")
        yield Step(owner.name, lambda owner=owner: _start_service(owner, instance), after)


def _start_service(owner: Service, instance: Instance) -> None:
    started = list(specifications(owner, instance))
    platform.start(instance, started)
    platform.wait_until_running(instance, {each.name for each in started}, START_SECONDS)


def _demo(instance: Instance) -> Iterator[Step]:
    yield Step("demo catalogue", lambda: load_products(instance), ("migrate product",))
    yield Step("demo stock", lambda: load_stock(instance), ("demo catalogue", "product", "stock"))


def specification_of(instance: Instance, names: Collection[str]) -> Iterator[Specification]:
    """The processes with these names, as they are specified now."""
    stores = (module.specification(instance) for name, module in MODULES.items() if name in names)
    services = (each for owner in SERVICES for each in specifications(owner, instance) if each.name in names)
    return chain(stores, services)
