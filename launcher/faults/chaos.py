"""`manage_all.py chaos`: a random schedule of faults against a running platform under load, then the invariants."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launcher import platform
from launcher.errors import LauncherError
from launcher.faults.detours import detours
from launcher.faults.inject import Site, heal, undo
from launcher.faults.load import Load
from launcher.faults.network import Network
from launcher.faults.record import Record
from launcher.faults.schedule import Fault, schedule
from launcher.instance import Instance
from launcher.invariants import check

HEAL = 90.0  # seconds: T_heal of docs/promises.md
Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a run came to."""

    record: Path
    faults: Sequence[Fault]
    counts: dict[str, int]
    violations: dict[str, list[str]]
    failures: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return not self.failures and not any(self.violations.values())


def run(
    instance: Instance, faults: Sequence[Fault], seed: int, say: Say, network: Network | None = None
) -> Outcome:
    """Do these faults under a load drawn from `seed`, heal, and look. `say` gets a line for whatever happens."""
    platform.require_everything(instance)
    before = check(instance, HEAL)
    for name, found in before.items():
        for violation in found:
            say(f"Before anything was broken, {name}: {violation}")
    path = instance.state / f"chaos-{seed}-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    record = Record(path)
    load = Load(instance, record, seed)
    load.start()
    say(f"The load runs; what clients are told is in {path}")
    try:
        failures = Schedule(Site(instance, network), faults, say).run()
    except KeyboardInterrupt:
        say("Interrupted: what is broken is healed, and the load ends")
        undo(instance)
        load.stop()
        record.close()
        raise
    try:
        heal(instance)
    except LauncherError as error:
        failures.append(error.message)
    say("Everything is healed; the load ends")
    load.stop()
    record.close()
    after = check(instance, HEAL, path)
    violations = {name: [new for new in found if new not in before[name]] for name, found in after.items()}
    try:
        load.clear_out()
    except LauncherError as error:
        failures.append(str(error))
    counts = {f"{what} {outcome}": count for (what, outcome), count in sorted(record.counts.items())}
    return Outcome(path, faults, counts, violations, failures)


def run_at_random(
    instance: Instance, seconds: float, seed: int, say: Say, *, network: bool = False
) -> Outcome:
    """The schedule that `seed` draws; with `network` every service is sent through detours first, and back after."""
    if not network:
        return run(instance, list(schedule(seed, seconds)), seed, say)
    platform.require_everything(instance)
    say("Every service is started again, to go by detours that lose answers")
    with detours(instance) as way:
        return run(instance, list(schedule(seed, seconds, tuple(way.detours))), seed, say, way)


class Schedule:
    """Does each fault at its time, in a thread of its own, so that faults overlap."""

    def __init__(self, site: Site, faults: Sequence[Fault], say: Say) -> None:
        self._site, self._faults, self._say = site, faults, say
        self._busy: set[str] = set()  # what is broken already is not broken twice at once
        self._failures: list[str] = []
        self._began = time.monotonic()

    def run(self) -> list[str]:
        """Return once the last fault has ended, with what went wrong in doing them."""
        threads = []
        for fault in self._faults:
            time.sleep(max(0.0, self._began + fault.at - time.monotonic()))
            if fault.target in self._busy:
                self._tell(f"({fault}: left out, since {fault.target} is broken already)")
                continue
            self._busy.add(fault.target)
            threads.append(threading.Thread(target=self._do, args=(fault,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()
        return self._failures

    def _do(self, fault: Fault) -> None:
        self._tell(str(fault))
        try:
            self._site.do(fault)
        except Exception as error:  # noqa: BLE001 - whatever the kit itself fails with is part of the result
            self._failures.append(f"{fault}: {error!r}")
            self._tell(f"{fault} failed: {error!r}")
        if fault.seconds:
            self._tell(f"{fault.target} goes on")
        self._busy.discard(fault.target)

    def _tell(self, line: str) -> None:
        self._say(f"{time.monotonic() - self._began:6.1f} s  {line}")
