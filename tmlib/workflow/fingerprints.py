"""Which work of a step still stands, and why other work has to be done again.

The fingerprint of a job is the version of its step, the arguments, and digests of its inputs. It
is entered when the step's init phase cuts the work, and what the output is known by is added in
the transaction that ends the job. The next time the work is cut, a job whose fingerprint is the
same and whose output is still there is skipped. Fingerprints that do not fit the new cut are
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

from tmlib.workflow.models import Fingerprint
from tmlib.workflow.steps.base import Batch, Inputs, JobContext, Step, Work, chunks

_COLLECT = "collect"
_MAX_PARAMETERS = 10_000  # SQLite limits their number


@dataclass(frozen=True)
class Verdict:
    """Whether a job is skipped, and if not, why it is done."""

    skipped: bool
    reason: str | None = None


STANDS = Verdict(skipped=True)
TO_BE_DONE = Verdict(skipped=False)


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on the jobs of a step: groups as the batches are, and the one on collect."""

    run: list[list[Verdict]]
    collect: Verdict


@dataclass(frozen=True)
class Cut:
    """The work of a step: groups of batches, and what has to be done of them."""

    batches: list[list[Batch]]
    verdicts: Verdicts


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


def cut(context: JobContext, step: Step) -> Cut:
    """Cut the work of a step, and find out what of it still stands.

    What does not is deleted by the context's effects.
    """
    groups = step.create_batches(context)
    collect = Work({}, step.collect_inputs(context) if step.has_collect else None)
    work = [one for group in groups for one in group]
    keys = [step.key(one.batch) for one in work]
    known = _Known(context, step)
    verdicts = known.judge(keys, work)
    last = known.judge_collect(collect, verdicts)
    if step.is_indivisible and not (last.skipped or (not step.has_collect and _all(verdicts))):
        verdicts = [_WHOLE if one.skipped else one for one in verdicts]
    standing = [one.batch for one, verdict in zip(work, verdicts, strict=True) if verdict.skipped]
    step.keep(context, standing)
    remaining = {key for key, verdict in zip(keys, verdicts, strict=True) if verdict.skipped}
    new = [
        _row(context, step, key, one.inputs)
        for key, one in zip(keys, work, strict=True)
        if key not in remaining and one.inputs is not None
    ]
    if last.skipped:
        remaining.add(_COLLECT)
    elif collect.inputs is not None:
        new.append(_row(context, step, _COLLECT, collect.inputs))
    context.effects.append(lambda session: _replace(session, context, step, remaining, new))
    rest = iter(verdicts)
    return Cut(
        [[one.batch for one in group] for group in groups],
        Verdicts([[next(rest) for _ in group] for group in groups], last),
    )


def record(session: Session, context: JobContext, step: Step, phase: str, batch: Batch) -> None:
    """Note what the output of a job is known by, in the transaction that ends it."""
    if phase == _COLLECT:
        key, output = _COLLECT, step.collect_output(context, session)
    else:
        key = step.key(batch)
        [output] = step.outputs(context, session, [batch])
    if output is None:
        # as it was entered with the cut
        return
    parameters = {"experiment": context.experiment_id, "step": step.name, "of_batch": key}
    session.execute(_RECORD, {**parameters, "known_by": output})


NOT_DONE_BEFORE = "not done before"

_FORCED = Verdict(skipped=False, reason="everything was to be done again")
_NEVER = Verdict(skipped=False, reason=NOT_DONE_BEFORE)
_WHOLE = Verdict(skipped=False, reason="the step is done as a whole")
_AFTER_OTHERS = Verdict(skipped=False, reason="other jobs of the step are done again")


class _Known:
    """The fingerprints of the last cut of a step."""

    def __init__(self, context: JobContext, step: Step) -> None:
        self.context, self.step = context, step
        with context.database.session() as session:
            rows = session.execute(
                select(
                    *(Fingerprint.key, Fingerprint.version, Fingerprint.arguments),
                    *(Fingerprint.inputs, Fingerprint.output),
                ).where(*_of_step(context, step))
            )
            self.rows = {row.key: row for row in rows}

    def judge(self, keys: Sequence[str], work: Sequence[Work]) -> list[Verdict]:
        """A verdict for each batch."""
        verdicts = [self._judge(key, one) for key, one in zip(keys, work, strict=True)]
        same = [i for i, verdict in enumerate(verdicts) if verdict.skipped]
        if not same:
            return verdicts
        with self.context.database.session() as session:
            stand = self.step.stand(
                self.context,
                session,
                [work[i].batch for i in same],
                [self.rows[keys[i]].output or "" for i in same],
            )
        for i, stands in zip(same, stand, strict=True):
            if not stands:
                verdicts[i] = Verdict(skipped=False, reason="output is gone or was changed")
        return verdicts

    def judge_collect(self, collect: Work, verdicts: Sequence[Verdict]) -> Verdict:
        """The verdict for collect, which never stands without all jobs before it."""
        verdict = self._judge(_COLLECT, collect)
        if not verdict.skipped:
            return verdict
        if not verdicts or not _all(verdicts):
            return _AFTER_OTHERS
        with self.context.database.session() as session:
            output = self.step.collect_output(self.context, session)
        if output != self.rows[_COLLECT].output:
            return Verdict(skipped=False, reason="output is gone or was changed")
        return verdict

    def _judge(self, key: str, work: Work) -> Verdict:
        """Whether a job has the fingerprint of an earlier one that ended well."""
        if self.context.force:
            return _FORCED
        row = self.rows.get(key)
        # cut in another way, batches have other names: any job tells what has changed
        other = row or next(iter(self.rows.values()), None)
        if other is None or work.inputs is None:
            return _NEVER
        if other.version != self.step.version:
            return Verdict(skipped=False, reason="the step has a new version")
        changed = _changed(other.arguments, self.context.arguments)
        if changed:
            return Verdict(skipped=False, reason=_named("argument", changed))
        if row is None:
            return _NEVER
        if row.output is None:
            return Verdict(skipped=False, reason="did not end well before")
        changed = _changed(row.inputs, work.inputs)
        if changed:
            return Verdict(skipped=False, reason=_named("input", changed))
        return STANDS


def _all(verdicts: Iterable[Verdict]) -> bool:
    return all(verdict.skipped for verdict in verdicts)


def _changed(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _named(kind: str, names: Sequence[str]) -> str:
    text = f"{kind}{'s' if len(names) > 1 else ''} changed: {', '.join(names)}"
    return text if len(text) <= 255 else f"{kind}s changed"


def _of_step(context: JobContext, step: Step) -> tuple[ColumnElement[bool], ...]:
    return (
        Fingerprint.experiment_id == context.experiment_id,
        Fingerprint.step_name == step.name,
    )


def _row(context: JobContext, step: Step, key: str, inputs: Inputs) -> dict[str, object]:
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
    context: JobContext,
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
