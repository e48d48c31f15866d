"""Imports all modules of a package, so that events, routes and tables are found."""

from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType


def import_submodules(package: ModuleType) -> list[ModuleType]:
    """Import all modules of a package, sorted by name, and return them."""
    found = walk_packages(package.__path__, f"{package.__name__}.")
    return [import_module(name) for name in sorted(module.name for module in found)]
