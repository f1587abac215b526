#!/usr/bin/env python3
"""Runs the whole of Microcommerce: `python manage_all.py --help`.

Needs Python 3.11 or later and nothing else; what it needs beyond that it installs into `.venv`.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "Microcommerce needs Python 3.11 or later; this is Python %d.%d (%s).\n"
        "Run it with a newer one, for example: python3.11 manage_all.py up" % (*sys.version_info[:2], sys.executable)
    )

from launcher import bootstrap

if __name__ == "__main__":
    bootstrap.enter(sys.argv[1:])
    from launcher.cli import main

    main()
