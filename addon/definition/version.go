// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// pick finds the definition that a version means among those of one name: the
// one with this very version, else the revision if it is written as vN, else the
// newest of those whose version begins so, else the revision if it is written as N. It returns the versions that exist
// beside. A definition that cannot be read may be the one that was meant, so it
// fails the search unless another fits.
func pick(entries []entry, version string) (*Definition, []string, error) {
	var best *Definition
	var versions []string
	var failed error
	for _, e := range entries {
		d, err := e.load()
		if err != nil {
			failed = err
			continue
		}
		versions = append(versions, versionsOf(d)...)
		if fits(d, version) > 0 && (best == nil || better(d, best, version)) {
			best = d
		}
	}
	if best != nil {
		return best, nil, nil
	}
	return nil, versions, failed
}

// versionsOf are the versions by which a definition can be asked for.
func versionsOf(d *Definition) []string {
	var out []string
	if d.Version != "" {
		out = append(out, d.Version)
	}
	if d.Revision > 0 {
		out = append(out, revisionName(d.Revision))
	}
	return out
}

func revisionName(n int64) string {
	return "v" + strconv.FormatInt(n, 10)
}

// fits says how well a definition fits a version: not at all is 0.
func fits(d *Definition, version string) int {
	own, plain := strings.TrimPrefix(d.Version, "v"), strings.TrimPrefix(version, "v")
	switch {
	case plain == "":
		return 0
	case own == plain:
		return 4
	case d.Revision > 0 && version == revisionName(d.Revision):
		return 3
	case strings.HasPrefix(own, plain+"."):
		return 2
	case d.Revision > 0 && revisionName(d.Revision) == "v"+plain:
		return 1
	}
	return 0
}

// better prefers what fits better, then the higher version, then what is not
// archived, then what comes later.
func better(d, than *Definition, version string) bool {
	order := cmp.Or(
		cmp.Compare(fits(d, version), fits(than, version)),
		compareVersions(d.Version, than.Version),
		cmp.Compare(d.Revision, than.Revision),
	)
	if order == 0 {
		return !d.Archived || than.Archived
	}
	return order > 0
}

// compareVersions compares the numbers between the dots as numbers.
func compareVersions(a, b string) int {
	return slices.CompareFunc(numbersOf(a), numbersOf(b), cmp.Compare[int64])
}

func numbersOf(version string) []int64 {
	var out []int64
	for _, part := range strings.Split(strings.TrimPrefix(version, "v"), ".") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			n = -1
		}
		out = append(out, n)
	}
	return out
}
