"""compose.yaml says the same as the launcher's table: the same processes, commands, environments and order."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infrastructure.keycloak import realm
from launcher.artifacts import KAFKA, KEYCLOAK
from launcher.demo import number_of_products
from launcher.instance import ROOT, Instance
from launcher.services import specifications
from launcher.stores.keycloak import specification as keycloak_specification
from launcher.stores.mongod import TRANSACTION_SECONDS
from launcher.stores.postgres import statements
from launcher.stores.redis import specification as redis_specification
from launcher.system import SERVICES, STORES, Service, command, process_name

Json = dict[str, Any]
COMPOSE: Json = yaml.safe_load((ROOT / "compose.yaml").read_text())
CONTAINERS: Json = COMPOSE["services"]
PROCESSES = [(owner, role) for owner in SERVICES for role in owner.roles]
ids = [process_name(*each) for each in PROCESSES]
# What is on this machine for the launcher is a container of its own in compose.
PLACES = {
    "127.0.0.1:8432": "postgres:5432",
    "127.0.0.1:8017": "mongod:27017",
    "127.0.0.1:8379": "redis:6379",
    "127.0.0.1:8092": "kafka:9092",
    "127.0.0.1:8080": "keycloak:8080",
    str(Instance().media): "/var/lib/microcommerce/media",
    **{f"127.0.0.1:{each.port}": f"{each.name}-api:{each.port}" for each in SERVICES},
}


def in_containers(value: str) -> str:
    for here, there in PLACES.items():
        value = value.replace(here, there)
    return value


def words(value: str | list[str]) -> list[str]:
    return value.split() if isinstance(value, str) else value


def test_every_part_has_a_container_and_nothing_else_has() -> None:
    helpers = {
        "topics",
        "demo-catalogue",
        "demo-stock",
        *(f"{each.name}-migrate" for each in SERVICES if each.database),
    }
    assert set(CONTAINERS) == {*ids, *(store.name for store in STORES), *helpers}


@pytest.mark.parametrize(("owner", "role"), PROCESSES, ids=ids)
def test_a_process_runs_the_same_command(owner: Service, role: str) -> None:
    container = CONTAINERS[process_name(owner, role)]
    port = next(
        each.port for each in specifications(owner, Instance()) if each.name == process_name(owner, role)
    )
    assert words(container["command"]) == command(owner, role, port, host="0.0.0.0")
    assert container["build"]["args"]["PACKAGE"] == owner.package.replace(".", "/")


@pytest.mark.parametrize(("owner", "role"), PROCESSES, ids=ids)
def test_a_process_has_the_same_environment(
    owner: Service, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MICROCOMMERCE_PORT_OFFSET", raising=False)
    name = process_name(owner, role)
    launched = next(each for each in specifications(owner, Instance()) if each.name == name)
    expected = {
        key: in_containers(value)
        for key, value in launched.environment.items()
        if key.startswith("MICROCOMMERCE_")
    }
    found = {key: " ".join(str(value).split()) for key, value in CONTAINERS[name]["environment"].items()}
    assert found == expected


@pytest.mark.parametrize(("owner", "role"), PROCESSES, ids=ids)
def test_a_process_waits_for_what_it_needs(owner: Service, role: str) -> None:
    waits = CONTAINERS[process_name(owner, role)]["depends_on"]
    expected = {"topics" if name == "kafka" else name for name in owner.waits_for}
    assert set(waits) == expected | ({f"{owner.name}-migrate"} if owner.database else set())
    finished = {name for name, how in waits.items() if how["condition"] == "service_completed_successfully"}
    assert finished == {name for name in waits if name == "topics" or name.endswith("-migrate")}


def test_only_the_front_door_and_the_login_pages_are_published() -> None:
    published = {name: container["ports"] for name, container in CONTAINERS.items() if "ports" in container}
    assert published == {
        "gateway": ["127.0.0.1:8000:8000"],
        "keycloak": ["127.0.0.1:8080:8080"],
        "mail": ["127.0.0.1:8025:8025"],  # a page that shows what Keycloak sent
    }


def test_kafka_and_keycloak_are_of_the_versions_that_the_launcher_brings() -> None:
    assert CONTAINERS["kafka"]["image"].endswith(":" + KAFKA.rpartition(":")[2])
    assert CONTAINERS["keycloak"]["image"].endswith(":" + KEYCLOAK.rpartition(":")[2])


def test_keycloak_has_the_same_environment_and_realm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.stores.keycloak.java", lambda: "java")
    launched = keycloak_specification(Instance()).environment
    expected = {key: in_containers(launched[key]) for key in CONTAINERS["keycloak"]["environment"]}
    expected |= {"MICROCOMMERCE_SMTP_HOST": "mail", "MICROCOMMERCE_SMTP_PORT": "1025"}
    assert CONTAINERS["keycloak"]["environment"] == expected
    mounted = Path(CONTAINERS["keycloak"]["volumes"][0].partition(":")[0])
    assert (ROOT / mounted).samefile(realm.path("development"))


def test_redis_keeps_and_forgets_as_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when baskets would not outlive a restart, or go when memory is short, in one of the two places."""
    monkeypatch.setattr("launcher.stores.redis._program", lambda: "valkey-server")
    wanted = {
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--maxmemory-policy": "noeviction",
        "--save": "",
        "--lazyfree-lazy-expire": "yes",
    }
    for program in (redis_specification(Instance()).command, CONTAINERS["redis"]["command"]):
        options = dict(zip(program[1::2], program[2::2], strict=True))
        assert {name: options.get(name) for name in wanted} == wanted
    assert COMPOSE["volumes"].keys() >= {"redis"}
    assert CONTAINERS["redis"]["volumes"] == ["redis:/data"]


def test_uploaded_pictures_outlive_their_container() -> None:
    """Red when the folder is not on the volume, or when the image does not have it: a new volume would be root's."""
    place = PLACES[str(Instance().media)]
    assert COMPOSE["volumes"].keys() >= {"media"}
    assert CONTAINERS["product-api"]["volumes"] == [f"media:{place}"]
    assert place in (ROOT / "infrastructure" / "Dockerfile").read_text()


def test_mongodb_ends_transactions_as_soon() -> None:
    assert f"transactionLifetimeLimitSeconds={TRANSACTION_SECONDS}" in CONTAINERS["mongod"]["command"]


def test_postgres_makes_the_same_roles_and_databases() -> None:
    found = (ROOT / "infrastructure/postgres/databases.sql").read_text().splitlines()
    assert found[1:] == [f"{statement.as_string()};" for statement in statements()]


def test_the_demonstration_waits_for_every_product() -> None:
    assert words(CONTAINERS["demo-stock"]["command"])[-1] == str(number_of_products())


def test_topics_are_made_by_the_launcher_from_the_contracts() -> None:
    assert words(CONTAINERS["topics"]["command"]) == [
        "python",
        "-m",
        "launcher.topics",
        PLACES["127.0.0.1:8092"],
    ]
