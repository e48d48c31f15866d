"""The manifest of post_gen: the files and folders of each option."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from service_template.questions import CHOICES, YES_OR_NO
from tests.conftest import ROOT, SERVICE
from tests.test_hooks import files_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tests.conftest import Render


@pytest.fixture
def post_gen() -> ModuleType:
    """Import the hook, which is a valid module before it is rendered."""
    spec = importlib.util.spec_from_file_location("post_gen", ROOT / "hooks/post_gen_project.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_prune_deletes_only_the_files_and_folders_of_answers_that_were_not_chosen(
    post_gen: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("core.py", "on/a.py", "on.py", "off/deeper/a.py", "off.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    manifest = {("option", True): ("on", "on.py"), ("option", False): ("off", "off.py")}
    monkeypatch.setattr(post_gen, "MANIFEST", manifest)
    post_gen.prune(tmp_path, {"option": True})
    assert set(files_of(tmp_path)) == {"core.py", "on/a.py", "on.py"}
    assert not (tmp_path / "off").exists()


def test_every_path_of_the_manifest_exists_and_belongs_to_one_answer(post_gen: ModuleType) -> None:
    """A folder has files of its own: git keeps no empty folder."""
    for question, answer in post_gen.MANIFEST:
        assert answer in [YES_OR_NO.get(choice, choice) for choice in CHOICES[question]]
    paths = [SERVICE / path for paths in post_gen.MANIFEST.values() for path in paths]
    assert paths
    assert [path for path in paths if not (path.is_file() or any(path.glob("**/*.*")))] == []
    assert len(set(paths)) == len(paths)
    assert [path for path in paths if set(path.parents).intersection(paths)] == []


@pytest.mark.parametrize("ci_provider", CHOICES["ci_provider"])
@pytest.mark.parametrize("use_rabbitmq", [True, False])
@pytest.mark.parametrize("use_redis", [True, False])
def test_a_service_has_all_paths_of_the_chosen_answers_and_no_other_path_of_an_option(
    render: Render,
    post_gen: ModuleType,
    *,
    use_redis: bool,
    use_rabbitmq: bool,
    ci_provider: str,
) -> None:
    answers = {"use_redis": use_redis, "use_rabbitmq": use_rabbitmq, "ci_provider": ci_provider}
    service = render(**answers)
    for (question, answer), paths in post_gen.MANIFEST.items():
        is_chosen = answers[question] == answer
        assert [path for path in paths if (service / path).exists() != is_chosen] == []
