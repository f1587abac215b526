"""The commands of `manage_all.py`. Each one reads its arguments and calls what does the work."""

import json
import os
import signal
import sys
import time
import tomllib
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape

from launcher import platform, selection
from launcher.addresses import all_urls, gateway_url
from launcher.console import (
    Ticker,
    console,
    process_table,
    show_invariants,
    show_mails,
    show_rows,
    welcome,
)
from launcher.errors import LauncherError
from launcher.instance import ROOT, Instance
from launcher.k8s.cli import app as k8s
from launcher.memory import memory_by_group
from launcher.system import SERVICES, Service, service

EPILOG = """
Examples:\n
  python manage_all.py up                          everything, on http://localhost:8000\n
  python manage_all.py up --port-offset 1000       a second platform beside it\n
  python manage_all.py up --only infrastructure    the stores and Keycloak only\n
  python manage_all.py restart order               after a change to apps/order\n
  python manage_all.py logs order-consumer -f      follow one log\n
  python manage_all.py manage order shell          one of Django's own commands\n
  python manage_all.py mail                        what Keycloak sent to who forgot the password\n
  python manage_all.py grant-manager dora          let somebody who registered run the shop\n
  python manage_all.py test order -k cancel        the tests of one service that match\n
  python manage_all.py chaos --minutes 2 --seed 7  break it under load, then check it\n
  python manage_all.py bench orders --buyers 8     how fast it takes orders; without a name: what else is measured\n
  python manage_all.py test                        everything, on ports and data of its own\n
  python manage_all.py k8s render local            the same platform as manifests for Kubernetes
"""
app = typer.Typer(
    help="Run the whole of Microcommerce on this machine: stores, Keycloak and the seven services.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(k8s, name="k8s")
NOT_RUNNING = 3
INTERRUPTED = 130
USAGE = 2
Offset = Annotated[
    int | None,
    typer.Option(
        "--port-offset",
        metavar="N",
        help="The platform whose ports are moved by N; without it MICROCOMMERCE_PORT_OFFSET, or the one started last.",
    ),
]
before_command: int | None = None  # `manage_all.py --port-offset 1000 status`


def _say_version(wanted: bool) -> None:
    if wanted:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        console.print(f"Microcommerce {project['version']}")
        raise typer.Exit


@app.callback()
def options(
    port_offset: Offset = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Show the version.")
    ] = False,
) -> None:
    """Take what may stand before the name of any command."""
    global before_command  # noqa: PLW0603 - typer hands it to nobody else
    before_command = port_offset


def _chosen(port_offset: int | None) -> Instance:
    """The platform that a command means."""
    return selection.chosen(before_command if port_offset is None else port_offset)


def _ours(port_offset: int | None) -> Instance:
    """The same, which is refused where the ports are another checkout's."""
    return selection.ours(before_command if port_offset is None else port_offset)


@app.command()
def up(
    port_offset: Offset = None,
    only: Annotated[
        str, typer.Option(help="`infrastructure`, or services separated by commas, with every store.")
    ] = "",
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, and take it down at Ctrl-C.")
    ] = False,
    demo: Annotated[bool, typer.Option(help="Load the demo catalogue into an empty shop.")] = True,
) -> None:
    """Start everything and wait until it is healthy; after a change of code, migrate and restart what it concerns.

    Data of an earlier run are still there.
    """
    from launcher.up import Parts, bring_up

    instance, services, began = _chosen(port_offset), _services(only), time.monotonic()
    was_there = platform.is_supervised(instance)
    try:
        with Ticker() as ticker:
            changed = bring_up(instance, ticker, Parts(services=services, demo=demo))
    except KeyboardInterrupt:
        _interrupted(instance, was_there)
    finally:
        if platform.is_supervised(instance):
            selection.remember(instance)
    what = "What you asked for" if only else "Everything"
    console.print(f"\n{what} is up{f' after {time.monotonic() - began:.0f} s' if changed else ' already'}.")
    welcome(instance)
    if foreground:
        _stay(instance)


def _interrupted(instance: Instance, was_there: bool) -> NoReturn:
    """Leave nothing half started, but do not take down what was up before."""
    if was_there:
        console.print(f"\nInterrupted. `manage_all.py down{instance.option()}` stops what is running.")
    else:
        console.print("\nInterrupted: stopping what was started. The data are kept.")
        platform.shut_down(instance)
    raise typer.Exit(INTERRUPTED)


