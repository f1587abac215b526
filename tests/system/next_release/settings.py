"""The settings of the service that `NEXT_RELEASE_OF` names, with the next release's migrations on top."""

import os
from importlib import import_module

owner = os.environ["NEXT_RELEASE_OF"]
today = vars(import_module(f"apps.{owner}.settings"))
globals().update({name: value for name, value in today.items() if name.isupper()})
MIGRATION_MODULES = {**today.get("MIGRATION_MODULES", {}), owner: f"tests.system.next_release.{owner}"}
