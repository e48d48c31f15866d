"""The template's extension of cookiecutter: rules for the answers and Jinja helpers for its files.

Cookiecutter loads the class `Answers` because `_extensions` in cookiecutter.json names it. The
rules run after each answer, through the `__check_...` keys. They run again before the first file
is written, because `--replay` skips those keys.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import TYPE_CHECKING

from jinja2.ext import Extension

from service_template.checks import check, check_call, is_update
from service_template.filters import escaped, markdown, servers, spdx
from service_template.folders import template_files
from service_template.questions import QUESTIONS
from service_template.record import record
from service_template.rules import first_problem
from service_template.slugs import default_slug

if TYPE_CHECKING:
    from jinja2 import Environment


def forget_modules() -> None:
    """Remove the template's modules from the cache of imports.

    `cruft update` renders two versions of this template in one process, one after the other in
    the same folder. The second render would get the modules of the first.
    """
    for name in [*sys.modules]:
        if name == __name__ or name.partition(".")[0] == "service_template":
            del sys.modules[name]
    importlib.invalidate_caches()


class Answers(Extension):
    """Makes these functions available in cookiecutter.json, the hooks and the template's files."""

    def __init__(self, environment: Environment) -> None:
        """Add the filters and functions to the Jinja environment of cookiecutter."""
        super().__init__(environment)
        forget_modules()
        check_call()
        self._answers_are_text = False
        environment.filters.update(escaped=escaped, default_slug=default_slug, servers=servers)
        environment.filters.update(markdown=markdown, spdx=spdx)
        environment.globals.update(
            check=check,
            first_problem=first_problem,
            is_update=is_update,
            record=record,
            take_answers_as_text=self.take_answers_as_text,
            template_files=template_files,
            year=time.strftime("%Y"),
        )

    def take_answers_as_text(self) -> str:
        """From now on, render only the defaults of cookiecutter.json, and keep answers as text.

        Cookiecutter renders answers from the command line, a config file or .cruft.json as Jinja
        templates: `{{ 7*7 }}` would become 49, and an answer could run commands.
        """
        self._answers_are_text = True
        return ""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Replace an answer by a template that renders to the same text."""
        if self._answers_are_text and source not in QUESTIONS.values():
            return f"{{{{ {source!r} }}}}"
        return super().preprocess(source, name, filename)
