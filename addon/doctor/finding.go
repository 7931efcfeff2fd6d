// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package doctor looks at a hub and tells what is wrong. It reads and writes
// nothing: a Reader lists what is on the hub, and Examine, which is pure, judges
// what was listed.
package doctor

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Severity says how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	// Error is what is broken, or soon will be.
	Error Severity = "error"
	// Warning is what works and is probably not meant.
	Warning Severity = "warning"
	// Note is what is worth knowing when one looks for a cause.
	Note Severity = "note"
)

func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// Finding is one thing that is wrong, with all objects that have it.
type Finding struct {
	// Severity of the finding.
	Severity Severity `json:"severity"`
	// Check that found it.
	Check string `json:"check"`
	// What is wrong, in a line.
	What string `json:"what"`
	// Cause of it, as far as the hub shows it.
	Cause string `json:"cause,omitempty"`
	// Remedy is what to do about it.
	Remedy string `json:"remedy,omitempty"`
	// Objects are the first that have it, at most 10.
	Objects []Object `json:"objects,omitempty"`
	// Total is how many objects have it.
	Total int `json:"total,omitempty"`
}

// Object is one that a finding is about.
type Object struct {
	// Name of the object, with its namespace where it has one.
	Name string `json:"name"`
	// Message is what it says, or what is to be said of it.
	Message string `json:"message,omitempty"`
}

// NotChecked is what the account may not read, or the hub did not hand out.
type NotChecked struct {
	// What could not be read.
	What string `json:"what"`
	// Needs is the right that lacks; empty when it is none that lacks.
	Needs string `json:"needs,omitempty"`
	// Because is why it could not be read, where that is no lack of rights.
	Because string `json:"because,omitempty"`
}

// Report is all that was found.
type Report struct {
	// Hub is the address of the hub.
	Hub string `json:"hub"`
	// Kubernetes is the version of the hub's API server.
	Kubernetes string `json:"kubernetes,omitempty"`
	// Version of the addon that this program is.
	Version string `json:"version"`
	// Findings, the worst first.
	Findings []Finding `json:"findings"`
	// NotChecked is what could not be looked at.
	NotChecked []NotChecked `json:"notChecked"`
	// Passed are the checks that found nothing and could read all they need.
	Passed []string `json:"passed"`
	// Applications counts the applications by phase; nil when they were not read.
	Applications map[string]int `json:"applications"`
}

// Count is the number of findings of a severity.
func (r *Report) Count(severity Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

const (
	// maxObjects is how many objects a finding lists.
	maxObjects = 10
	// maxText bounds each text that comes from the hub, in bytes.
	maxText = 400
)

// about gives a finding its objects, in the order of their names and bounded; no
// finding without one.
func about(finding Finding, objects []Object) []Finding {
	if len(objects) == 0 {
		return nil
	}
	slices.SortStableFunc(objects, func(a, b Object) int { return cmp.Compare(a.Name, b.Name) })
	finding.Total = len(objects)
	finding.Objects = slices.Clone(objects[:min(len(objects), maxObjects)])
	return []Finding{finding}
}

// clean makes a text from the hub harmless for a terminal, and bounds it.
func clean(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	text = strings.Map(func(r rune) rune {
		// Control characters, and what else does not show, such as what turns the direction of writing.
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "..."
}

func (f Finding) cleaned() Finding {
	f.What, f.Cause, f.Remedy = clean(f.What), clean(f.Cause), clean(f.Remedy)
	for i := range f.Objects {
		f.Objects[i] = Object{Name: clean(f.Objects[i].Name), Message: clean(f.Objects[i].Message)}
	}
	return f
}
