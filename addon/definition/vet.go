// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Remark is one thing that is to be said of a definition.
type Remark struct {
	// Fatal says that the definition cannot be used as it is.
	Fatal bool
	// Part of the definition; empty when it is none of its sources.
	Part Part
	// Line in the part, from 1; zero when it is no line.
	Line int
	// Message says in one line what is wrong and what to do.
	Message string
}

// Vet says what is wrong with a definition, by part and line. The library has the
// types that the definition may name.
func Vet(d *Definition, known *Library) []Remark {
	v := vetting{definition: d}
	for _, n := range d.Notices {
		v.add(Remark{Part: n.Part, Line: n.Line, Message: n.Message})
	}
	v.header(known)
	for _, part := range []Part{TemplatePart, HealthPart, StatusPart, DetailsPart} {
		if source := d.source(part); strings.TrimSpace(source) != "" {
			v.source(part, source)
		}
	}
	return v.remarks
}

// vetting collects the remarks on one definition.
type vetting struct {
	definition *Definition
	remarks    []Remark
}

func (v *vetting) add(r Remark) {
	v.remarks = append(v.remarks, r)
}

func (v *vetting) warn(part Part, at token.Pos, format string, args ...any) {
	v.add(Remark{Part: part, Line: lineOf(at), Message: fmt.Sprintf(format, args...)})
}

func (v *vetting) fail(part Part, at token.Pos, format string, args ...any) {
	v.add(Remark{Fatal: true, Part: part, Line: lineOf(at), Message: fmt.Sprintf(format, args...)})
}

func lineOf(at token.Pos) int {
	if !at.IsValid() {
		return 0
	}
	return at.Line()
}

// header checks what the definition says beside its sources.
func (v *vetting) header(known *Library) {
	d := v.definition
	if d.Description == "" {
		v.warn("", token.NoPos, "it has no description; say in a sentence what the type is for")
	}
	for _, text := range d.WithoutEffect() {
		v.warn("", token.NoPos, "%s", text)
	}
	components, traits := known.Names(Component), known.Names(Trait)
	for _, w := range d.AppliesTo {
		if !isWorkload(w, components) {
			v.warn("", token.NoPos, "appliesToWorkloads names %q, which is neither a resource such as deployments.apps nor a component type%s", w, didYouMean(Suggest(w, components)))
		}
	}
	for _, c := range d.ConflictsWith {
		if !slices.Contains(traits, c) && !strings.ContainsAny(c, ".*:") {
			v.warn("", token.NoPos, "conflictsWith names the trait %q, which does not exist%s", c, didYouMean(Suggest(c, traits)))
		}
	}
}

// isWorkload says whether a name may be a resource with its group, all or some
// resources, or a component type.
func isWorkload(name string, components []string) bool {
	resource, group, qualified := strings.Cut(name, ".")
	if qualified {
		return resource != "" && group != "" && !strings.ContainsAny(name, " /")
	}
	return name == "*" || slices.Contains(components, name) || slices.Contains([]string{"pods", "services", "replicationcontrollers"}, name)
}

// source checks one source: that it compiles, and that it yields what it is for.
func (v *vetting) source(part Part, source string) {
	file, err := parser.ParseFile(string(part), source, parser.ParseComments)
	if err != nil {
		v.failAll(part, err)
		return
	}
	if v.definition.Kind == WorkflowStep && importsActions(file) {
		return
	}
	root := cuecontext.New().CompileString(source+"\ncontext: _\nparameter: _\n", cue.Filename(string(part)))
	if err := root.Validate(); err != nil {
		v.failAll(part, err)
		return
	}
	if part == TemplatePart {
		v.template(file)
	} else {
		v.judgement(part, file)
	}
	v.context(part, file)
}

// importsActions says whether a source imports packages that act.
func importsActions(file *ast.File) bool {
	return slices.ContainsFunc(importsOf(file), func(i string) bool { return strings.HasPrefix(strings.Trim(i, `"`), velaPackages) })
}

// failAll reports each error of CUE once.
func (v *vetting) failAll(part Part, err error) {
	seen := map[string]bool{}
	for _, e := range errors.Errors(err) {
		text, at := oneLine(e), e.Position()
		if all := errors.Positions(e); !at.IsValid() && len(all) > 0 {
			at = all[0]
		}
		if !seen[text] {
			v.fail(part, at, "%s", text)
		}
		seen[text] = true
	}
}

// oneLine is the message of an error with its path, without positions.
func oneLine(e errors.Error) string {
	format, args := e.Msg()
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	if path := strings.Join(e.Path(), "."); path != "" {
		text = path + ": " + text
	}
	return text
}

// topFields are the fields at the top of a source, in comprehensions too.
func topFields(decls []ast.Decl) map[string]*ast.Field {
	out := map[string]*ast.Field{}
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.Field:
			if name := program.LabelOf(d); name != "" && out[name] == nil {
				out[name] = d
			}
		case *ast.Comprehension:
			if body, ok := d.Value.(*ast.StructLit); ok {
				inner := topFields(body.Elts)
				maps.Copy(inner, out)
				out = inner
			}
		}
	}
	return out
}

// results are the fields that each kind of definition is evaluated for.
func results(k Kind) []string {
	switch k {
	case Component, Policy:
		return []string{"output", "outputs", "errs"}
	case Trait:
		return []string{"patch", "patchOutputs", "outputs", "errs"}
	}
	return nil
}

