"""Imports all modules of a package, so that events, routes and tables are found."""

from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType


def import_submodules(package: ModuleType) -> list[ModuleType]:
    """Import all modules of a package, sorted by name, and return them."""
    found = walk_packages(package.__path__, f"{package.__name__}.")
    return [import_module(name) for name in sorted(module.name for module in found)]


def import_all(package: ModuleType) -> None:
    """Import every module in the folders of a package, also in folders without `__init__.py`.

    The modules directly in the package are left out: they are entry points and read settings.
    """
    for root in map(Path, package.__path__):
        for file in sorted(root.glob("*/**/*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            import_module(".".join((package.__name__, *parts)).removesuffix(".__init__"))
