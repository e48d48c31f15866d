"""Reject wrong answers before the first file is written.

They are already rejected at the prompt and before the render. This is the last check, for programs
that call other functions of cookiecutter. The rules are in `service_template/rules.py`.
Cookiecutter inserts their result below when it renders this file.
"""

import os
import sys

# See post_gen_project.py: a `json.py` in the folder for temporary files is not imported.
_TEMPORARY = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 -- see above
sys.path = [folder for folder in sys.path if folder != _TEMPORARY]

import json  # noqa: E402

[problem] = json.loads(r"""[{{ first_problem(cookiecutter) | tojson }}]""")
if problem:
    sys.exit(problem)
