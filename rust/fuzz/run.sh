#!/usr/bin/env bash
# Builds the fuzz targets on stable Rust and runs each for a bounded time.
#
#   run.sh [SECONDS] [TARGET...]     default: 10 seconds each, all targets
#   run.sh --reproduce TARGET FILE   run one input again
#
# What the fuzzer learns stays in corpus/, what it finds in artifacts/ (both beside this file, not in git). Any finding
# ends with exit code 1 and the command that reproduces it. 2 is wrong usage.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

all=(wire json num decode_ziario decode_itick decode_infoway orders_coinceres orders_quantapi gateway)

usage() {
    sed -n '2,8s/^# \{0,1\}//p' run.sh >&2
    exit 2
}

is_target() {
    local name
    for name in "${all[@]}"; do [[ $name == "$1" ]] && return; done
    return 1
}

host=$(rustc -vV | sed -n 's/^host: //p')
bin="${CARGO_TARGET_DIR:-target}/$host/release"

# The flags cargo-fuzz would give, which stable Rust takes as well. With --target they reach the targets and what they
# link, but not build scripts and macros.
build() {
    local flags=(--cfg fuzzing -Cpasses=sancov-module)
    local option
    for option in level=4 inline-8bit-counters pc-table trace-compares; do
        flags+=("-Cllvm-args=-sanitizer-coverage-$option")
    done
    echo "building the fuzz targets" >&2
    RUSTFLAGS="${flags[*]}" cargo build --quiet --release --locked --target "$host" "$@"
}

if [[ ${1:-} == --reproduce ]]; then
    [[ $# -eq 3 ]] && is_target "$2" && [[ -f $3 ]] || usage
    build --bin "$2"
    exec "$bin/$2" -timeout=10 -rss_limit_mb=2048 "$3"
fi

duration=10
if [[ ${1:-} =~ ^[1-9][0-9]*$ ]]; then
    duration=$1
    shift
fi
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=("${all[@]}")
for target in "${targets[@]}"; do is_target "$target" || usage; done

bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
build "${bins[@]}"

failed=0
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    options=(-max_total_time="$duration" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="artifacts/$target/")
    case $target in
    json) options+=(-dict=dictionaries/json.dict) ;;
    decode_*) options+=(-dict=dictionaries/decode.dict) ;;
    orders_*) options+=(-dict=dictionaries/orders.dict) ;;
    esac
    log="artifacts/$target.log"
    if "$bin/$target" "${options[@]}" "corpus/$target" "seeds/$target" >"$log" 2>&1; then
        echo "$target: nothing found. $(grep '^Done ' "$log" || true)"
        continue
    fi
    failed=1
    echo "$target: FOUND something; the end of $PWD/$log:" >&2
    grep -v '^#' "$log" | tail -n 25 >&2
    artifact=$(sed -n 's/^.*Test unit written to //p' "$log" | tail -n 1)
    echo "$target: reproduce with: rust/fuzz/run.sh --reproduce $target ${artifact:-corpus/$target}" >&2
done
exit "$failed"
