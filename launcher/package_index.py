"""Hand pip's configuration on to uv, which does not read it. Standard library only."""

import os
import subprocess
from ast import literal_eval

# pip's option -> uv's variable (docs.astral.sh/uv/reference/environment)
VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}


def environment_for_uv(python: str) -> dict[str, str]:
    """This process's environment, with pip's settings where uv's own are not set."""
    done = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return {**translated(done.stdout), **os.environ}


def translated(configuration: str) -> dict[str, str]:
    """The variables of uv for what `pip config list` printed, such as `global.index-url='…'`; the last one counts."""
    found = {}
    for line in configuration.splitlines():
        key, _, value = line.partition("=")
        variable = VARIABLES.get(key.rpartition(".")[2])
        if variable and value:
            found[variable] = " ".join(str(literal_eval(value)).split())
    return found
