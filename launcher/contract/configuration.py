"""docs/configuration.md: every variable of the environment, from the fields that read them.

A variable that the code names and that is not listed here is a fault, and so is one that nobody has described.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infrastructure.keycloak.realm import render
from launcher.contract.parts import Part
from launcher.instance import ROOT

CONFIGURATION = ROOT / "docs" / "configuration.md"
PREFIX = "MICROCOMMERCE_"
NAMED = re.compile(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b")
OF_THE_REALM = re.compile(rf"\$\{{({PREFIX}\w+)(?::([^}}]*))?\}}")
SOURCES = ("apps", "gateway", "shared", "launcher", "infrastructure", "benchmarks")
KINDS = {".py", ".yaml", ".json", ".toml"}

# What Keycloak fills in when it imports the production realm.
REALM: Mapping[str, str] = {
    "GATEWAY_URL": "the gateway's public address, for redirects",
    "OIDC_CLIENT_SECRET": "the secret of the client `gateway`: the same as the gateway's",
    "EMAIL_AS_USERNAME": "`true`: people register with their address alone",
    "SMTP_HOST": "the mail server, for forgotten passwords",
    "SMTP_PORT": "its port",
    "SMTP_FROM": "whom the mails come from",
    "SMTP_AUTH": "whether it wants to know who sends",
    "SMTP_USER": "the account there",
    "SMTP_PASSWORD": "its password",
    "SMTP_STARTTLS": "whether the connection turns to TLS",
}
LAUNCHER: Mapping[str, str] = {
    "PORT_OFFSET": "the platform that commands without `--port-offset` mean",
    "INSTANCE": "set by the launcher, in each process that it starts: the platform to which the process belongs",
}
INTRODUCTION = """\
# Configuration

Made from the code by `python manage_all.py schema`; a static check compares. A service reads its environment once, when it
starts, and does not start with a value that is wrong or, where `MICROCOMMERCE_ENVIRONMENT` is `production`, with one that is
missing or development's own. `manage_all.py up` sets what a machine of a developer needs and passes the others on.
"""


def document(parts: Mapping[str, Part]) -> str:
    """The text of the file."""
    shared, own = _fields(parts)
    lines = [INTRODUCTION, "## Every service", "", *_table(shared)]
    for service, fields in own.items():
        lines += ["", f"## Only the {service} service", "", *_table(fields)]
    lines += ["", "## Keycloak, when it imports the production realm", "", *_realm()]
    lines += ["", "## `manage_all.py`", "", "| variable | |", "|---|---|"]
    lines += [f"| `{PREFIX}{name}` | {meaning} |" for name, meaning in LAUNCHER.items()]
    return "\n".join(lines) + "\n"


def _fields(parts: Mapping[str, Part]) -> tuple[list[Any], dict[str, list[Any]]]:
    """What every service reads, and what only one of them does."""
    by_service = {name: {each["name"]: each for each in part.variables} for name, part in parts.items()}
    common = set.intersection(*(set(fields) for fields in by_service.values()))
    first = next(iter(by_service.values()))
    own = {
        name: [each for each in fields.values() if each["name"] not in common]
        for name, fields in by_service.items()
    }
    return [each for each in first.values() if each["name"] in common], {k: v for k, v in own.items() if v}


def _table(fields: list[Any]) -> Iterator[str]:
    yield "| variable | default | |"
    yield "|---|---|---|"
    for each in fields:
        yield f"| `{PREFIX}{each['name']}` | {each['default']} | {each['description']} |"


def _realm() -> Iterator[str]:
    yield "| variable | default | |"
    yield "|---|---|---|"
    for name, default in dict(OF_THE_REALM.findall(render("production"))).items():
        meaning = REALM.get(name.removeprefix(PREFIX), "")
        yield f"| `{name}` | {f'`{default}`' if default else 'none'} | {meaning} |"


def faults(parts: Mapping[str, Part]) -> Iterator[str]:
    """Variables that are not described, or not listed at all."""
    text = document(parts)
    for line in text.splitlines():
        if line.startswith("| `") and line.endswith("|  |"):
            yield f"{line.split('`')[1]} has no description: give its field one."
    listed = set(NAMED.findall(text))
    for source in _sources():
        for name in sorted(set(NAMED.findall(source.read_text(encoding="utf-8"))) - listed):
            yield f"{source.relative_to(ROOT)} names {name}, which {CONFIGURATION.name} does not list."


def _sources() -> Iterator[Path]:
    yield from ROOT.glob("*.yaml")
    for folder in SOURCES:
        yield from sorted(each for each in (ROOT / folder).rglob("*") if each.suffix in KINDS)
