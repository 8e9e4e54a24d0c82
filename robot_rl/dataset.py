"""``robot-rl dataset``: what a store of episodes holds, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

from robot_rl.episodes import Episodes


def info(path: Path) -> int:
    """Prints a summary; returns the exit status."""
    store = Episodes(path)
    summary, schema = store.info(), store.schema
    print(
        f"{path}: {schema.env or 'unnamed environment'} at {1 / schema.dt:.0f} Hz\n"
        f"  {summary.episodes} episodes, {summary.successes} of them successes\n"
        f"  {summary.transitions} transitions, {summary.seconds:.0f} s, "
        f"{summary.nbytes / 1e6:.1f} MB"
    )
    for key, spec in (schema.observation | {"action": schema.action}).items():
        print(
            f"  {key}: {spec.dtype} {spec.shape}{' ' if spec.names else ''}{' '.join(spec.names)}"
        )
    return 0


def report(path: Path) -> int:
    """Prints what the episodes are like and what to do about it; returns the exit status."""
    # It looks at pictures with torch, which takes its time to load.
    from robot_rl.dataset_report import report_on

    store = Episodes(path)
    print(*report_on(store.schema, store), sep="\n")
    return 0


def drop(path: Path, which: str) -> int:
    """Takes an episode out and prints where it is now; returns the exit status."""
    print(Episodes(path).drop(which))
    return 0


def verify(path: Path, repair: bool) -> int:
    """Checks every byte and prints what is wrong; returns the exit status."""
    store = Episodes(path)
    findings = store.verify()
    for finding in findings:
        print(f"{finding.path}: {finding.problem}")
    if findings and repair:
        print("\n".join(store.repair()))
        return 0
    whole = f"{len(store)} episodes committed"
    print(f"{whole}; {f'{len(findings)} problems' if findings else 'all whole'}")
    return int(bool(findings))
