"""The options together: every pair of answers is rendered, and what comes out has its form.

Python code is the same for all but two of them, which tests/test_variants.py combines in full.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from allpairspy import AllPairs

from local_extensions import CHOICES
from tests.test_hooks import LEFT_OVER, files_of

if TYPE_CHECKING:
    from tests.conftest import Render

PAIRS = [dict(pair._asdict()) for pair in AllPairs(OrderedDict(CHOICES))]
SCHEMAS = {
    ".github/dependabot.yml": "vendor.dependabot",
    ".github/workflows/ci.yml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
    "docker-compose.yml": "vendor.compose-spec",
    "docker-compose.override.yml": "vendor.compose-spec",
}
PIPELINES = {
    "GitHub Actions": {".github/dependabot.yml", ".github/workflows/ci.yml"},
    "GitLab CI": {".gitlab-ci.yml"},
    "none": set[str](),
}


def tool(service: Path, *words: str) -> None:
    """Run one of this repository's tools there, and fail with what it says."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=service, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("answers", PAIRS, ids=lambda answers: "-".join(answers.values()))
def test_every_pair_of_answers_makes_a_service_in_good_form(
    render: Render, answers: dict[str, str]
) -> None:
    """Its pipeline and no other; YAML by its schemas, TOML, Python in good style."""
    service = render(**answers)
    files = {name: content.decode() for name, (_, content) in files_of(service).items()}
    pipelines = {name for names in PIPELINES.values() for name in names}
    assert files.keys() & pipelines == PIPELINES[answers["ci_provider"]]
    for name, schema in SCHEMAS.items():
        if name in files:
            tool(service, "check_jsonschema", "--builtin-schema", schema, name)
    tool(service, "ruff", "check", "--no-cache", ".")
    tool(service, "ruff", "format", "--no-cache", "--check", ".")
    project = tomllib.loads(files["pyproject.toml"])
    needs = {re.split(r"[\[=]", need)[0] for need in project["project"]["dependencies"]}
    assert ("redis" in needs) == (answers["use_redis"] == "yes")
    assert ("aio-pika" in needs) == (answers["use_rabbitmq"] == "yes")
    assert [name for name, text in files.items() if LEFT_OVER.search(text)] == []
    assert f"FROM python:{answers['python_version']}-slim" in files["Dockerfile"]


@pytest.mark.parametrize("servers", [("yes", "yes"), ("no", "no")], ids=str)
def test_the_pipelines_know_the_servers_the_python_and_no_secret(
    render: Render, servers: tuple[str, str]
) -> None:
    redis, rabbitmq = servers
    answers = {"use_redis": redis, "use_rabbitmq": rabbitmq, "python_version": "3.12"}
    expected = {"db"} | ({"redis", "rabbitmq"} if redis == "yes" else set())
    github = render(**answers, ci_provider="GitHub Actions") / ".github/workflows/ci.yml"
    job = yaml.safe_load(github.read_text(encoding="utf-8"))["jobs"]["test"]
    assert job["container"] == "python:3.12-slim"
    assert set(job["services"]) == expected
    gitlab = render(**answers, ci_provider="GitLab CI") / ".gitlab-ci.yml"
    job = yaml.safe_load(gitlab.read_text(encoding="utf-8"))["test"]
    assert job["image"] == "python:3.12-slim"
    assert {service["alias"] for service in job["services"]} == expected


def test_the_workflow_passes_zizmor_and_may_do_nothing_but_read(render: Render) -> None:
    """Every action by its commit, every image that is run with our socket by its digest."""
    service = render(ci_provider="GitHub Actions")
    done = subprocess.run(
        [Path(sys.executable).with_name("zizmor"), "--offline", "--no-progress", ".github"],
        cwd=service,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = (service / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 20
        for step in job["steps"]:
            assert re.search(r"@[0-9a-f]{40}$", step.get("uses", f"@{'0' * 40}"))
    assert re.search(r"trivy:[\d.]+@sha256:[0-9a-f]{64}", text)
