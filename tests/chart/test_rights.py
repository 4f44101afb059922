"""What the API server itself answers: who may do what, once a release is installed."""

from functools import partial
from typing import Any

from kubernetes import client

from testbed.cluster import user_name
from testbed.waiting import until

OPERATOR = user_name("nerd-system", "nerd-nerd-operator")
COLLECTOR = user_name("nerd-system", "nerd-nerd-operator-garbage")

OF_THE_OPERATOR = [
    ("list", "nerd.dev/nerdeployments", True),
    ("watch", "nerd.dev/nerdeployments", True),
    ("patch", "nerd.dev/nerdeployments/status", True),
    ("create", "batch/jobs", True),
    ("delete", "batch/jobs", True),
    ("list", "/pods", True),
    ("create", "/events", True),
    ("patch", "nerd.dev/nerdeployments", False),
    ("update", "nerd.dev/nerdeployments/finalizers", False),
    ("update", "nerd.dev/nerdeployments/status", False),
    ("patch", "batch/jobs", False),
    ("deletecollection", "batch/jobs", False),
    ("create", "/pods", False),
    ("get", "/pods/log", False),
    ("create", "/pods/exec", False),
    ("get", "/secrets", False),
    ("list", "/secrets", False),
    ("get", "/configmaps", False),
    ("create", "rbac.authorization.k8s.io/rolebindings", False),
    ("create", "/serviceaccounts/token", False),
]
"""Verb, group/resource[/subresource], and whether: in each namespace that it takes care of."""

OF_THE_CLUSTER = [
    ("list", "nerd.dev/nerruntimes", True),
    ("watch", "nerd.dev/nerruntimes", True),
    ("update", "nerd.dev/nerruntimes", False),
    ("list", "/nodes", False),
    ("list", "/namespaces", False),
    ("list", "apiextensions.k8s.io/customresourcedefinitions", False),
]


def may(releases: Any, user: str, verb: str, what: str, namespace: str = "") -> bool:
    """The API server's answer."""
    group, resource, *sub = what.split("/")
    review = client.V1SubjectAccessReview(
        spec=client.V1SubjectAccessReviewSpec(
            user=user,
            groups=["system:authenticated"],
            resource_attributes=client.V1ResourceAttributes(
                group=group, resource=resource, subresource="".join(sub), verb=verb, namespace=namespace
            ),
        )
    )
    answer = client.AuthorizationV1Api(releases.plane.api).create_subject_access_review(review)
    return bool(answer.status.allowed)


def answers(releases: Any, rows: Any, namespace: str = "") -> list[Any]:
    return [(verb, what, may(releases, OPERATOR, verb, what, namespace)) for verb, what, _ in rows]


def test_the_operator_of_the_whole_cluster(releases: Any) -> None:
    releases.install()
    assert answers(releases, OF_THE_OPERATOR, "anywhere") == OF_THE_OPERATOR
    assert answers(releases, OF_THE_CLUSTER) == OF_THE_CLUSTER


def test_the_operator_of_some_namespaces(releases: Any) -> None:
    for name in ("rights-a", "rights-b"):
        releases.kubectl("create", "namespace", name)
    releases.install(values={"watch": {"namespaces": ["rights-a", "rights-b"]}})
    for namespace in ("rights-a", "rights-b"):
        assert answers(releases, OF_THE_OPERATOR, namespace) == OF_THE_OPERATOR
    assert answers(releases, OF_THE_CLUSTER) == OF_THE_CLUSTER
    elsewhere = [what for what in answers(releases, OF_THE_OPERATOR, "anywhere") if what[2]]
    assert elsewhere == []


def test_the_collector_lists_and_no_more(releases: Any) -> None:
    stores = [{"name": "a", "storage": {"uri": "s3://ner/a"}}]
    releases.install(values={"garbageCollection": {"stores": stores}})
    assert may(releases, COLLECTOR, "list", "nerd.dev/nerdeployments")
    for verb, what in (
        ("watch", "nerd.dev/nerdeployments"),
        ("delete", "nerd.dev/nerdeployments"),
        ("list", "nerd.dev/nerruntimes"),
        ("list", "batch/jobs"),
        ("get", "/secrets"),
    ):
        assert not may(releases, COLLECTOR, verb, what, "nerd-system"), (verb, what)


def test_people_may_with_our_kinds_what_they_may_with_others(releases: Any) -> None:
    releases.install()
    for role, writes in (("view", False), ("edit", True), ("admin", True)):
        namespace = f"people-{role}"
        binding = ("rolebinding", "them", f"--clusterrole={role}", "--user=them", f"--namespace={namespace}")
        releases.kubectl("create", "namespace", namespace)
        releases.kubectl("create", *binding)
        # The aggregation is a controller's work.
        until(
            f"rights of {role}", partial(may, releases, "them", "list", "nerd.dev/nerdeployments", namespace)
        )
        for verb in ("create", "patch", "delete"):
            assert may(releases, "them", verb, "nerd.dev/nerdeployments", namespace) is writes, (role, verb)
        assert not may(releases, "them", "patch", "nerd.dev/nerdeployments/status", namespace), role
        assert not may(releases, "them", "create", "nerd.dev/nerruntimes"), role
