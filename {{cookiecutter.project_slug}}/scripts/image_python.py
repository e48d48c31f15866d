"""Says in one line if the image has another Python than the one that runs this script."""

import re
import sys
from pathlib import Path

DOCKERFILE = Path(__file__).parents[1] / "Dockerfile"
LINE = (
    "This .venv has Python {here}, and the image has Python {image}. To use the same:"
    " rm -r .venv && make setup PYTHON=python{image}"
)


def main() -> None:
    """Compare the versions."""
    here = "{}.{}".format(*sys.version_info)
    text = DOCKERFILE.read_text(encoding="utf-8")
    found = re.search(r"^FROM python:(\d+\.\d+)", text, re.MULTILINE)
    if found and found[1] != here:
        print(LINE.format(here=here, image=found[1]))


if __name__ == "__main__":
    main()
