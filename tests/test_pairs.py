"""Pairs of answers: each pair is rendered in some service, and its files are well-formed.

Only two options change Python code; tests/test_variants.py tests all combinations of these.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from allpairspy import AllPairs

from service_template.questions import CHOICES
from tests.conftest import ROOT
from tests.test_hooks import LEFT_OVER, files_of
from tools.common.processes import run

if TYPE_CHECKING:
    from tests.conftest import Render

PAIRS = [dict(pair._asdict()) for pair in AllPairs(OrderedDict(CHOICES))]
SCHEMAS = {
    ".github/dependabot.yml": "vendor.dependabot",
    ".github/workflows/audit.yml": "vendor.github-workflows",
    ".github/workflows/ci.yml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
    "renovate.json": "vendor.renovate",
    "docker-compose.yml": "vendor.compose-spec",
    "docker-compose.override.yml": "vendor.compose-spec",
}
# A name and a version, as in Dockerfile, in Compose and in pyproject.toml.
VERSION = re.compile(r"\b(?:haproxy|postgres|python|rabbitmq|redis):\d[\w.-]*|\buv==[\d.]+")
PIPELINES = {
    "GitHub Actions": {
        ".github/dependabot.yml",
        ".github/workflows/audit.yml",
        ".github/workflows/ci.yml",
    },
    "GitLab CI": {".gitlab-ci.yml", "renovate.json", "tests/unit/test_images.py"},
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


def load(file: Path) -> dict[Any, Any]:
    """Return the content of a YAML file."""
    content: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def workflow_images(service: Path) -> dict[str, str]:
    """Run the step of the GitHub workflow that reads the images, and return its outputs."""
    job = load(service / ".github/workflows/ci.yml")["jobs"]["images"]
    [script] = [step["run"] for step in job["steps"] if step.get("id") == "read"]
    shell = ("bash", "-e", "-c", script)
    printed = run(*shell, cwd=service, environment={**os.environ, "GITHUB_OUTPUT": os.devnull})
    outputs = dict(line.split("=", 1) for line in printed.splitlines())
    assert outputs.keys() == job["outputs"].keys()
    return outputs


@pytest.mark.parametrize("servers", [("yes", "yes"), ("no", "no")], ids=str)
def test_a_pipeline_runs_the_images_of_the_service(
    render: Render, servers: tuple[str, str]
) -> None:
    """GitHub's workflow reads them from the files of the service; GitLab's file repeats them."""
    redis, rabbitmq = servers
    answers = {"use_redis": redis, "use_rabbitmq": rabbitmq, "python_version": "3.12"}
    expected = {"db": "postgres"}
    if redis == "yes":
        expected |= {"redis": "redis", "rabbitmq": "rabbitmq"}
    service = render(**answers, ci_provider="GitHub Actions")
    compose = load(service / "docker-compose.yml")["services"]
    images = {name: compose[name]["image"] for name in expected}
    read = workflow_images(service)
    assert read["python"] == "python:3.12-slim"
    assert {name: read[output] for name, output in expected.items()} == images
    job = load(service / ".github/workflows/ci.yml")["jobs"]["test"]
    assert job["container"] == output_of("python")
    used = {name: server["image"] for name, server in job["services"].items()}
    assert used == {name: output_of(output) for name, output in expected.items()}

    job = load(render(**answers, ci_provider="GitLab CI") / ".gitlab-ci.yml")["test"]
    assert job["image"] == "python:3.12-slim"
    assert {server["alias"]: server["name"] for server in job["services"]} == images


def output_of(name: str) -> str:
    """Return the expression that reads an output of the job `images`."""
    return f"${{{{ needs.images.outputs.{name} }}}}"


@pytest.mark.parametrize("provider", ["GitHub Actions", "GitLab CI"])
def test_each_version_stands_in_one_place_that_an_updater_changes(
    render: Render, provider: str
) -> None:
    """Or in `.gitlab-ci.yml` too, which Renovate changes together with the other file."""
    service = render(ci_provider=provider)
    places: dict[str, set[str]] = {}
    for name, (_, content) in files_of(service).items():
        for version in VERSION.findall(content.decode()):
            places.setdefault(version, set()).add(name)
    repeated = set() if provider == "GitHub Actions" else {".gitlab-ci.yml"}
    python = next(version for version in places if version.startswith("python:"))
    assert places.pop(python) == {"Dockerfile"} | repeated
    assert places.pop("haproxy:3.2") == {"docker-compose.proxy.yml"}
    uv = next(version for version in places if version.startswith("uv=="))
    assert places.pop(uv) == {"pyproject.toml"}
    assert len(places) == 3
    for version, files in places.items():
        assert files == {"docker-compose.yml"} | repeated, version


def test_no_updater_proposes_a_new_major_version_of_a_server_with_data(render: Render) -> None:
    for rabbitmq in (True, False):
        names = ["postgres"] + ["rabbitmq"] * rabbitmq
        github = render(ci_provider="GitHub Actions", use_rabbitmq=rabbitmq)
        updates = load(github / ".github/dependabot.yml")["updates"]
        [compose] = [it for it in updates if it["package-ecosystem"] == "docker-compose"]
        majors = ["version-update:semver-major"]
        ignored = [{"dependency-name": name, "update-types": majors} for name in names]
        assert compose["ignore"] == ignored
    gitlab = render(ci_provider="GitLab CI")
    rules = json.loads((gitlab / "renovate.json").read_text(encoding="utf-8"))["packageRules"]
    [disabled] = [rule for rule in rules if rule.get("enabled") is False]
    assert set(disabled["matchPackageNames"]) == {"postgres", "rabbitmq"}
    assert disabled["matchUpdateTypes"] == ["major"]


def test_a_vulnerability_that_becomes_known_overnight_blocks_no_change(render: Render) -> None:
    """The audit is no step of the pipeline of a change, but runs on a schedule."""
    github = render(ci_provider="GitHub Actions") / ".github/workflows"
    assert "make audit" not in (github / "ci.yml").read_text(encoding="utf-8")
    audit = load(github / "audit.yml")
    assert {"run": "make audit"} in audit["jobs"]["audit"]["steps"]
    assert "schedule" in audit[True]  # YAML 1.1 reads the key `on` as a boolean
    jobs = load(render(ci_provider="GitLab CI") / ".gitlab-ci.yml")
    scheduled = [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    auditing = [name for name, job in jobs.items() if "make audit" in str(job)]
    assert auditing == ["audit"]
    assert jobs["audit"]["rules"] == scheduled
    assert {jobs[name]["extends"] for name in ("test", "build")} == {".on-change"}


def test_the_github_workflows_pass_zizmor_and_have_read_permission_only(render: Render) -> None:
    """Each action is pinned by its commit; an image that gets Docker's socket, by its digest."""
    service = render(ci_provider="GitHub Actions")
    zizmor = Path(sys.executable).with_name("zizmor")
    # With low confidence it reports images whose names are outputs of another job.
    options = ("--offline", "--no-progress", "--min-confidence", "medium")
    run(zizmor, *options, ".github", cwd=service)
    workflows = [*(service / ".github/workflows").iterdir()]
    assert len(workflows) == 2
    for file in workflows:
        workflow = load(file)
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["permissions"] == {"contents": "read"}
            assert job["timeout-minutes"] <= 20
            for step in job["steps"]:
                assert re.search(r"@[0-9a-f]{40}$", step.get("uses", f"@{'0' * 40}"))
    text = (service / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert re.search(r"trivy:[\d.]+@sha256:[0-9a-f]{64}", text)


def test_the_template_runs_the_same_servers_and_the_same_uv(render: Render) -> None:
    service = render()
    compose = load(service / "docker-compose.yml")["services"]
    images = {compose[name]["image"] for name in ("db", "redis", "rabbitmq")}
    tools = (ROOT / "tools/servers/container_server.py").read_text(encoding="utf-8")
    assert set(VERSION.findall(tools)) == images
    pins = [
        VERSION.findall((folder / "pyproject.toml").read_text(encoding="utf-8"))
        for folder in (ROOT, service)
    ]
    assert pins[0] == pins[1]
