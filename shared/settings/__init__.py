"""What every service's settings have in common; a service's own `settings.py` says only what differs."""

from shared.settings.environment import Environment
from shared.settings.service import service_settings

__all__ = ["Environment", "service_settings"]
