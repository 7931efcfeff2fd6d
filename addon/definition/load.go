// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	stderrors "errors"
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// header is the part of a definition file that describes the type.
type header struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Attributes  attributes        `json:"attributes"`
}

type attributes struct {
	Workload           v1beta1.WorkloadTypeDescriptor `json:"workload"`
	Status             v1beta1.Status                 `json:"status"`
	Reference          v1beta1.DefinitionReference    `json:"definitionRef"`
	AppliesToWorkloads []string                       `json:"appliesToWorkloads"`
	ConflictsWith      []string                       `json:"conflictsWith"`
	PodDisruptive      bool                           `json:"podDisruptive"`
	Stage              v1beta1.StageType              `json:"stage"`
	ManageWorkload     bool                           `json:"manageWorkload"`
	ControlPlaneOnly   bool                           `json:"controlPlaneOnly"`
	ManageHealthCheck  bool                           `json:"manageHealthCheck"`
	Scope              string                         `json:"scope"`
	WorkloadRefPath    string                         `json:"workloadRefPath"`
	Version            string                         `json:"version"`
}

// Parse reads a definition file: imports, one field named after the type that
// describes it, and the field template. The name of the file appears in errors.
func Parse(file string, source []byte) (*Definition, error) {
	if err := checkSource(string(source)); err != nil {
		return nil, fmt.Errorf("read definition %s: %w", file, err)
	}
	text, notices := quoteKeywords(string(source))
	syntax, err := parser.ParseFile(file, text)
	if err != nil {
		return nil, fmt.Errorf("parse definition %s: %w", at(file, err), err)
	}
	parts, err := partsOf(syntax, text)
	if err != nil {
		return nil, fmt.Errorf("read definition %s: %w", file, err)
	}
	h, err := parts.decode(file)
	if err != nil {
		return nil, fmt.Errorf("read definition %s: %w", file, err)
	}
	if err := checkScope(Kind(h.Type), h.Attributes.Scope); err != nil {
		return nil, fmt.Errorf("read definition %s: %w", file, err)
	}
	d := parts.definition(h)
	d.Notices = notices
	if err := d.complete(); err != nil {
		return nil, fmt.Errorf("read definition %s: %w", file, err)
	}
	return d, nil
}

// at is the place of an error of CUE in a file.
func at(file string, err error) string {
	var e errors.Error
	if stderrors.As(err, &e) && e.Position().IsValid() {
		return fmt.Sprintf("%s:%d", file, e.Position().Line())
	}
	return file
}

// parts are the pieces of a definition file as text.
type parts struct {
	name     string
	header   string
	template string
}

func partsOf(file *ast.File, source string) (parts, error) {
	var p parts
	var imports strings.Builder
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.ImportDecl:
			imports.WriteString(slice(source, d) + "\n")
		case *ast.Field:
			if err := p.add(d, source); err != nil {
				return p, err
			}
		}
	}
	if p.name == "" {
		return p, fmt.Errorf("no field describes the type")
	}
	p.template = imports.String() + p.template
	return p, nil
}

func (p *parts) add(f *ast.Field, source string) error {
	name, _, err := ast.LabelName(f.Label)
	if err != nil {
		return fmt.Errorf("read the label at %s: %w", f.Pos(), err)
	}
	if name != "template" {
		if p.name != "" {
			return fmt.Errorf("both %q and %q describe a type; one file holds one definition", p.name, name)
		}
		p.name, p.header = name, slice(source, f)
		return nil
	}
	body, ok := f.Value.(*ast.StructLit)
	if !ok {
		return fmt.Errorf("template is no struct")
	}
	p.template = inside(body, source)
	return nil
}

// inside is the text between the braces of a struct, or the one field of a
// struct that is written without braces, as in template: output: {}.
func inside(s *ast.StructLit, source string) string {
	if s.Lbrace.IsValid() {
		return source[s.Lbrace.Offset()+1 : s.Rbrace.Offset()]
	}
	return slice(source, s)
}

func slice(source string, n ast.Node) string {
	return source[n.Pos().Offset():n.End().Offset()]
}

func (p parts) decode(file string) (header, error) {
	var h header
	fields, err := program.New(file, p.header).Run(nil, p.name)
	if err != nil {
		return h, err
	}
	raw, err := json.Marshal(fields[p.name])
	if err != nil {
		return h, fmt.Errorf("encode %q: %w", p.name, err)
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		return h, fmt.Errorf("decode %q: %w", p.name, err)
	}
	switch Kind(h.Type) {
	case Component, Trait, Policy, WorkflowStep:
		return h, nil
	}
	return h, fmt.Errorf("%s.type is %q; use %q, %q, %q or %q", p.name, h.Type, Component, Trait, Policy, WorkflowStep)
}

func (p parts) definition(h header) *Definition {
	return &Definition{
		Kind:              Kind(h.Type),
		Name:              p.name,
		Version:           h.Attributes.Version,
		Description:       h.Description,
		Labels:            h.Labels,
		Annotations:       h.Annotations,
		Deprecated:        isDeprecated(h.Labels),
		Foreign:           true,
		Workload:          h.Attributes.Workload.Definition,
		WorkloadType:      h.Attributes.Workload.Type,
		Reference:         h.Attributes.Reference.Name,
		AppliesTo:         h.Attributes.AppliesToWorkloads,
		ConflictsWith:     h.Attributes.ConflictsWith,
		Stage:             h.Attributes.Stage,
		ManageWorkload:    h.Attributes.ManageWorkload,
		ControlPlaneOnly:  h.Attributes.ControlPlaneOnly,
		PodDisruptive:     h.Attributes.PodDisruptive,
		ManageHealthCheck: h.Attributes.ManageHealthCheck,
		WorkloadRefPath:   h.Attributes.WorkloadRefPath,
		Template:          p.template,
		HealthPolicy:      h.Attributes.Status.HealthPolicy,
		CustomStatus:      h.Attributes.Status.CustomStatus,
		Details:           h.Attributes.Status.Details,
	}
}

// isDeprecated reads the label LabelDeprecated. Definition files may leave out
// its prefix, which is put before labels when the file becomes an object.
func isDeprecated(labels map[string]string) bool {
	return labels[LabelDeprecated] == "true" || labels[strings.TrimPrefix(LabelDeprecated, customPrefix)] == "true"
}

// digest covers all that decides what the definition renders and reports.
func (d *Definition) digest() string {
	h := sha256.New()
	for _, s := range []string{string(d.Kind), d.Name, d.Version, string(d.Stage), d.WorkloadRefPath, d.Template, d.HealthPolicy, d.CustomStatus, d.Details} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	if d.ManageHealthCheck {
		h.Write([]byte("manageHealthCheck"))
	}
	return hex.EncodeToString(h.Sum(nil))
}
