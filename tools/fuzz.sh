#!/usr/bin/env bash
# Runs every fuzz target of packages, or of all, for a time; two at once, since Go fuzzes one target in a process. What a target
# says is shown when it fails.
#
#   tools/fuzz.sh 1m [PACKAGE...]
set -euo pipefail

export FUZZTIME=$1
shift
cores=$(getconf _NPROCESSORS_ONLN)
export WORKERS=$((cores > 2 ? cores / 2 : 1))
WORK=$(mktemp -d)
export WORK
trap 'rm -rf "$WORK"' EXIT

# Builds the tests of each package that has targets, one after the other because they share most of what is built, and writes
# for each target its name, the folder of the package and the program.
targets() {
  go list -f '{{.Dir}}' "${@:-./...}" | while read -r dir; do
    found=$({ grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go 2>/dev/null || true; } | awk '{ print $2 }')
    [[ -n $found ]] || continue
    echo "building the fuzz targets of ${dir#"$PWD"/}" >&2
    program=$WORK/$(echo "$dir" | tr / _)
    go test -c -fuzz . -o "$program" "$dir"
    for target in $found; do
      echo "$target $dir $program"
    done
  done
}

fuzz() {
  local target=$1 dir=$2 program=$3 failed=0
  local log=$program.$target
  # Inputs are hardly made smaller: with large seeds that alone can take all of a short time.
  (cd "$dir" && "$program" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$FUZZTIME" -test.fuzzminimizetime 20x \
    -test.parallel "$WORKERS" -test.fuzzcachedir "$WORK/cache-$target") >"$log" 2>&1 || failed=1
  # Go may report the end of the time itself as a failure, without an input that fails.
  if ((failed)) && grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input|seed corpus|panic:' "$log"; then
    failed=0
  fi
  if ((failed)); then
    echo "$target in $dir failed:" >&2
    cat "$log" >&2
  else
    echo "fuzzed $target in ${dir#"$PWD"/} for $FUZZTIME: $(grep -oE 'execs: [0-9]+' "$log" | tail -n 1)"
  fi
  return "$failed"
}

export -f fuzz
targets "$@" >"$WORK/targets"
xargs -P 2 -L 1 bash -c 'fuzz "$@"' fuzz <"$WORK/targets"
