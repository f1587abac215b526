"""compose.yaml: the services' containers, made from their declarations; stores and the demonstration stand there by hand."""

import json
from collections.abc import Iterator

from launcher.contract.regions import replaced
from launcher.instance import ROOT
from launcher.services import PREFIX
from launcher.system import (
    ANY_ADDRESS,
    BLOCKING_THREADS,
    OIDC_CLIENT_SECRET,
    ROLE_PORTS,
    SERVICES,
    STORES,
    Service,
    command,
    process_name,
)

COMPOSE = ROOT / "compose.yaml"
FOLDERS = "/var/lib/microcommerce"
WITHOUT_VOLUME = {"keycloak", "mail"}  # Keycloak keeps what it has in PostgreSQL
HEALTHY, DONE = "{condition: service_healthy}", "{condition: service_completed_successfully}"


def document() -> str:
    """The text of the file."""
    text = COMPOSE.read_text(encoding="utf-8")
    text = replaced(text, "services", _joined(_common(each) for each in SERVICES))
    text = replaced(text, "processes", _joined(lines for each in SERVICES for lines in _containers(each)))
    return replaced(text, "volumes", [_volumes()])


def _joined(blocks: Iterator[list[str]]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        yield from ("", *block) if number else block


def _common(owner: Service) -> list[str]:
    name, package = owner.name, owner.package.replace(".", "/")
    volumes = ", ".join(f"{folder}:{FOLDERS}/{folder}" for folder in owner.folders.values())
    return [
        f"x-{name}: &{name}",
        "  <<: *restart",
        f"  image: microcommerce-{name}",
        f"  build: {{context: ., dockerfile: infrastructure/Dockerfile, args: {{PACKAGE: {package}}}}}",
        *([f"  volumes: [{volumes}]"] if volumes else ()),
        f"x-{name}-environment: &{name}-environment",
        "  <<: *environment",
        *(f"  {PREFIX}{variable}: {value}" for variable, value in _variables(owner)),
    ]


def _variables(owner: Service) -> Iterator[tuple[str, str]]:
    yield "DATABASE_URL", _database(owner) or '""'
    yield "REDIS_URL", f"redis://redis:6379/{owner.redis}"
    if "gateway" in owner.roles:
        yield "OIDC_CLIENT_SECRET", OIDC_CLIENT_SECRET
        upstreams = {each.name: _address(each) for each in SERVICES if "api" in each.roles}
        yield "UPSTREAMS", ">-\n    " + json.dumps(upstreams).replace(", ", ",\n     ")
    for each in SERVICES:
        if each.name in owner.calls:
            yield f"{each.name.upper()}_URL", _address(each)
    for field, folder in owner.folders.items():
        yield field.upper(), f"{FOLDERS}/{folder}"


def _database(owner: Service) -> str:
    name = owner.name
    if owner.database == "postgres":
        return f"postgresql://{name}:{name}@postgres:5432/{name}"
    return f"mongodb://mongod:27017/{name}?replicaSet=rs0&directConnection=true" if owner.database else ""


def _address(owner: Service) -> str:
    return f"http://{owner.name}-api:{owner.port}"


def _containers(owner: Service) -> Iterator[list[str]]:
    if owner.database:
        yield [
            f"  {owner.name}-migrate:",
            f"    <<: *{owner.name}",
            "    restart: on-failure",
            f"    command: [python, {owner.package.replace('.', '/')}/manage.py, migrate, --no-input]",
            f"    environment: *{owner.name}-environment",
            f"    depends_on: {{{owner.database}: {HEALTHY}}}",
        ]
    for role in owner.roles:
        yield list(_container(owner, role))


def _container(owner: Service, role: str) -> Iterator[str]:
    port = owner.port + ROLE_PORTS[role]
    yield f"  {process_name(owner, role)}:"
    yield f"    <<: *{owner.name}"
    yield f"    command: {' '.join(command(owner, role, port, host=ANY_ADDRESS))}"
    more = {"gateway": "", "api": f"DATABASE_POOL: {BLOCKING_THREADS}"}.get(role, f"PROBE_PORT: {port}")
    shared = f"*{owner.name}-environment"
    yield f"    environment: {f'{{<<: {shared}, {PREFIX}{more}}}' if more else shared}"
    if role == "gateway":
        yield f'    ports: ["127.0.0.1:{port}:{port}"]'
    yield "    depends_on:"
    for store in owner.waits_for:
        yield f"      topics: {DONE}" if store == "kafka" else f"      {store}: {HEALTHY}"
    if owner.database:
        yield f"      {owner.name}-migrate: {DONE}"


def _volumes() -> str:
    stores = [each.name for each in STORES if each.name not in WITHOUT_VOLUME]
    folders = [folder for each in SERVICES for folder in each.folders.values()]
    return f"volumes: {{{', '.join(f'{name}: {{}}' for name in (*stores, *folders))}}}"
