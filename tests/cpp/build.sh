#!/bin/sh
# Build and run the C++ tests of the core: tests/cpp/build.sh [--asan] [--cxx COMPILER]
# They replay the corpora of tests/fuzz too.
# Only files that changed are compiled again. Exit status: 0 exactly if everything built and passed.
set -eu

compiler=${CXX:-g++}
asan=
while [ $# -gt 0 ]; do
    case $1 in
        --asan) asan=yes ;;
        --cxx) shift; compiler=${1:?--cxx needs a compiler} ;;
        *) echo "usage: $0 [--asan] [--cxx COMPILER]" >&2; exit 2 ;;
    esac
    shift
done

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
libraries="libzstd liblz4 libxxhash"
# shellcheck disable=SC2086  # names are words
flags="-std=c++20 -g -Wall -Wextra -Werror -DMH_FUZZ_REPLAY -Icsrc -I."
flags="$flags $(pkg-config --cflags $libraries)"
# Asserts stay on: the extension is built without them, so here is where they can fail.
if [ -n "$asan" ]; then
    flags="$flags -O1 -fsanitize=address,undefined -fno-sanitize-recover=all"
    flags="$flags -fno-omit-frame-pointer"
else
    flags="$flags -O2"
fi
build=build/cpp/$(basename "$compiler")${asan:+-asan}
mkdir -p "$build"
echo "$flags" > "$build/flags.new"
if ! cmp -s "$build/flags.new" "$build/flags"; then
    rm -f "$build"/*.o
    mv "$build/flags.new" "$build/flags"
fi

# True if an object is missing or older than anything it was made from (gcc's own list of them).
stale() {
    [ -f "$1" ] && [ -f "${1%.o}.d" ] || return 0
    for input in $(sed -e 's/^[^:]*://' -e 's/\\$//' "${1%.o}.d"); do
        [ -f "$input" ] && [ ! "$input" -nt "$1" ] || return 0
    done
    return 1
}

# Objects appear whole or not at all: a build may be stopped, or two may run at once.
compile() {
    # shellcheck disable=SC2086  # flags are words
    $compiler $flags -MMD -MF "$2.$$.d" -c "$1" -o "$2.$$" &&
        mv "$2.$$.d" "${2%.o}.d" && mv "$2.$$" "$2"
}

jobs=$(nproc 2>/dev/null || echo 1)
running=
count=0
wait_all() {
    for pid in $running; do wait "$pid" || failed=yes; done
    running=
    count=0
}
failed=
objects=
# tests/cpp/any_cpu.cc holds the core's cpu.cc.
core=$(find csrc/mh -name '*.cc' ! -path csrc/mh/base/cpu.cc | sort)
for source in $core tests/cpp/*.cc tests/fuzz/*.cc; do
    # File names are unique across csrc (a test checks it), so objects may share a folder.
    object=$build/$(basename "$source" .cc).o
    objects="$objects $object"
    stale "$object" || continue
    compile "$source" "$object" &
    running="$running $!"
    count=$((count + 1))
    [ "$count" -lt "$jobs" ] || wait_all
done
wait_all
[ -z "$failed" ] || exit 1
# shellcheck disable=SC2086
$compiler $flags $objects -o "$build/tests.$$" $(pkg-config --libs $libraries) -pthread
mv "$build/tests.$$" "$build/tests"
UBSAN_OPTIONS=print_stacktrace=1 "$build/tests"
