"""A window of a real browser at the gateway, which hears everything that goes wrong in it."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Locator, Page, Request, Response, Route

from tests.system.keycloak import Account

ADDRESSES = """() => [...document.querySelectorAll("[href], [src], [action], [data-url]")].flatMap(
  each => ["href", "src", "action", "data-url"].map(name => each.getAttribute(name)).filter(Boolean))"""
MISSING_STYLE = "() => [...document.styleSheets].filter(sheet => !sheet.cssRules.length).length"
FAILED_LOAD = "Failed to load resource"  # said of every status over 399, which `refused` has with its address

AUTHENTICATE = re.compile(r"/login-actions/authenticate\?")
ON_THE_WAY = "on the way back"
TRIES = 3
LEFT = "net::ERR_ABORTED"  # the page was left before this came


def origin(address: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass
class BrowserPage:
    """One tab. `complaints` is what the browser's console said: errors of scripts and of the security policy."""

    page: Page
    gateway: str
    complaints: list[str] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, gateway: str) -> "BrowserPage":
        """A new tab."""
        window = cls(context.new_page(), gateway)
        window.page.on("console", window._hear)
        window.page.on("pageerror", window._fail)
        window.page.on("requestfailed", window._miss)
        window.page.on("response", window._look)
        window.page.on("request", window._note)
        return window

    def go(self, path: str) -> Response:
        """Open an address of the gateway."""
        answer = self.page.goto(self.gateway + path)
        assert answer
        return answer

    def hears_from(self, path: str) -> Response:
        """As `go`, as soon as the answer begins: nothing is loaded or drawn yet."""
        answer = self.page.goto(self.gateway + path, wait_until="commit")
        assert answer
        return answer

    def sign_in(self, account: Account, path: str = "/") -> None:
        """By Keycloak's own page; ends at `path`. Where the gateway waited for Keycloak in vain, once more."""
        self._go_to_keycloak(account, path)
        again = self.page.get_by_role("link", name="Sign in again")
        for _ in range(TRIES):
            self.page.wait_for_url(f"{self.gateway}/**")
            if not again.is_visible():
                break
            again.click()  # Keycloak knows its session
            self.forget()
        if self.page.url != self.gateway + path:
            self.go(path)

    def stop_on_the_way_back(self, account: Account) -> str:
        """Sign in with Keycloak, but do not come back: the address, code and all, where Keycloak sends the browser."""
        ways: list[str] = []

        def stay(route: Route) -> None:
            ways.append(route.fetch(max_redirects=0).headers["location"])
            route.fulfill(status=200, body=ON_THE_WAY)

        self.page.route(AUTHENTICATE, stay)
        self._go_to_keycloak(account, "/")
        self.page.get_by_text(ON_THE_WAY).wait_for()
        self.page.unroute(AUTHENTICATE)
        return ways[0].removeprefix(self.gateway)

    def _go_to_keycloak(self, account: Account, path: str) -> None:
        self.go(f"/login/?next={path}")
        self.page.get_by_label("Username or email").fill(account.username)
        self.page.get_by_label("Password", exact=True).fill(account.password)
        self.page.get_by_role("button", name="Sign In").click()

    def operation(self, title: str) -> Locator:
        """The form of an operation of the API's page, opened."""
        section = self.page.locator("section.operation", has=self.page.get_by_text(title, exact=True)).first
        if not section.is_visible():
            self.page.locator("summary", has_text=title).click()
        return section

    def fill_in(self, body: str, title: str) -> Response:
        """Send `body` by the form that takes JSON, of the operation with this title; the answer."""
        raw = self.operation(title).locator("details.raw")
        raw.locator("summary").click()
        raw.locator("textarea").fill(body)
        return self.press(raw.get_by_role("button", name="Send this JSON"))

    def press(self, button: Locator) -> Response:
        """Press a button that asks the API to do something; the answer, once the page shows what came of it."""
        with self.page.expect_response(
            lambda answer: answer.request.method not in {"GET", "HEAD"}
        ) as waiting:
            button.click()
        answer = waiting.value
        shown = ".notice:not([hidden])" if answer.ok else ".said:not(:empty)"
        self.page.locator(shown).first.wait_for()
        return answer

    def cookie(self, name: str) -> dict[str, Any]:
        """A cookie that the browser keeps for the gateway; empty where there is none."""
        kept = self.page.context.cookies(self.gateway)
        return next((dict(each) for each in kept if each.get("name") == name), {})

    def text(self) -> str:
        """What can be read on the page."""
        return self.page.inner_text("body")

    def strangers(self) -> set[str]:
        """Origins besides the gateway's to which something on the page leads."""
        found = {origin(urljoin(self.page.url, each)) for each in self.page.evaluate(ADDRESSES)}
        return found - {self.gateway}

    def is_sound(self) -> bool:
        """Nothing was missing, nothing failed, nothing was forbidden, and the page has its style sheets."""
        assert (self.complaints, self.refused) == ([], [])
        assert self.page.evaluate(MISSING_STYLE) == 0
        assert self.page.evaluate("document.styleSheets.length") > 0
        return True

    def forget(self) -> None:
        """What was heard so far is of no interest any more."""
        self.complaints.clear()
        self.refused.clear()
        self.asked.clear()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(FAILED_LOAD):
            self.complaints.append(message.text)

    def _fail(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _note(self, request: Request) -> None:
        self.asked.append(request)

    def _miss(self, request: Request) -> None:
        if request.failure != LEFT:
            self.complaints.append(f"{request.url}: {request.failure}")

    def _look(self, answer: Response) -> None:
        if answer.status >= 400:
            self.refused.append((answer.status, answer.url))
