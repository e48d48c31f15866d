"""Writes or completes `.env` and `docker-compose.override.yml`; `make setup` runs it.

Git ignores both files. Run it as often as you like: it adds what is missing, changes nothing that
you wrote, and prints one line for each change. It needs the standard library only.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))
sys.dont_write_bytecode = True

from scripts.machine import checks, compose, env_file, ports  # noqa: E402
from scripts.machine.env_file import SetupError, settings  # noqa: E402
from scripts.machine.override import renew_override  # noqa: E402

ENV = PROJECT / ".env"
PROJECT_NAME = """
# The name of the containers, volumes and image. Another checkout has another name.
COMPOSE_PROJECT_NAME={name}
"""
OLD_PROJECT = (
    ".env has no COMPOSE_PROJECT_NAME: containers or volumes of the project {name} exist, and"
    " `docker compose up` continues with them"
)
OLD_VOLUMES = (
    "the volumes of {name} keep their old passwords, so its servers refuse those of the new .env:"
    ' put the old .env back, or see "A new .env and old volumes" in docs/deployment.md'
)
WINDOWS = (
    "Windows: run the service with Docker, or work in WSL. `make` and the packages of the service"
    " need Linux or macOS"
)


def say(line: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{line}\n")


def choose_ports(names: dict[str, int], example: str, taken: set[int]) -> dict[str, int]:
    """Return a free port for each setting, and print those that are not the usual ones."""
    values = settings(example)
    chosen = ports.choose(names, values, taken)
    for name, port in chosen.items():
        usual = values.get(name, names[name])
        if str(port) != str(usual):
            say(f"chose {name}={port}, because another program or service has {usual}")
    return chosen


def write_env(example: str, compose_file: str, names: dict[str, int]) -> None:
    """Create `.env`, with a project name of its own unless Compose has an older project here."""
    named = {name: port for name, port in names.items() if name in settings(example)}
    chosen = choose_ports(named, example, ports.of_neighbours(PROJECT, names))
    text = env_file.fill_in(example, chosen)
    default = compose.project_name(PROJECT, compose_file)
    has_volumes = compose.has_volumes(default)
    is_old = has_volumes or compose.has_containers(default)
    if compose_file and not is_old and not compose.names_project(compose_file):
        text += PROJECT_NAME.format(name=compose.new_project_name(default))
    if not env_file.create(ENV, text, mode=0o600):
        raise SetupError(f"{ENV.name} is a link to a file that is missing, or was just created")
    say("wrote .env: fresh secrets, readable by you alone")
    if is_old:
        say(OLD_PROJECT.format(name=default))
    if has_volumes:
        say(OLD_VOLUMES.format(name=default))


def complete_env(example: str, compose_file: str, names: dict[str, int]) -> None:
    """Add the settings without a default that `.env` lacks, and the ports of their servers."""
    known = settings(env_file.read(ENV))
    values = settings(example)
    missing = [n for n in env_file.required(PROJECT, values, compose_file) if n not in known]
    servers = {ports.server_of(name) for name in missing} - {"APP"}
    new = {n: p for n, p in names.items() if n not in known and ports.server_of(n) in servers}
    taken = {int(value) for name, value in known.items() if value and name in names}
    chosen = choose_ports(new, example, taken)
    added = {name: env_file.fresh(values[name]) for name in missing if name not in new}
    added |= {name: str(port) for name, port in chosen.items()}
    if added:
        env_file.append(ENV, added)
    say(f"added to .env: {', '.join(added)}" if added else "kept .env")


def main() -> None:
    """Write, complete and check both files."""
    example = env_file.read(PROJECT / ".env.example")
    checks.check_meaning(PROJECT, example, ".env.example")
    file = PROJECT / "docker-compose.yml"
    compose_file = env_file.read(file) if file.exists() else ""
    services = compose.services_of(compose_file)
    names = ports.published(services)
    if ENV.exists():
        text = env_file.read(ENV)
        checks.check_meaning(PROJECT, text, ENV.name)
        checks.check_values(settings(text), names, env_file.without_default(PROJECT))
        complete_env(example, compose_file, names)
        for warning in checks.warnings(ENV, names, compose_file):
            say(warning)
    else:
        write_env(example, compose_file, names)
    if services:
        say(renew_override(PROJECT, services))
    if sys.platform == "win32":
        say(WINDOWS)


if __name__ == "__main__":
    try:
        main()
    except (OSError, SetupError) as error:
        sys.exit("\n".join(f"init_env: {line}" for line in str(error).splitlines()))
