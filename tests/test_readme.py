"""The README's promises that a machine can check."""

import re
import runpy
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[1]


def test_the_python_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example, encoding="utf-8")
    names = runpy.run_path(str(script))
    assert len(names["replay"]) == 800
    assert names["agent"].updates == 100


def test_the_python_example_stays_short() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = [
        line for line in example.splitlines() if line and not line.startswith(("import", "from"))
    ]
    assert len(code) <= 12


def test_every_file_it_points_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link).exists()] == []
