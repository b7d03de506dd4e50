"""pre-receive: whether a push may happen, decided while nothing of it is visible."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gitstore.disk.processes import ProcessId
from gitstore.errors import GitstoreError
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import NotLive, Quota, QuotaNotice, Quotas
from gitstore.policy.decide import decide
from gitstore.policy.refusal import Refusal
from gitstore.policy.role import Role
from gitstore.policy.rules import refuse_path
from gitstore.store.access import User, find_role, no_such_model
from gitstore.store.config.schema import QuotaConfig, StoreConfig
from gitstore.store.receive import admissions, facts
from gitstore.store.receive.asked import AskedChange
from gitstore.store.receive.ended import finish_ended
from gitstore.store.receive.facts import Facts
from gitstore.store.store import Store, StoreModel
from gitstore.text import and_more

MOST_REFUSALS = 20
"""The most lines that a pusher sees."""


class PushNotAllowed(GitstoreError):
    """A push breaks rules. The message has a line for each: what is wrong, the rule, and what to do."""

    kind = "push_refused"

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        lines = [str(refusal) for refusal in refusals[:MOST_REFUSALS]]
        if len(refusals) > MOST_REFUSALS:
            lines.append(and_more(len(refusals) - MOST_REFUSALS))
        super().__init__("\n".join(lines))
        self.refusals = tuple(refusals)


@dataclass(frozen=True)
class IncomingPush:
    """A push as git hands it to its hooks. `process` is the git receive-pack that will move the refs.

    `quarantine` is the directory of the new objects; `None` if the push brings none. `now` is in microseconds
    since 1970, UTC.
    """

    changes: Sequence[AskedChange]
    user: User
    quarantine: Path | None
    process: ProcessId
    now: int


def check_push(store: Store, model: StoreModel, push: IncomingPush) -> tuple[QuotaNotice, ...]:
    """Decide about a push, and reserve what it adds. Returns the warnings that the pusher should see.

    Raises `PushNotAllowed`, `QuotaExceeded`, `BadSettings` if store.yaml is invalid, and `Locked` while gc
    runs.
    """
    config = store.config
    role = find_role(config, push.user, model.model_name)
    if role is Role.NONE:
        raise no_such_model(push.user, model.model_name)
    limits = config.limits.to_push_limits(find_alias_roles(config, model))
    with _holding(store, model), store.ledger() as ledger:
        finish_ended(model, ledger, now=push.now)
        collected = facts.collect(
            model.repository, push.changes, quarantine=push.quarantine, role=role, limits=limits
        )
        refusals = decide(collected.push, limits) or _find_gate_refusals(config, model, collected)
        if refusals:
            raise PushNotAllowed(refusals)
        return _reserve(ledger, model, push, collected=collected, quotas=find_quotas(config, model))


def _find_gate_refusals(config: StoreConfig, model: StoreModel, collected: Facts) -> tuple[Refusal, ...]:
    """Return why protected aliases must not move, in a push that breaks no other rule."""
    protected = config.list_protected(model.full_name)
    if not any(alias.gate for alias in protected):
        return ()
    from gitstore.store.aliases import gates  # reading records takes more imports than a push needs

    problems = gates.find_problems(
        model, collected.push.moves, protected=protected, objects=collected.quarantine
    )
    return tuple(refuse_path(problem) for problem in problems)


@contextmanager
def _holding(store: Store, model: StoreModel) -> Iterator[None]:
    """Keep gc away, and make sure that the model was not removed before."""
    with model.repository.writing():
        store.find_model(model.model_name)
        yield


def _reserve(
    ledger: Ledger, model: StoreModel, push: IncomingPush, *, collected: Facts, quotas: Quotas
) -> tuple[QuotaNotice, ...]:
    transaction = secrets.token_hex(16)
    reservation = ledger.reserve(
        model.full_name,
        admissions.list_admissions(
            model, collected, partial(ledger.find_live, model.full_name), user=push.user
        ),
        transaction=transaction,
        process=push.process,
        now=push.now,
        quotas=quotas,
    )
    # From now on, gc leaves this repository alone. What it removed before is noticed here.
    missing = facts.find_missing(model.repository, tuple(collected.reused))
    if missing:
        ledger.release(transaction, now=push.now)
        raise NotLive(tuple(missing))
    return reservation.warnings


def find_alias_roles(config: StoreConfig, model: StoreModel) -> dict[str, Role]:
    """Return the roles that move the protected aliases of a model, by their names."""
    return {alias.name: Role[alias.role.upper()] for alias in config.list_protected(model.full_name)}


def find_quotas(config: StoreConfig, model: StoreModel) -> Quotas:
    """Return the quotas of a model and of its owner."""
    return Quotas(
        owner=_quota(config.owner_quota(model.owner)),
        model=_quota(config.model_quota(model.owner, model.name)),
    )


def _quota(quota: QuotaConfig) -> Quota:
    return Quota(hard=quota.hard, soft=quota.soft)
