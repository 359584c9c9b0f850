"""The cases: one cassette each. `make.py` makes them of recorded exchanges, `record.py` records them anew.

A module for each way into a server; `people` names who was recorded.
"""

from __future__ import annotations

from cassettes.cases.login import LOGIN
from cassettes.cases.login_search import LOGIN_SEARCH
from cassettes.cases.v1 import V1
from cassettes.cases.v2 import V2

CASES = (*V2, *LOGIN, *LOGIN_SEARCH, *V1)
