"""A person with a browser, as far as sign-in goes: cookies, redirects, and the forms of the real Keycloak."""

import html
import re
import uuid
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import requests

from tests.gateway.client import Answer
from tests.gateway.process import GatewayProcess

SESSION = "microcommerce-session"  # the cookies of the gateway: who is signed in, and a sign-in under way
SIGN_IN = "microcommerce-sign-in"
PASSWORD = "correct horse battery staple"


@dataclass
class Browser:
    """Keeps the gateway's cookies, and a session with Keycloak."""

    gateway: GatewayProcess
    cookies: dict[str, str] = field(default_factory=dict)
    keycloak: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, target: str, *headers: tuple[str, str], body: bytes | None = None) -> Answer:
        """One request to the gateway; redirects are not followed."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = [("Cookie", cookie), *headers] if cookie else headers
        answer = self.gateway.call(method, target, *sent, body=body)
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or morsel.value == "":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

    def post(self, target: str, body: bytes = b"{}") -> Answer:
        """An unsafe request with the proof that our own pages have."""
        return self.call("POST", target, ("X-CSRFToken", self.cookies["csrftoken"]), body=body)

    def register(self, path: str = "/register/") -> Answer:
        """Create an account and come back; the gateway's last answer."""
        return self.come_back(self.submit_registration(path))

    def submit_registration(self, path: str = "/register/") -> str:
        """Create an account; where Keycloak sends the browser then."""
        name = f"shopper-{uuid.uuid4().hex[:12]}"
        form = {
            "username": name, "email": f"{name}@example.com", "firstName": "Sam", "lastName": "Shopper",
            "password": PASSWORD, "password-confirm": PASSWORD,
        }  # fmt: skip
        return self.submit(self.call("GET", path).headers["Location"], form)

    def submit(self, address: str, form: dict[str, str]) -> str:
        """Fill in the form at Keycloak's `address`; where that leads."""
        page = self.keycloak.get(address, timeout=30)
        for cookie in self.keycloak.cookies:
            cookie.secure = False  # a browser sends secure cookies to http://localhost, too
        found = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert found, page.text
        answer = self.keycloak.post(html.unescape(found[1]), data=form, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def pass_through(self, address: str) -> Answer:
        """Sign in at Keycloak's `address` with the session that this browser has there; the gateway's last answer."""
        for cookie in self.keycloak.cookies:
            cookie.secure = False
        answer = self.keycloak.get(address, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        return self.come_back(answer.headers["Location"])

    def come_back(self, location: str) -> Answer:
        """Follow Keycloak's redirect to the gateway."""
        address = urlsplit(location)
        assert address.path == "/oidc/callback/", location
        return self.call("GET", f"{address.path}?{address.query}")
