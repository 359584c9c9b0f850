"""Execute the notebooks and write their outputs: `make notebooks`; `--check` compares instead of writing.

What is written holds nothing that changes from run to run: no execution counts, times, ids or addresses.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).resolve().parent
NOTEBOOKS = tuple(sorted(FOLDER.glob("*.ipynb")))
_SECONDS = 120
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path) -> str:
    """Run a notebook from its first cell to its last and return the text of the file with its outputs.

    Args:
        path: an .ipynb file; its own outputs do not matter.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    # The notebooks use the scripted model and the sandbox, whatever the reader's own settings are.
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OPENREPLAY_")}
    # The package beside this folder, installed or not; and no warnings about frozen modules from the debugger.
    known = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYDEVD_DISABLE_FILE_VALIDATION")}
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FOLDER.parent), known["PYTHONPATH"]]))
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    try:
        # Its only warning is that it listens on loopback without encryption.
        quiet = ["--IPKernelApp.log_level=ERROR"]
        NotebookClient(notebook, timeout=_SECONDS, kernel_name="python3", extra_arguments=quiet).execute()
    finally:
        os.environ.update(hidden)
        for name, value in known.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    return _plain(notebook)


def same(fresh: str, known: str) -> bool:
    """Tell whether two notebooks show the same; a picture's bytes depend on who made it and are not compared."""
    return _without_pictures(fresh) == _without_pictures(known)


def _without_pictures(text: str) -> str:
    return re.sub(r'("image/\w+": )(?:"[^"]*"|\[[^\]]*\])', r"\1…", text)


def _plain(notebook: Any) -> str:
    """Return a notebook as text, without anything that changes from run to run."""
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number:02}"
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
            cell["outputs"] = _joined(cell["outputs"])
    notebook["metadata"] = _METADATA
    # ruff formats notebooks with the same indentation.
    return json.dumps(_split(notebook), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _joined(outputs: list[Any]) -> list[Any]:
    """Return outputs without counts; what is printed arrives in pieces of any size."""
    kept: list[Any] = []
    for output in outputs:
        if "execution_count" in output:
            output["execution_count"] = None
        if kept and output["output_type"] == "stream" and kept[-1].get("name") == output["name"]:
            kept[-1]["text"] += output["text"]
        else:
            kept.append(output)
    return kept


def _split(notebook: Any) -> Any:
    """Return the notebook with texts as lists of lines, as files hold them."""
    return json.loads(nbformat.writes(notebook, version=4))


def main(argv: Sequence[str] | None = None) -> int:
    """Execute all notebooks; return 1 when --check finds one that differs.

    Args:
        argv: arguments; None takes the process's own.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    args = parser.parse_args(argv)
    stale = 0
    for path in NOTEBOOKS:
        fresh, known = executed(path), path.read_text("utf-8")
        unchanged = same(fresh, known)
        if args.check and not unchanged:
            stale += 1
            print(f"{path.name} is stale: run `make notebooks`.", file=sys.stderr)
            sys.stderr.writelines(list(difflib.unified_diff(known.splitlines(True), fresh.splitlines(True)))[:40])
        elif not args.check:
            path.write_text(known if unchanged else fresh, "utf-8")
            print(f"{path.name}: {'unchanged' if unchanged else 'written'}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
