"""A production environment for checks: what a service would be given there, with secrets of the moment."""

import secrets

from launcher.instance import Instance
from launcher.services import PREFIX, environment
from launcher.system import Service

HOST = "https://shop.example.com"


def production_environment(owner: Service, instance: Instance) -> dict[str, str]:
    """Every variable of the service, none with a value that production refuses."""
    found = environment(owner, instance)
    database = found[f"{PREFIX}DATABASE_URL"].replace(f":{owner.name}@", f":{secrets.token_urlsafe(16)}@")
    values = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "OIDC_CLIENT_SECRET": secrets.token_urlsafe(32),
        "DATABASE_URL": database,
        "GATEWAY_URL": HOST,
        "ISSUER": f"{HOST}/realms/microcommerce",
    }
    return found | {PREFIX + name: value for name, value in values.items()}
