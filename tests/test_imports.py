"""The arrows between the modules, who may import which library, and the sizes of things (see CONTRIBUTING)."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "openreplay_tools"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE

# Module -> the modules of this package that it may import. Arrows go one way: a module stands below those it names.
BASICS = {"errors", "text", "masking", "windows", "addresses", "settings", "personal"}
CORE = BASICS | {"doors", "flow", "progress", "confirmation", "handles", "downloads"}
CORE |= {"schema", "routes", "fields", "answer", "operation"}
CLIENTS = {"services", "replies", "vendor_failures", "wire", "login", "connection", "driver", "deadline"}
CLIENTS |= {"bodies", "discretion", "exchange", "client"}
PROVIDERS = {"openreplay", "logrocket", "notte"}
BELOW_TOOLKIT = CORE | CLIENTS | PROVIDERS | {"recordings", "render", "catalogue", "unserved", "probing", "selection"}
BELOW_ADAPTERS = BELOW_TOOLKIT | {"toolkit", "sandbox"}
ADAPTERS = {"langchain", "llama_index", "mcp", "cli"}
ALLOWED = {
    "errors": set(),
    "text": set(),
    "secret_shapes": set(),
    "masking": {"errors", "text", "secret_shapes"},
    "personal": set(),
    "persons": {"personal"},
    "shapes": {"personal"},
    "aliases": {"text", "personal"},
    "mentions": {"personal", "shapes", "openreplay"},
    "pseudonyms": {"errors", "text", "masking", "personal", "persons", "shapes", "aliases", "mentions"},
    "windows": {"errors", "text"},
    "addresses": {"errors"},
    "deadline": set(),
    "settings": {"errors", "text", "windows", "addresses", "doors"},
    "confirmation": {"errors", "text"},
    "schema": {"errors", "text"},
    "answer": {"errors", "text", "masking", "windows"},
    "doors": {"errors"},
    "flow": {"errors", "doors"},
    "progress": {"flow"},
    "handles": set(),
    "downloads": {"errors", "text"},
    "routes": {"errors", "doors", "flow"},
    "operation": BASICS | {"doors", "flow", "confirmation", "handles", "downloads", "schema", "answer", "routes"},
    "recordings": {"personal", "operation"},
    "unserved": {"errors", "operation", "routes", "answer", "flow"},
    "login": BASICS | {"doors", "flow", "operation"},
    "fields": BASICS | {"schema", "operation"},
    "services": {"errors", "doors", "settings"},
    "replies": {"text"},
    "vendor_failures": BASICS | {"flow", "replies", "services"},
    "wire": BASICS | {"doors", "flow", "operation", "schema", "replies", "services", "vendor_failures"},
    # The sandbox is imported when Client.sandbox() is called.
    "connection": CORE | {"wire", "login", "replies", "services"},
    "bodies": {"errors", "flow", "connection", "replies"},
    "discretion": set(),
    "exchange": CORE | {"wire", "connection", "bodies", "discretion", "deadline", "services"},
    "driver": CORE | {"connection", "sandbox"},
    "client": CORE | {"wire", "connection", "driver", "exchange"},
    "render": BASICS | {"answer", "operation"},
    "openreplay": CORE,
    "logrocket": CORE | {"unserved", "recordings"},
    "notte": CORE | {"unserved", "recordings"},
    "catalogue": {"errors", "operation"} | PROVIDERS,
    "probing": CORE | PROVIDERS,
    "selection": {"errors", "doors", "operation", "catalogue"},
    # The sandbox is the far side of HTTP: it shares no knowledge of the API with the code that is tested against it.
    "sandbox": {"errors"},
    "toolkit": BELOW_TOOLKIT | {"sandbox", "pseudonyms"},
    "langchain": BELOW_ADAPTERS,
    "llama_index": BELOW_ADAPTERS,
    "mcp": BELOW_ADAPTERS,
    # `openreplay-tools mcp` starts that server: the one arrow between two adapters.
    "cli": BELOW_ADAPTERS | {"mcp"},
    "demo": BELOW_ADAPTERS | ADAPTERS,
    "docs": BELOW_ADAPTERS | ADAPTERS | {"secret_shapes"},
    # The package root: the public names, no adapter.
    "": BELOW_TOOLKIT | {"toolkit"},
}

# Module -> the libraries that it may import beside the standard library and pydantic.
LIBRARIES = {
    "exchange": {"httpx"},
    "notte": {"av", "m3u8"},
    "langchain": {"langchain_core"},
    "llama_index": {"llama_index"},
    "mcp": {"mcp", "mcp_types"},
    "sandbox": {"starlette", "uvicorn"},
    "demo": {"langchain", "langchain_core", "llama_index"},
}
EVERYWHERE = sys.stdlib_module_names | {"pydantic", "pydantic_core"}

FRAMEWORKS = {
    "langchain": ["langchain_core"],
    "llama_index": ["llama_index"],
    "mcp": ["mcp", "mcp_types"],
    "sandbox": ["starlette", "uvicorn"],
}
EXTRAS = {"langchain": "langchain", "llama_index": "llama-index", "mcp": "mcp", "sandbox": "sandbox"}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
LONGEST_FUNCTION = 40
LONGEST_MODULE = 400
LONGEST_ADAPTER = 150

FILES = sorted(ROOT.rglob("*.py"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())


def place(path):
    """The top-level module that a file belongs to; "" for the package root."""
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(path):
    """Every dotted name a file imports, wherever the import stands: (line, name)."""
    package = [PACKAGE, *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            # `from openreplay_tools import wire` names a module; `from x.y import z` is told by x.y already.
            names = [f"{origin}.{alias.name}" for alias in node.names] if origin == PACKAGE else [origin]
            yield from ((node.lineno, name) for name in names)


@each_file
def test_every_module_is_placed(path):
    assert place(path) in ALLOWED, (
        f"{PACKAGE}/{place(path)} has no place yet: say in tests/test_imports.py, in ALLOWED, which modules it may "
        f"import, and add it to the rows of those that may import it"
    )


@pytest.mark.parametrize("module", sorted(set(ALLOWED) - {""}))
def test_every_placed_module_exists(module):
    assert module in {place(path) for path in FILES}, f"{module} is gone: take it out of ALLOWED"


def test_the_arrows_form_no_circle():
    left = {module: set(below) for module, below in ALLOWED.items()}
    while free := {module for module, below in left.items() if not below & left.keys()}:
        left = {module: below for module, below in left.items() if module not in free}
    assert not left, f"these modules import each other in a circle: {sorted(left)}"


@each_file
def test_arrows_go_one_way(path):
    module = place(path)
    wrong = []
    for line, name in imports(path):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        is_module = (ROOT / f"{target}.py").exists() or (ROOT / target).is_dir()
        if top != PACKAGE or (target and target == module) or (target and not is_module):
            continue
        if target not in ALLOWED.get(module, ()):
            wrong.append(f"{path.name}:{line} imports {name}")
    assert not wrong, f"{module or 'the package root'} may import {sorted(ALLOWED.get(module, ()))} only: {wrong}"


@each_file
def test_each_library_is_imported_in_its_own_module_only(path):
    allowed = EVERYWHERE | LIBRARIES.get(place(path), set()) | {PACKAGE}
    wrong = [f"{path.name}:{line} imports {name}" for line, name in imports(path) if name.split(".")[0] not in allowed]
    assert not wrong


@each_file
def test_only_settings_reads_the_environment(path):
    if place(path) == "settings":
        return
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        is_attribute = (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            and node.attr in names
        )
        is_import = isinstance(node, ast.ImportFrom) and node.module == "os" and names & {a.name for a in node.names}
        if is_attribute or is_import:
            found.append(f"{path.name}:{node.lineno}")
    assert not found


@each_file
def test_functions_are_short(path):
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = {
        node.name: lines
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, functions) and (lines := node.end_lineno - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert not long, f"a function has at most {LONGEST_FUNCTION} lines"


@each_file
def test_modules_are_short(path):
    limit = LONGEST_ADAPTER if place(path) in ADAPTERS else LONGEST_MODULE
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= limit


@each_file
def test_names_say_what_is_inside(path):
    parts = {part.removesuffix(".py").strip("_") for part in path.relative_to(ROOT).parts}
    assert not parts & FORBIDDEN_NAMES


def run_clean(code):
    """Runs code in a fresh interpreter; its last printed line as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_package_root_loads_no_framework():
    code = f"""
import json, sys
import {PACKAGE}
for name in getattr({PACKAGE}, "__all__", ()):
    getattr({PACKAGE}, name)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
    frameworks = {library for libraries in FRAMEWORKS.values() for library in libraries} | {"langchain", "langgraph"}
    assert not frameworks & set(run_clean(code))


@pytest.mark.parametrize("adapter", sorted(FRAMEWORKS))
def test_a_missing_framework_names_its_extra(adapter):
    code = f"""
