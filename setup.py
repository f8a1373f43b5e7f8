"""Compile the core.  Without a C compiler the package installs all the same and runs interpreted."""

import hashlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
CORE = Path("src/worldmarkets/core")
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": True,
    "overflowcheck": True,
    "wraparound": False,
    "cdivision": False,
    "initializedcheck": False,
    "embedsignature": True,
    "auto_pickle": False,
    "show_performance_hints": False,
}
QUIET = ["-Wno-unused-function", "-Wno-maybe-uninitialized"]  # about what Cython writes for memory views
# CFLAGS of the environment would replace the optimisation level, so it is fixed here.
C_FLAGS = [] if sys.platform == "win32" else ["-O3", "-g0", "-fno-semantic-interposition", *QUIET]

# What every module needs of the compiler's run time, compiled once rather than into each.
SHARED = "worldmarkets.core._cyutility"
SHARED_C = Path("build/cython/_cyutility.c")


def source_digest() -> str:
    """One hash over every Python source of the core: the build remembers what it was made from."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / CORE).rglob("*.py")):
        digest.update(path.relative_to(ROOT / CORE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class BuildCore(build_ext):
    """Compile in parallel; leave nothing half compiled behind."""

    def run(self) -> None:
        self.parallel = self.parallel or os.cpu_count()
        for stamp in self.stamps():
            stamp.unlink(missing_ok=True)
        try:
            super().run()
        except Exception as error:
            if os.environ.get("WORLDMARKETS_REQUIRE_COMPILED"):
                raise
            print(f"worldmarkets: the core was not compiled and will run interpreted: {error}", file=sys.stderr)
            return
        for stamp in self.stamps():
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.write_text(json.dumps({"sources": source_digest()}) + "\n")

    def stamps(self) -> list[Path]:
        """Where the note of the compiled sources goes."""
        if self.inplace:
            return [ROOT / CORE / "_build.json"]
        return [Path(self.build_lib) / "worldmarkets/core/_build.json"]


def extensions() -> list[Extension]:
    """The compiled modules; none when the build was told to leave them or there is no Cython."""
    if os.environ.get("WORLDMARKETS_BUILD") == "none":
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    tool = runpy.run_path(str(ROOT / "tools/twins.py"))
    tool["main"]()
    found = []
    for name in tool["modules"]():
        path = CORE / (name.replace(".", "/") + (".pyx" if name == "tables" else ".py"))
        found.append(Extension(f"worldmarkets.core.{name}", [str(path)], extra_compile_args=C_FLAGS))
    try:
        SHARED_C.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "cython", f"--generate-shared={SHARED_C}"], check=True)
        found.append(Extension(SHARED, [str(SHARED_C)], extra_compile_args=C_FLAGS))
        return cythonize(
            found,
            compiler_directives=DIRECTIVES,
            nthreads=os.cpu_count() or 1,
            build_dir="build/cython",
            quiet=True,
            shared_utility_qualified_name=SHARED,
            annotate=bool(os.environ.get("WORLDMARKETS_ANNOTATE")),
        )
    except Exception as error:
        if os.environ.get("WORLDMARKETS_REQUIRE_COMPILED"):
            raise
        print(f"worldmarkets: the core was not translated and will run interpreted: {error}", file=sys.stderr)
        return []


os.chdir(ROOT)
setup(ext_modules=extensions(), cmdclass={"build_ext": BuildCore})
