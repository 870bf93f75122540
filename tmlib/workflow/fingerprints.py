"""Which output of a step is current, and why other work has to be done again.

The fingerprint of a job is the version of its step, the arguments, and digests of its inputs. It
is entered when the step's init phase plans the work, and what the output is known by is added in
the transaction that ends the job. The next time the work is planned, a job whose fingerprint is
the same and whose output is still there is skipped. Fingerprints that do not fit the new plan are
deleted with it, so that none can come to life again when somebody changes his mind twice.

Inputs are what is stored now, files by their size and time, not how they came to be: what was
changed by hand counts, and what was made again without a change does not. They are read before
the jobs run. What changes meanwhile is done once too often rather than once too rarely.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from tmlib.ledger.programs import PlannedJob
from tmlib.workflow.models import Fingerprint
from tmlib.workflow.steps.base import Batch, Inputs, Step, StepContext, Work, chunks

COLLECT = "collect"
"""Key of the fingerprint of a step's collect phase."""

_MAX_PARAMETERS = 10_000  # SQLite limits their number


@dataclass(frozen=True)
class Freshness:
    """Whether the output of a job is current, and if not, why the job is done."""

    is_current: bool
    reason: str | None = None


CURRENT = Freshness(is_current=True)


@dataclass(frozen=True)
class StepPlan:
    """The jobs of a step: groups of those of its run phase, and that of collect."""

    run: list[list[PlannedJob]]
    collect: PlannedJob


# built once, since it runs at the end of every job
_ROWS = cast(Table, Fingerprint.__table__)
_RECORD = (
    update(_ROWS)
    .where(
        _ROWS.c.experiment_id == bindparam("experiment"),
        _ROWS.c.step_name == bindparam("step"),
        _ROWS.c["key"] == bindparam("of_batch"),
    )
    .values(output=bindparam("known_by"))
)


def plan(context: StepContext, step: Step) -> StepPlan:
    """Plan the work of a step, and find out what of its output is current.

    What is not is deleted by the context's effects.
    """
    groups = step.create_batches(context)
    collect = Work({}, step.collect_inputs(context) if step.has_collect else None)
    work = [one for group in groups for one in group]
    keys = [step.key(one.batch) for one in work]
    known = _Known(context, step)
    found = known.freshness(keys, work)
    last = known.freshness_of_collect(collect, found)
    if step.is_indivisible and not (last.is_current or (not step.has_collect and _all(found))):
        found = [_WHOLE if one.is_current else one for one in found]
    step.keep(context, [one.batch for one, of in zip(work, found, strict=True) if of.is_current])
    remaining = {key for key, of in zip(keys, found, strict=True) if of.is_current}
    new = [
        _row(context, step, key, one.inputs)
        for key, one in zip(keys, work, strict=True)
        if key not in remaining and one.inputs is not None
    ]
    if last.is_current:
        remaining.add(COLLECT)
    elif collect.inputs is not None:
        new.append(_row(context, step, COLLECT, collect.inputs))
    context.effects.append(lambda session: _replace(session, context, step, remaining, new))
    rest = iter(found)
    return StepPlan(
        [[_job(one.batch, next(rest)) for one in group] for group in groups], _job({}, last)
    )


def _job(batch: Batch, freshness: Freshness) -> PlannedJob:
    return PlannedJob(batch, is_current=freshness.is_current, reason=freshness.reason)


def record(session: Session, context: StepContext, step: Step, phase: str, batch: Batch) -> None:
    """Note what the output of a job is known by, in the transaction that ends it."""
    if phase == COLLECT:
        key, output = COLLECT, step.collect_output(context, session)
    else:
        key = step.key(batch)
        [output] = step.outputs(context, session, [batch])
    if output is None:
        # as it was entered with the plan
        return
    parameters = {"experiment": context.experiment_id, "step": step.name, "of_batch": key}
    session.execute(_RECORD, {**parameters, "known_by": output})


NOT_DONE_BEFORE = "not done before"

_FORCED = Freshness(is_current=False, reason="everything was to be done again")
_NEVER = Freshness(is_current=False, reason=NOT_DONE_BEFORE)
_WHOLE = Freshness(is_current=False, reason="the step is done as a whole")
_AFTER_OTHERS = Freshness(is_current=False, reason="other jobs of the step are done again")


