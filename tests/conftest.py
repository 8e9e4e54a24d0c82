"""How the tests are shared out among workers."""

from __future__ import annotations

from typing import Any

import pytest

_ROBOTS = "tests/ros/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Robots first, for they take longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(_ROBOTS))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker has all robots, for two at once are too much for two cores; then file by file."""
    from xdist.scheduler import LoadFileScheduling

    class OneRobotAtATime(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _ROBOTS if nodeid.startswith(_ROBOTS) else super()._split_scope(nodeid)

    return OneRobotAtATime(config, log)
