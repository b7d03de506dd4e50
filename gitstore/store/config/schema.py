"""What store.yaml holds: every key, its type, its default, what is allowed and what it means.

This is the only place that says so; docs/store.md explains the keys to operators.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from gitstore.aliases import requirements
from gitstore.billing.periods import parse_time
from gitstore.billing.prices import PRICE_PATTERN, DatedPrice, parse_price
from gitstore.names import name_problem
from gitstore.policy.limits import PushLimits
from gitstore.policy.role import Role
from gitstore.settings.keys import KeyProblem, Keys, size_meta
from gitstore.store.names import model_problem, owner_problem, user_problem
from gitstore.text import control_problem

_WORD = "a name is one word, like ada"

OwnerName = Annotated[str, Meta(extra={"problem": owner_problem, "allowed": _WORD})]
ModelKey = Annotated[str, Meta(extra={"problem": model_problem, "allowed": _WORD})]
UserName = Annotated[str, Meta(extra={"problem": user_problem, "allowed": _WORD})]


RoleName = Literal["read", "write", "admin"]
"""A role, as `policy.role` has it, in words."""


GateRule = Annotated[
    str, Meta(extra={"problem": requirements.problem, "allowed": f"write {requirements.EXAMPLE}"})
]


def _count(description: str) -> Meta:
    return Meta(ge=1, le=2**31, description=description)


class QuotaConfig(Keys, frozen=True, kw_only=True):
    """How many bytes may be stored. Bytes are those of the ledger."""

    hard: Annotated[int, size_meta("A push that would need more is refused.", at_least=0)] | None = None
    soft: (
        Annotated[int, size_meta("A push that needs more is let in, with a warning.", at_least=0)] | None
    ) = None

    def find_problem(self) -> KeyProblem | None:
        if self.hard is not None and self.soft is not None and self.soft > self.hard:
            return KeyProblem("soft", "is more than hard, so nobody would ever be warned by it")
        return None


class QuotasConfig(Keys, frozen=True, kw_only=True):
    """The quotas of owners and models that have none of their own."""

    owner: QuotaConfig = QuotaConfig()
    model: QuotaConfig = QuotaConfig()


class LimitsConfig(Keys, frozen=True, kw_only=True):
    """What a single push may hold at most."""

    pack: Annotated[int, size_meta("Bytes of a push as they travel.")] = PushLimits.pack
    inflated: Annotated[int, size_meta("Bytes of all objects of a push, decompressed.")] = PushLimits.inflated
    object: Annotated[int, size_meta("Bytes of one object, decompressed.")] = PushLimits.object
    objects: Annotated[int, _count("Objects of a push.")] = PushLimits.objects
    tree: Annotated[int, size_meta("Bytes of one tree: 36 for each part of a file.")] = PushLimits.tree
    trees: Annotated[int, size_meta("Bytes of all trees that a push leads to.")] = PushLimits.trees
    paths: Annotated[int, _count("Files in a snapshot.")] = PushLimits.paths
    parts: Annotated[int, _count("Parts of large files in a snapshot.")] = PushLimits.parts
    depth: Annotated[int, _count("How deep directories may be nested.")] = PushLimits.depth
    path: Annotated[int, _count("Bytes of a path.")] = PushLimits.path
    refs: Annotated[int, _count("Refs that one push changes.")] = PushLimits.refs
    parents: Annotated[int, _count("Parents of a commit.")] = PushLimits.parents

    def to_push_limits(self, alias_roles: Mapping[str, Role]) -> PushLimits:
        """Return the limits for the policy, with the roles that move protected aliases."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return PushLimits(**values, alias_roles=alias_roles)


def _date_problem(text: str) -> str | None:
    try:
        is_date = datetime.date.fromisoformat(text).isoformat() == text and parse_time(text) > 0
    except ValueError:
        is_date = False
    return None if is_date else "is not a date"


class PriceConfig(Keys, frozen=True, kw_only=True, rename={"start": "from"}):
    """A price, and the day from which it holds."""

    start: Annotated[
        str,
        Meta(
            description="The first day that it holds, at 00:00 UTC.",
            extra={"problem": _date_problem, "allowed": "write it like 2026-01-01"},
        ),
    ]
    storage: Annotated[
        str,
        Meta(
            pattern=PRICE_PATTERN,
            description="The price of stored bytes over time.",
            extra={"allowed": "a price like 0.02/GiB-month"},
        ),
    ]


