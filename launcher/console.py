"""What the person at the terminal sees."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from launcher import platform
from launcher.addresses import all_urls, api_url
from launcher.instance import Instance
from launcher.mails import Mail
from launcher.plan import Step
from launcher.system import SERVICES, USERS

console = Console(highlight=False)
STYLES = {
    "running": "green",
    "stopped": "red",
    "starting": "yellow",
    "restarting": "yellow",
    "stopping": "yellow",
}


class Ticker:
    """Progress of a plan: a line for each step that ended, and, on a terminal, what is under way."""

    def __init__(self) -> None:
        """Nothing is shown before the `with` block."""
        self._running: dict[str, None] = {}
        self._status = Status("", console=console)

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def began(self, step: Step) -> None:
        """Show that the step is under way."""
        self._running[step.name] = None
        self._show()

    def ended(self, step: Step, seconds: float) -> None:
        """Show how long the step took."""
        del self._running[step.name]
        console.print(f"  [green]✓[/] {step.name:<24}{seconds:6.1f} s")
        self._show()

    def waits(self, reason: str) -> None:
        """Show why nothing goes on yet."""
        console.print(reason, markup=False, soft_wrap=True)

    def _show(self) -> None:
        self._status.update(", ".join(self._running))


def process_table(processes: list[dict[str, Any]], memory: dict[int, int]) -> Table:
    """`status` for people."""
    table = Table(box=None, header_style="bold")
    for heading in ("process", "state", "pid", "port", "restarts", "MiB"):
        table.add_column(heading, justify="left" if heading in ("process", "state") else "right")
    for each in processes:
        state = f"[{STYLES[each['state']]}]{each['state']}[/]"
        used = memory.get(each["pid"] or 0)
        numbers = (
            str(each["pid"] or ""),
            str(each["port"]),
            str(each["restarts"]),
            f"{used >> 20}" if used else "",
        )
        table.add_row(each["name"], state, *numbers)
    return table


def show_rows(rows: Sequence[Mapping[str, object]]) -> None:
    """A table whose headings are the keys of the rows; what has no room is folded, never cut."""
    table = Table(box=None, header_style="bold")
    for heading, value in rows[0].items():
        justify: JustifyMethod = "left" if isinstance(value, str) else "right"
        table.add_column(heading.replace("_", " "), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    console.print(table)


def say(line: str) -> None:
    """A line of progress, as it is."""
    console.print(f"  {line}", markup=False, soft_wrap=True)


def show_mails(mails: Sequence[Mail]) -> None:
    """A line for each mail that came, the oldest first; addresses are never cut."""
    for each in mails:
        line = f"{each.number:>3}  {each.date}  {each.to}  {each.subject}"
        console.print(line, markup=False, soft_wrap=True)


def show_invariants(outcome: Mapping[str, Sequence[str]]) -> None:
    """A line for each invariant, and below it what violates it."""
    for name, violations in outcome.items():
        console.print(f"[red]✗[/] {name}" if violations else f"[green]✓[/] {name}")
        for violation in violations:
            console.print(f"    {violation}", markup=False)


# The address of each name in `status --json`, and the process that is behind it.
BEHIND = {"mongodb": "mongod"}


def welcome(instance: Instance) -> None:
    """Where everything is that runs, who can sign in, and what to try."""
    running = {each["name"] for each in platform.processes(instance) if each["state"] == "running"}
    is_everything = running == {each["name"] for each in platform.table(instance)}
    where = {name: url for name, url in all_urls(instance).items() if BEHIND.get(name, name) in running} | (
        {} if is_everything else _own_addresses(instance, running)
    )
    table = Table(box=None, show_header=False)
    for name, address in where.items():
        table.add_row(f"[bold]{name}[/]", address)
    console.print(table)
    if "keycloak" in running:
        names = ", ".join(f"{name} ({role})" for name, role in USERS.items())
        console.print(f"\n[bold]Users[/] (password = name): {names}")
    console.print("\n[bold]Try[/]")
    if is_everything:
        console.print(_try(where), markup=False, soft_wrap=True)
    console.print(_commands(instance, sorted(running), is_everything), markup=False, soft_wrap=True)


def _own_addresses(instance: Instance, running: Collection[str]) -> dict[str, str]:
    """Where the services themselves answer, for who runs a part of the platform."""
    return {each.name: api_url(each, instance) for each in SERVICES if f"{each.name}-api" in running}


def _try(where: dict[str, str]) -> str:
    gateway, token = (
        where["gateway"],
        f"{where['keycloak']}/realms/microcommerce/protocol/openid-connect/token",
    )
    return f"""\
  curl {gateway}/api/products/?search=coffee
  TOKEN=$(curl -s {token} -d client_id=microcommerce-cli \\
    -d grant_type=password -d username=alice -d password=alice | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
  curl -H "Authorization: Bearer $TOKEN" {gateway}/api/orders/"""


def _commands(instance: Instance, running: Sequence[str], is_everything: bool) -> str:
    option = instance.option()
    one = "order-api" if is_everything else next(iter(running), "supervisor")
    second = "check" if is_everything else "up"
    return f"""\
  python manage_all.py status{option}      python manage_all.py logs {one} -f{option}
  python manage_all.py {second}{option}       python manage_all.py down{option}"""
