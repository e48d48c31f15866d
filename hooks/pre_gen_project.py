"""Reject wrong answers before the first file is written.

Most wrong answers are rejected earlier, at the prompt; `--replay` skips that check. The rules are
in local_extensions.py. Cookiecutter inserts their result below when it renders this file.
"""

import json
import sys

[problem] = json.loads(r"""[{{ first_problem(cookiecutter) | tojson }}]""")
if problem:
    sys.exit(problem)