def _services(only: str) -> tuple[Service, ...]:
    if not only:
        return SERVICES
    names = [name for name in only.split(",") if name != "infrastructure"]
    unknown = set(names) - {each.name for each in SERVICES}
    if unknown:
        known = ", ".join(each.name for each in SERVICES)
        raise LauncherError(
            f"There is no service {', '.join(sorted(unknown))}.", f"Choose from infrastructure, {known}."
        )
    return tuple(each for each in SERVICES if each.name in names)


def _stay(instance: Instance) -> None:
    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    console.print("\nCtrl-C takes it down.")
    try:
        while platform.is_supervised(instance):
            time.sleep(1)
    except KeyboardInterrupt:
        console.print("\nStopping everything, services before stores …")
        down(instance.offset)


@app.command()
def down(port_offset: Offset = None) -> None:
    """Stop everything, services before stores. The data are kept for the next `up`."""
    from launcher.stores import kafka

    instance, began = _chosen(port_offset), time.monotonic()
    if not platform.shut_down(instance):
        console.print("Nothing was running.")
        return
    console.print(f"Everything is stopped after {time.monotonic() - began:.0f} s. The data are kept.")
    archive = kafka.class_archive(instance)
    if archive.is_due():
        console.print("Once on this machine: an archive of Kafka's classes, so that it starts faster …")
        archive.make()


@app.command()
def reset(
    port_offset: Offset = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop everything and forget the data, logs and configuration of this platform. Asks before."""
    from launcher.up import forget

    instance = _chosen(port_offset)
    if not instance.state.exists():
        console.print(f"There is nothing to forget: {instance.state} does not exist.", soft_wrap=True)
        return
    if not yes:
        _confirm(f"Forget everything of the platform on {gateway_url(instance)} ({instance.state})?")
    forget(instance)
    selection.forget(instance)
    console.print("The data are gone. The next `up` begins anew.")


def _confirm(question: str) -> None:
    """Go on after a yes, and raise LauncherError otherwise: also where nobody is there to answer."""
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise LauncherError("Nothing was removed.", "`manage_all.py reset --yes` does not ask.")


@app.command()
def status(
    port_offset: Offset = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: addresses and processes.")] = False,
) -> None:
    """Show every process. Exits 0 when all of them are running, 3 otherwise."""
    instance = _chosen(port_offset)
    processes = platform.processes(instance)
    if as_json:
        sys.stdout.write(json.dumps({"urls": all_urls(instance), "processes": processes}, indent=1) + "\n")
    else:
        memory = memory_by_group(each["pid"] for each in processes if each["pid"])
        console.print(process_table(processes, memory))
        own = sum(memory_by_group(platform.own_processes(instance), children=False).values())
        together = sum(memory.values()) + own
        console.print(f"\n{together >> 20} MiB in all, {own >> 20} of them for the supervisor")
        if owner := selection.neighbour(instance):
            console.print(f"Ports of this platform belong to {owner}.", markup=False, soft_wrap=True)
    if any(each["state"] != "running" for each in processes):
        raise typer.Exit(NOT_RUNNING)


@app.command()
def check(
    port_offset: Offset = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for orders that are under way.")] = 90.0,
    record: Annotated[
        Path | None, typer.Option(help="What clients were told, as `chaos` writes it down.", exists=True)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Hold the running shop to its promises: nothing sold twice, nothing lost.

    Exit code 1: something is wrong; 3: a store does not answer, so nothing can be said.
    """
    from launcher.evidence import STORE_AWAY
    from launcher.invariants import check as held_to

    instance = _ours(port_offset)
    try:
        outcome = held_to(instance, wait, record)
    except STORE_AWAY as error:
        console.print(f"Nothing can be said: {error}", markup=False, soft_wrap=True)
        console.print(f"Is the shop up? manage_all.py status{instance.option()}")
        raise typer.Exit(NOT_RUNNING) from error
    if as_json:
        typer.echo(json.dumps(outcome, indent=2))
    else:
        show_invariants(outcome)
    if any(outcome.values()):
        raise typer.Exit(1)


@app.command()
def chaos(
    minutes: Annotated[float, typer.Option(help="How long things are broken.")] = 2.0,
    seed: Annotated[int, typer.Option(help="The same seed breaks the same things again.")] = 1,
    network: Annotated[
        bool, typer.Option("--network", help="Break connections, too: starts every service again, twice.")
    ] = False,
    port_offset: Offset = None,
) -> None:
    """Break a running platform under load at random, heal it, and `check` it. Exit code 1: a promise was broken."""
    from launcher.faults.chaos import run_at_random

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    outcome = run_at_random(_ours(port_offset), minutes * 60, seed, say, network=network)
    console.print(f"\nClients were told: {outcome.counts}\n", markup=False)
    show_invariants({"every fault healed": outcome.failures, **outcome.violations})
    if not outcome.kept:
        raise typer.Exit(1)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which; without it, all are listed.")] = "",
    buyers: Annotated[
        str,
        typer.Option(metavar="1,8,32", help="How many buy, or read, at once: one measurement for each."),
    ] = "",
    port_offset: Offset = None,
) -> None:
    """Measure a running platform, print a table, write test-results/bench/NAME.json.

    What is not known here is passed on: `bench orders --seconds 10`.
    """
    from launcher.bench import BENCHMARKS, named, rows, run

    if not name:
        listed = [
            {
                "name": each.name,
                "what": each.what,
                "options": f"{'--buyers ' * bool(each.at_once)}{each.options}",
            }
            for each in BENCHMARKS
        ]
        show_rows(listed)
        return
    benchmark = named(name)
    instance = _ours(port_offset) if benchmark.measures else _chosen(port_offset)
    code = run(benchmark, instance, buyers, context.args)
    if found := rows(benchmark):
        console.print()
        show_rows(found)
        console.print(f"\nWritten: {benchmark.results.relative_to(ROOT)}", soft_wrap=True)
    if code:
        raise typer.Exit(code)


