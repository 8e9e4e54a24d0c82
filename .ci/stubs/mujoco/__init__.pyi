# MuJoCo ships no types, and a checker sees nothing of its compiled modules: every name is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
