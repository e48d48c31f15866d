"""`make setup` says if the image has another Python than the .venv."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Render

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize(("image", "is_same"), [(HERE, True), ("3.99", False)])
def test_another_python_in_the_image_is_one_line_that_says_how_to_use_it(
    render: Render, image: str, *, is_same: bool
) -> None:
    service = render()
    dockerfile = service / "Dockerfile"
    text = dockerfile.read_text(encoding="utf-8")
    assert "FROM python:3.14-slim" in text
    dockerfile.write_text(text.replace("python:3.14-slim", f"python:{image}-slim"), "utf-8")
    script = [sys.executable, "scripts/image_python.py"]
    said = subprocess.run(script, cwd=service, check=True, capture_output=True, text=True).stdout
    line = (
        f"This .venv has Python {HERE}, and the image has Python {image}. To use the same:"
        f" rm -r .venv && make setup PYTHON=python{image}\n"
    )
    assert said == ("" if is_same else line)
    assert "scripts/image_python.py" in (service / "Makefile").read_text(encoding="utf-8")
