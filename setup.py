"""Build the two extensions: the C++ core and the Cython key coder.

Everything else about the package is in pyproject.toml.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from pybind11 import get_include
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
LIBRARIES = {"libzstd": "libzstd-dev", "liblz4": "liblz4-dev", "libxxhash": "libxxhash-dev"}
# No -march: one binary runs on every machine of its family. -O3 turns the delta loops into vector
# code. -g0: debug information would make the extension twenty times as large.
CORE_FLAGS = ["-std=c++20", "-O3", "-g0", "-fvisibility=hidden", "-Wall", "-Wextra"]
KEYS = "modelhub/catalog/keys.pyx"


def missing_packages() -> list[str]:
    """List the Debian packages that a build needs and this machine lacks."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))[0]
    missing = [] if shutil.which(compiler) else ["g++"]
    if shutil.which("pkg-config") is None:
        return [*missing, "pkg-config", *LIBRARIES.values()]
    for name, package in LIBRARIES.items():
        if subprocess.run(["pkg-config", "--exists", name], check=False).returncode:
            missing.append(package)
    return missing


def pkg_config(option: str) -> list[str]:
    """Return flags of the C libraries, or stop with one line that says what to install."""
    missing = " ".join(missing_packages())
    if missing:
        sys.exit(f"modelhub: cannot build without {missing}: apt-get install {missing}")
    command = ["pkg-config", option, *LIBRARIES]
    return shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class ParallelBuild(build_ext):
    """Compile the files of an extension side by side; ask pkg-config only when building."""

    def build_extension(self, ext: Extension) -> None:
        """Build one extension."""
        if ext.language == "c++":
            ext.extra_compile_args += pkg_config("--cflags")
            ext.extra_link_args += pkg_config("--libs")
        compile_serially = self.compiler.compile

        def compile_all(sources: list[str], **options: Any) -> list[str]:
            workers = int(os.environ.get("MAX_JOBS", "0")) or len(os.sched_getaffinity(0))
            with ThreadPoolExecutor(workers) as pool:
                jobs = [pool.submit(compile_serially, [source], **options) for source in sources]
                return [name for job in jobs for name in job.result()]

        self.compiler.compile = compile_all
        try:
            super().build_extension(ext)
        finally:
            self.compiler.compile = compile_serially


def core_files(pattern: str) -> list[str]:
    """List files below csrc, relative to the root and in a stable order."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "csrc").rglob(pattern))


def extensions() -> list[Extension]:
    """List what there is to build."""
    core = Extension(
        "modelhub._core._ext",
        sources=core_files("*.cc"),
        depends=core_files("*.h"),
        include_dirs=["csrc", get_include()],
        extra_compile_args=list(CORE_FLAGS),
        extra_link_args=["-pthread"],
        language="c++",
    )
    keys = cythonize(
        [Extension("modelhub.catalog.keys", [KEYS])], build_dir="build/cython", language_level=3
    )
    return [core, *keys]


setup(ext_modules=extensions(), cmdclass={"build_ext": ParallelBuild})
