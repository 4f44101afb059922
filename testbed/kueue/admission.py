"""Which Workloads fit: a pure function of the queue's quota and of who asks.

Order and words follow Kueue: higher priority first, then the older one; the
first flavor that has room is taken; what does not fit waits with a message that
names resource, flavor and how much more is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Resources = Mapping[str, float]
"""Amounts by resource name; cores, bytes, devices."""


@dataclass(frozen=True, slots=True)
class Request:
    """A Workload that asks for admission, or holds it.

    Attributes:
        name: unique.
        created: orders what has the same priority.
        flavor: that it was admitted with; empty while it waits.
    """

    name: str
    resources: Resources
    priority: int = 0
    created: float = 0.0
    flavor: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a ClusterQueue has.

    Attributes:
        flavors: nominal quota by flavor, in the order in which they are tried.
        preempts: whether a Workload may evict those of lower priority (`withinClusterQueue: LowerPriority`).
    """

    flavors: Mapping[str, Resources]
    preempts: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now.

    Attributes:
        admit: flavor by Workload.
        evict: Workloads that lose their quota, by the name of the one that takes it.
        wait: why each of the others waits.
    """

    admit: dict[str, str] = field(default_factory=dict)
    evict: dict[str, str] = field(default_factory=dict)
    wait: dict[str, str] = field(default_factory=dict)


def admit(quota: Quota, requests: Sequence[Request]) -> Plan:
    """Decide about all Workloads of one ClusterQueue."""
    plan = Plan()
    holders = {request.name: request for request in requests if request.flavor}
    waiting = [request for request in requests if not request.flavor]
    for request in sorted(waiting, key=lambda each: (-each.priority, each.created, each.name)):
        reasons = []
        for flavor, nominal in quota.flavors.items():
            missing = _missing(request, nominal, [each for each in holders.values() if each.flavor == flavor])
            if not missing:
                plan.admit[request.name] = flavor
                holders[request.name] = Request(
                    request.name, request.resources, request.priority, request.created, flavor
                )
                break
            reasons.append(_sentence(missing, flavor, request, nominal))
        else:
            # What is evicted frees its quota once its pods are gone; until then this one waits.
            victims = _victims(quota, request, list(holders.values())) if quota.preempts else []
            for victim in victims:
                plan.evict[victim.name] = request.name
                del holders[victim.name]
            if victims:
                reasons.append(f"Pending the preemption of {len(victims)} workload(s)")
            plan.wait[request.name] = "couldn't assign flavors to pod set main: " + ", ".join(reasons)
    return plan


def _missing(request: Request, nominal: Resources, holders: Sequence[Request]) -> dict[str, float]:
    """How much more of each resource is needed; a resource without quota is never there."""
    missing = {}
    for name, amount in request.resources.items():
        used = sum(holder.resources.get(name, 0.0) for holder in holders)
        more = amount + used - nominal.get(name, 0.0)
        if more > 0:
            missing[name] = more
    return missing


def _sentence(missing: Mapping[str, float], flavor: str, request: Request, nominal: Resources) -> str:
    name, more = next(iter(sorted(missing.items())))
    if name not in nominal:
        return f"resource {name} unavailable in ClusterQueue"
    if request.resources[name] > nominal[name]:
        return f"insufficient quota for {name} in flavor {flavor}, request > maximum capacity"
    return f"insufficient unused quota for {name} in flavor {flavor}, {more:g} more needed"


def _victims(quota: Quota, request: Request, holders: Sequence[Request]) -> list[Request]:
    """The fewest Workloads of lower priority whose quota would be enough: lowest priority, youngest first."""
    for flavor, nominal in quota.flavors.items():
        lower = [each for each in holders if each.flavor == flavor and each.priority < request.priority]
        lower.sort(key=lambda each: (each.priority, -each.created, each.name))
        rest = [each for each in holders if each.flavor == flavor]
        victims: list[Request] = []
        for victim in lower:
            victims.append(victim)
            rest.remove(victim)
            if not _missing(request, nominal, rest):
                return victims
    return []
