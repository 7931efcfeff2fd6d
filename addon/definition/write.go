// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"encoding/json"
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
)

// CUE is the definition as a file that Parse reads.
func (d *Definition) CUE() (string, error) {
	file, err := parser.ParseFile(d.Name, d.Template, parser.ParseComments)
	if err != nil {
		return "", fmt.Errorf("parse the template of %s %q: %w", d.Kind, d.Name, err)
	}
	start := 0
	for _, decl := range file.Decls {
		if _, isImport := decl.(*ast.ImportDecl); isImport {
			start = decl.End().Offset()
		}
	}
	header, err := d.header()
	if err != nil {
		return "", err
	}
	text := d.Template[:start] + "\n\n" + header + "\ntemplate: {\n" + strings.TrimSpace(d.Template[start:]) + "\n}\n"
	out, err := format.Source([]byte(text))
	if err != nil {
		return "", fmt.Errorf("write %s %q: %w", d.Kind, d.Name, err)
	}
	return string(out), nil
}

// header is the part of the file that describes the type. What is empty is left out.
func (d *Definition) header() (string, error) {
	workload := map[string]any{}
	if d.WorkloadType != "" {
		workload["type"] = d.WorkloadType
	}
	if d.Workload.Kind != "" {
		workload["definition"] = d.Workload
	}
	h := headerWriter{}
	h.open(label(d.Name))
	h.field("type", d.Kind, true)
	h.field("description", d.Description, d.Description != "")
	h.field("labels", d.Labels, len(d.Labels) > 0)
	h.field("annotations", d.Annotations, len(d.Annotations) > 0)
	h.open("attributes")
	h.field("version", d.Version, d.Version != "")
	h.field("workload", workload, len(workload) > 0)
	h.field("appliesToWorkloads", d.AppliesTo, len(d.AppliesTo) > 0)
	h.field("conflictsWith", d.ConflictsWith, len(d.ConflictsWith) > 0)
	h.field("podDisruptive", d.PodDisruptive, d.Kind == Trait)
	h.field("stage", d.Stage, d.Stage != "")
	h.field("manageWorkload", true, d.ManageWorkload)
	h.field("controlPlaneOnly", true, d.ControlPlaneOnly)
	h.field("manageHealthCheck", true, d.ManageHealthCheck)
	h.field("workloadRefPath", d.WorkloadRefPath, d.WorkloadRefPath != "")
	h.open("status")
	h.source("healthPolicy", d.HealthPolicy)
	h.source("customStatus", d.CustomStatus)
	h.source("details", d.Details)
	h.text.WriteString("}\n}\n}\n")
	if h.err != nil {
		return "", fmt.Errorf("write %s %q: %w", d.Kind, d.Name, h.err)
	}
	return h.text.String(), nil
}

// headerWriter writes fields; JSON is CUE too.
type headerWriter struct {
	text strings.Builder
	err  error
}

func (h *headerWriter) open(name string) {
	h.text.WriteString(name + ": {\n")
}

func (h *headerWriter) field(name string, value any, given bool) {
	if !given {
		return
	}
	raw, err := json.Marshal(value)
	if err != nil {
		h.err = err
	}
	h.text.WriteString(name + ": " + string(raw) + "\n")
}

// source writes a text of several lines in the form in which nothing is escaped.
func (h *headerWriter) source(name, text string) {
	if text == "" {
		return
	}
	if strings.Contains(text, `\#`) || strings.Contains(text, `"""#`) {
		h.text.WriteString(name + ": " + literal.String.WithTabIndent(1).Quote(text) + "\n")
		return
	}
	h.text.WriteString(name + ": #\"\"\"\n\t" + strings.ReplaceAll(text, "\n", "\n\t") + "\n\t\"\"\"#\n")
}

func label(name string) string {
	if ast.IsValidIdent(name) {
		return name
	}
	return literal.Label.Quote(name)
}