@app.command()
def backup(
    directory: Annotated[Path, typer.Argument(help="Where to: a directory that does not exist yet.")],
    port_offset: Offset = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Make none: look at every file of the one that is there.")
    ] = False,
) -> None:
    """Copy every store as it is at one moment; the shop goes on, its messages stand still for some seconds."""
    from launcher.backups import back_up
    from launcher.backups import verify as look_at

    if verify:
        made_at = look_at(directory.resolve())
        console.print(f"The backup of {made_at} is whole.")
        return

    seconds = back_up(_ours(port_offset), directory.resolve())
    console.print(f"Everything is in {directory}. Messages stood still for {seconds:.1f} s.")


@app.command()
def restore(
    directory: Annotated[Path, typer.Argument(help="What `backup` made.")],
    port_offset: Offset = None,
) -> None:
    """Put a backup in the place of this platform's data. It must be down; what it had since is gone."""
    from launcher.backups import restore as put_back

    instance = _chosen(port_offset)
    made_at = put_back(instance, directory.resolve())
    console.print(f"The data are as they were at {made_at}. Start: manage_all.py up{instance.option()}")


@app.command()
def schema() -> None:
    """Write anew what is made of the code: OpenAPI, AsyncAPI, docs/configuration.md, compose.yaml, lists in docs and k8s."""
    from launcher.contract.files import write

    changed = [str(path.relative_to(ROOT)) for path in write()]
    console.print(f"Written: {', '.join(changed)}." if changed else "The documents are what the code says.")


@app.command()
def logs(
    name: Annotated[
        str,
        typer.Argument(
            help="A process, as `status` names it, or a service for all of its; none: the supervisor's own log."
        ),
    ] = "supervisor",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as it grows.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many lines from its end.")] = 100,
    trace: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The way of one request, message or order through all processes, by its id."
        ),
    ] = "",
    port_offset: Offset = None,
) -> None:
    """Show the log of one process or service, or everything that one trace left in all of them."""
    from launcher.follow import show, show_trace

    instance = _chosen(port_offset)
    if trace:
        show_trace(instance, trace)
    else:
        show(instance, name, lines=lines, follow=follow)


