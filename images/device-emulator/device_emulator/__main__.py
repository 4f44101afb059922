"""`python -m device_emulator`: offer devices (`serve`), or make one fail and heal (`fail`, `heal`).

The resource and its count are in the environment, so that `kubectl exec` needs
no arguments for them.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from device_emulator import failures
from device_emulator.devices import NoSuchDeviceError, Resource
from device_emulator.serving import CannotServeError, Offer, serve

RESOURCE_VARIABLE = "EMULATED_RESOURCE"
COUNT_VARIABLE = "EMULATED_COUNT"

SOCKETS = Path("/var/lib/kubelet/device-plugins")
FAILED = Path("/run/device-emulator")


def main() -> int:
    """Run a command; returns the exit code."""
    given = _parser().parse_args()
    try:
        resource = Resource(given.resource, given.count)
        match given.command:
            case "serve":
                logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
                asyncio.run(_serve(Offer(resource, given.sockets, given.failed)))
            case "fail":
                resource.refuse_unknown(given.devices)
                failures.fail(given.failed, given.devices)
            case "heal":
                resource.refuse_unknown(given.devices)
                failures.heal(given.failed, given.devices)
    except (ValueError, NoSuchDeviceError, CannotServeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(offer: Offer) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serve(offer, stopping)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m device_emulator", description="Accelerators that are not there."
    )
    parser.add_argument(
        "--resource",
        default=os.environ.get(RESOURCE_VARIABLE, ""),
        metavar="NAME",
        help=f"such as vastaitech.com/va (default: ${RESOURCE_VARIABLE})",
    )
    parser.add_argument(
        "--count",
        type=int,
        default=os.environ.get(COUNT_VARIABLE, "1"),
        metavar="N",
        help=f"how many devices (default: ${COUNT_VARIABLE}, else 1)",
    )
    parser.add_argument(
        "--sockets",
        type=Path,
        default=SOCKETS,
        metavar="DIR",
        help=f"the kubelet's folder (default: {SOCKETS})",
    )
    parser.add_argument(
        "--failed", type=Path, default=FAILED, metavar="DIR", help=f"of failed devices (default: {FAILED})"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="offer the devices to the kubelet, until SIGTERM")
    for name, words in (("fail", "make devices unhealthy"), ("heal", "make devices healthy again")):
        command = commands.add_parser(name, help=words)
        command.add_argument("devices", nargs="+", metavar="DEVICE", help="such as va-0")
    return parser


if __name__ == "__main__":
    sys.exit(main())
