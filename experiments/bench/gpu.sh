#!/usr/bin/env bash
# Measure a machine with an NVIDIA GPU in eight minutes: speed by number of markers, the halo (again, resumed, against
# the CPU), sweeps, a sensitivity, and orbits.  The most valuable pieces come first.
#   bash experiments/bench/gpu.sh [PIECE...]            all pieces, or those named, in the order below
#   SMALL=1 bash experiments/bench/gpu.sh [PIECE...]    the same in small on a CPU, to test this script
# OUT: folder of the results (default: experiments/bench/results).  PYTHON: interpreter (default: python3).
# BUDGET: seconds in all (default: 480).  Wheels in a folder .whl of the checkout are used without being installed.
# A piece that fails or runs out of time leaves a line in OUT/failed, and the others go on.
set -uo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
out="${OUT:-$root/experiments/bench/results}"
mkdir -p "$out" && out="$(cd "$out" && pwd)"
: > "$out/failed"
python="${PYTHON:-python3}"
scratch="$(mktemp -d)"
trap 'kill $(jobs -p) 2> /dev/null; rm -rf "$scratch"' EXIT
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
# Programs that one process compiles serve the others.
export JAX_COMPILATION_CACHE_DIR="${JAX_COMPILATION_CACHE_DIR:-$scratch/cache}"
# Each process takes the memory that it needs.
export XLA_PYTHON_CLIENT_PREALLOCATE=false
if compgen -G "$root/.whl/*.whl" > /dev/null; then
    "$python" -m pip install --quiet --no-index --no-deps --target "$scratch/wheels" "$root"/.whl/*.whl
    export PYTHONPATH="$scratch/wheels:$PYTHONPATH"
fi
crmc=("$python" -m crmc)
gpu=("$python" "$root/experiments/bench/gpu.py")

if [[ -n "${SMALL:-}" ]]; then
    export JAX_PLATFORMS="${JAX_PLATFORMS:-cpu}"
    sizes=2048,1024 most=4096 drawn=1024
    halo=(run.markers=1024 run.replicas=4 "run.duration=3e8 s" run.coarse_grain_interval=)
    few=(--set run.markers=512 --set "run.duration=1e8 s" --set run.coarse_grain_interval=)
    eight=2 many=3 replicas=2 longer=10  # of the limits: a shared machine may be slow
    orbits=(--set qlt.realisations=4 --set qlt.particles=4 --set "qlt.amplitudes=[0.1]" --set "qlt.momenta=[1.0]"
        --set "qlt.widths=[]" --set "qlt.cosines=[0.5]" --set qlt.gyrations=2 --set qlt.cells=16384)
else
    sizes=1e7,32768,1e6,1e8 most=1e9,5e8,2e8 drawn=1e6
    halo=()
    few=(--set run.markers=4096)
    eight=8 many=32 replicas=8 longer=1
    orbits=(--set qlt.realisations=4096 --set "qlt.amplitudes=[0.01,0.1]")
fi
chosen=("$@")
end=$((SECONDS + ${BUDGET:-480 * longer}))
# NAME LIMIT COMMAND...: output to OUT/NAME.txt, wall time to OUT/NAME.seconds; no more than LIMIT seconds.
piece() {
    local name="$1" limit=$(($2 * longer)) started finished code
    shift 2
    [[ ${#chosen[@]} -eq 0 || " ${chosen[*]} " == *" $name "* ]] || return
    ((limit > end - SECONDS)) && limit=$((end - SECONDS))
    if ((limit < 1)); then
        printf '%s: no time left\n' "$name" | tee -a "$out/failed"
        return
    fi
    printf '== %s\n' "$name"
    started="$(date +%s.%N)"
    timeout --kill-after=2 "$limit" "$@" > "$out/$name.txt" 2> "$out/$name.err"
    code=$?
    finished="$(date +%s.%N)"
    if ((code)); then
        printf '%s: exit code %s after at most %s s: %s\n' "$name" "$code" "$limit" \
            "$(grep -v '^$' "$out/$name.err" | tail -n 1 | cut -c 1-200)" | tee -a "$out/failed"
        return
    fi
    awk "BEGIN { printf \"%.1f\n\", $finished - $started }" | tee "$out/$name.seconds"
}
# NAME LIMIT N: an N x N sweep of the halo.
sweep() {
    piece "$1" "$2" "${crmc[@]}" sweep halo --quiet -o "$out/$1.nc" "${few[@]}" \
        --over "expansion.timescale=1e12s:1e13s:$3:log" --over "damping.linear=1e-13/s:1e-11/s:$3:log"
}

if command -v nvidia-smi > /dev/null; then
    nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader > "$out/gpu.csv"
fi
# On cores of its own while the GPU works.
piece cpu 240 env JAX_PLATFORMS=cpu nice "${gpu[@]}" cpu "$out" "${halo[@]}" &
piece speed 130 "${gpu[@]}" speed "$out" "$sizes" "$drawn"
piece halo 70 "${gpu[@]}" halo "$out" "${halo[@]}"
sweep sweep8 45 "$eight"
piece most 50 "${gpu[@]}" most "$out" "$most" "$drawn"
sweep sweep32 90 "$many"
piece sensitivity 60 "${crmc[@]}" sensitivity halo "${few[@]}" --of heating_rate --wrt expansion.timescale \
    --replicas "$replicas" --json
piece qlt 90 "${crmc[@]}" run qlt --quiet -o "$out/qlt.nc" "${orbits[@]}"

wait
printf '\n'
"${gpu[@]}" table "$out"
[[ ! -s "$out/failed" ]]
