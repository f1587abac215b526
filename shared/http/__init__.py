"""What every HTTP API of the platform has in common: problems, pages, parsers, health, request context."""
