// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Text is the report for people.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Hub %s, Kubernetes %s, looked at by fairlead-addon %s\n", r.Hub, cmp.Or(r.Kubernetes, "of unknown version"), r.Version)
	for _, f := range r.Findings {
		f.write(&b)
	}
	if len(r.NotChecked) > 0 {
		fmt.Fprintln(&b)
	}
	for _, n := range r.NotChecked {
		if n.Needs != "" {
			fmt.Fprintf(&b, "Not checked: needs %s\n", n.Needs)
			continue
		}
		fmt.Fprintf(&b, "Not checked: %s: %s\n", n.What, n.Because)
	}
	fmt.Fprintln(&b)
	if len(r.Passed) > 0 {
		fmt.Fprintf(&b, "Nothing wrong with: %s\n", strings.Join(r.Passed, ", "))
	}
	if r.Applications != nil {
		fmt.Fprintf(&b, "Applications: %s\n", countsText(r.Applications))
	}
	fmt.Fprintf(&b, "Found: %s\n", r.Summary())
	return b.String()
}

// Summary counts the findings.
func (r *Report) Summary() string {
	return fmt.Sprintf("%s, %s, %s", counted(r.Count(Error), "error"), counted(r.Count(Warning), "warning"), counted(r.Count(Note), "note"))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func countsText(counts map[string]int) string {
	total, texts := 0, []string{}
	for _, phase := range slices.Sorted(maps.Keys(counts)) {
		total += counts[phase]
		texts = append(texts, fmt.Sprintf("%d %s", counts[phase], phase))
	}
	if total == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(texts, ", "))
}

func (f *Finding) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s %s: %s", strings.ToUpper(string(f.Severity)), f.Check, f.What)
	if f.Total > 0 {
		fmt.Fprintf(b, " (%d)", f.Total)
	}
	fmt.Fprintln(b)
	if f.Cause != "" {
		fmt.Fprintf(b, "  cause:  %s\n", f.Cause)
	}
	if f.Remedy != "" {
		fmt.Fprintf(b, "  remedy: %s\n", f.Remedy)
	}
	for _, o := range f.Objects {
		if o.Message == "" {
			fmt.Fprintf(b, "  - %s\n", o.Name)
			continue
		}
		fmt.Fprintf(b, "  - %s: %s\n", o.Name, o.Message)
	}
	if more := f.Total - len(f.Objects); more > 0 {
		fmt.Fprintf(b, "  - and %d more\n", more)
	}
}