class _Known:
    """The fingerprints of the last plan of a step."""

    def __init__(self, context: StepContext, step: Step) -> None:
        self.context, self.step = context, step
        with context.database.session() as session:
            rows = session.execute(
                select(
                    *(Fingerprint.key, Fingerprint.version, Fingerprint.arguments),
                    *(Fingerprint.inputs, Fingerprint.output),
                ).where(*_of_step(context, step))
            )
            self.rows = {row.key: row for row in rows}

    def freshness(self, keys: Sequence[str], work: Sequence[Work]) -> list[Freshness]:
        """That of each batch."""
        found = [self._compare(key, one) for key, one in zip(keys, work, strict=True)]
        same = [i for i, one in enumerate(found) if one.is_current]
        if not same:
            return found
        with self.context.database.session() as session:
            are_current = self.step.are_current(
                self.context,
                session,
                [work[i].batch for i in same],
                [self.rows[keys[i]].output or "" for i in same],
            )
        for i, is_current in zip(same, are_current, strict=True):
            if not is_current:
                found[i] = Freshness(is_current=False, reason="output is gone or was changed")
        return found

    def freshness_of_collect(self, collect: Work, others: Sequence[Freshness]) -> Freshness:
        """That of collect, which is never current without all jobs before it."""
        found = self._compare(COLLECT, collect)
        if not found.is_current:
            return found
        if not others or not _all(others):
            return _AFTER_OTHERS
        with self.context.database.session() as session:
            output = self.step.collect_output(self.context, session)
        if output != self.rows[COLLECT].output:
            return Freshness(is_current=False, reason="output is gone or was changed")
        return found

    def _compare(self, key: str, work: Work) -> Freshness:
        """Whether a job has the fingerprint of an earlier one that ended well."""
        if self.context.force:
            return _FORCED
        row = self.rows.get(key)
        # planned in another way, batches have other names: any job tells what has changed
        other = row or next(iter(self.rows.values()), None)
        if other is None or work.inputs is None:
            return _NEVER
        if other.version != self.step.version:
            return Freshness(is_current=False, reason="the step has a new version")
        changed = _changed(other.arguments, self.context.arguments)
        if changed:
            return Freshness(is_current=False, reason=_named("argument", changed))
        if row is None:
            return _NEVER
        if row.output is None:
            return Freshness(is_current=False, reason="did not end well before")
        changed = _changed(row.inputs, work.inputs)
        if changed:
            return Freshness(is_current=False, reason=_named("input", changed))
        return CURRENT


def _all(found: Iterable[Freshness]) -> bool:
    return all(one.is_current for one in found)


def _changed(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _named(kind: str, names: Sequence[str]) -> str:
    text = f"{kind}{'s' if len(names) > 1 else ''} changed: {', '.join(names)}"
    return text if len(text) <= 255 else f"{kind}s changed"


def _of_step(context: StepContext, step: Step) -> tuple[ColumnElement[bool], ...]:
    return (
        Fingerprint.experiment_id == context.experiment_id,
        Fingerprint.step_name == step.name,
    )


def _row(context: StepContext, step: Step, key: str, inputs: Inputs) -> dict[str, object]:
    return {
        "experiment_id": context.experiment_id,
        "step_name": step.name,
        "key": key,
        "version": step.version,
        "arguments": context.arguments,
        "inputs": inputs,
        "output": None,
    }


def _replace(
    session: Session,
    context: StepContext,
    step: Step,
    remaining: set[str],
    new: Sequence[dict[str, object]],
) -> None:
    """Leave the fingerprints that remain, and enter those of the jobs that will be done."""
    if not remaining:
        session.execute(delete(Fingerprint).where(*_of_step(context, step)))
    else:
        found = session.scalars(select(Fingerprint.key).where(*_of_step(context, step)))
        for part in chunks([key for key in found if key not in remaining], _MAX_PARAMETERS):
            session.execute(
                delete(Fingerprint).where(*_of_step(context, step), Fingerprint.key.in_(part))
            )
    if new:
        session.execute(insert(Fingerprint), list(new))
