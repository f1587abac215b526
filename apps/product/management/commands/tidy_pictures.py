"""`manage.py tidy_pictures`: delete the files of pictures that no product shows."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.product import picture_files
from apps.product.operations import tidy_pictures

AT_ONCE = 50  # pictures that one query looks for


class Command(BaseCommand):
    """Safe at any time, on any replica and as often as one likes; a daily job is enough."""

    help = "Delete pictures that were replaced or removed, and what uploads left that died on their way."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How old a file has to be."""
        parser.add_argument(
            "--hours", type=int, default=24, help="how long a file has been there at least (at least 1)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """A transaction for each picture; the shop stays open."""
        if options["hours"] < 1:
            raise CommandError(
                "--hours must be 1 or more: an upload that is under way shows its picture last."
            )
        age = timedelta(hours=options["hours"])
        found = picture_files.digests()
        pieces = [found[start : start + AT_ONCE] for start in range(0, len(found), AT_ONCE)]
        deleted = sum(tidy_pictures(piece, age) for piece in pieces)
        unfinished = picture_files.delete_unfinished(age)
        self.stdout.write(
            f"{deleted} pictures and {unfinished} unfinished files were deleted; {len(found) - deleted} stay."
        )
