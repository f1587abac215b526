"""What `grant-manager` asks Keycloak for; what Keycloak does then is tests/system/test_managers.py's."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from infrastructure.keycloak.realm import REALM
from launcher import managers
from launcher.instance import Instance

ROLES = "/users/7/role-mappings/realm"
ROLE = {"name": managers.ROLE}


class Answers(BaseHTTPRequestHandler):
    """Keycloak's answers about one user, who has the roles that `roles` says."""

    roles: ClassVar[list[dict[str, str]]] = []
    changes: ClassVar[list[str]] = []

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0].removeprefix(f"/admin/realms/{REALM}")
        known = {"/users": [{"id": "7", "username": "dora"}], ROLES: self.roles, "/roles/manager": ROLE}
        body: object = known.get(path)
        if path.endswith("/token"):
            body = {"access_token": "a"}
        elif self.command != "GET":
            self.changes.append(f"{self.command} {path}")
            body = None
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def keycloak(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answers]]:
    Answers.changes.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(managers, "keycloak_url", lambda *_: f"http://127.0.0.1:{server.server_port}")
    yield Answers
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("had", [True, False])
def test_whose_role_is_taken_away_is_signed_out(
    keycloak: type[Answers], monkeypatch: pytest.MonkeyPatch, had: bool
) -> None:
    """Red without the logout: the session goes on with tokens that have the role. Also where it failed the time before."""
    monkeypatch.setattr(keycloak, "roles", [ROLE] if had else [])
    assert managers.unmake_manager(Instance(), "dora") == managers.Change("dora", had)
    assert keycloak.changes == [*([f"DELETE {ROLES}"] if had else []), "POST /users/7/logout"]


def test_who_gets_the_role_stays_signed_in(keycloak: type[Answers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keycloak, "roles", [])
    assert managers.make_manager(Instance(), "dora").done
    assert keycloak.changes == [f"POST {ROLES}"]
