"""The shop's promises (docs/promises.md), asked of a cluster's stores by what `manage_all.py check` asks."""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

from launcher import evidence, invariants
from launcher.instance import Instance
from launcher.k8s.cluster import Cluster
from launcher.system import SERVICES, Service
from tests.k8s.shop import eventually, forwarded
from tests.k8s.workloads import IN


def are_kept(cluster: Cluster) -> None:
    """As soon as nothing is under way any more, no promise is broken."""
    with _stores(cluster):
        found = eventually(
            lambda: each if invariants.is_quiet(each := _gather(cluster)) else None, "nothing under way"
        )
        found.unhandled = evidence.unhandled(HERE)
        found.lives = evidence.lives(HERE)
        broken = {name: said for name, said in invariants.violations(found).items() if said}
    assert broken == {}


HERE = Instance()  # its addresses are those of the forwarded ports


def _gather(cluster: Cluster) -> invariants.Evidence:
    """As launcher.invariants.gather, without Kafka's: whose address leads nowhere outside of the cluster."""
    own = [each for owner in SERVICES for each in evidence.violations_of(HERE, owner)]
    for owner in SERVICES:
        if name := owner.evidence.checks_itself:
            command = ("python", f"{owner.package.replace('.', '/')}/manage.py", "invariants")
            told = cluster.run("exec", IN, f"deployment/{owner.name}-api", "--", *command)
            own += [(name, json.dumps(each)) for each in json.loads(told)["violations"]]
    return invariants.Evidence(
        under_way=evidence.under_way(HERE),
        unsent=evidence.unsent(HERE),
        parked=evidence.parked(HERE),
        lag={},
        dead_letters=evidence.dead_letters(HERE),
        own=own,
    )


@contextmanager
def _stores(cluster: Cluster) -> Iterator[None]:
    """The launcher's questions reach the cluster's stores, each through a port of this machine."""
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(forwarded(cluster, name)) for name in ("postgres", "mongod", "redis")
        }

        def database_url(owner: Service, _instance: Instance) -> str:
            secret = cluster.get("secret", owner.name, IN)["data"]["MICROCOMMERCE_DATABASE_URL"]
            url = urlsplit(b64decode(secret).decode())
            user, at, _ = url.netloc.rpartition("@")
            return urlunsplit(url._replace(netloc=f"{user}{at}127.0.0.1:{ports[str(url.hostname)]}"))

        stack.enter_context(patch.object(evidence, "database_url", database_url))
        stack.enter_context(patch.object(evidence, "port_of", lambda _instance, name: ports[name]))
        yield