class AliasConfig(Keys, frozen=True, kw_only=True):
    """An alias that only some people may move, and the gate that must hold then."""

    name: Annotated[
        str, Meta(description="The alias.", extra={"problem": name_problem, "allowed": "a name is one word"})
    ]
    role: Annotated[RoleName, Meta(description="The role that moves it.")] = "admin"
    models: Annotated[
        str,
        Meta(
            description="Which models: OWNER/MODEL, in which * is any text.",
            extra={"problem": control_problem, "allowed": "write it like ada/*"},
        ),
    ] = "*"
    gate: Annotated[
        tuple[GateRule, ...],
        Meta(description="What must be recorded of a snapshot before the alias moves to it."),
    ] = ()


Members = dict[UserName, RoleName]


class ModelConfig(Keys, frozen=True, kw_only=True):
    """Settings of one model. What is missing is that of its owner."""

    members: Annotated[Members, Meta(description="More people, or higher roles.")] = field(
        default_factory=dict
    )
    public: Annotated[bool, Meta(description="Whether everybody may read it.")] | None = None
    quota: QuotaConfig | None = None


class OwnerConfig(Keys, frozen=True, kw_only=True):
    """An owner of models: a person or a team."""

    members: Annotated[Members, Meta(description="Who may do what with all models of the owner.")] = field(
        default_factory=dict
    )
    public: Annotated[bool, Meta(description="Whether everybody may read the owner's models.")] = False
    quota: QuotaConfig | None = None
    models: Annotated[dict[ModelKey, ModelConfig], Meta(description="Settings of single models.")] = field(
        default_factory=dict
    )


class StoreConfig(Keys, frozen=True, kw_only=True):
    """The settings of a store."""

    url: (
        Annotated[
            str,
            Meta(
                description="The store's URL for people and in events.",
                extra={"problem": control_problem, "allowed": "write it like https://models.example.org"},
            ),
        ]
        | None
    ) = None
    admins: Annotated[
        tuple[UserName, ...], Meta(description="Who may do everything.", extra={"unique": True})
    ] = ()
    owners: Annotated[dict[OwnerName, OwnerConfig], Meta(description="The owners of models.")] = field(
        default_factory=dict
    )
    limits: LimitsConfig = LimitsConfig()
    quotas: QuotasConfig = QuotasConfig()
    currency: Annotated[
        str,
        Meta(
            pattern="^[A-Z]{3}$", description="The currency of prices.", extra={"allowed": "a code like EUR"}
        ),
    ] = "EUR"
    prices: Annotated[
        tuple[PriceConfig, ...],
        Meta(description="Prices, by the day from which they hold.", extra={"unique": "from"}),
    ] = ()
    aliases: Annotated[tuple[AliasConfig, ...], Meta(description="Protected aliases.")] = ()
    automation: Any = None
    """What happens on events, as a node of YAML; `automation/` knows its keys."""

    def dated_prices(self) -> list[DatedPrice]:
        """Return the prices, each with the second from which it holds."""
        return [DatedPrice(parse_time(entry.start), parse_price(entry.storage)) for entry in self.prices]

    def list_protected(self, model: str) -> list[AliasConfig]:
        """Return the protected aliases of a model OWNER/MODEL, the first entry for each name."""
        fitting = [alias for alias in self.aliases if fnmatchcase(model, alias.models)]
        return list({alias.name: alias for alias in reversed(fitting)}.values())

    def owner(self, name: str) -> OwnerConfig:
        """Return the settings of an owner; the defaults if there are none."""
        return self.owners.get(name, OwnerConfig())

    def model(self, owner: str, model: str) -> ModelConfig:
        """Return the settings of a model; the defaults if there are none."""
        return self.owner(owner).models.get(model, ModelConfig())

    def owner_quota(self, owner: str) -> QuotaConfig:
        """Return the quota of all models of an owner together."""
        return self.owner(owner).quota or self.quotas.owner

    def model_quota(self, owner: str, model: str) -> QuotaConfig:
        """Return the quota of one model."""
        return self.model(owner, model).quota or self.quotas.model
