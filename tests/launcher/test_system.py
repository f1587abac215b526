"""The table: ports that do not meet, addresses that are the defaults of a bare shell."""

from collections import Counter
from dataclasses import replace

import pytest

from launcher import addresses, platform
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.ports import all_ports
from launcher.services import environment, specifications
from launcher.system import SERVICES, Service, require_ports_apart, service
from shared.declaration import DeclarationError
from shared.settings import Environment

FIRST, SECOND = Instance(), Instance(1000)


def test_no_two_processes_have_the_same_port() -> None:
    used = Counter(port for _, port in all_ports(FIRST))
    assert [port for port, count in used.items() if count > 1] == []


def test_a_service_on_a_stores_port_stops_the_start() -> None:
    met = replace(service("order"), port=8017)
    with pytest.raises(DeclarationError, match="mongod and order-api both have the port 8017"):
        require_ports_apart([met])


def test_two_platforms_have_no_port_in_common() -> None:
    assert not {port for _, port in all_ports(FIRST)} & {port for _, port in all_ports(SECOND)}


def test_the_contracts_own_ports() -> None:
    assert addresses.gateway_url(FIRST) == "http://localhost:8000"
    assert addresses.keycloak_url(FIRST) == "http://localhost:8080"
    assert addresses.gateway_url(SECOND) == "http://localhost:9000"


def test_every_process_of_the_contract_is_listed_once() -> None:
    names = [each["name"] for each in platform.table(FIRST)]
    assert len(names) == len(set(names))
    assert {"postgres", "mongod", "redis", "kafka", "keycloak", "gateway", "saga-worker", "saga-beat"} < set(
        names
    )
    assert {f"{name}-api" for name in ("product", "order", "stock", "basket", "notification", "saga")} < set(
        names
    )


@pytest.mark.parametrize("owner", SERVICES, ids=lambda owner: owner.name)
def test_a_bare_shell_means_the_same_platform(owner: Service) -> None:
    """`python apps/order/manage.py …` without any environment talks to the platform at offset 0."""
    given = environment(owner, FIRST)
    defaults = Environment.development_defaults(owner)
    for name in ("database_url", "redis_url", "kafka", "gateway_url", "issuer", "keycloak_url"):
        assert given[f"MICROCOMMERCE_{name.upper()}"] == defaults[name]


def test_nobody_speaks_to_a_store_before_it_is_there() -> None:
    """Red when the gateway, which hears of changed products, logs thirty refused connections at each start."""
    assert all({"redis", "kafka"} <= set(each.waits_for) for each in SERVICES)
    assert all(each.database in each.waits_for for each in SERVICES if each.database)


def test_the_table_wins_over_the_callers_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has worked on a service by hand may have its variables set still. Red when they stop `up`, or are heard."""
    monkeypatch.setenv("MICROCOMMERCE_DATABASE_URL", "postgresql://elsewhere/")
    monkeypatch.setenv("MICROCOMMERCE_SHARED_SECONDS", "7")
    found = environment(service("order"), Instance())
    assert found["MICROCOMMERCE_DATABASE_URL"] == addresses.database_url(service("order"), Instance())
    assert found["MICROCOMMERCE_SHARED_SECONDS"] == "7"


def test_the_other_platforms_services_talk_to_its_own_stores() -> None:
    for owner in SERVICES:
        for each in specifications(owner, SECOND):
            ports = {str(port) for _, port in all_ports(FIRST)}
            assert not [
                value for value in each.environment.values() if any(f":{port}" in value for port in ports)
            ]


@pytest.mark.parametrize("offset", [-1, 24_001, 60_000])
def test_an_offset_that_leaves_no_room_is_refused(offset: int) -> None:
    with pytest.raises(LauncherError, match="out of range"):
        Instance(offset)
