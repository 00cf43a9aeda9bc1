#!/bin/sh
# The peak resident memory of client, server and enclave on a large input, once with a small result, once with
# a result of half the input. Prints a Markdown table.
#
#   benches/memory.sh [MIB]     2048 if not told; needs five times as much free disk
#
# Uses target/release/sealroom as it is built, and what `make setup` has set up; BENCH_DIR says where
# everything is kept meanwhile [target/bench].
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${SEALROOM_TARGET:-${CARGO_TARGET_DIR:-$root/target}}
fail() { printf '%s\n' "memory.sh: $*" >&2; exit 1; }
[ -x "$target/release/sealroom" ] || fail "there is no $target/release/sealroom: run \`cargo build --release\` first"
python=$(sed -n 's/.*"interpreter": "\([^"]*\)".*/\1/p' "$target/runtime/default/runtime.json" 2>/dev/null || :)
[ -x "$python" ] || fail "there is no runtime: run \`make setup\` first"
exec "$python" -B "$root/benches/memory.py" "$@"
