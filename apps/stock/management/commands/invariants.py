"""`manage.py invariants`: does everything in the stock service's database add up?"""

import json
from typing import Any

from django.core.management.base import BaseCommand

from apps.stock.queries import violations


class Command(BaseCommand):
    """Prints `{"violations": […]}`; an empty list is good news."""

    help = "Print what does not add up in this service's database, as JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        """Look and tell."""
        self.stdout.write(json.dumps({"violations": violations()}))
