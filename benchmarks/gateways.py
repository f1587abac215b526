"""What the gateway's hop costs, beside haproxy and Fastify with the same duty: requests a second and CPU of a request.

    .venv/bin/python -m benchmarks.gateways [--connections 32] [--pairs 5] [--seconds 4] [--port-offset N]

All stand before one nginx that answers with 1 kB, and verify the same token of the platform's Keycloak for each request:
our gateway with one and with two processes, which also counts the limit of requests in Redis, writes access lines and
metrics; haproxy with `jwt_verify` and two threads; Fastify with jose and @fastify/http-proxy, two workers. All run at once
and are asked in turn, who is first changes; CPU is that of the gateway's processes, ours with Redis. A request without a
token must be refused by each. Needs wrk, nginx and haproxy (Debian packages) and Node 20; takes Fastify from npm.
"""

import argparse
import json
import string
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

import jwt
import requests

from benchmarks import results
from benchmarks.orders import check, cpu_seconds, of_family
from benchmarks.peers import beside
from benchmarks.peers.vendure.shop import require_node
from benchmarks.reads import UNSHARED, in_rounds, own_gateway, require_wrk, token, wait, wrk
from launcher.addresses import keycloak_url
from launcher.instance import Instance
from launcher.stores.base import environment
from launcher.supervisor.specification import Probe, Specification
from launcher.system import service

FOLDER = Path(__file__).parent / "peers" / "gateways"
OFFSET = 9_700  # the peers' ports lie between those of platforms, which are moved by thousands
NGINX, HAPROXY, FASTIFY = 8100, 8101, 8102  # ports, moved by that
WORKERS = 2
WARM_UP = 4  # seconds, once: Node compiles what it runs often
PATH = "/api/orders/"  # a row of our route table that wants a customer, and that nobody shares
ANSWER = {"count": 1, "next": None, "previous": None, "results": ["x" * 960]}
PEERS = ("haproxy", "fastify")


@dataclass(frozen=True)
class Door:
    """A gateway that runs: where, and seconds of CPU that it has used so far."""

    port: int
    used: Callable[[], float]


@dataclass(frozen=True)
class Side:
    """One measurement of one of them."""

    rate: float  # requests a second
    p50: float  # milliseconds
    p99: float
    cpu_us: float  # of a request


@contextmanager
def peers(instance: Instance, say: beside.Say) -> Iterator[tuple[int, dict[str, Door]]]:
    """The nginx's port, and those that stand before it."""
    nginx = beside.require("The benchmark", "nginx", "nginx-light")
    haproxy = beside.require("The benchmark", "haproxy", "haproxy")
    programs = beside.from_npm("gateways", FOLDER / "package.json", say)
    with beside.place("gateways", OFFSET) as own:
        upstream, realm = own.port(NGINX), f"{keycloak_url(instance)}/realms/microcommerce"
        keys = f"{realm}/protocol/openid-connect/certs"
        answers = {"directory": own.config, "port": upstream, "answer": json.dumps(ANSWER)}
        key = own.config / "realm.pem"
        key.write_bytes(_public_key(keys, token(instance)))
        guards = {
            "workers": WORKERS, "port": own.port(HAPROXY), "issuer": realm, "key": key, "upstream": upstream,
        }  # fmt: skip
        script = programs / "fastify.mjs"  # where its libraries are
        script.write_bytes((FOLDER / script.name).read_bytes())
        known = environment(
            NODE_ENV="production", PORT=str(own.port(FASTIFY)), WORKERS=str(WORKERS), ISSUER=realm, KEYS=keys,
            UPSTREAM=f"http://127.0.0.1:{upstream}",
        )  # fmt: skip
        beside.start(
            own,
            _specification(
                own, "nginx", NGINX, (nginx, "-c", _written(own, "nginx.conf", answers)), environment()
            ),
            _specification(
                own,
                "haproxy",
                HAPROXY,
                (haproxy, "-db", "-f", _written(own, "haproxy.cfg", guards)),
                environment(),
            ),
            _specification(own, "fastify", FASTIFY, ("node", str(script)), known),
        )
        pids = {each["name"]: each["pid"] for each in beside.processes(own)}
        ports = {"haproxy": own.port(HAPROXY), "fastify": own.port(FASTIFY)}
        yield upstream, {name: Door(ports[name], partial(of_family, pids[name])) for name in PEERS}


def _specification(
    own: Instance, name: str, port: int, command: tuple[str, ...], known: Mapping[str, str]
) -> Specification:
    return Specification(
        name=name,
        service="peer",
        port=own.port(port),
        command=command,
        environment=known,
        directory=str(own.state),
        log=str(own.logs / f"{name}.log"),
        ready=Probe("tcp", own.port(port)),
    )


