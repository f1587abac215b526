"""`python -m launcher.contract check`: whether the contract's documents are valid, and are what the code says.

It is one of the static checks of `manage_all.py test`; `python manage_all.py schema` writes the documents.
"""

import json
import sys
from collections.abc import Iterator

from launcher.contract import configuration
from launcher.contract.files import ASYNCAPI, OPENAPI, differences, made, text_of
from launcher.contract.parts import all_parts
from launcher.contract.validity import asyncapi_faults, openapi_faults, unexplained
from launcher.errors import LauncherError


def main() -> int:
    """0 when all is well."""
    try:
        found = list(_faults())
    except LauncherError as error:
        found = [error.message, error.way_out]
    sys.stderr.writelines(f"{each}\n" for each in found)
    return 1 if found else 0


def _faults() -> Iterator[str]:
    parts = all_parts()
    documents = made(parts)
    yield from differences(documents)
    yield from openapi_faults(json.loads(text_of(documents[OPENAPI])))
    yield from asyncapi_faults(json.loads(text_of(documents[ASYNCAPI])))
    yield from configuration.faults(parts)
    yield from unexplained(parts)


if __name__ == "__main__":
    sys.exit(main())
