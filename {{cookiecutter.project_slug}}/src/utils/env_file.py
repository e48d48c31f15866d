"""The values of `.env` that Docker Compose and the service read alike.

Standard library only, because `scripts/init_env.py` applies the same rule.
"""

import re
from collections.abc import Iterator

SETTING = re.compile(
    r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE
)
# Compose replaces $NAME and $$ where python-dotenv does not. python-dotenv replaces ${NAME} even
# in single quotes. Both undo different escapes in quotes.
PLAIN = r"(?!['\"#])(?:[^\s$#]|(?<=\S)#|[ \t](?![ \t]*#))*"
SINGLE_QUOTED = r"'(?:[^'\\$]|\$(?!\{))*'"
DOUBLE_QUOTED = r'"[^"\\$]*"'
COMMENT = r"(?: +#.*)?"
SAME = re.compile(f"(?:{PLAIN}|{SINGLE_QUOTED}|{DOUBLE_QUOTED}){COMMENT}")
DIFFERENT = (
    "has one value for Docker Compose and another for the service: in .env, write it in single"
    " quotes. A value with ', \\ or ${ in it fits no quotes: choose another, or set it in the"
    " environment"
)


def ambiguous(text: str) -> Iterator[str]:
    """Return the names of the variables whose values are read in different ways."""
    for name, written in SETTING.findall(text):
        if not SAME.fullmatch(written):
            yield name


def quote(value: str) -> str:
    """Return a value as `.env` needs it, or raise `ValueError` if no form has one meaning."""
    if value == value.strip() and re.fullmatch(PLAIN, value):
        return value
    if re.fullmatch(SINGLE_QUOTED, f"'{value}'"):
        return f"'{value}'"
    raise ValueError(DIFFERENT)
