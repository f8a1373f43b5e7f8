"""Write what the compiler needs to know about the core: `tables.py` and one `.pxd` twin a module.

Fields, signatures and constants are declared once, in the Python source.  This tool reads them there:

- `units.py` and `codes.py`: every upper-case integer becomes a C constant;
- `records.py`: every record becomes a C struct, and every table of `TABLES` a typed class in `tables.py`;
- any other module: a class marked `@cython.cclass` with its annotated attributes, and each function or method whose
  return type is annotated, become C declarations.  A function without one stays an ordinary Python function.

`python tools/twins.py` writes; `python tools/twins.py --check` fails when something on disk differs.
"""

from __future__ import annotations

import ast
import ctypes
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "src" / "worldmarkets" / "core"
PACKAGE = "worldmarkets.core"
CONSTANTS = ("units", "codes")
HOST = ("__init__", "records", "memory", "wide", "audit", "codec", "digest", "snapshot", "guards", *CONSTANTS)
HELPERS = ("address", "cast")

C_TYPES = {
    "i64": "long long",
    "u64": "unsigned long long",
    "i32": "int",
    "u32": "unsigned int",
    "u16": "unsigned short",
    "u8": "unsigned char",
    "longlong": "long long",
    "ulonglong": "unsigned long long",
    "uint": "unsigned int",
    "uchar": "unsigned char",
    "bint": "bint",
    "wide": "wide",
}
# A plain -1 makes Cython 3.3.1 write a literal that no compiler takes, for methods of their own module.
EXCEPT = {"bint": " except -1", "int": " except? -1", "long long": " except? RAISED"}


def find_padding(records: ModuleType) -> list[str]:
    """What is wrong with the sizes of records: a row with gaps is no array of its fields, for NumPy or a digest."""
    found = []
    for record in sorted({r for _, r in records.TABLES}, key=lambda r: r.__name__) + [
        *records.COMMANDS,
        *records.EVENTS,
    ]:
        size, fields = ctypes.sizeof(record), sum(ctypes.sizeof(kind) for _, kind in record._fields_)
        if size != fields:
            found.append(f"records.py: {record.__name__} has {size - fields} bytes of padding: name them `spare`, "
                         "or put its fields in the order of their sizes")  # fmt: skip
        if size != 64 and record in (*records.COMMANDS, *records.EVENTS):
            found.append(f"records.py: {record.__name__} has {size} bytes: commands and events have 64")
    return found


