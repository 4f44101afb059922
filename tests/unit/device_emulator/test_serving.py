"""The emulator's life beside a kubelet's: which of them starts first, restarts or ends does not matter."""

import signal

import pytest


def test_the_kubelet_may_come_later(kubelet, emulator) -> None:
    process = emulator.serve()
    assert "waiting for a kubelet" in process.stdout.readline()
    kubelet.start()
    kubelet.until("devices", lambda it: len(it.health) == 2)


def test_a_restarted_kubelet_is_registered_with_again(kubelet, emulator) -> None:
    kubelet.start()
    emulator.serve()
    for _ in range(3):
        kubelet.until("devices", lambda it: len(it.health) == 2)
        kubelet.stop()
        kubelet.until("nobody listens", lambda it: not it.health)
        kubelet.start()
    kubelet.until("devices", lambda it: len(it.health) == 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_no_socket(kubelet, emulator, number: signal.Signals) -> None:
    kubelet.start()
    process = emulator.serve()
    kubelet.until("devices", lambda it: len(it.health) == 2)
    process.send_signal(number)
    assert emulator.end_of(process)[0] == 0
    assert [path.name for path in emulator.sockets.iterdir()] == ["kubelet.sock"]
    kubelet.until("the devices are gone", lambda it: not it.health)


def test_a_stop_while_there_is_no_kubelet_leaves_no_socket(emulator) -> None:
    process = emulator.serve()
    assert "waiting for a kubelet" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert emulator.end_of(process)[0] == 0
    assert list(emulator.sockets.iterdir()) == []


def test_a_killed_emulator_is_replaced_by_the_next(kubelet, emulator) -> None:
    kubelet.start()
    process = emulator.serve()
    kubelet.until("devices", lambda it: len(it.health) == 2)
    process.kill()
    kubelet.until("the devices are gone", lambda it: not it.health)
    emulator.serve()
    kubelet.until("devices", lambda it: len(it.health) == 2)


def test_a_removed_socket_is_made_again_once_nobody_listens(kubelet, emulator) -> None:
    """What a kubelet does that starts while the emulator has just registered with it."""
    kubelet.start()
    emulator.serve()
    kubelet.until("devices", lambda it: len(it.health) == 2)
    (socket,) = emulator.sockets.glob("emulated-*")
    socket.unlink()
    kubelet.stop()
    kubelet.start()
    kubelet.until("devices", lambda it: len(it.health) == 2)
    assert socket.exists()


def test_a_refusal_ends_it_with_the_kubelets_words(kubelet, emulator) -> None:
    kubelet.refusal = "requested API version v1beta1 is not supported"
    kubelet.start()
    process = emulator.serve()
    code, output = emulator.end_of(process)
    assert code == 1
    assert "error: the kubelet refuses vastaitech.com/va: requested API version" in output


def test_a_missing_folder_is_named(emulator) -> None:
    emulator.sockets.rmdir()
    process = emulator.serve()
    code, output = emulator.end_of(process)
    assert code == 1
    assert f"error: {emulator.sockets}/emulated-vastaitech.com-va.sock cannot be created" in output
