"""Moves a saga through its table. Pure: it changes the saga in memory and returns the commands to send.

No clock, no database, no broker: what happened and what time it is come in, so a recorded history can be
replayed against today's code.

A saga may have begun under a definition with other steps. A step that its record does not know was not done: it is
begun when it comes next, and is not undone. A step that the definition does not have any more, or that has nothing
left to ask, is left behind as soon as anything happens to the saga (docs/adding-a-saga-step.md).
"""

from datetime import datetime, timedelta
from typing import Any, cast

from apps.saga.definition import Ask, Definition, Step
from apps.saga.models import Saga, Status, StepStatus, stamp
from shared.contracts import Message, StockRejected
from shared.contracts.names import with_names

Commands = list[Message]
TIMED_OUT = "The answer did not come in time."
GONE = "The step does not exist any more."


def start(saga: Saga, definition: Definition, now: datetime) -> Commands:
    """The order was submitted: the first step is done, the next begins. A saga that has begun stays as it is."""
    if saga.steps:
        return []
    saga.steps = [_blank(step.name) for step in definition.steps]
    _record(saga, definition, definition.steps[0].name).update(
        status=StepStatus.DONE, started_at=stamp(now), finished_at=stamp(now)
    )
    saga.note(now, "started")
    return _begin(saga, definition, 1, now)


def apply(saga: Saga, definition: Definition, event: Message, now: datetime) -> Commands:
    """Something happened: go on, go back, or leave it."""
    if isinstance(event, definition.cancelled_by):
        return _cancel(saga, definition, event, now)
    commands = _leave_gone_step(saga, definition, now)
    return commands + _apply(saga, definition, event, now)


def _apply(saga: Saga, definition: Definition, event: Message, now: datetime) -> Commands:
    if saga.status == Status.RUNNING:
        return _forward(saga, definition, event, now)
    if saga.status == Status.COMPENSATING:
        return _backward(saga, definition, event, now)
    if saga.status == Status.COMPENSATED:
        return _late(saga, definition, event, now)
    saga.note(now, event.TYPE, "known already")
    return []


def wake(saga: Saga, definition: Definition, now: datetime, *, by_hand: bool = False) -> Commands:
    """The deadline has passed (or a manager says so): ask again, undo, or admit to be stuck."""
    if not saga.step:
        return []
    if not by_hand and (saga.deadline is None or saga.deadline > now):
        return []
    if _is_gone(saga, definition):
        return _leave_gone_step(saga, definition, now)
    ask, record = _current(saga, definition), _record(saga, definition, saga.step)
    if by_hand or record["attempts"] <= ask.retry.retries:
        saga.note(now, "woken by hand" if by_hand else "timed out", f"{saga.step}: asked again")
        return [_ask(saga, record, ask, now)]
    record["error"] = TIMED_OUT
    if saga.status == Status.RUNNING and not definition.is_after_pivot(saga.step):
        record["status"] = StepStatus.FAILED
        return _turn_back(saga, definition, TIMED_OUT, now)
    saga.is_stuck, saga.deadline = True, None
    saga.note(now, "stuck", f"{saga.step}: {record['attempts']} attempts")
    return []


def _forward(saga: Saga, definition: Definition, event: Message, now: datetime) -> Commands:
    ask = _current(saga, definition)
    if isinstance(event, ask.done):
        saga.note(now, event.TYPE)
        _finish(_record(saga, definition, saga.step), StepStatus.DONE, now)
        return _begin(saga, definition, definition.index(saga.step) + 1, now)
    if isinstance(event, ask.refused):
        why = with_names(_why(event), saga.product_names)
        saga.note(now, event.TYPE, why)
        _finish(_record(saga, definition, saga.step), StepStatus.REFUSED, now, error=why)
        return _turn_back(saga, definition, why, now)
    saga.note(now, event.TYPE, "not waited for")
    return []


def _begin(saga: Saga, definition: Definition, index: int, now: datetime) -> Commands:
    commands: Commands = []
    for step in definition.steps[index:]:
        if step.forward is None:
            continue
        saga.step = step.name
        record = _record(saga, definition, step.name)
        record.update(status=StepStatus.RUNNING, started_at=stamp(now))
        commands.append(_ask(saga, record, step.forward, now))
        if step.forward.done:
            return commands
        _finish(record, StepStatus.DONE, now)
    _end(saga, Status.COMPLETED, now)
    return commands


def _cancel(saga: Saga, definition: Definition, event: Message, now: datetime) -> Commands:
    if saga.cancel_requested or saga.status == Status.COMPENSATED:
        saga.note(now, event.TYPE, "known already")
        return []
    saga.cancel_requested = True
    saga.note(now, event.TYPE)
    if saga.status == Status.COMPENSATING:
        return []  # on its way back already; the order will be cancelled instead of rejected
    return _turn_back(saga, definition, getattr(event, "reason", None) or "", now)


def _turn_back(saga: Saga, definition: Definition, reason: str, now: datetime) -> Commands:
    saga.status, saga.reason = Status.COMPENSATING, reason[:500]
    saga.note(now, "compensating", reason)
    current = saga.record(saga.step)
    if current and current["status"] == StepStatus.RUNNING:
        current["status"] = StepStatus.FAILED
    return _undo_next(saga, definition, len(definition.steps), now)


