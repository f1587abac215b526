#!/usr/bin/env python3
"""Runs the whole of Microcommerce: `python manage_all.py --help`.

Needs Python 3.11 or later and nothing else; what it needs beyond that it installs into `.venv`.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python reads
    sys.exit(
        "Microcommerce needs Python 3.11 or later; this is "
        + sys.version.split()[0]
        + " ("
        + sys.executable
        + ").\nRun it with a newer one, for example: python3.11 manage_all.py up"
    )

from launcher import bootstrap

if __name__ == "__main__":
    bootstrap.enter(sys.argv[1:])
    from launcher.errors import LauncherError

    try:
        from launcher.cli import main
    except LauncherError as error:  # a service's declaration that cannot be read
        sys.exit(f"\n✗ {error}")
    main()
