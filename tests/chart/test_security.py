"""Least privilege, read off the rendered objects: who may what, and how every container runs."""

from typing import Any

import pytest

WORKLOADS = ("Deployment", "DaemonSet", "CronJob", "Pod")


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Pod specs by the component that they are."""
    found = {}
    for each in objects:
        if each["kind"] in WORKLOADS:
            template = each
            if each["kind"] == "CronJob":
                template = each["spec"]["jobTemplate"]["spec"]["template"]
            elif each["kind"] != "Pod":
                template = each["spec"]["template"]
            found[template["metadata"]["labels"]["app.kubernetes.io/component"]] = template["spec"]
    return found


@pytest.fixture(scope="module")
def objects(chart: Any, everything: Any) -> list[dict[str, Any]]:
    return list(chart.render(everything))


def rules(objects: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    roles = [each for each in objects if each["kind"] in ("Role", "ClusterRole")]
    return [(each["metadata"]["name"], rule) for each in roles for rule in each["rules"]]


def test_no_rule_has_a_wildcard_or_reads_secrets(objects: list[dict[str, Any]]) -> None:
    found = rules(objects)
    assert len(found) >= 9
    for name, rule in found:
        granted = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert "*" not in granted, name
        assert not granted & {"secrets", "configmaps", "serviceaccounts", "pods/exec", "impersonate"}, name


def test_the_operator_writes_jobs_events_and_status_alone(objects: list[dict[str, Any]]) -> None:
    writes = {
        (resource, verb)
        for name, rule in rules(objects)
        if name == "nerd-nerd-operator"
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if verb not in ("get", "list", "watch")
    }
    assert writes == {
        ("jobs", "create"),
        ("jobs", "delete"),
        ("events", "create"),
        ("nerdeployments/status", "patch"),
    }


def test_the_collector_lists_our_kinds_alone(objects: list[dict[str, Any]]) -> None:
    granted = [rule for name, rule in rules(objects) if name == "nerd-nerd-operator-garbage"]
    assert granted == [{"apiGroups": ["nerd.dev"], "resources": ["nerdeployments"], "verbs": ["list"]}]


def test_namespaced_rights_are_roles_but_for_runtimes(chart: Any, namespaced: Any) -> None:
    objects = chart.render({**namespaced, "rbac": {"aggregate": False}})
    cluster_wide = [(name, rule["resources"]) for name, rule in rules(objects) if name.endswith("-runtimes")]
    assert cluster_wide == [("nerd-nerd-operator-runtimes", ["nerruntimes"])]
    assert [each["metadata"]["name"] for each in objects if each["kind"] == "ClusterRole"] == [
        "nerd-nerd-operator-runtimes"
    ]
    roles = [each for each in objects if each["kind"] == "Role"]
    assert [each["metadata"]["namespace"] for each in roles] == ["nlp", "search"]
    everywhere = next(
        each
        for each in chart.render({})
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "nerd-nerd-operator"
    )
    assert [each["rules"] for each in roles] == [everywhere["rules"]] * 2


def test_no_right_is_given_to_a_group_or_a_default_account(objects: list[dict[str, Any]]) -> None:
    subjects = [
        subject
        for each in objects
        if each["kind"] in ("RoleBinding", "ClusterRoleBinding")
        for subject in each["subjects"]
    ]
    assert {(subject["kind"], subject["name"]) for subject in subjects} == {
        ("ServiceAccount", "nerd-nerd-operator"),
        ("ServiceAccount", "nerd-nerd-operator-garbage"),
    }


def test_every_container_has_no_capability_no_way_up_and_a_root_that_nobody_writes(
    objects: list[dict[str, Any]],
) -> None:
    found = pods(objects)
    assert set(found) == {"operator", "garbage-collector", "device-emulator", "test"}
    for component, pod in found.items():
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, component
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), component
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}, component
            assert context["allowPrivilegeEscalation"] is False, component
            assert context["readOnlyRootFilesystem"] is True, component
            assert "privileged" not in context, component
            assert container["resources"]["limits"]["memory"], component


def test_only_the_device_emulator_is_root_and_touches_the_host(objects: list[dict[str, Any]]) -> None:
    root, host, token = set(), set(), set()
    for component, pod in pods(objects).items():
        if not pod["securityContext"].get("runAsNonRoot"):
            root.add(component)
        if any("hostPath" in volume for volume in pod.get("volumes", ())):
            host.add(component)
        if pod["automountServiceAccountToken"]:
            token.add(component)
    assert root == host == {"device-emulator"}
    assert token == {"operator", "garbage-collector"}


def test_the_emulators_namespace_is_its_own_and_says_what_it_is(objects: list[dict[str, Any]]) -> None:
    namespace = next(each for each in objects if each["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    inside = {
        each["kind"] for each in objects if each["metadata"].get("namespace") == namespace["metadata"]["name"]
    }
    assert inside == {"DaemonSet", "NetworkPolicy"}


def test_there_is_no_disruption_budget(objects: list[dict[str, Any]]) -> None:
    assert "PodDisruptionBudget" not in {each["kind"] for each in objects}


def test_the_operators_policy_lets_nothing_else_out(objects: list[dict[str, Any]]) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "NetworkPolicy"}
    operator = policies["nerd-nerd-operator"]
    (egress,) = operator["egress"]
    assert [port["port"] for port in egress["ports"]] == [443, 6443]
    (ingress,) = operator["ingress"]
    assert [port["port"] for port in ingress["ports"]] == ["metrics"]
    assert policies["nerd-nerd-operator-device-emulator"].keys() == {"podSelector", "policyTypes"}
