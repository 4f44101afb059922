"""A kind and its versions: what a CustomResourceDefinition says besides the schema.

Exactly one version of a kind is stored. Between versions the API server only
changes apiVersion (conversion strategy None), so all versions of a kind have
the same fields as long as no webhook converts them.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

from ner_operator.api.meta import GROUP, KubernetesObject


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    type: str
    path: str
    description: str


@dataclass(frozen=True, slots=True)
class KindVersion:
    """One version of a kind.

    Attributes:
        name: `v1alpha1`.
        columns: what `kubectl get` prints.
        served: whether the API server answers requests for this version.
        storage: whether etcd holds the objects in this version.
    """

    name: str
    model: type[KubernetesObject]
    columns: tuple[Column, ...]
    served: bool = True
    storage: bool = True

    def __post_init__(self) -> None:
        """Raise ValueError if the model belongs to another version."""
        stated = get_args(self.model.model_fields["api_version"].annotation)
        if stated != (self.api_version,):
            found = ", ".join(stated)
            raise ValueError(f"{self.model.__name__} is a model of {found}, not of {self.api_version}")

    @property
    def api_version(self) -> str:
        """As a manifest writes it: `nerd.dev/v1alpha1`."""
        return f"{GROUP}/{self.name}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind with all of its versions."""

    plural: str
    short: str
    scope: Literal["Namespaced", "Cluster"]
    versions: tuple[KindVersion, ...]

    def __post_init__(self) -> None:
        """Raise ValueError if the API server would refuse this set of versions."""
        stored = [version.name for version in self.versions if version.storage]
        if len(stored) != 1:
            found = ", ".join(stored) or "none"
            raise ValueError(f"{self.plural}: exactly one version must be stored, found {found}")
        versions = [version.name for version in self.versions]
        if repeated := {name for name in versions if versions.count(name) > 1}:
            raise ValueError(f"{self.plural}: version {min(repeated)} is declared twice")
        names = sorted({version.model.__name__ for version in self.versions})
        if len(names) != 1:
            raise ValueError(f"{self.plural}: all versions must have one kind, found {', '.join(names)}")

    @property
    def stored(self) -> KindVersion:
        """The version that etcd holds."""
        return next(version for version in self.versions if version.storage)

    @property
    def name(self) -> str:
        """As a manifest writes it: `NerDeployment`."""
        return self.stored.model.__name__


def group_kinds(*kinds: Kind) -> tuple[Kind, ...]:
    """The kinds of the API group.

    Raises:
        ValueError: two of them share a name.
    """
    for kind, other in combinations(kinds, 2):
        if kind.plural == other.plural and kind.scope != other.scope:
            raise ValueError(f"{kind.plural}: all versions must have one scope, found Cluster and Namespaced")
        if shared := {kind.plural, kind.name, kind.short} & {other.plural, other.name, other.short}:
            raise ValueError(f"{min(shared)} names two kinds: list all versions in one Kind")
    return kinds
