"""How `scripts/deploy.py` changes a setting in `.env`."""

from __future__ import annotations

import runpy

import pytest

from tests.conftest import SERVICE

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(SERVICE))
    replace = runpy.run_path(str(SERVICE / "scripts/machine/env_file.py"))["replace"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "TAG=new\n"),
        ("A=1", "A=1\nTAG=new\n"),
        ("A=1\r\n", "A=1\r\nTAG=new\r\n"),
        ("TAG=old\nA=1\n", "TAG=new\nA=1\n"),
        ("A=1\r\nTAG=old\r\nB=2\r\n", "A=1\r\nTAG=new\r\nB=2\r\n"),
        ("export TAG = old\n", "export TAG = new\n"),
        ("TAG=\nA=1\n", "TAG=new\nA=1\n"),
        ("# TAG=old\nOTHER_TAG=old\n", "# TAG=old\nOTHER_TAG=old\nTAG=new\n"),
    ],
)
def test_a_setting_is_replaced_where_it_stands_and_nothing_else_changes(
    before: str, after: str
) -> None:
    assert replace(before, "TAG", "new") == after
