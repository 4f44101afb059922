"""What `kubectl nerd list` and `status` say of real objects."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from testbed.programs import find_program


def test_list(promoted: Any) -> None:
    promoted.apply("other")
    header, first, second = promoted("list").out.splitlines()
    assert header.split() == [
        *("NAME", "READY", "REASON", "STAGES", "REVISION", "VARIANT", "F1", "DROP", "AGE"),
    ]
    assert first.split()[:3] == ["other", "Unknown", "NotSeen"]
    assert second.split()[:8] == [
        *("tiny", "False", "StagesRunning", "1/4", "5f2a77c05f2a", "int8", "0.8853", "0.04"),
    ]


def test_list_by_label_and_of_all_namespaces(promoted: Any) -> None:
    promoted.apply("other")
    assert [each["name"] for each in promoted("list", "-l", "team=nlp", "-o", "json").json] == ["tiny"]
    found = promoted("list", "-A", "-o", "json", everywhere=True).json
    assert (promoted.namespace, "tiny") in [(each["namespace"], each["name"]) for each in found]
    header = promoted("list", "-A", everywhere=True).out.splitlines()[0]
    assert header.split()[0] == "NAMESPACE"


def test_an_empty_namespace_says_so(person: Any) -> None:
    said = person("list")
    assert (said.code, said.out) == (0, "")
    assert f"no NerDeployment in namespace {person.namespace}" in said.err


def test_status_is_a_tree_with_the_next_step(promoted: Any) -> None:
    said = promoted("status", "tiny")
    assert said.code == 0
    assert "False, StagesRunning: 2 of 4 stages are done" in said.out
    assert "int8 of revision 5f2a77c05f2a, generation 3: F1 0.8853" in said.out
    assert f"kubectl nerd logs tiny finetune -n {promoted.namespace} --follow" in said.out
    lines = [line.split() for line in said.out.splitlines()]
    assert ["prepare", "Succeeded", "65s"] in lines
    assert ["└─", "compile/int8", "Waiting"] in lines


def test_status_for_a_program(promoted: Any) -> None:
    told = promoted("status", "tiny", "-o", "json").json
    assert told["ready"]["reason"] == "StagesRunning"
    assert told["promotion"]["generation"] == 3
    assert [stage["name"] for stage in told["stages"]] == ["prepare", "finetune", "export", "compile/int8"]


def test_what_is_not_there_is_said_in_a_sentence(person: Any) -> None:
    said = person("status", "nowhere")
    assert said.code == 66
    assert said.err == (
        'nerd: nerdeployments.nerd.dev "nowhere" not found; kubectl nerd list shows what there is\n'
    )


def test_a_context_that_is_not_there(person: Any) -> None:
    said = person("list", "--context", "nowhere")
    assert said.code == 64
    assert 'context "nowhere" does not exist' in said.err


def test_a_cluster_that_does_not_answer(person: Any, tmp_path: Any) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(person.cluster.kubeconfig.read_text().replace("127.0.0.1:", "127.0.0.1:1"))
    said = person("list", environment={"KUBECONFIG": str(file)})
    assert said.code == 75
    assert said.err.startswith("nerd: the cluster does not answer")


def test_kubectl_finds_it_as_its_plugin(promoted: Any) -> None:
    environment = {
        **os.environ,
        "KUBECONFIG": str(promoted.cluster.kubeconfig),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def kubectl_nerd(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(find_program("kubectl")), "nerd", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert "tiny" in kubectl_nerd("list", "-n", promoted.namespace).stdout
    wrong = kubectl_nerd("promote")
    assert wrong.returncode == 64
    assert wrong.stderr == "nerd: give -f FILE or NAME: -f FILE works here, NAME in the cluster\n"
    assert "Usage: kubectl nerd promote" in kubectl_nerd("promote", "--help").stdout
