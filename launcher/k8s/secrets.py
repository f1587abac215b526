"""The Secrets of overlays/local: made at random once, kept outside of git, printed for `kubectl apply`."""

import json
import secrets
from pathlib import Path
from typing import Any

import yaml

from launcher.instance import ROOT
from launcher.system import SERVICES, Service, with_postgres

KEPT = ROOT / ".microcommerce" / "kubernetes" / "secrets.json"
NAMESPACE = "microcommerce"
PREFIX = "MICROCOMMERCE_"
Passwords = dict[str, str]


def manifests(kept: Path = KEPT) -> str:
    """Every Secret as YAML; the same ones at each call, since the stores have their passwords on their volumes."""
    found = _passwords(kept)
    made = {owner.name: _of(owner, found) for owner in SERVICES}
    made["postgres"] = {"postgres": found["postgres"], **{name: found[name] for name in _roles()}}
    made["keycloak"] = {
        "KC_DB_PASSWORD": found["keycloak"],
        "KC_BOOTSTRAP_ADMIN_PASSWORD": found["keycloak-admin"],
        PREFIX + "OIDC_CLIENT_SECRET": found["oidc-client"],
    }
    return yaml.safe_dump_all([_secret(name, data) for name, data in made.items()], sort_keys=False)


def _of(owner: Service, found: Passwords) -> dict[str, str]:
    """What only this service knows: its keys, and the addresses that have a password in them."""
    values = {
        "SECRET_KEY": found[f"{owner.name}-key"],
        "REDIS_URL": f"redis://redis:6379/{owner.redis}",
    }
    if owner.database == "postgres":
        values["DATABASE_URL"] = f"postgresql://{owner.name}:{found[owner.name]}@postgres:5432/{owner.name}"
    if owner.database == "mongod":
        values["DATABASE_URL"] = f"mongodb://mongod:27017/{owner.name}?replicaSet=rs0&directConnection=true"
    if "oidc_client_secret" in owner.secrets:
        values["OIDC_CLIENT_SECRET"] = found["oidc-client"]
    return {PREFIX + name: value for name, value in values.items()}


def _secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/part-of": "microcommerce"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "stringData": data,
    }


def _roles() -> list[str]:
    return [*(owner.name for owner in with_postgres()), "keycloak"]


def _passwords(kept: Path) -> Passwords:
    """Those that were made before, and new ones for who has none yet."""
    found: Passwords = json.loads(kept.read_text()) if kept.exists() else {}
    names = [
        "postgres",
        *_roles(),
        "keycloak-admin",
        "oidc-client",
        *(f"{each.name}-key" for each in SERVICES),
    ]
    missing = {name: secrets.token_urlsafe(32) for name in names if name not in found}
    if missing:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(found | missing, indent=1) + "\n")
    return found | missing
