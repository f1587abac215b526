"""The migrations of the order service: today's, and those beside this file."""

from apps.order import migrations

__path__.extend(migrations.__path__)
