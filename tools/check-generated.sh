#!/usr/bin/env bash
# Generates everything and fails when a file changes: what is generated is committed together with its source.
set -euo pipefail

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
paths=(addon/api addon/chart/crds docs)

for path in "${paths[@]}"; do
  mkdir -p "$before/$path" "$path"
  cp -R "$path/." "$before/$path"
done

make generate

for path in "${paths[@]}"; do
  if ! diff -ru "$before/$path" "$path"; then
    echo "generated files under $path were out of date: they are generated anew now, commit them" >&2
    exit 1
  fi
done
