"""Reject wrong answers before the first file is written.

They are already rejected at the prompt and before the render; this is the last check, for programs
that call other functions of cookiecutter. The rules are in `service_template/rules.py`. Cookiecutter
inserts their result below when it renders this file.
"""

import os
import sys

# See post_gen_project.py: a `json.py` in the folder for temporary files is not imported.
sys.path = [folder for folder in sys.path if folder != os.path.dirname(os.path.abspath(__file__))]

import json  # noqa: E402

[problem] = json.loads(r"""[{{ first_problem(cookiecutter) | tojson }}]""")
if problem:
    sys.exit(problem)
