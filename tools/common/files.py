"""Changes of text files."""

from pathlib import Path

from tools.common.errors import ToolError


def replace_once(path: Path, *pairs: tuple[str, str]) -> None:
    """Replace texts that each occur exactly once; raise `ToolError` if one does not."""
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        if text.count(old) != 1:
            message = f"{path} contains this text {text.count(old)} times, not once: {old}"
            raise ToolError(message)
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
