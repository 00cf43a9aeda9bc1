#!/bin/sh
# How fast a file is sealed and opened, file to file, beside the bare cipher (openssl speed, same message
# size) and beside copying the same file, all in the same rounds. Prints a Markdown table of medians.
#
#   benches/seal.sh [MIB [ROUNDS]]     2048 MiB and 5 rounds if not told; needs three times MIB of free disk
#
# BENCH_DIR says where the files are [target/bench]: its file system is what is measured. The source stays in
# the page cache, and what was written is flushed between measurements, not within them.
# SEAL_FILE names the example `seal_file` if it is built already.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${SEALROOM_TARGET:-${CARGO_TARGET_DIR:-$root/target}}
mib=${1:-2048}
rounds=${2:-5}

fail() { printf '%s\n' "seal.sh: $*" >&2; exit 1; }
command -v openssl >/dev/null || fail "there is no openssl"
python=$(sed -n 's/.*"interpreter": "\([^"]*\)".*/\1/p' "$target/runtime/default/runtime.json" 2>/dev/null || :)
[ -x "$python" ] || fail "there is no runtime: run \`make setup\` first"
bench=${SEAL_FILE:-$target/release/examples/seal_file}
[ -n "${SEAL_FILE:-}" ] || (cd "$root" && cargo build --quiet --release -p sealroom-seal --example seal_file)

mkdir -p "${BENCH_DIR:-$target/bench}"
work=$(mktemp -d "${BENCH_DIR:-$target/bench}/seal.XXXXXX")
trap 'rm -rf "$work"' EXIT
times=$work/times

# Seconds of a command, by the clock.
timed() {
    "$python" -I -c 'import subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
print("%.6f" % (time.perf_counter() - start))' "$@"
}

# Bytes a second of the bare cipher: openssl tells thousands, in the last field of its last line.
cipher() {
    openssl speed -seconds 2 -evp aes-256-gcm -bytes 65536 "$@" 2>/dev/null |
        sed -n 's/.* \([0-9.]*\)k$/\1/p' | tail -n 1
}

head -c "$((mib * 1048576))" /dev/urandom >"$work/plain"
sync
for round in $(seq "$rounds"); do
    printf '%s\n' "round $round of $rounds" >&2
    {
        rm -f "$work/copy"; sync; printf 'cp %s\n' "$(timed cp --reflink=never "$work/plain" "$work/copy")"
        rm -f "$work/copy"; sync; printf 'dd %s\n' "$(timed dd if="$work/plain" of="$work/copy" bs=1M)"
        rm -f "$work/copy"; sync; printf 'read %s\n' "$(timed dd if="$work/plain" of=/dev/null bs=1M)"
        for threads in 1 2; do
            rm -f "$work/sealed"; sync
            printf 'seal%s %s\n' "$threads" "$("$bench" seal "$work/plain" "$work/sealed" "$threads")"
            rm -f "$work/copy"; sync
            printf 'open%s %s\n' "$threads" "$("$bench" open "$work/sealed" "$work/copy" "$threads")"
            rm -f "$work/copy"
        done
        rm -f "$work/sealed"; sync
        printf 'box %s\n' "$("$bench" box "$work/plain" "$work/sealed" 1)"
        rm -f "$work/copy"; sync
        printf 'unbox %s\n' "$("$bench" unbox "$work/sealed" "$work/copy" 1)"
        rm -f "$work/copy"
        printf 'cipher1 %s\n' "$(cipher)"
        printf 'cipher2 %s\n' "$(cipher -multi 2)"
    } >>"$times"
done

"$python" -I - "$times" "$mib" <<'PYTHON'
import statistics
import sys

size = int(sys.argv[2]) * 1048576
speeds = {}
for line in open(sys.argv[1]):
    name, value = line.split()
    speed = float(value) * 1000 if name.startswith("cipher") else size / float(value)
    speeds.setdefault(name, []).append(speed / 1e9)
medians = {name: statistics.median(found) for name, found in speeds.items()}
print(f"| {size >> 20} MiB, {len(speeds['cp'])} rounds | median GB/s | least | most | of the lower bound |")
print("|---|---|---|---|---|")
rows = [("AES-256-GCM alone, 64 KiB, 1 process", "cipher1"), ("the same, 2 processes", "cipher2"),
        ("`dd bs=1M` to nowhere", "read"), ("`dd bs=1M` to a file", "dd"), ("`cp`", "cp"),
        ("seal, 1 thread", "seal1"), ("open, 1 thread", "open1"),
        ("seal, 2 threads", "seal2"), ("open, 2 threads", "open2"),
        ("`sodium`: box", "box"), ("`sodium`: unbox and seal again", "unbox")]
for label, name in rows:
    bound = ""
    if name[:4] in ("seal", "open"):
        bound = f"{medians[name] / min(medians['cipher' + name[4]], medians['dd'], medians['cp']):.0%}"
    low, high = min(speeds[name]), max(speeds[name])
    print(f"| {label} | {medians[name]:.2f} | {low:.2f} | {high:.2f} | {bound} |")
print("\nThe lower bound is the least of the bare cipher with as many processes, `dd` and `cp`.")
PYTHON