import importlib, json, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FRAMEWORKS[adapter]!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
try:
    importlib.import_module("{PACKAGE}.{adapter}")
except ImportError as error:
    print(json.dumps(str(error)))
else:
    print(json.dumps("imported all the same"))
"""
    assert f"openreplay-tools[{EXTRAS[adapter]}]" in run_clean(code)


@pytest.mark.usefixtures("unmeasured")
def test_every_module_can_be_the_first_that_is_loaded():
    """Whichever is asked for first, no circle is met; one process forgets the package again before each."""
    first = sorted({place(path) for path in FILES} - {"", "demo"})
    first += sorted(f"{path.parent.name}.{path.stem}" for name in PROVIDERS for path in (ROOT / name).glob("*.py"))
    code = f"""
import importlib, json, sys
from importlib.machinery import SourceFileLoader

codes, compiled = {{}}, SourceFileLoader.source_to_code

def once(loader, data, path, **options):
    if path not in codes:
        codes[path] = compiled(loader, data, path, **options)
    return codes[path]

SourceFileLoader.source_to_code = once
wrong = {{}}
for name in {first!r}:
    for known in [known for known in sys.modules if known.partition(".")[0] == "{PACKAGE}"]:
        del sys.modules[known]
    try:
        importlib.import_module("{PACKAGE}." + name)
    except Exception as error:
        wrong[name] = repr(error)
print(json.dumps(wrong))
"""
    assert len(first) > 60
    assert run_clean(code) == {}
