"""One measurement each, run by the rendered service's own interpreter in the service's folder.

`python -m bench.drivers.NAME` prints the service's log and, as its last line, the result in JSON.
"""
