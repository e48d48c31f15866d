"""Hardening: the rights and limits of the containers, as the kernel and Docker report them."""

from __future__ import annotations

import re
import socket

import httpx2
import pytest

from tests.containers.stack import Stack, docker

APPLICATION = ("micro_service", "consume_worker")
# `db` and `rabbitmq` start with these, to give their volume to their user.
AT_START = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
WRITABLE = {"rabbitmq"}  # it writes its list of plugins to /etc/rabbitmq


def all_services(stack: Stack) -> list[str]:
    """Return all services of the variant."""
    return sorted(stack.variant.services)


def status(stack: Stack, service: str) -> dict[str, str]:
    """Return /proc/PID/status of the process that serves, not of the init process."""
    script = "for p in /proc/[0-9]*; do [ $p = /proc/$$ ] || cat $p/status; done"
    processes = re.split(r"(?m)^Name:", stack.shell(service, script))[1:]
    fields = [dict(re.findall(r"(?m)^(\w+):\s*(.*)$", process)) for process in processes]
    return max(fields, key=lambda process: int(process.get("VmRSS", "0 kB").split()[0]))


@pytest.mark.parametrize("name", APPLICATION)
def test_the_api_and_the_worker_run_as_user_10001_without_capabilities(
    production: Stack, name: str
) -> None:
    process = status(production, name)
    assert process["Uid"].split() == ["10001"] * 4
    assert process["Gid"].split() == ["10001"] * 4
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(process[kind], 16) == 0, kind


def test_no_server_runs_as_root_or_with_capabilities(production: Stack) -> None:
    for service in all_services(production):
        process = status(production, service)
        assert "0" not in process["Uid"].split()
        assert int(process["CapEff"], 16) == 0


def test_no_process_can_gain_privileges(production: Stack) -> None:
    for service in all_services(production):
        assert status(production, service)["NoNewPrivs"] == "1"
        host = production.inspect(service)["HostConfig"]
        assert not host["Privileged"]
        assert host["CapDrop"] == ["ALL"]
        assert {name.removeprefix("CAP_") for name in host["CapAdd"] or ()} <= AT_START


def test_the_root_file_system_is_read_only(production: Stack) -> None:
    for service in all_services(production):
        if service in WRITABLE:
            assert not production.inspect(service)["HostConfig"]["ReadonlyRootfs"]
            continue
        options = production.shell(service, "grep ' / ' /proc/mounts").split()[3].split(",")
        assert "ro" in options


@pytest.mark.parametrize("name", APPLICATION)
def test_the_api_and_the_worker_can_write_to_tmp_only(production: Stack, name: str) -> None:
    written = production.shell(name, "find / -xdev -writable -type d 2>/dev/null || true")
    assert not [
        line for line in written.splitlines() if line.split("/")[1] not in {"dev", "proc", "tmp"}
    ]
    production.shell(name, "touch /tmp/probe && rm /tmp/probe")


def test_memory_processes_and_cpu_are_limited(production: Stack) -> None:
    for service in all_services(production):
        host = production.inspect(service)["HostConfig"]
        assert 0 < host["Memory"] <= 1024**3
        assert 0 < host["PidsLimit"] <= 512
        assert host["NanoCpus"] == 10**9
        unified = "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max"
        split = "cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us"
        seen = production.shell(service, f"{unified} 2>/dev/null || {split}").split()
        assert [int(seen[0]), int(seen[1])] == [host["Memory"], host["PidsLimit"]]
        assert int(seen[2]) == 100_000


def test_logs_are_rotated_and_crashed_containers_are_restarted(production: Stack) -> None:
    for service in all_services(production):
        host = production.inspect(service)["HostConfig"]
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert host["LogConfig"]["Type"] == "json-file"
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}


def test_only_the_api_is_published_and_the_servers_cannot_reach_the_internet(
    production: Stack,
) -> None:
    for service in production.variant.services:
        settings = production.inspect(service)["NetworkSettings"]
        networks = [
            docker("network", "inspect", "-f", "{{.Internal}}", n) for n in settings["Networks"]
        ]
        published = [binding for found in settings["Ports"].values() for binding in found or ()]
        if service == "micro_service":
            assert sorted(networks) == ["false", "true"]
            assert published == [{"HostIp": "127.0.0.1", "HostPort": str(production.port)}]
        else:
            assert networks == ["true"]
            assert not published


def test_the_published_port_is_open_on_one_loopback_address_only(production: Stack) -> None:
    assert httpx2.get(f"{production.url}/health/live").status_code == 200
    with socket.socket() as other:
        other.bind(("127.0.0.2", production.port))  # refused if all addresses were taken


def test_no_secret_is_in_the_logs(production: Stack) -> None:
    logs = production.compose("logs", "--no-color")
    assert not [name for name, secret in production.secrets.items() if secret in logs]
