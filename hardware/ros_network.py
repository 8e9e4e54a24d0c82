"""Whom the nodes of this terminal can find, and whether whole frames get through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hardware.contract import Contract
from hardware.dds_profile import PROFILE, SHARED_MEMORY, VARIABLE, has_profile, loss_of
from hardware.discovery_range import RANGE, REACH, reach
from hardware.finding import Finding
from hardware.ros_installation import plain

HIGHEST_DOMAIN = 101
"""Above it the ports of DDS may be those that Linux gives to other connections."""


def network(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Domain and discovery range."""
    yield _domain(environment.get("ROS_DOMAIN_ID") or "0")
    yield _discovery(environment)


def frames(contract: Contract, said: str, environment: Mapping[str, str]) -> Finding:
    """Whether the largest frame of a robot gets from process to process.

    Args:
        contract: The robot.
        said: What ROS said when it came up, as of a profile that cannot be read.
        environment: Ours.
    """
    complaints = [plain(line) for line in said.splitlines() if "XMLPARSER" in line]
    if complaints:
        detail = f"{environment.get(VARIABLE)}: {complaints[0]}"
        remedy = f"correct it, or export {VARIABLE}={PROFILE}"
        return Finding("dds profile", "problem", detail, remedy)
    raw = [c.bytes for c in contract.cameras if c.type != "compressed"]
    largest = max(raw, default=0)
    if (loss := loss_of(largest, environment)) is not None:
        said, _, remedy = loss.rpartition("; ")
        return Finding("dds profile", "problem", said, remedy)
    if has_profile(environment):
        return Finding("dds profile", "ok", environment.get(VARIABLE) or "the user's own")
    need = f"none, and none needed: frames have at most {largest // 1024} KiB"
    return Finding("dds profile", "ok", f"{need} of {SHARED_MEMORY // 1024}")


def discovery_remedy(robot: str) -> str:
    """What to do if nobody is found at all."""
    start = f"robot-rl up --robot {robot}"
    return f"{start}; if it is up already, give this terminal its ROS_DOMAIN_ID and {RANGE}"


def _domain(domain: str) -> Finding:
    remedy = f"export ROS_DOMAIN_ID=0, or another number up to {HIGHEST_DOMAIN}"
    if not domain.isdecimal():
        return Finding("domain", "problem", f"ROS_DOMAIN_ID is {domain!r}", remedy)
    if int(domain) > HIGHEST_DOMAIN:
        detail = f"{domain}, whose ports may belong to other connections"
        return Finding("domain", "problem", detail, remedy)
    return Finding("domain", "ok", f"{domain}, which the robot's nodes must have as well")


def _discovery(environment: Mapping[str, str]) -> Finding:
    chosen = reach(environment)
    if chosen == "OFF":
        detail = f"{RANGE} is OFF: no process finds another"
        return Finding("discovery", "problem", detail, f"export {RANGE}=LOCALHOST, or SUBNET")
    if chosen not in REACH:
        detail = f"{RANGE} is {chosen!r}, which ROS takes for LOCALHOST"
        return Finding("discovery", "problem", detail, f"export {RANGE}={' or '.join(REACH)}")
    peers = environment.get("ROS_STATIC_PEERS")
    beside = f", and {peers}" if peers else ""
    return Finding("discovery", "ok", f"{chosen}: {REACH[chosen]}{beside}")
