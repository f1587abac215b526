"""What the stores have in common."""

import os
from collections.abc import Mapping, Sequence

from launcher.instance import Instance
from launcher.supervisor.specification import Probe, RunAs, Specification
from launcher.system import store

_PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "JAVA_HOME")


def environment(**more: str) -> dict[str, str]:
    """Little of the caller's own environment, so that it runs the same for everyone."""
    inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**inherited, **more}


def specification(
    instance: Instance,
    name: str,
    command: Sequence[str],
    *,
    ready: Probe,
    live: Probe | None = None,
    more: Mapping[str, str] | None = None,
    run_as: RunAs | None = None,
    stop_signal: int = 15,
    stop_seconds: float = 30,
    labels: tuple[str, ...] = ("store",),
) -> Specification:
    """A store as the supervisor wants it."""
    return Specification(
        name=name,
        service="infrastructure",
        port=instance.port(store(name).port),
        command=tuple(command),
        environment=environment(**(more or {})),
        directory="/",
        log=str(instance.logs / f"{name}.log"),
        ready=ready,
        live=live,
        run_as=run_as,
        stop_signal=stop_signal,
        stop_seconds=stop_seconds,
        start_seconds=180,
        labels=labels,
    )
