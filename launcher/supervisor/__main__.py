"""`python -m launcher.supervisor DIRECTORY [--tied]`: the daemon of the platform that lives in DIRECTORY."""

import sys
from pathlib import Path

from launcher.supervisor.guardian import guard

if __name__ == "__main__":
    sys.exit(guard(Path(sys.argv[1]), tied="--tied" in sys.argv))
