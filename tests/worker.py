"""Which of the processes this is that share the tests of one suite (pytest-xdist): each has stores of its own.

pytest-django gives each its own databases; numbers of Redis databases and port offsets are chosen by this one.
"""

import os

NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
