"""What holds for all tests."""

from pathlib import Path

import pytest

_LONG = Path(__file__).parent / "ros"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The robots first, which take longest: else one of two workers waits for them in the end."""
    items.sort(key=lambda item: _LONG not in item.path.parents)
