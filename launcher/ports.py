"""Say who holds a port that we need, before anything is started."""

import contextlib
import socket
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

from launcher import platform
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.system import STORES

FOR_BROWSERS = {"gateway", "keycloak"}
BAD_PORTS = {10080}  # Fetch Standard, "bad port": those from 8000 on


def all_ports(instance: Instance) -> Iterator[tuple[str, int]]:
    """Every port of the platform, with the process that listens there."""
    for process in platform.table(instance):
        yield process["name"], process["port"]
    for store in STORES:
        for port in store.also:
            yield store.name, instance.port(port)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def require_reachable(instance: Instance) -> None:
    """Raise LauncherError where a browser would refuse to go to the gateway or to Keycloak's sign-in page."""
    for name, port in all_ports(instance):
        if name in FOR_BROWSERS and port in BAD_PORTS:
            raise LauncherError(
                f"With --port-offset {instance.offset} {name} would listen on {port}, which browsers refuse to open.",
                f"Choose another: python manage_all.py up --port-offset {instance.offset + 1000}",
            )


def require_free(instance: Instance, names: Collection[str]) -> None:
    """Raise LauncherError that says who uses a port of these processes, unless they are running themselves."""
    waiting = {each["name"] for each in platform.processes(instance) if each["state"] == "stopped"} & set(
        names
    )
    taken = [(name, port) for name, port in all_ports(instance) if name in waiting and not is_free(port)]
    if taken:
        lines = [f"  {port} (for {name}) is in use by {_holder(port)}" for name, port in taken]
        raise LauncherError(
            "Ports that the platform needs are taken:\n" + "\n".join(lines),
            "Stop what holds them, or move the whole platform: "
            f"python manage_all.py up --port-offset {instance.offset + 1000}",
        )


def another_owner(instance: Instance, running: Collection[str]) -> str:
    """Another checkout, or somebody whom we may not look at, that listens where this platform would; in words.

    `running` are the platform's own processes that are there. What is no platform's (another program on that
    port) is nobody: commands fail by themselves where they find it.
    """
    taken = {port for name, port in all_ports(instance) if name not in running and not is_free(port)}
    if not taken:
        return ""
    listeners = _listeners()
    owners = {_platform_of(listeners.get(port)) for port in taken} - {str(instance.state), NO_PLATFORM}
    return _in_words(min(owners)) if owners else ""


NO_PLATFORM, UNKNOWN = "", "~"


def _platform_of(process: psutil.Process | None) -> str:
    """The state directory of the platform that a process belongs to."""
    if process is None:
        return UNKNOWN
    try:
        return process.environ().get(platform.MARK, NO_PLATFORM)
    except psutil.NoSuchProcess:
        return NO_PLATFORM
    except (psutil.Error, OSError):
        return UNKNOWN


def _in_words(state: str) -> str:
    return "a process of another user" if state == UNKNOWN else f"the platform of {Path(state).parent.parent}"


def _listeners() -> dict[int, psutil.Process]:
    """Who listens on which port, as far as we may know."""
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.pid:
                with contextlib.suppress(psutil.Error):
                    found[connection.laddr.port] = psutil.Process(connection.pid)
    return found


def _holder(port: int) -> str:
    process = _listeners().get(port)
    if (state := _platform_of(process)) != NO_PLATFORM or process is None:
        return _in_words(state)
    with contextlib.suppress(psutil.Error):
        return f"{process.name()} (pid {process.pid}): {' '.join(process.cmdline())[:100]}"
    return "a process that has just ended"
