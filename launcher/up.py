"""From nothing to a platform in which everything is healthy."""

import fcntl
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from types import ModuleType

from launcher import code, platform
from launcher.demo import load_products, load_stock
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.migrations import migrate
from launcher.plan import Progress, Step, carry_out
from launcher.ports import require_free, require_reachable
from launcher.services import specifications
from launcher.stores import kafka, keycloak, mail, mongod, postgres, redis
from launcher.supervisor.specification import Specification
from launcher.system import SERVICES, STORES, Service, Store, process_name
from launcher.topics import create_topics

START_SECONDS = 240
NEEDED_BYTES = 1024**3
MODULES: dict[str, ModuleType] = {
    each.NAME: each for each in (postgres, mongod, redis, kafka, keycloak, mail)
}
# What makes a started store usable; the steps of the services wait for it.
INITIALISE: dict[str, Callable[[Instance], None]] = {
    "postgres": postgres.initialise,
    "mongod": mongod.initialise,
    "kafka": create_topics,
}


@dataclass(frozen=True)
class Parts:
    """How much of the system is wanted. The demo catalogue comes with the whole of it."""

    stores: tuple[Store, ...] = STORES
    services: tuple[Service, ...] = SERVICES
    demo: bool = True
    tied: bool = False  # the platform ends with this process

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.stores == STORES and self.services == SERVICES

    @property
    def processes(self) -> set[str]:
        """The names of their processes."""
        return {each.name for each in self.stores} | {
            process_name(owner, role) for owner in self.services for role in owner.roles
        }


EVERYTHING = Parts()


def bring_up(instance: Instance, progress: Progress, parts: Parts = EVERYTHING) -> bool:
    """Start these parts and wait until they are healthy; whether there was anything to do.

    A service that runs code from before a change is migrated and started again.
    """
    require_reachable(instance)
    instance.make_directories()
    _require_room(instance)
    with _alone(instance, progress):
        states = {each["state"] for each in platform.processes(instance) if each["name"] in parts.processes}
        if states == {"running"} and not any(code.has_changed(each, instance) for each in parts.services):
            return False
        require_free(instance, parts.processes)
        platform.ensure_supervisor(instance, tied=parts.tied)
        demo = _demo(instance) if parts.demo and parts.is_everything else ()
        carry_out([*_stores(instance, parts), *_services(instance, parts), *demo], progress)
        return True


def _require_room(instance: Instance) -> None:
    free = shutil.disk_usage(instance.state).free
    if free < NEEDED_BYTES:
        raise LauncherError(
            f"There are only {free / 1024**2:.0f} MiB free below {instance.state}.",
            f"The stores need {NEEDED_BYTES / 1024**2:.0f} MiB to run safely: make room and try again.",
        )


@contextmanager
def _alone(instance: Instance, progress: Progress) -> Iterator[None]:
    """Wait until no other `up` of this platform is under way."""
    with (instance.state / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.waits("Another `up` of this platform is under way: waiting until it has ended …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stores(instance: Instance, parts: Parts) -> Iterator[Step]:
    at_rest = {each["name"] for each in platform.processes(instance) if each["state"] == "stopped"}
    for store in parts.stores:
        module = MODULES[store.name]
        if store.name in at_rest:
            yield Step(f"prepare {store.name}", partial(module.prepare, instance))
        yield Step(
            store.name, partial(_start_store, module, instance), (f"prepare {store.name}", *store.waits_for)
        )


def _start_store(module: ModuleType, instance: Instance) -> None:
    platform.start(instance, [module.specification(instance)])
    platform.wait_until_running(instance, {module.NAME}, START_SECONDS)
    if initialise := INITIALISE.get(module.NAME):
        initialise(instance)


def _services(instance: Instance, parts: Parts) -> Iterator[Step]:
    for owner in parts.services:
        after = owner.waits_for
        if owner.database:
            yield Step(f"migrate {owner.name}", partial(migrate, owner, instance), (owner.database,))
            after = (*after, f"migrate {owner.name}")
        yield Step(owner.name, partial(_start_service, owner, instance), after)


def _start_service(owner: Service, instance: Instance) -> None:
    started = list(specifications(owner, instance))
    begin = platform.restart if code.has_changed(owner, instance) else platform.start
    begin(instance, started)
    platform.wait_until_running(instance, {each.name for each in started}, START_SECONDS)
    code.note(owner, instance)


def _demo(instance: Instance) -> Iterator[Step]:
    yield Step("demo catalogue", partial(load_products, instance), ("migrate product",))
    yield Step("demo stock", partial(load_stock, instance), ("demo catalogue", "product", "stock"))


def specification_of(instance: Instance, names: Collection[str]) -> Iterator[Specification]:
    """The processes with these names, as they are specified now."""
    stores = (module.specification(instance) for name, module in MODULES.items() if name in names)
    services = (each for owner in SERVICES for each in specifications(owner, instance) if each.name in names)
    return chain(stores, services)


def forget(instance: Instance) -> None:
    """Stop everything and remove whatever this platform kept."""
    platform.shut_down(instance)
    postgres.forget(instance)
    shutil.rmtree(instance.state, ignore_errors=True)
    if instance.state.exists():
        raise LauncherError(
            f"Not everything below {instance.state} could be removed.",
            "Do files there belong to another user? Remove it by hand.",
        )