def _backward(saga: Saga, definition: Definition, event: Message, now: datetime) -> Commands:
    ask = _current(saga, definition)
    if not isinstance(event, ask.done):
        return _late(saga, definition, event, now, already_asked=ask)
    saga.note(now, event.TYPE)
    step = definition.step(saga.step)
    for name in (step.name, *step.covers):
        if record := saga.record(name):
            _finish(record, StepStatus.COMPENSATED, now, keep_error=True)
    return _undo_next(saga, definition, definition.index(saga.step), now)


def _late(
    saga: Saga, definition: Definition, event: Message, now: datetime, already_asked: Ask | None = None
) -> Commands:
    """An answer to something that is being undone, or is undone, is undone again; never acted upon."""
    undo = definition.too_late.get(type(event))
    if undo is None or (already_asked and undo is already_asked.command):
        saga.note(now, event.TYPE, "not waited for")
        return []
    saga.note(now, event.TYPE, "too late: undone again")
    return [undo(saga)]


def _undo_next(saga: Saga, definition: Definition, before: int, now: datetime) -> Commands:
    for step in reversed(definition.steps[:before]):
        if step.backward is None or not _must_be_undone(saga, step):
            continue
        saga.step, saga.is_stuck = step.name, False
        record = _record(saga, definition, step.name)
        record.update(status=StepStatus.COMPENSATING, attempts=0)
        return [_ask(saga, record, step.backward, now)]
    for record in saga.steps:
        if record["status"] == StepStatus.PENDING:
            record["status"] = StepStatus.SKIPPED
    _end(saga, Status.COMPENSATED, now)
    return []


def _must_be_undone(saga: Saga, step: Step) -> bool:
    # A step that failed may have had its effect all the same; one that was refused or never begun has none.
    record = saga.record(step.name)
    return record is not None and record["status"] in {StepStatus.DONE, StepStatus.RUNNING, StepStatus.FAILED}


def _record(saga: Saga, definition: Definition, name: str) -> dict[str, Any]:
    """What the saga says of a step of the definition; where it began without the step, it has a line from now on."""
    if found := saga.record(name):
        return found
    earlier = {step.name for step in definition.steps[: definition.index(name)]}
    place = max((i for i, record in enumerate(saga.steps, 1) if record["name"] in earlier), default=0)
    saga.steps.insert(place, _blank(name))
    return cast("dict[str, Any]", saga.steps[place])


def _is_gone(saga: Saga, definition: Definition) -> bool:
    """Whether the saga waits for a step that the definition has no longer, or that has nothing to ask any more."""
    if not saga.step:
        return False
    return not definition.has(saga.step) or _asked(saga, definition.step(saga.step)) is None


def _leave_gone_step(saga: Saga, definition: Definition, now: datetime) -> Commands:
    """Go on, or back, from where a step was that does not exist any more; whether it was done nobody can tell."""
    if not _is_gone(saga, definition):
        return []
    saga.note(now, "left behind", saga.step)
    if record := saga.record(saga.step):
        _finish(record, StepStatus.FAILED, now, error=GONE)
    before = _steps_before(saga, definition)
    if saga.status == Status.RUNNING:
        return _begin(saga, definition, before, now)
    return _undo_next(saga, definition, before, now)


def _steps_before(saga: Saga, definition: Definition) -> int:
    """How many of the definition's steps stand before the saga's current one."""
    names = [record["name"] for record in saga.steps]
    earlier = names[: names.index(saga.step)] if saga.step in names else names
    if definition.has(saga.step):
        earlier = [step.name for step in definition.steps[: definition.index(saga.step) + 1]]
    return max((definition.index(name) + 1 for name in earlier if definition.has(name)), default=0)


def _ask(saga: Saga, record: dict[str, Any], ask: Ask, now: datetime) -> Message:
    record["attempts"] += 1
    saga.is_stuck = False
    saga.deadline = now + timedelta(seconds=ask.retry.wait(record["attempts"]))
    return ask.command(saga)


def _current(saga: Saga, definition: Definition) -> Ask:
    ask = _asked(saga, definition.step(saga.step))
    if ask is None:
        raise ValueError(f"The step {saga.step} has nothing to ask while {saga.status}.")
    return ask


def _asked(saga: Saga, step: Step) -> Ask | None:
    return step.forward if saga.status == Status.RUNNING else step.backward


def _finish(
    record: dict[str, Any], status: StepStatus, now: datetime, *, error: str = "", keep_error: bool = False
) -> None:
    record.update(status=status, finished_at=stamp(now))
    if not keep_error:
        record["error"] = error or None


def _end(saga: Saga, status: Status, now: datetime) -> None:
    saga.status, saga.step, saga.deadline, saga.is_stuck = status, "", None, False
    saga.note(now, status)


def _blank(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "status": StepStatus.PENDING,
        "attempts": 0,
        "started_at": None,
        "finished_at": None,
        "error": None,
    }


def _why(event: Message) -> str:
    if isinstance(event, StockRejected) and event.unavailable:
        return f"no longer sold: {', '.join(event.unavailable)}"
    if isinstance(event, StockRejected) and event.shortages:
        return "; ".join(
            f"{s.product_id}: {s.requested} wanted, {s.available} available" for s in event.shortages
        )
    return getattr(event, "reason", None) or "refused"
