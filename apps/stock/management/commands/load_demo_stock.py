"""`manage.py load_demo_stock`: demonstration stock for every product that never had any."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.stock.demo import put_demo_stock
from apps.stock.models import StockItem
from shared.auth.actor import acting, command

LOOK_EVERY = 0.5  # seconds


class Command(BaseCommand):
    """Safe to run again: a product that has had any movement is left alone."""

    help = "Give demo stock to every product that never had any movement."

    def add_arguments(self, parser: CommandParser) -> None:
        """How many products to wait for."""
        parser.add_argument(
            "--expect", type=int, default=0, help="wait until so many products are known here"
        )
        parser.add_argument(
            "--timeout", type=float, default=120.0, help="seconds to wait for them (default 120)"
        )

    def handle(self, *args: Any, expect: int, timeout: float, **options: Any) -> None:
        """Wait, then put the stock."""
        self._wait_for(expect, timeout)
        with acting(command("load_demo_stock")):
            supplied = put_demo_stock()
        self.stdout.write(f"{supplied} products were given stock.")

    def _wait_for(self, expected: int, timeout: float) -> None:
        deadline, shown = time.monotonic() + timeout, -1
        while (known := StockItem.objects.count()) < expected:
            if known != shown:
                self.stdout.write(f"{known} of {expected} products are known to the stock service …")
                shown = known
            if time.monotonic() > deadline:
                raise CommandError(
                    f"Only {known} of {expected} products arrived in {timeout:g} s. "
                    "Are product-relay and stock-consumer running? Run this again when they are."
                )
            time.sleep(LOOK_EVERY)