def load(name: str) -> ModuleType:
    """Import one plain module of the core by its path, without importing the package."""
    spec = importlib.util.spec_from_file_location(f"_twin_{name}", CORE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def constants_of(name: str) -> dict[str, int]:
    """Every upper-case integer of a module of constants."""
    return {k: int(v) for k, v in vars(load(name)).items() if k.isupper() and isinstance(v, int)}


def write_constants(name: str) -> str:
    """The twin of a module of constants: a macro and a C constant each."""
    values = constants_of(name)
    lines = ["# Generated from the Python source.", "cdef extern from *:", '    """']
    lines += [f"    #define WM_{key} {value}LL" for key, value in values.items()]
    lines += ['    """']
    lines += [f'    const long long {key} "WM_{key}"' for key in values]
    return "\n".join(lines) + "\n"


def write_records(records: ModuleType) -> str:
    """The twin of records.py: a struct each, and the views that read a command or an event as what it is."""
    lines = ["# Generated from the Python source."]
    for record in records.RECORDS:
        lines += ["", f"cdef struct {record.__name__}:"]
        for field, kind in record.fields():
            lines.append(f"    {C_TYPES[kind]} {field}")
    lines += ["", ""]
    for record in records.COMMANDS:
        name = records.view_name(record)
        lines.append(f"cdef inline {record.__name__}* {name}(Command* command) noexcept:")
        lines += [f"    return <{record.__name__}*> command", ""]
    for record in records.EVENTS:
        name = records.view_name(record)
        lines.append(f"cdef inline {record.__name__}* {name}(Event* event) noexcept:")
        lines += [f"    return <{record.__name__}*> event", ""]
    return "\n".join(lines) + "\n"


TABLE_HEAD = '''"""The typed tables: one class a record.  Written by tools/twins.py from records.py."""

from __future__ import annotations

import cython
from cython import address, const, longlong, pointer

from worldmarkets.core.undo import Table, Undo

if not cython.compiled:
    from worldmarkets.core.records import {names}
    from worldmarkets.core.records import Seen, address
    from worldmarkets.core.units import SEEN_MASK
'''

TABLE_CLASS = '''

@cython.final
@cython.cclass
class {name}Table(Table):
    """Rows of `{name}`."""

    rows: {name}[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[{name}]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[{name}]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])
'''


TABLES_PXD_HEAD = """\
# Generated from the Python source: the twin of tables.py, its two methods written into their callers.
cimport cython
from worldmarkets.core.undo cimport Table, Undo
from worldmarkets.core.units cimport SEEN_MASK
from worldmarkets.core.records cimport {names}, Seen
"""

TABLES_PXD_CLASS = """

@cython.final
cdef class {name}Table(Table):
    cdef {name}[::1] rows

    cdef inline {name}* edit(self, long long row) except NULL:
        cdef Seen* seen = &self.undo.seen[(row ^ self.salt) & SEEN_MASK]
        if seen.epoch != self.undo.epoch or seen.key != <unsigned long long> (self.first_key | row):
            self.undo.keep(self, row)
        return &self.rows[row]

    cdef inline const {name}* read(self, long long row) except NULL:
        return &self.rows[row]
"""

TABLES_PYX_CLASS = '''

cdef class {name}Table(Table):
    """Rows of `{name}`."""

    def bind(self, rows):
        self.rows = rows
'''


def get_table_records(records: ModuleType) -> list[str]:
    """The names of the records that have a table."""
    return sorted({record.__name__ for _, record in records.TABLES})


def write_tables_pxd(records: ModuleType) -> str:
    """What the compiler knows of the typed tables, with their methods inline."""
    kinds = get_table_records(records)
    return TABLES_PXD_HEAD.format(names=", ".join(kinds)) + "".join(TABLES_PXD_CLASS.format(name=k) for k in kinds)


def write_tables_pyx(records: ModuleType) -> str:
    """The compiled twin of tables.py."""
    head = "# Generated from the Python source: the compiled twin of tables.py.\n"
    return head + "".join(TABLES_PYX_CLASS.format(name=kind) for kind in get_table_records(records))


def write_tables(records: ModuleType) -> str:
    """The interpreted typed tables."""
    kinds = imported = get_table_records(records)
    names = "(\n        " + ",\n        ".join(imported) + ",\n    )"
    return TABLE_HEAD.format(names=names) + "".join(TABLE_CLASS.format(name=kind) for kind in kinds)


class Source:
    """One module of the core, parsed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tree = ast.parse((CORE / f"{name}.py").read_text(), f"{name}.py")
        self.classes: list[ast.ClassDef] = []
        self.functions: list[ast.FunctionDef] = []
        self.imports: list[tuple[str, list[str]]] = []
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and "cclass" in decorators(node):
                self.classes.append(node)
            elif isinstance(node, ast.FunctionDef) and node.returns is not None:
                self.functions.append(node)
        for found in ast.walk(self.tree):
            if isinstance(found, ast.ImportFrom) and found.module and found.module.startswith(PACKAGE + "."):
                self.imports.append((found.module.removeprefix(PACKAGE + "."), [a.name for a in found.names]))

    def exported(self) -> set[str]:
        """The names that other modules may take from this one in C."""
        return {c.name for c in self.classes} | {f.name for f in self.functions}


def decorators(node: ast.ClassDef | ast.FunctionDef) -> set[str]:
    """The last names of its decorators: `final` of `@cython.final`."""
    plain = (d for d in node.decorator_list if isinstance(d, ast.Attribute | ast.Name))
    return {d.attr if isinstance(d, ast.Attribute) else d.id for d in plain}


def c_type(node: ast.expr) -> str:
    """The C spelling of an annotation."""
    if isinstance(node, ast.Constant) and node.value is None:
        return "int"
    if isinstance(node, ast.Attribute):
        return C_TYPES.get(node.attr, node.attr)
    if isinstance(node, ast.Name):
        return C_TYPES.get(node.id, node.id)
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Slice):
            return f"{c_type(node.value)}[::1]"
        outer = node.value.id if isinstance(node.value, ast.Name) else node.value.attr  # type: ignore[attr-defined]
        inner = c_type(node.slice)
        return f"{inner}*" if outer == "pointer" else f"const {inner}"
    raise SystemExit(f"cannot translate the annotation {ast.dump(node)}")


def signature(node: ast.FunctionDef, method: bool) -> str:
    """The C declaration of a function or a method, with how it says that it raised."""
    result = c_type(node.returns)  # type: ignore[arg-type]
    is_none = isinstance(node.returns, ast.Constant)
    guard = " except -1" if is_none else " except NULL" if result.endswith("*") else EXCEPT.get(result, "")
    arguments = []
    defaults = len(node.args.args) - len(node.args.defaults)
    for place, argument in enumerate(node.args.args):
        if method and place == 0:
            arguments.append("self")
            continue
        kind = c_type(argument.annotation) + " " if argument.annotation else "object "
        arguments.append(f"{kind}{argument.arg}" + ("=*" if place >= defaults else ""))
    word = "cpdef" if "ccall" in decorators(node) else "cdef"
    return f"{word} {result} {node.name}({', '.join(arguments)}){guard}"


def write_module(source: Source, exports: dict[str, set[str]]) -> str:
    """The twin of any other module: its imports, its classes with their fields and methods, its functions."""
    lines = ["# Generated from the Python source.", "cimport cython", f"from {PACKAGE}.wide cimport RAISED"]
    for module, names in source.imports:
        known = names if names == ["*"] else sorted(n for n in names if n in exports.get(module, ()))
        if known:
            lines.append(f"from {PACKAGE}.{module} cimport {', '.join(known)}")
    for node in source.classes:
        base = f"({node.bases[0].id})" if node.bases else ""  # type: ignore[attr-defined]
        lines += ["", ""]
        if "final" in decorators(node):
            lines.append("@cython.final")
        lines.append(f"cdef class {node.name}{base}:")
        body = []
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                kind = c_type(item.annotation)
                visible = "" if kind.endswith(("*", "[::1]")) else "readonly "
                body.append(f"    cdef {visible}{kind} {item.target.id}")
            elif isinstance(item, ast.FunctionDef) and item.returns is not None and "property" not in decorators(item):
                body.append("    " + signature(item, True))
        lines += body or ["    pass"]
    if source.functions:
        lines += ["", ""]
        lines += [signature(node, False) for node in source.functions]
    return "\n".join(lines) + "\n"


def modules() -> list[str]:
    """The modules of the core that are compiled, as paths below core/ with dots."""
    found = []
    for path in sorted(CORE.rglob("*.py")):
        name = ".".join(path.relative_to(CORE).with_suffix("").parts)
        if name.split(".")[-1] not in HOST:
            found.append(name)
    return found


def twins() -> dict[Path, str]:
    """Every generated file and its text."""
    records = load("records")
    texts = {CORE / "tables.py": write_tables(records)}
    if not (CORE / "tables.py").exists() or (CORE / "tables.py").read_text() != texts[CORE / "tables.py"]:
        (CORE / "tables.py").write_text(texts[CORE / "tables.py"]) if "--check" not in sys.argv else None
    sources = {}
    for name in modules():
        source = Source.__new__(Source)
        path = name.replace(".", "/")
        Source.__init__(source, path)
        sources[name] = source
    exports: dict[str, set[str]] = {name: source.exported() for name, source in sources.items()}
    views = {records.view_name(r) for r in (*records.COMMANDS, *records.EVENTS)}
    exports["records"] = {r.__name__ for r in records.RECORDS} | views
    exports["wide"] = {"wide"} | {n for n in vars(load("wide")) if not n.startswith("_")}
    for name in CONSTANTS:
        exports[name] = set(constants_of(name))
        texts[CORE / f"{name}.pxd"] = write_constants(name)
    texts[CORE / "records.pxd"] = write_records(records)
    texts[CORE / "tables.pxd"] = write_tables_pxd(records)
    texts[CORE / "tables.pyx"] = write_tables_pyx(records)
    for name, source in sources.items():
        if name == "tables":
            continue
        texts[CORE / (name.replace(".", "/") + ".pxd")] = write_module(source, exports)
    return texts


def main(check: bool = False) -> int:
    """Write the twins, or with `check` report the ones that differ."""
    padded = find_padding(load("records"))
    if padded:
        print(*padded, sep="\n")
        return 1
    stale = []
    for path, text in twins().items():
        if not path.exists() or path.read_text() != text:
            stale.append(path)
            if not check:
                path.write_text(text)
    if check and stale:
        print("stale twins (run tools/twins.py):", *[p.relative_to(ROOT) for p in stale], sep="\n  ")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main("--check" in sys.argv))
