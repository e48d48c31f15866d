"""How the answers look in a service: Markdown, licence, owner, description."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from service_template.filters import markdown
from service_template.questions import CHOICES

if TYPE_CHECKING:
    from tests.conftest import Render

MARKUP = [
    "# not a heading",
    "## nor this",
    "- no list",
    "+ no list",
    "1. no list",
    "2) no list",
    "> no quote",
    "a *b* _c_ __d__ `e` ~~f~~ $g$ | h",
    "[a](https://example.com) ![b](c.png) [x] <b>bold</b> <script>",
    "<https://example.com> &copy; & \\* \\",
    "===",
    "--- a",
    "Users 🚀 — 100% plain, isn't it? (yes): a, b.",
]


@pytest.mark.parametrize("text", MARKUP)
def test_markup_in_an_answer_is_shown_as_it_was_entered(text: str) -> None:
    """In a paragraph and in a heading."""
    parser = MarkdownIt("commonmark")
    for source, kind in ((markdown(text), "paragraph"), (f"# {markdown(text)}", "heading")):
        opened, inline, closed = parser.parse(f"{source}\n\nnext\n")[:3]
        assert (opened.type, closed.type) == (f"{kind}_open", f"{kind}_close")
        assert "".join(token.content for token in inline.children or []) == text
        assert {token.type for token in inline.children or []} <= {"text", "text_special"}


def test_a_readme_shows_name_and_description_as_text(render: Render) -> None:
    service = render(project_name="<b>Users</b>", project_description="# *All* users")
    readme = (service / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# \\<b\\>Users\\</b\\>\n\n\\# \\*All\\* users\n\nA FastAPI service")


def test_a_service_without_description_and_address_has_no_gaps(render: Render) -> None:
    service = render(project_description="", author_email="")
    readme = (service / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# User Service\n\nA FastAPI service")
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["description"] == ""
    assert project["authors"] == [{"name": "The User Service team"}]


def test_the_owner_with_an_address_is_an_author(render: Render) -> None:
    service = render(author_name="Ada", author_email="ada@example.com")
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["authors"] == [{"name": "Ada", "email": "ada@example.com"}]


def test_a_render_with_the_defaults_names_no_placeholder(render: Render) -> None:
    service = render()
    for name in ("LICENSE", "pyproject.toml", "README.md", "Dockerfile"):
        text = (service / name).read_text(encoding="utf-8")
        assert not re.search(r"your name|you@", text, re.IGNORECASE), name
    licence = (service / "LICENSE").read_text(encoding="utf-8")
    assert "The User Service team" in licence


@pytest.mark.parametrize("name", CHOICES["license"])
def test_project_and_image_name_the_licence_as_an_spdx_expression(
    render: Render, name: str
) -> None:
    """SPDX lists no proprietary licence: `LicenseRef-` begins a name of one's own."""
    expression = {"Proprietary": "LicenseRef-Proprietary"}.get(name, name)
    service = render(license=name)
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == expression
    image = (service / "Dockerfile").read_text(encoding="utf-8")
    assert f'org.opencontainers.image.licenses="{expression}"' in image
