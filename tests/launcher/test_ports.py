"""A port that somebody else holds is named, with its holder, before anything is started."""

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.ports import all_ports, is_free, require_free, require_reachable
from tests.launcher.programs import free_port


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """A platform whose ports nobody uses."""
    candidates = (Instance(offset, tmp_path) for offset in range(9_300, 24_000, 700))
    return next(each for each in candidates if all(is_free(port) for _, port in all_ports(each)))


def test_the_message_names_the_port_its_purpose_and_its_holder(instance: Instance) -> None:
    port = instance.port(8002)
    with closing(socket.create_server(("127.0.0.1", port))), pytest.raises(LauncherError) as caught:
        require_free(instance, {"order-api", "stock-api"})
    assert f"{port} (for order-api) is in use by" in caught.value.message
    assert f"(pid {os.getpid()})" in caught.value.message
    assert f"--port-offset {instance.offset + 1000}" in caught.value.way_out
    assert "stock-api" not in caught.value.message


def test_a_second_port_of_a_store_counts(instance: Instance) -> None:
    with (
        closing(socket.create_server(("127.0.0.1", instance.port(8081)))),
        pytest.raises(LauncherError, match="keycloak"),
    ):
        require_free(instance, {"keycloak"})


def test_a_port_of_a_part_that_is_not_wanted_may_be_taken(instance: Instance) -> None:
    with closing(socket.create_server(("127.0.0.1", instance.port(8002)))):
        require_free(instance, {"stock-api"})


def test_a_server_on_every_address_is_seen() -> None:
    port = free_port()
    with closing(socket.create_server(("0.0.0.0", port))):
        assert not is_free(port)
    assert is_free(port)


@pytest.mark.parametrize(("offset", "name"), [(2000, "keycloak"), (2080, "gateway")])
def test_a_port_that_browsers_refuse(offset: int, name: str) -> None:
    """Everything would be healthy, and nobody could sign in."""
    with pytest.raises(LauncherError, match=f"{name} would listen on 10080"):
        require_reachable(Instance(offset))
    require_reachable(Instance(offset + 1))
