"""Deploy a new version with Docker Compose, or return to the one before.

    python3 scripts/deploy.py               build an image, migrate, replace the containers
    python3 scripts/deploy.py --rollback    the same with the image of the deploy before

Standard library only. `.env` holds the tags of the two images. docs/deployment.md describes the
steps, and what happens if one of them fails.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))
sys.dont_write_bytecode = True

from scripts.machine import env_file  # noqa: E402

ENV = PROJECT / ".env"
TAG = "IMAGE_TAG"
PREVIOUS_TAG = "PREVIOUS_IMAGE_TAG"
API = "micro_service"
WORKER = "consume_worker"
HEALTHY_WITHIN = 120
"""Seconds that a new container may take to become healthy, and the proxy to route to it."""
# Prints the state of every API that the proxy knows.
PROXY_STATES = (
    "exec 3<>/dev/tcp/127.0.0.1/8404; printf 'GET /;csv HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
)


class DeployError(Exception):
    """A step failed. The message says which one."""


def docker(*words: str, show: bool = False) -> str:
    """Run a docker command, and return its output unless it is shown. Raise `DeployError`."""
    output = None if show else subprocess.PIPE
    command = ("docker", *words)
    done = subprocess.run(command, cwd=PROJECT, stdout=output, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise DeployError(f"`{' '.join(command)}` ended with exit code {done.returncode}")
    return done.stdout or ""


def compose(*words: str, show: bool = True) -> str:
    """Run a command of Docker Compose in the folder of the service."""
    return docker("compose", *words, show=show)


def containers(service: str) -> list[str]:
    """Return the ids of a service's running containers."""
    return compose("ps", "--quiet", service, show=False).split()


def wait_until(what: str, is_true: Callable[[], bool]) -> None:
    """Return once a condition holds, or raise `DeployError`."""
    deadline = time.monotonic() + HEALTHY_WITHIN
    while not is_true():
        if time.monotonic() > deadline:
            raise DeployError(f"{what} within {HEALTHY_WITHIN} seconds")
        time.sleep(1)


def is_healthy(container: str) -> bool:
    """Tell whether a container is healthy. Raise `DeployError` if it has ended."""
    state = json.loads(docker("inspect", container))[0]["State"]
    if state["Status"] not in {"created", "running"} or state.get("Restarting"):
        raise DeployError(f"the new container {container[:12]} ended: docker logs {container[:12]}")
    return bool(state["Health"]["Status"] == "healthy")


def routed_apis() -> int:
    """Return the number of APIs to which the proxy routes requests."""
    lines = compose("exec", "-T", "proxy", "bash", "-c", PROXY_STATES, show=False).splitlines()
    rows = [line.split(",") for line in lines if line.startswith("apis,api")]
    return sum("UP" in row for row in rows)


def write_tags(tag: str, previous: str) -> None:
    """Store the tags of the running image and of the one before in `.env`."""
    text = env_file.read(ENV)
    for name, value in ((TAG, tag), (PREVIOUS_TAG, previous)):
        text = env_file.replace(text, name, value)
    ENV.write_text(text, encoding="utf-8", newline="")


class Deployment:
    """The replacement of all containers by those of one image."""

    def __init__(self, tag: str) -> None:
        """Use the image with this tag in every command of Compose from now on."""
        os.environ[TAG] = tag
        config = json.loads(compose("config", "--format", "json", show=False))
        self._services: dict[str, Any] = config["services"]
        self._has_proxy = "proxy" in self._services
        self._old = {service: containers(service) for service in (WORKER, API)}
        self._started: list[str] = []

    @property
    def replaces(self) -> bool:
        """Tell whether an earlier version is running."""
        return any(self._old.values())

    def prepare(self) -> None:
        """Migrate, and start the new containers beside the old ones.

        If a step fails, the new containers are removed, and the old ones have not been touched.
        """
        servers = [name for name in self._services if name not in {API, WORKER, "migrate", "proxy"}]
        try:
            compose("up", "--detach", "--wait", "--no-recreate", *servers)
            compose("run", "--rm", "--no-deps", "migrate")
            self._start(WORKER)
            if self._has_proxy:
                self._start_routed_apis()
            elif self._old[API]:
                self._try_api()
        except BaseException:  # Ctrl-C too
            if self._started:
                docker("rm", "--force", *self._started)
            raise

    def finish(self) -> None:
        """Stop the old containers one by one: each finishes its requests or messages first."""
        for service in (WORKER, API) if self._has_proxy else (WORKER,):
            for container in self._old[service]:
                docker("stop", container)
                docker("rm", container)
        # Starts what is missing. Without the proxy it replaces the API.
        compose("up", "--detach", "--wait", "--no-build")

    def _start(self, service: str) -> None:
        """Start new containers beside the old ones, and wait until they are healthy."""
        replicas = int(self._services[service].get("deploy", {}).get("replicas", 1))
        number = len(self._old[service]) + replicas
        options = ("--no-recreate", "--no-deps", "--no-build", "--detach")
        try:
            compose("up", *options, "--scale", f"{service}={number}", service)
        finally:
            new = [it for it in containers(service) if it not in self._old[service]]
            self._started += new
        wait_until("the new containers were not healthy", lambda: all(map(is_healthy, new)))

    def _start_routed_apis(self) -> None:
        """Start the new APIs, and wait until the proxy routes to them too."""
        before = routed_apis() if self._old[API] else 0
        already = len(self._started)
        self._start(API)
        expected = before + len(self._started) - already
        if self._old[API]:
            wait_until("the proxy did not find the new APIs", lambda: routed_apis() >= expected)

    def _try_api(self) -> None:
        """Start one API that publishes no port, and remove it once it is healthy."""
        trial = compose("run", "--detach", "--no-deps", API, show=False).strip()
        self._started.append(trial)
        wait_until("the new API was not healthy", lambda: is_healthy(trial))
        docker("rm", "--force", self._started.pop())


def deploy(*, rollback: bool) -> None:
    """Deploy the working tree, or the image of the deploy before. Raise `DeployError`."""
    if not ENV.exists():
        raise DeployError(".env is missing: python3 scripts/init_env.py writes it")
    settings = env_file.settings(env_file.read(ENV))
    if "COMPOSE_FILE" not in {**settings, **os.environ}:
        raise DeployError(
            ".env names no COMPOSE_FILE, and docker-compose.override.yml is for development:"
            " set COMPOSE_FILE=docker-compose.yml"
        )
    running = settings.get(TAG, "latest")
    tag = settings.get(PREVIOUS_TAG, "") if rollback else f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if not tag:
        raise DeployError(f".env names no {PREVIOUS_TAG}: no deploy came before the running one")
    deployment = Deployment(tag)
    if not rollback:
        compose("build", "migrate")
    deployment.prepare()
    write_tags(tag, running if deployment.replaces else "")
    deployment.finish()
    print(f"deployed the image {tag}")


def main() -> None:
    """Deploy or roll back, and exit with 1 and one sentence if a step fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rollback", action="store_true", help="return to the image before")
    try:
        deploy(rollback=parser.parse_args().rollback)
    except (DeployError, env_file.SetupError, OSError) as error:
        sys.exit(f"deploy: {error}")
    except KeyboardInterrupt:
        sys.exit("deploy: interrupted")


if __name__ == "__main__":
    main()
