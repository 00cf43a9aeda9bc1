#!/bin/sh
# Setting up the packages that code brings: resolving and fetching, installing from nothing, and finding them again.
#
#   benches/packages.sh [ROUNDS] [REQUIREMENT...]
#
# `sealroom test` on a program that does nothing, on the runtime `minimal`: without packages, with packages that nobody
# has installed yet, and with the same packages once more. Needs what `make setup` made, and an index.
set -eu

rounds=${1:-5}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- pandas scikit-learn

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${SEALROOM_TARGET:-${CARGO_TARGET_DIR:-$root/target}}
exec python3 "$root/benches/packages.py" "$target" "$rounds" "$@"
