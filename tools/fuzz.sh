#!/usr/bin/env bash
# Runs every fuzz target for a time: Go fuzzes one target of one package at once.
#
#   tools/fuzz.sh 1m
set -euo pipefail

time=$1
go list -f '{{.Dir}}' ./... | while read -r dir; do
  { grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go 2>/dev/null || true; } | awk '{ print $2 }' | while read -r target; do
    echo "fuzzing $target in ${dir#"$PWD"/} for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir"
  done
done
