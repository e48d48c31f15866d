"""Pairs of answers: each pair is rendered in some service, and its files are well-formed.

Only two options change Python code; tests/test_variants.py tests all combinations of these.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from allpairspy import AllPairs

from service_template.questions import CHOICES
from tests.test_hooks import LEFT_OVER, files_of
from tools.common.processes import run

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
    """Run one of this repository's tools in the service's folder; fail with its output."""
    run(sys.executable, "-m", *words, cwd=service)


@pytest.mark.parametrize("answers", PAIRS, ids=lambda answers: "-".join(answers.values()))
def test_every_pair_of_answers_renders_well_formed_files_and_one_pipeline(
    render: Render, answers: dict[str, str]
) -> None:
    """YAML is valid by its schemas, TOML parses, and Python passes the linter."""
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
def test_a_pipeline_starts_the_chosen_servers_and_python(
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


def test_the_github_workflow_passes_zizmor_and_has_read_permission_only(render: Render) -> None:
    """Each action is pinned by its commit; an image that gets Docker's socket, by its digest."""
    service = render(ci_provider="GitHub Actions")
    zizmor = Path(sys.executable).with_name("zizmor")
    run(zizmor, "--offline", "--no-progress", ".github", cwd=service)
    text = (service / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 20
        for step in job["steps"]:
            assert re.search(r"@[0-9a-f]{40}$", step.get("uses", f"@{'0' * 40}"))
    assert re.search(r"trivy:[\d.]+@sha256:[0-9a-f]{64}", text)
