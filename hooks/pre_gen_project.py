"""Refuse wrong answers before the first file is written.

They are usually refused sooner, right where they are given; `--replay` skips that. The rules are
in local_extensions.py alone: the verdict is put in below, when cookiecutter renders this file.
"""

import json
import sys

[problem] = json.loads(r"""[{{ first_problem(cookiecutter) | tojson }}]""")
if problem:
    sys.exit(problem)
