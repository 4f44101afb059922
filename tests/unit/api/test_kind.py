"""Kinds and versions that the API server would refuse are refused where they are declared."""

from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import create_model

from ner_operator.api.kind import Kind, KindVersion, group_kinds
from ner_operator.api.meta import KubernetesObject
from ner_operator.api.v1alpha1.version import NER_DEPLOYMENT, NER_RUNTIME


def beta(storage: bool = False, name: str = "NerRuntime") -> KindVersion:
    model = create_model(name, __base__=KubernetesObject, api_version=(Literal["nerd.dev/v1beta1"], ...))
    return KindVersion("v1beta1", model, columns=(), storage=storage)


def runtimes(*versions: KindVersion) -> Kind:
    return Kind("nerruntimes", "nrt", "Cluster", versions)


RUNTIMES = runtimes(NER_RUNTIME)


def test_the_stored_version_names_the_kind() -> None:
    kind = runtimes(beta(), NER_RUNTIME)
    assert (kind.name, kind.stored.api_version) == ("NerRuntime", "nerd.dev/v1alpha1")


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        pytest.param(
            lambda: runtimes(beta()),
            "nerruntimes: exactly one version must be stored, found none",
            id="no stored version",
        ),
        pytest.param(
            lambda: runtimes(NER_RUNTIME, beta(storage=True)),
            "nerruntimes: exactly one version must be stored, found v1alpha1, v1beta1",
            id="two stored versions",
        ),
        pytest.param(
            lambda: runtimes(NER_RUNTIME, beta(), beta()),
            "nerruntimes: version v1beta1 is declared twice",
            id="a version twice",
        ),
        pytest.param(
            lambda: runtimes(NER_RUNTIME, beta(name="NerDevice")),
            "nerruntimes: all versions must have one kind, found NerDevice, NerRuntime",
            id="another kind",
        ),
        pytest.param(
            lambda: KindVersion("v1beta1", NER_RUNTIME.model, columns=()),
            "NerRuntime is a model of nerd.dev/v1alpha1, not of nerd.dev/v1beta1",
            id="a model of another version",
        ),
        pytest.param(
            lambda: group_kinds(RUNTIMES, Kind("nerruntimes", "nrt", "Namespaced", (NER_RUNTIME,))),
            "nerruntimes: all versions must have one scope, found Cluster and Namespaced",
            id="two scopes",
        ),
        pytest.param(
            lambda: group_kinds(RUNTIMES, RUNTIMES),
            "NerRuntime names two kinds: list all versions in one Kind",
            id="a kind twice",
        ),
        pytest.param(
            lambda: group_kinds(RUNTIMES, Kind("others", "o", "Cluster", (NER_RUNTIME,))),
            "NerRuntime names two kinds: list all versions in one Kind",
            id="two plurals",
        ),
        pytest.param(
            lambda: group_kinds(RUNTIMES, Kind("nerdeployments", "nrt", "Namespaced", (NER_DEPLOYMENT,))),
            "nrt names two kinds: list all versions in one Kind",
            id="a short name twice",
        ),
    ],
)
def test_a_wrong_declaration_is_refused(declare: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        declare()
