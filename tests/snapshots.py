"""Texts that stand in the diff: tool contracts and answers, compared with files under `snapshots/`.

To renew them: `UPDATE_SNAPSHOTS=1 pytest tests/test_catalogue.py tests/openreplay/test_answers.py`, then read the diff.
"""

import difflib
import os
import re
from pathlib import Path

FOLDER = Path(__file__).with_suffix("")
RENEW = "UPDATE_SNAPSHOTS=1 pytest tests/test_catalogue.py tests/openreplay/test_answers.py"

# What is another on every run, or follows from a secret.
_CHANGING = ((re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"), (re.compile(r'confirm="[^"]+"'), 'confirm="TOKEN"'))


def agree(name, text):
    """Compare a text with its file, or write the file when asked to; ports and tokens are not part of the text."""
    path = FOLDER / name
    for pattern, stands in _CHANGING:
        text = pattern.sub(stands, text)
    text = text.rstrip("\n") + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    difference = "\n".join(difflib.unified_diff(known.splitlines(), text.splitlines(), "known", "now", lineterm=""))
    assert known == text, f"{name} differs (renew with {RENEW}):\n{difference}"


def names(folder, suffix):
    """Return the names for which there is a file."""
    return {path.stem for path in (FOLDER / folder).glob(f"*{suffix}")}
