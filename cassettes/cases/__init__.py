"""The cases: one cassette each. `make.py` makes them of recorded exchanges, `record.py` records them anew.

A module for each way into a server; `people` names who was recorded. Those of LogRocket and Notte are written from
their documents.
"""

from __future__ import annotations

from cassettes.cases.issues import ISSUES
from cassettes.cases.links import LINKS
from cassettes.cases.login import LOGIN
from cassettes.cases.login_search import LOGIN_SEARCH
from cassettes.cases.logrocket import LOGROCKET_CASES
from cassettes.cases.notte import NOTTE_CASES
from cassettes.cases.summaries import SUMMARIES
from cassettes.cases.v1 import V1
from cassettes.cases.v2 import V2

CASES = (*V2, *SUMMARIES, *LINKS, *ISSUES, *LOGIN, *LOGIN_SEARCH, *V1, *LOGROCKET_CASES, *NOTTE_CASES)
