"""The models of a store with what they are charged, for whoever may read them. No repository is opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitstore.errors import InvalidName
from gitstore.policy.role import Role
from gitstore.store.access import User, check_model, find_role
from gitstore.store.config.schema import QuotaConfig, StoreConfig
from gitstore.store.names import ModelName, owner_problem
from gitstore.store.store import Store, StoreModel
from gitstore.text import quoted

if TYPE_CHECKING:
    from gitstore.ledger.values import Holding


@dataclass(frozen=True)
class StoredModel:
    """A model in a store: the user's role, and what the ledger has of its refs.

    `is_public` says that everybody may read it. Sizes are bytes.
    """

    model: StoreModel
    role: Role
    is_public: bool
    holdings: tuple[Holding, ...]

    @property
    def size(self) -> int:
        """What the model is charged."""
        return sum(holding.bytes for holding in self.holdings)

    @property
    def snapshots(self) -> int:
        """How many snapshots it has."""
        return sum(holding.tag is not None for holding in self.holdings)


@dataclass(frozen=True)
class DescribedModel:
    """A model in full: who may do what with it, by name, and its quota and that of its owner."""

    stored: StoredModel
    members: dict[str, Role]
    quota: QuotaConfig
    owner_quota: QuotaConfig


def list_models(store: Store, owner: str | None = None, *, user: User) -> list[StoredModel]:
    """List the models that a user may read, by name. Raises `InvalidName` if no owner can be called so."""
    if owner is not None and (problem := owner_problem(owner)):
        raise InvalidName(f"{quoted(owner)} cannot be the name of an owner: it {problem}")
    models = store.models() if owner is None else store.models_of(owner)
    with store.ledger() as ledger:
        holdings = ledger.holdings(owner)
    return _describe(store.config, models, holdings, user=user)


def describe_model(store: Store, name: ModelName, *, user: User) -> DescribedModel:
    """Describe one model. Raises `AccessDenied` if there is none, or if the user may not read it."""
    config = store.config
    check_model(config, user, name, needed=Role.READ)
    model = store.find_model(name, user)
    with store.ledger() as ledger:
        holdings = ledger.holdings(str(name))
    (stored,) = _describe(config, [model], holdings, user=user)
    people = {*config.owner(name.owner).members, *config.model(*name).members, *config.admins}
    members = {person: find_role(config, User(person), name) for person in sorted(people)}
    return DescribedModel(stored, members, config.model_quota(*name), config.owner_quota(name.owner))


def _describe(
    config: StoreConfig, models: Sequence[StoreModel], holdings: Sequence[Holding], *, user: User
) -> list[StoredModel]:
    by_model: dict[str, list[Holding]] = defaultdict(list)
    for holding in holdings:
        by_model[holding.model].append(holding)
    described = []
    for model in models:
        role = find_role(config, user, model.model_name)
        if role is not Role.NONE:
            settings, owner = config.model(model.owner, model.name), config.owner(model.owner)
            is_public = owner.public if settings.public is None else settings.public
            described.append(StoredModel(model, role, is_public, tuple(by_model[model.full_name])))
    return described