// template checks the fields of a template.
func (v *vetting) template(file *ast.File) {
	wanted := results(v.definition.Kind)
	if wanted == nil || v.definition.Kind == Policy && !v.definition.Foreign {
		return // what built-in policies do is code; their templates have parameters alone
	}
	fields := topFields(file.Decls)
	if f := fields["processing"]; f != nil {
		v.fail(TemplatePart, f.Pos(), "processing asks for data by HTTP while objects are rendered, which is not supported; give the data as properties")
	}
	if v.definition.Kind == Component && fields["output"] == nil {
		v.fail(TemplatePart, token.NoPos, "the template has no field output, which is the workload; write it")
	}
	if v.definition.Kind == Policy && fields["output"] == nil {
		v.fail(TemplatePart, token.NoPos, "the template has no field output, which is the object that the policy makes; write it")
	}
	if v.definition.Kind == Trait && !slices.ContainsFunc(wanted, func(name string) bool { return fields[name] != nil }) {
		v.warn(TemplatePart, token.NoPos, "the template has none of the fields %s, so the trait does nothing", list(wanted))
	}
	v.unused(file, fields, wanted)
	v.unusedParameters(file, fields["parameter"])
}

// unused names fields at the top that are neither a result nor referred to.
func (v *vetting) unused(file *ast.File, fields map[string]*ast.Field, wanted []string) {
	used := referencesIn(file)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if used[name] || slices.Contains(append([]string{"parameter", "context", "processing"}, wanted...), name) {
			continue
		}
		v.warn(TemplatePart, fields[name].Pos(), "the field %s is not used%s", name, didYouMean(Suggest(name, wanted)))
	}
}

// referencesIn are the names that are referred to, which labels of fields are not.
func referencesIn(n ast.Node) map[string]bool {
	used := map[string]bool{}
	ast.Walk(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if _, plain := n.Label.(*ast.Ident); plain {
				maps.Copy(used, referencesIn(n.Value))
				return false
			}
		case *ast.SelectorExpr:
			maps.Copy(used, referencesIn(n.X))
			return false
		case *ast.Ident:
			used[n.Name] = true
		}
		return true
	}, nil)
	return used
}

// unusedParameters names parameters that the template never reads.
func (v *vetting) unusedParameters(file *ast.File, parameter *ast.Field) {
	d := v.definition
	reads := map[string]bool{}
	all := false
	for _, part := range []Part{TemplatePart, HealthPart, StatusPart, DetailsPart} {
		if d.source(part) == "" {
			continue
		}
		r, err := d.Program(part).Reads("parameter")
		if err != nil || r.All {
			all = true
			break
		}
		for _, name := range d.parameters().allNames() {
			reads[name] = reads[name] || r.Get(name).Any()
		}
	}
	if all || parameter == nil {
		return
	}
	within := referencesIn(parameter)
	for _, name := range d.parameters().allNames() {
		if !reads[name] && !within[name] {
			v.warn(TemplatePart, positionOf(file, parameter, name), "the parameter %s is not used", name)
		}
	}
}

// allNames are the names of the fields, of all alternatives.
func (s *schema) allNames() []string {
	names := s.names()
	for _, a := range s.alternatives {
		names = append(names, a.names()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// positionOf is where a parameter is declared, or where all are.
func positionOf(file *ast.File, parameter *ast.Field, name string) token.Pos {
	at := parameter.Pos()
	find := func(n ast.Node) bool {
		if f, ok := n.(*ast.Field); ok && program.LabelOf(f) == name {
			at = f.Pos()
			return false
		}
		return true
	}
	if body, ok := parameter.Value.(*ast.StructLit); ok {
		ast.Walk(body, find, nil)
		return at
	}
	ast.Walk(file, find, nil)
	return at
}

// judgement checks that health or status has the field that it is read for.
func (v *vetting) judgement(part Part, file *ast.File) {
	wanted := map[Part]string{HealthPart: "isHealth", StatusPart: "message"}[part]
	if wanted == "" {
		return
	}
	if fields := topFields(file.Decls); fields[wanted] == nil {
		v.fail(part, token.NoPos, "it has no field %s, which is what it is evaluated for; write it%s", wanted, didYouMean(Suggest(wanted, slices.Sorted(maps.Keys(fields)))))
	}
}

// contextFields are the names that templates, and health and status, may read.
func contextFields(kind Kind, part Part) []string {
	names := []string{
		"name", "appName", "namespace", "cluster", "appRevision", "appRevisionNum", "appLabels", "appAnnotations", "components",
		"publishVersion", "workflowName", "clusterVersion", "output", "outputs",
	}
	if kind == Policy {
		names = append(names, "artifacts")
	} else {
		names = append(names, "revision", "componentType", "replicaKey", "config", "objects")
	}
	if part != TemplatePart {
		names = append(names, "status", "parameter")
	}
	return names
}

// context names what is read of the context and never there.
func (v *vetting) context(part Part, file *ast.File) {
	if k := v.definition.Kind; k != Component && k != Trait && k != Policy {
		return
	}
	known := contextFields(v.definition.Kind, part)
	ast.Walk(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		root, ok := s.X.(*ast.Ident)
		if !ok || root.Name != "context" {
			return true
		}
		if name, _, err := ast.LabelName(s.Sel); err == nil && !slices.Contains(known, name) {
			v.warn(part, s.Pos(), "the context has no field %s%s", name, didYouMean(Suggest(name, known)))
		}
		return true
	}, nil)
}
