"""The checks before a render: each refusal is one line, before any file is written."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cookiecutter.exceptions import FailedHookException
from cookiecutter.prompt import read_user_variable
from jinja2 import pass_environment

from service_template import folders
from service_template.call import Call, current_call
from service_template.questions import PROMPTS, QUESTIONS, RETIRED, convert_choices
from service_template.rules import RULES, first_problem

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from jinja2 import Environment


def _refuse(call: Call, problem: str) -> None:
    """Stop with one line; cruft would print a traceback for an exception of cookiecutter's."""
    raise SystemExit(problem) if call.is_command_of_cruft else FailedHookException(problem)


def _unknown(call: Call) -> str | None:
    """Return a message about an answer without a question, or None: cookiecutter ignores these.

    The user's configuration file and the replay file may contain keys of other templates or
    versions. There, only misspelt questions and the template's private keys are refused.
    """
    known = RULES.keys() | RETIRED
    for key in call.given:
        if key not in known:
            return f"{key} is not a question: use one of {', '.join(RULES)}."
    files = {call.config_file: call.configured, call.replay_file: call.replayed}
    for file, answers in files.items():
        for key in answers:
            is_private = key.startswith("_")
            if is_private and answers is not call.replayed and key in QUESTIONS:
                return f"{key} in {file} is not a question: remove it."
            close = [] if is_private or key in known else get_close_matches(key, RULES, 1, 0.85)
            if close and abs(len(key) - len(close[0])) <= 2:  # noqa: PLR2004
                return f"{key} in {file} is not a question: did you mean {close[0]}?"
    return None


def _structured(call: Call) -> str | None:
    """Return a message about an answer that is a list or a mapping, or None.

    Cookiecutter takes the first entry of a list, and asks for a mapping after all others.
    """
    structured = {
        key: value for key, value in call.raw_answers.items() if isinstance(value, (list, dict))
    }
    problem = first_problem(structured)
    return problem and problem + _source(call, problem.split()[0], structured)


def _source(call: Call, question: str, answers: Mapping[str, object]) -> str:
    """Name the file that a wrong answer comes from, as a sentence; empty for any other source."""
    if question in call.replayed:
        return f" The answer is in {call.replay_file}."
    if question not in call.configured or question in call.given:
        return ""
    is_unchanged = str(call.configured[question]) == str(answers[question])
    return f" The answer is in {call.config_file}." if is_unchanged else ""


def is_update() -> bool:
    """Return True if cruft renders the template for a service that exists."""
    return current_call().linked_service is not None


def check_call() -> None:
    """Stop at problems that no answer can solve. Runs before the first question."""
    call = current_call()
    if call.is_hook:
        return
    output = call.option("output_dir")
    problem = _unknown(call)
    if not problem and call.option("accept_hooks") is False:
        problem = "The hooks of this template finish each service: leave out --accept-hooks."
    if not problem and call.replay_folder:
        problem = folders.replay_problem(call.replay_folder)
    if not problem and output:
        problem = folders.output_problem(str(output))
    if not problem and call.is_generating:
        # A replay file of an earlier version lacks answers. Cookiecutter asks for them without
        # the template's extension, so they are still text.
        convert_choices(call.raw_answers)
        problem = _last_problem(call, call.raw_answers)
    if not problem:
        problem = _structured(call)
    if problem:
        _refuse(call, problem)


def _last_problem(call: Call, answers: Mapping[str, object]) -> str | None:
    """Return a message about the first wrong answer with its source, or None."""
    for question in filter(answers.__contains__, RULES):
        problem = _problem(call, question, answers)
        if problem:
            return problem
    return None


def _problem(call: Call, question: str, answers: Mapping[str, object]) -> str | None:
    """Return one line about a wrong answer, or None."""
    answer: Any = answers[question]
    problem = RULES[question](answer)
    if problem:
        return f"{question} {problem}{_source(call, question, answers)}"
    if call.linked_service:
        problem = folders.recorded_problem(call.linked_service, question, answer)
    elif call.option("output_dir") and "project_slug" in answers:
        folder = Path(call.option("output_dir"), str(answers["project_slug"])).absolute()
        if question == "project_slug":
            is_overwritten = bool(call.option("overwrite_if_exists"))
            return folders.existing_problem(folder, is_overwritten=is_overwritten)
        problem = folders.switch_problem(folder, question, answer)
    return problem and f"{question} {problem}"


@pass_environment
def check(environment: Environment, answers: MutableMapping[str, object]) -> str:
    """Check the answers up to this question. Ask again at a terminal; stop elsewhere."""
    call = current_call()
    for question in [key for key in RULES if key in answers]:
        convert_choices(answers)
        while problem := _problem(call, question, answers):
            if not call.can_ask:
                _refuse(call, problem)
            click.echo(problem)
            answers[question] = _ask(environment, question, answers)
            convert_choices(answers)
    return ""


def _ask(environment: Environment, question: str, answers: Mapping[str, object]) -> object:
    """Ask a question again, with the template's default."""
    default = environment.from_string(QUESTIONS[question]).render(cookiecutter=answers)
    number = f"  [dim][{[*RULES].index(question) + 1}/{len(RULES)}][/] "
    return read_user_variable(question, default, PROMPTS, number)
