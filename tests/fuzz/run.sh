#!/bin/sh
# Fuzz the decoders of the core: tests/fuzz/run.sh [--keep] [SECONDS [TARGET...]]
#
# Builds each target with clang, libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, asserts
# on, and runs it for SECONDS (300), from seeds that the encoders make. What it finds out is kept in
# build/fuzz/corpus/, from where the next run goes on; an input that fails stays in build/fuzz/.
# With --keep, the corpus kept in tests/fuzz/corpus/ is made anew, as small as reaches as much code.
# Exit status: 0 if nothing was found.
#
# Without clang, tests/cpp/build.sh replays the kept corpus and changes of it.
# shellcheck disable=SC2086,SC2046  # names and flags are words
set -eu

keep=
if [ "${1:-}" = --keep ]; then keep=yes; shift; fi
seconds=${1:-300}
[ $# -eq 0 ] || shift
cd "$(dirname "$0")/../.."

compiler=${CLANG:-}
for candidate in clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14; do
    [ -n "$compiler" ] || compiler=$(command -v "$candidate" || true)
done
if [ -z "$compiler" ]; then
    echo "$0: no clang++: apt-get install clang-14 libclang-rt-14-dev, or set CLANG" >&2
    exit 2
fi

libraries="libzstd liblz4 libxxhash"
flags="-std=c++20 -g -O1 -Wall -Wextra -Werror -Icsrc -I. $(pkg-config --cflags $libraries)"
flags="$flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
build=build/fuzz
mkdir -p "$build/objects" "$build/corpus"

# Whole or not at all, and again if the source or any header is newer.
stamp=$build/objects/stamp
newer=$(find csrc tests/cpp tests/fuzz -name '*.h' -newer "$stamp" 2>/dev/null || echo all)
[ -z "$newer" ] || rm -f "$build"/objects/*.o
touch "$stamp"
compile() {
    object=$build/objects/$(basename "$1" .cc).o
    [ "$object" -nt "$1" ] ||
        { $compiler $flags -fsanitize=fuzzer-no-link -c "$1" -o "$object.$$" &&
            mv "$object.$$" "$object"; }
}

shared=
for source in $(find csrc/mh -name '*.cc' ! -path csrc/mh/base/cpu.cc | sort) \
    tests/cpp/any_cpu.cc tests/fuzz/reseal.cc tests/fuzz/entries.cc; do
    compile "$source"
    shared="$shared $build/objects/$(basename "$source" .cc).o"
done

[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.cc | sed 's|.*/fuzz_\(.*\)\.cc|\1|')
failed=
for name in "$@"; do
    compile "tests/fuzz/fuzz_$name.cc"
    program=$build/fuzz_$name
    $compiler $flags -fsanitize=fuzzer "$build/objects/fuzz_$name.o" $shared -o "$program" \
        $(pkg-config --libs $libraries) -pthread
    seeds=$build/seeds/$name
    mkdir -p "$build/corpus/$name" "tests/fuzz/corpus/$name" "$seeds"
    MH_FUZZ_SEEDS=$seeds "$program"
    echo "== $name"
    # No array that the targets ask for takes 64 MB to decode, whatever its bytes declare.
    "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=64 \
        -max_len=16384 -artifact_prefix="$build/$name-" -print_final_stats=1 \
        "$build/corpus/$name" "tests/fuzz/corpus/$name" "$seeds" >"$build/$name.log" 2>&1 ||
        {
            failed="$failed $name"
            grep -E '^(==|fuzz:|SUMMARY|Test unit)' "$build/$name.log" || true
        }
    grep -E 'cov: ' "$build/$name.log" | tail -1
    grep -E 'number_of_executed_units|peak_rss_mb' "$build/$name.log" || true
    [ -n "$keep" ] || continue
    kept=$build/kept/$name
    rm -rf "$kept"
    mkdir -p "$kept"
    "$program" -set_cover_merge=1 -use_counters=0 -max_len=6000 "$kept" "$build/corpus/$name" \
        "tests/fuzz/corpus/$name" "$seeds" >"$build/$name-keep.log" 2>&1
    rm -rf "tests/fuzz/corpus/$name"
    mv "$kept" "tests/fuzz/corpus/$name"
done
if [ -n "$failed" ]; then
    echo "found something:$failed; see $build/" >&2
    exit 1
fi
