"""The migrations of the stock service: today's, and those beside this file."""

from apps.stock import migrations

__path__.extend(migrations.__path__)
