#!/bin/sh
# How long a jail takes to enter and leave, cold and warm, and how much it slows a pandas program, beside the bare
# interpreter with the same packages, in turns in the same rounds. Prints Markdown tables.
#
#   benches/jail.sh [ROUNDS [SECONDS [WORK_ROUNDS]]]
#
# 20 rounds, a program of 60 seconds and 3 rounds of it if not told; WORK_ROUNDS 0 leaves the program out.
# Uses what `make setup` has set up. TIME_JAIL names the example `time_jail` if it is built already.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${SEALROOM_TARGET:-${CARGO_TARGET_DIR:-$root/target}}
fail() { printf '%s\n' "jail.sh: $*" >&2; exit 1; }
[ -f "$target/runtime/default/runtime.json" ] || fail "there is no runtime: run \`make setup\` first"
program=${TIME_JAIL:-$target/release/examples/time_jail}
[ -n "${TIME_JAIL:-}" ] || (cd "$root" && cargo build --quiet --release -p sealroom-sandbox --example time_jail)
SEALROOM_RUNTIMES=${SEALROOM_RUNTIMES:-$target/runtime} exec "$program" "${1:-20}" "${2:-60}" "${3:-3}"
