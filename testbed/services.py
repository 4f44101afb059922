"""A Service that pods of the real node reach, though no kube-proxy stands for it.

The pod behind it takes the Service's address as one more of its own, in the
network that all pods share. That holds for a Service with one pod and the port
of its container, and ends with the pod.
"""

from testbed.real_node import RealNode


def take_address(node: RealNode, namespace: str, service: str) -> None:
    """Give the address of a Service to the only pod that it selects."""
    core = node.plane.core
    spec = core.read_namespaced_service(service, namespace).spec
    selector = ",".join(f"{label}={value}" for label, value in spec.selector.items())
    [pod] = core.list_namespaced_pod(namespace, label_selector=selector).items
    process = node.process_of(pod.status.container_statuses[0].container_id.removeprefix("containerd://"))
    command = ("ip", "address", "replace", f"{spec.cluster_ip}/32", "dev", "eth0")
    done = node.run("nsenter", f"--target={process}", "--net", "--", *command)
    assert done.returncode == 0, f"service {service}: {done.stderr}"
