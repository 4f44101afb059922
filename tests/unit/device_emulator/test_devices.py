import pytest

from device_emulator.devices import NoSuchDeviceError, Resource, grant, health_of

VA = Resource("vastaitech.com/va", 2)


def test_devices_are_named_for_the_resource() -> None:
    assert VA.ids() == ("va-0", "va-1")


@pytest.mark.parametrize(
    ("name", "count", "words"),
    [
        pytest.param("va", 2, "example.com/device", id="a name without its domain"),
        pytest.param("", 2, "example.com/device", id="no name"),
        pytest.param("vastaitech.com/va", 0, "at least 1", id="no devices"),
    ],
)
def test_a_bad_offer_is_refused_with_what_to_write(name: str, count: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Resource(name, count)


@pytest.mark.parametrize(
    ("failed", "health"),
    [
        pytest.param(set(), {"va-0": True, "va-1": True}, id="all is well"),
        pytest.param({"va-1"}, {"va-0": True, "va-1": False}, id="one has failed"),
        pytest.param({"va-7"}, {"va-0": True, "va-1": True}, id="what is not offered cannot fail"),
    ],
)
def test_health(failed: set[str], health: dict[str, bool]) -> None:
    assert health_of(VA, failed) == health


def test_a_container_is_given_its_devices_and_told_that_they_are_emulated() -> None:
    given = grant(VA, ["va-1"])
    assert given.environment == {"NERD_DEVICE_EMULATED": "true", "NERD_DEVICE_IDS": "va-1"}
    assert given.annotations == {"nerd.dev/device-emulated": "true", "nerd.dev/device-ids": "va-1"}
    assert given.nodes == ("/dev/va-1",)


def test_the_order_of_the_devices_is_always_the_same() -> None:
    assert grant(VA, ["va-1", "va-0"]) == grant(VA, ["va-0", "va-1"])


def test_a_device_that_is_not_offered_is_named() -> None:
    with pytest.raises(NoSuchDeviceError, match="has no device va-7; there are va-0, va-1"):
        grant(VA, ["va-7"])
