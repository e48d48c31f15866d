"""The default service, rendered into a temporary folder."""

import tempfile
from pathlib import Path

from tools.common import rendering
from tools.common.console import Console


def render(console: Console) -> Path:
    """Render the default service into a temporary folder, as a step."""
    folder = Path(tempfile.mkdtemp(prefix="template-demo-"))
    with console.step("render the default service") as step:
        project = rendering.render(folder)
        files = sum(path.is_file() for path in project.rglob("*"))
        step.saw = f"{files} files in {project}"
    return project
