// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import "github.com/fairlead-io/terraform-provider-fairlead/addon/render"

// Path is the path of a field by its keys; an index is its decimal number.
type Path []string

// JSONPath is the path as OCM's feedback rules write it, such as .status.readyReplicas.
func (p Path) JSONPath() string {
	return ""
}

// Feedback lists, for each object of a result by its index, the fields that
// judging its health needs.
func Feedback(r *render.Result) map[int][]Path {
	return nil
}

// Overlay is a copy of a rendered object with observed values, by JSONPath, put in.
func Overlay(rendered map[string]any, values map[string]any) map[string]any {
	return rendered
}
