"""Sends every service to its stores by way of a `Network`, and back to the straight way."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from launcher import platform
from launcher.faults.network import Detour, Network
from launcher.instance import Instance
from launcher.stores import kafka
from launcher.supervisor.specification import Specification
from launcher.up import specification_of

# name -> where it listens, where that leads to, where services would go without it. Kafka has a listener for those
# who come this way, which names the detour as its address: else clients would leave the detour at once.
PORTS = {
    "postgres": (8632, 8432, 8432),
    "mongod": (8217, 8017, 8017),
    "redis": (8579, 8379, 8379),
    "kafka": (kafka.PORT_OF_DETOUR, 8094, 8092),
    "keycloak": (8280, 8080, 8080),
    "order": (8302, 8002, 8002),  # the gateway's way to the order service is one, too
}
ADDRESSES = ("DATABASE_URL", "REDIS_URL", "KAFKA", "KEYCLOAK_URL", "UPSTREAMS")
START_SECONDS = 180
# What makes an answer worth losing: the work is done once this was asked. Anything, where it says nothing.
WORTH_LOSING = {"postgres": b"COMMIT", "mongod": b"commitTransaction", "redis": b"EVALSHA", "order": b"POST "}


def _network(instance: Instance) -> Network:
    return Network(
        {
            name: Detour(instance.port(port), instance.port(target), instance.port(known_as))
            for name, (port, target, known_as) in PORTS.items()
        }
    )


@contextlib.contextmanager
def detours(instance: Instance) -> Iterator[Network]:
    """Every service's connections go through the network that this yields."""
    names = platform.named(instance, "services")
    with _network(instance) as network:
        try:
            _restart(instance, [sent_through(each, network) for each in specification_of(instance, names)])
            yield network
        finally:
            for name in network.detours:
                network.heal(name)
            _restart(instance, list(specification_of(instance, names)))


def _restart(instance: Instance, specifications: list[Specification]) -> None:
    platform.restart(instance, specifications)
    platform.wait_until_running(instance, {each.name for each in specifications}, START_SECONDS)


def sent_through(specification: Specification, network: Network) -> Specification:
    """The same process, which goes to its stores by the detours."""
    environment = dict(specification.environment)
    for variable in (f"MICROCOMMERCE_{name}" for name in ADDRESSES):
        for detour in network.detours.values():
            if variable in environment:
                straight, around = f":{detour.known_as}", f":{detour.port}"
                environment[variable] = environment[variable].replace(straight, around)
    return replace(specification, environment=environment)
