"""`nerd-operator`: reads the options, runs the controllers, and returns the exit code.

Exit codes: 0 after SIGTERM, or after `--once`; 1 if the process must be
restarted (a watch has failed for good, the CRDs are not installed yet).
"""

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from kubernetes import client
from kubernetes.config import ConfigException
from prometheus_client import CollectorRegistry

from ner_operator import logs
from ner_operator.controllers.nerdeployment.controller import nerdeployment_controller
from ner_operator.controllers.nerdeployment.jobs import DefaultImage
from ner_operator.controllers.nerdeployment.snapshot import ClusterSettings
from ner_operator.kube import interpreter, probes
from ner_operator.kube.client import Api, configure
from ner_operator.kube.manager import Manager, ManagerSettings
from ner_operator.kube.metrics import ControllerMetrics

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line; see `parser`."""

    default_image: DefaultImage
    versions: Mapping[str, str]
    cpu_class: str
    service_accounts: tuple[str, ...]
    manager: ManagerSettings
    metrics_port: int
    once: bool


def parser() -> argparse.ArgumentParser:
    """The flags of `nerd-operator --help`."""
    made = argparse.ArgumentParser(prog="nerd-operator", description="Runs NerDeployments as Jobs.")
    add = made.add_argument
    add("--image", required=True, help="image of stages whose NerRuntime names none")
    add("--image-pull-policy", default="", help="pull policy of that image; empty: the API server's default")
    add(
        "--image-pull-secrets",
        default="",
        help="pull Secrets of that image, in the NerDeployments' namespaces: a,b",
    )
    add("--namespace", action="append", default=[], help="serve only this namespace; may be repeated")
    add("--versions", type=Path, help="JSON file with the versions of the image's libraries, by name")
    add("--cpu-class", default="x86_64", help="class of the cluster's CPUs; part of the keys")
    add("--service-accounts", default="", help="service accounts that pods may use besides default: a,b")
    add(
        "--metrics-port",
        type=int,
        default=8080,
        help="port of /metrics, /healthz and /readyz; 0: any free port",
    )
    add("--workers", type=int, default=16, help="number of NerDeployments to reconcile at the same time")
    add("--resync", type=float, default=120.0, help="seconds between two comparisons with the whole cluster")
    add(
        "--watch-timeout",
        type=float,
        default=70.0,
        help="seconds without an event until a watch is restarted",
    )
    levels = ["debug", "info", "warning", "error"]
    add("--log-level", default="info", choices=levels, help="lowest level that is logged")
    add("--once", action="store_true", help="reconcile everything once, then exit")
    return made


def options_of(arguments: Sequence[str] | None) -> tuple[Options, str]:
    """The options and the log level. Exits on wrong usage."""
    given = parser().parse_args(arguments)
    options = Options(
        default_image=DefaultImage(
            image=given.image,
            pull_policy=given.image_pull_policy,
            pull_secrets=_names(given.image_pull_secrets),
        ),
        versions=json.loads(given.versions.read_text()) if given.versions else {},
        cpu_class=given.cpu_class,
        service_accounts=_names(given.service_accounts),
        manager=ManagerSettings(
            namespaces=tuple(given.namespace),
            workers=given.workers,
            resync=given.resync,
            watch_timeout=given.watch_timeout,
        ),
        metrics_port=given.metrics_port,
        once=given.once,
    )
    return options, given.log_level


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def manager_of(options: Options, configuration: client.Configuration) -> Manager:
    """The manager with all controllers; nothing is started."""
    user_agent = f"nerd-operator/{version('nerdeployment')}"
    api = Api(configuration, connections=options.manager.workers + 2, user_agent=user_agent)
    metrics = ControllerMetrics(CollectorRegistry(), prefix="nerd")
    settings = ClusterSettings(
        runtimes={},
        image=options.default_image.image,
        versions=options.versions,
        isa=options.cpu_class,
        service_accounts=options.service_accounts,
    )
    controllers = [
        nerdeployment_controller(api, metrics, settings, options.default_image),
    ]
    return Manager(api, controllers, metrics, options.manager)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the operator; returns the exit code."""
    options, level = options_of(arguments)
    interpreter.tune()
    logs.configure(level)
    try:
        manager = manager_of(options, configure())
    except ConfigException as error:
        logger.error("no cluster is configured: %s", error)
        return 1
    server = probes.serve(options.metrics_port, manager.registry, manager.liveness)
    logger.info("serving /metrics, /healthz and /readyz", extra={"port": server.server_port})
    if why := manager.read_cluster():
        logger.error("%s", why)
        return 1
    if options.once:
        manager.run_once()
        return 0
    try:
        manager.run()
    except Exception:
        logger.exception("a watch has failed for good; this process must be restarted")
        return 1
    logger.info("stopped")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
