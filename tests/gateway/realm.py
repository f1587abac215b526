"""Keycloak as far as the gateway sees it: an address that serves the realm's public keys."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc.jwk import RSAKey

from shared.testing.tokens import KEY_ID, realm_key

CERTS = "/realms/microcommerce/protocol/openid-connect/certs"


def make_key(key_id: str) -> RSAKey:
    """A new private key."""
    return RSAKey.generate_key(2048, parameters={"kid": key_id, "use": "sig", "alg": "RS256"}, private=True)


class Realm:
    """A realm whose keys tests can change; counts how often they are fetched."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAKey] = {KEY_ID: realm_key()}
        self.fetches = 0
        self.is_down = False
        realm = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                realm.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """The tests' output is not for this."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Serve the public keys, or fail when the realm is down."""
        if request.path == CERTS:
            self.fetches += 1
        document = {"keys": [key.as_dict(private=False) for key in self.keys.values()]}
        body = json.dumps(document).encode()
        request.send_response(503 if self.is_down else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
