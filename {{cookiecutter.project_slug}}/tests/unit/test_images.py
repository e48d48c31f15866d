"""The images of the pipeline are those of the Dockerfile and docker-compose.yml."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGE = re.compile(r"\b((?:postgres|python|rabbitmq|redis):\S+)")


def test_the_pipeline_uses_the_images_of_the_service() -> None:
    files = ("Dockerfile", "docker-compose.yml")
    own = {name for file in files for name in IMAGE.findall((ROOT / file).read_text("utf-8"))}
    used = set(IMAGE.findall((ROOT / ".gitlab-ci.yml").read_text("utf-8")))
    assert used
    assert used <= own, "take the images of Dockerfile and docker-compose.yml in .gitlab-ci.yml"
