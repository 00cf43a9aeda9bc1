#!/bin/sh
# The time from "last key released" to "result available" for the reference example, through the real server
# and enclave by the timestamps of the event log, beside plain Python doing the same work with the same
# interpreter and packages, in the same rounds. Prints a Markdown table of medians.
#
#   benches/run.sh [ROUNDS]     5 if not told
#
# Uses target/release/sealroom as it is built, and what `make setup` has set up; BENCH_DIR says where
# everything is kept meanwhile [target/bench].
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${SEALROOM_TARGET:-${CARGO_TARGET_DIR:-$root/target}}
fail() { printf '%s\n' "run.sh: $*" >&2; exit 1; }
[ -x "$target/release/sealroom" ] || fail "there is no $target/release/sealroom: run \`cargo build --release\` first"
python=$(sed -n 's/.*"interpreter": "\([^"]*\)".*/\1/p' "$target/runtime/default/runtime.json" 2>/dev/null || :)
[ -x "$python" ] || fail "there is no runtime: run \`make setup\` first"
exec "$python" -B "$root/benches/run.py" "$@"