def _written(own: Instance, name: str, known: Mapping[str, object]) -> str:
    file = own.config / name
    file.write_text(string.Template((FOLDER / name).read_text()).substitute(known))
    return str(file)


def _public_key(address: str, bearer: str) -> bytes:
    """The key that signed the token, as PEM: haproxy takes no JWKS."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = jwt.PyJWKSet.from_dict(requests.get(address, timeout=10).json())
    key = found[jwt.get_unverified_header(bearer)["kid"]].key
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def _ours(instance: Instance, stack: ExitStack, upstream: int, processes: int) -> Door:
    """Our gateway, of so many processes, before the nginx."""
    upstreams = json.dumps(dict.fromkeys(json.loads(_upstreams(instance)), f"http://127.0.0.1:{upstream}"))
    port, process = stack.enter_context(
        own_gateway(instance, UNSHARED, processes, MICROCOMMERCE_UPSTREAMS=upstreams)
    )
    return Door(port, lambda: of_family(process.pid) + cpu_seconds(instance)["redis"])


def _upstreams(instance: Instance) -> str:
    from launcher.services import environment as of_service

    return of_service(service("gateway"), instance)["MICROCOMMERCE_UPSTREAMS"]


def warm_up(doors: Mapping[str, Door], bearer: str, connections: int) -> None:
    """Have each answer for a while; nothing is kept of it."""
    for door in doors.values():
        measure(door, bearer, connections, WARM_UP)


def measure(door: Door, bearer: str, connections: int, seconds: int) -> Side:
    """One measurement."""
    address, headers = f"http://127.0.0.1:{door.port}{PATH}", ["-H", f"Authorization: Bearer {bearer}"]
    wrk(address, connections, 1, headers)  # connections and the token are known from now on
    before = door.used()
    rate, p50, p99 = wrk(address, connections, seconds, headers)
    return Side(rate, p50, p99, 1_000_000 * (door.used() - before) / (rate * seconds))


def in_turn(
    instance: Instance, doors: Mapping[str, Door], connections: int, chosen: argparse.Namespace
) -> Iterator[dict[str, Side]]:
    """All of them, one right after the other; who is first changes."""
    for number in range(chosen.pairs):
        bearer = token(instance)
        order = list(doors) if number % 2 == 0 else list(doors)[::-1]
        sides = {name: measure(doors[name], bearer, connections, chosen.seconds) for name in order}
        said = ", ".join(f"{name} {sides[name].rate:,.0f}/s {sides[name].cpu_us:.0f} µs" for name in doors)
        print(f"{connections} connections, round {number + 1}: {said}, load {results.load()}", flush=True)
        yield sides


def compared(connections: int, rounds: Sequence[Mapping[str, Side]], load: float) -> Iterator[results.Row]:
    """A row for each of them; the ratios are those of our two processes to it, medians of the rounds' ratios."""
    two = f"ours, {WORKERS}"
    for name in rounds[0]:
        ratios = [each[two].rate / each[name].rate for each in rounds]
        yield {
            "gateway": name,
            "connections": connections,
            "requests_a_second": round(results.median([each[name].rate for each in rounds])),
            "spread": results.spread([each[name].rate for each in rounds]),
            "p50_ms": results.median([each[name].p50 for each in rounds]),
            "p99_ms": results.median([each[name].p99 for each in rounds]),
            "cpu_us": results.median([each[name].cpu_us for each in rounds]),
            "ours_2_is_times": results.hundredths(ratios),
            "ratio_spread": results.spread(ratios, 2),
            "load": load,
        }


def _refuses_strangers(doors: Mapping[str, Door]) -> None:
    for name, door in doors.items():
        wait(f"http://127.0.0.1:{door.port}{PATH}", HTTPStatus.UNAUTHORIZED)
        print(f"{name}: refuses a request without a token", flush=True)


def main() -> None:
    """Start all of them, measure in turn, print."""
    chosen = in_rounds(__doc__, connections="32").parse_args()
    instance, rows = Instance(chosen.port_offset), list[results.Row]()
    require_wrk()
    with results.in_one_line():
        require_node()
        with peers(instance, partial(print, flush=True)) as (upstream, others), ExitStack() as stack:
            ours = {f"ours, {count}": _ours(instance, stack, upstream, count) for count in (1, WORKERS)}
            doors = {**ours, **others}
            _refuses_strangers(doors)
            warm_up(doors, token(instance), max(results.whole_numbers(chosen.connections)))
            for connections in results.whole_numbers(chosen.connections):
                load = results.load()
                rounds = list(in_turn(instance, doors, connections, chosen))
                rows += compared(connections, rounds, load)
    results.save(chosen.json, rows)
    sys.exit(check(instance))


if __name__ == "__main__":
    main()
