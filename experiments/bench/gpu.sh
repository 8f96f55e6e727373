#!/usr/bin/env bash
# Measure a machine with an NVIDIA GPU: speed by number of markers, a run from the seed, a sweep, and how many markers fit.
#   bash experiments/bench/gpu.sh [FOLDER]           needs pip install '.[bench]' 'jax[cuda13]'
#   SMALL=1 bash experiments/bench/gpu.sh [FOLDER]   the same in minutes on two CPU cores, to test this script
# Results go to FOLDER (default: bench-results); a part that fails leaves a note in FOLDER/failed, and the others go on.
set -uo pipefail

out="${1:-bench-results}"
mkdir -p "$out"
: > "$out/failed"
crmc=("${PYTHON:-python3}" -m crmc)

if [[ -n "${SMALL:-}" ]]; then
    sizes=2e3,4e3 repeat=1 steps=(--steps 2) most=1e5
    seed=(--set run.markers=4096 --set "run.duration=1e9 s")
    expansion=1e12s:1e13s:2:log damping=1e-13/s:1e-11/s:2:log sweep=(--set run.markers=512 --set "run.duration=3e8 s")
else
    sizes=1e6,1e7,1e8 repeat=5 steps=() most=1e9
    seed=(--set run.markers=1000000)
    expansion=1e12s:1e13s:32:log damping=1e-13/s:1e-11/s:32:log sweep=()
    # One process at a time takes the memory it needs, so that the references in turn find room.
    export XLA_PYTHON_CLIENT_PREALLOCATE=false
fi

# NAME COMMAND...: output to FOLDER/NAME.txt, wall time to FOLDER/NAME.seconds.
part() {
    local name="$1" started finished
    shift
    printf '== %s: %s\n' "$name" "$*"
    started="$(date +%s.%N)"
    if ! "$@" > "$out/$name.txt" 2> "$out/$name.err"; then
        printf '%s: %s\n' "$name" "$(tail -n 1 "$out/$name.err")" | tee -a "$out/failed"
        return
    fi
    finished="$(date +%s.%N)"
    awk "BEGIN { printf \"%.1f\n\", $finished - $started }" | tee "$out/$name.seconds"
}

if command -v nvidia-smi > /dev/null; then
    nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv > "$out/gpu.csv"
fi
part bench "${crmc[@]}" bench --json --markers "$sizes" --repeat "$repeat" "${steps[@]}" --against c++,diffrax
part most "${crmc[@]}" bench --json --markers "$most" --repeat 1 --steps 3 --against none
part seed "${crmc[@]}" run halo_from_seed --quiet -o "$out/seed.nc" --summary "$out/seed.json" "${seed[@]}"
part sweep "${crmc[@]}" sweep halo -o "$out/sweep.nc" \
    --over "expansion.timescale=$expansion" --over "damping.linear=$damping" "${sweep[@]}"

if [[ -s "$out/failed" ]]; then
    printf '\nFAILED:\n'
    cat "$out/failed"
    exit 1
fi
printf '\nresults in %s\n' "$out"