@app.command()
def restart(
    name: Annotated[str, typer.Argument(help="A process, or a service for all of its processes.")],
    port_offset: Offset = None,
    once: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="A variable for this one start, not for the next after a crash."
        ),
    ] = None,
) -> None:
    """Stop a process gently and start it again, for example after a change to its code."""
    from launcher.up import specification_of

    instance = _ours(port_offset)
    names = platform.named(instance, name)
    platform.restart(
        instance, specification_of(instance, names), once=dict(_pair(each) for each in once or ())
    )
    platform.wait_until_running(instance, names, 120)
    console.print(f"Running again: {', '.join(sorted(names))}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise LauncherError(f"--once {text} is no NAME=VALUE.", "For example MICROCOMMERCE_LOG_LEVEL=DEBUG.")
    return name, value


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def manage(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SERVICE", help="product, order, stock, …")],
) -> None:
    """Run one of Django's own commands in a service: `manage order showmigrations`."""
    from launcher.migrations import django_command
    from launcher.services import environment

    offset, (name, *arguments) = _split([name, *context.args], context)
    owner = _one_service(name)
    instance = _ours(offset)
    os.chdir(instance.root)
    command = django_command(owner, *arguments)
    os.execve(command[0], command, environment(owner, instance))


def _split(given: list[str], context: typer.Context) -> tuple[int | None, list[str]]:
    """Our own option out of arguments that are Django's; help where there is nothing for Django."""
    offset, rest = selection.take_offset(given)
    if not rest or rest[0] in ("-h", "--help"):
        typer.echo(context.get_help())
        raise typer.Exit(0 if rest else USAGE)
    return offset, rest


def _one_service(name: str) -> Service:
    if name not in {each.name for each in SERVICES}:
        known = ", ".join(each.name for each in SERVICES)
        raise LauncherError(f"There is no service {name}.", f"Choose from {known}.")
    return service(name)


@app.command()
def mail(
    number: Annotated[int | None, typer.Argument(min=1, help="Show this one; without it, list all.")] = None,
    port_offset: Offset = None,
) -> None:
    """Show the mails that Keycloak sent in development, for example to who forgot the password."""
    from launcher.mails import mails
    from launcher.stores.mail import directory

    instance = _chosen(port_offset)
    found = mails(directory(instance))
    if number is None:
        show_mails(found)
        if not found:
            console.print("No mail has come yet.")
        return
    if number > len(found):
        raise LauncherError(
            f"There is no mail {number}.", f"`manage_all.py mail{instance.option()}` lists them."
        )
    console.print(found[number - 1].text, markup=False, soft_wrap=True)


@app.command("grant-manager")
def grant_manager(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user name, or an e-mail address.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the role away instead.")] = False,
    port_offset: Offset = None,
) -> None:
    """Let a user run the shop: products, stock, every order. Counts from the user's next access token.

    `--revoke` also signs the user out everywhere.
    """
    from launcher.managers import make_manager, unmake_manager

    change = (unmake_manager if revoke else make_manager)(_ours(port_offset), user)
    state = "no manager any more" if revoke else "a manager"
    if change.done:
        when = (
            "and signed out; an access token in use elsewhere ends within five minutes"
            if revoke
            else "from the next access token on: sign in again, or wait five minutes at most"
        )
        console.print(f"{change.username} is {state}, {when}.")
    else:
        console.print(
            f"{change.username} was {'no manager' if revoke else 'a manager'} before; "
            f"{'signed out all the same' if revoke else 'nothing was changed'}."
        )


@app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_tests(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Suites: a service, shared, launcher, simulation, unit (all of these), system, faults, static, k8s. "
            "None: all but the last two and faults; static checks come with them."
        ),
    ] = None,
    keyword: Annotated[
        str, typer.Option("-k", help="Only tests whose names match, as pytest understands it.")
    ] = "",
    keep: Annotated[
        bool, typer.Option(help="Leave the platform under test running, for a quick next run.")
    ] = False,
    coverage: Annotated[
        bool,
        typer.Option("--coverage", help="Say how much of the suites' own code the tests run; takes longer."),
    ] = False,
) -> None:
    """Run the tests, on ports and data of their own. What is not known here is passed on to pytest: `-x`, `-v`."""
    from launcher.testing.run import run

    names = list(takewhile(lambda each: not each.startswith("-"), what or ()))
    arguments = [*(what or ())[len(names) :], *(["-k", keyword] if keyword else [])]
    if not run(names, arguments, keep=keep, coverage=coverage):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; a failure that has a way out is shown without a traceback."""
    try:
        app(prog_name=f"python {Path(sys.argv[0]).name}")
    except LauncherError as error:
        console.print(f"\n[bold red]✗[/] {escape(error.message)}", markup=True, soft_wrap=True)
        if error.way_out:
            console.print(f"\n{error.way_out}", markup=False, soft_wrap=True)
        sys.exit(1)
    except PermissionError as error:
        console.print(f"\n[bold red]✗[/] {escape(str(error))}", markup=True, soft_wrap=True)
        console.print("\nDoes the checkout, or what it keeps in .microcommerce, belong to another user?")
        sys.exit(1)
