"""What a kubelet sees of the emulator, over real sockets."""

import grpc
import pytest


def test_all_devices_are_offered(kubelet, emulator) -> None:
    kubelet.start()
    emulator.serve()
    kubelet.until("two healthy devices", lambda it: it.health == {"va-0": "Healthy", "va-1": "Healthy"})
    registered = kubelet.registered[-1]
    assert (registered.version, registered.resource_name) == ("v1beta1", "vastaitech.com/va")
    assert registered.endpoint == "emulated-vastaitech.com-va.sock"


def test_a_container_is_given_what_it_asked_for_and_nothing_else(kubelet, emulator) -> None:
    kubelet.start()
    emulator.serve()
    kubelet.until("devices", lambda it: len(it.health) == 2)
    one, other = kubelet.allocate(("va-0",), ("va-1",)).container_responses
    assert dict(one.envs) == {"NERD_DEVICE_EMULATED": "true", "NERD_DEVICE_IDS": "va-0"}
    assert dict(other.envs) == {"NERD_DEVICE_EMULATED": "true", "NERD_DEVICE_IDS": "va-1"}
    assert [(node.container_path, node.permissions) for node in one.devices] == [("/dev/va-0", "rw")]
    assert dict(one.annotations)["nerd.dev/device-ids"] == "va-0"


def test_a_device_that_is_not_offered_is_not_given(kubelet, emulator) -> None:
    kubelet.start()
    emulator.serve()
    kubelet.until("devices", lambda it: len(it.health) == 2)
    with pytest.raises(grpc.RpcError) as refused:
        kubelet.allocate(("va-7",))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "no device va-7" in refused.value.details()


def test_a_device_fails_and_heals(kubelet, emulator) -> None:
    kubelet.start()
    emulator.serve()
    kubelet.until("devices", lambda it: len(it.health) == 2)
    assert emulator.run("fail", "va-1").returncode == 0
    kubelet.until("a failed device", lambda it: it.health == {"va-0": "Healthy", "va-1": "Unhealthy"})
    assert emulator.run("heal", "va-1").returncode == 0
    kubelet.until("a healed device", lambda it: it.health == {"va-0": "Healthy", "va-1": "Healthy"})


def test_only_what_is_offered_can_fail(emulator) -> None:
    refused = emulator.run("fail", "va-7")
    assert refused.returncode == 1
    assert refused.stderr == "error: vastaitech.com/va has no device va-7; there are va-0, va-1\n"
    assert not emulator.failed.exists()
