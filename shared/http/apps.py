"""The Django app of `shared.http`: no tables, only what has to be told to DRF when everything is loaded."""

from django.apps import AppConfig


class HttpConfig(AppConfig):
    """Tells drf-spectacular how callers prove who they are."""

    name = "shared.http"
    label = "http"

    def ready(self) -> None:
        """Register the extensions of `openapi_extensions.py`."""
        from shared.http import openapi_extensions  # noqa: F401
