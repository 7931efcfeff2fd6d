// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// maxWidth is how long a default may be to be shown in a table.
const maxWidth = 60

// Markdown is the reference page of the type. The example is YAML; none is shown
// when it is empty.
func (d *Definition) Markdown(example string) string {
	p := page{}
	p.line("# %s", d.Name)
	p.line("%s", d.introduction())
	p.list(d.facts())
	p.line("## Parameters")
	p.parameters(d.parameters())
	if text := d.healthText(); text != "" {
		p.line("## Health")
		p.line("%s", text)
	}
	if example != "" {
		p.line("## Example")
		p.line("```yaml\n%s\n```", strings.TrimSpace(example))
	}
	return strings.TrimSpace(p.text.String()) + "\n"
}

// page is a page while it is written.
type page struct{ text strings.Builder }

// line writes a paragraph.
func (p *page) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format, args...)
	p.text.WriteString("\n\n")
}

func (p *page) list(items []string) {
	for _, i := range items {
		p.text.WriteString("- " + i + "\n")
	}
	if len(items) > 0 {
		p.text.WriteString("\n")
	}
}

func (d *Definition) introduction() string {
	text := "The " + kindTitle(d.Kind) + " type `" + d.Name + "`."
	if d.Version != "" {
		text = "The " + kindTitle(d.Kind) + " type `" + d.Name + "`, version " + d.Version + "."
	}
	if d.Deprecated {
		text += " **It is deprecated.**"
	}
	if d.Description != "" {
		text += "\n\n" + d.Description
	}
	return text
}

// kindTitle names a kind in a sentence.
func kindTitle(k Kind) string {
	return strings.ReplaceAll(string(k), "-", " ")
}

// facts are what else the definition says of its use.
func (d *Definition) facts() []string {
	var out []string
	add := func(condition bool, format string, args ...any) {
		if condition {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(d.Workload.Kind != "", "Workload: `%s` of `%s`", d.Workload.Kind, d.Workload.APIVersion)
	add(d.Kind == Component && d.Workload.Kind == "", "Workload: whichever the properties give")
	if d.Kind == Trait {
		add(len(d.AppliesTo) > 0, "Applies to: %s", list(inCode(d.AppliesTo)))
		add(len(d.AppliesTo) == 0, "Applies to: every workload")
		add(d.PodDisruptive, "A change of it restarts pods.")
	}
	add(len(d.ConflictsWith) > 0, "May not be used together with: %s", list(inCode(d.ConflictsWith)))
	add(d.Stage == v1beta1.PreDispatch, "Its objects are delivered before the workload.")
	add(d.Stage == v1beta1.PostDispatch, "Its objects are delivered when the workload is healthy.")
	return out
}

func inCode(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "`" + n + "`"
	}
	return out
}

func (d *Definition) healthText() string {
	switch {
	case d.Kind != Component && d.Kind != Trait:
		return ""
	case d.HealthPolicy != "":
		return "The type says itself, by its health policy, when what it makes is healthy."
	case d.Kind == Component:
		return "The type has no health policy of its own: the kind of the workload decides when it is healthy."
	}
	return "The type has no health policy of its own: it is healthy when its objects exist."
}

// section is a part of the parameters with a table of its own.
type section struct {
	path   string
	schema *schema
}

// parameters writes the table of the properties, then one for each object in them.
func (p *page) parameters(s *schema) {
	if s.kinds == cue.TopKind {
		p.line("Any.")
		return
	}
	if len(s.alternatives) == 0 && len(s.fields) == 0 && !s.open {
		p.line("None.")
		return
	}
	for pending := p.section(section{schema: s}); len(pending) > 0; {
		next := pending[0]
		p.line("### %s", "`"+next.path+"`")
		// In the order of the page: what is in an object follows it.
		pending = append(p.section(next), pending[1:]...)
	}
}

// section writes the tables of an object, and returns the objects in it.
func (p *page) section(s section) []section {
	objects := objectsOf(s.schema)
	if len(objects) == 1 {
		return p.object(section{path: s.path, schema: objects[0]}, false)
	}
	p.line("One of these:")
	var below []section
	for i, o := range objects {
		p.line("%d. %s", i+1, o.title())
		below = append(below, p.object(section{path: s.path, schema: o}, true)...)
	}
	return below
}

// objectsOf are the objects that a schema may be.
func objectsOf(s *schema) []*schema {
	var out []*schema
	for _, a := range s.ofKind(cue.StructKind) {
		if a.kinds&cue.StructKind != 0 {
			out = append(out, a)
		}
	}
	return out
}

// title tells an alternative from the others: by its constant fields, else by
// what it requires.
func (s *schema) title() string {
	var fixed, required, other []string
	for _, name := range s.names() {
		if f := s.fields[name]; f.fixed != nil {
			fixed = append(fixed, "`"+name+"` is "+code(f.fixed))
		} else if f.required() {
			required = append(required, "`"+name+"`")
		} else {
			other = append(other, "`"+name+"`")
		}
	}
	switch {
	case len(fixed) > 0:
		return "Where " + strings.Join(fixed, " and ") + ":"
	case len(required) > 0:
		return "With " + strings.Join(required, " and ") + ":"
	}
	return "With " + list(other) + ":"
}

// object writes the table of an object. In a choice the constant fields, which
// say what is meant, must be given.
func (p *page) object(s section, inChoice bool) []section {
	if len(s.schema.fields) > 0 {
		p.text.WriteString("| Name | Type | Default | Required | Use |\n|---|---|---|---|---|\n")
	}
	var below []section
	for _, name := range s.schema.names() {
		f := s.schema.fields[name]
		chosen := inChoice && f.fixed != nil
		required, preset := "", f.defaultText()
		if f.required() || chosen {
			required = "yes"
		}
		if chosen {
			preset = ""
		}
		fmt.Fprintf(&p.text, "| `%s` | %s | %s | %s | %s |\n", cell(name), cell(f.words()), cell(preset), required, cell(f.usage))
		below = append(below, sectionsOf(strings.TrimPrefix(s.path+"."+name, "."), f)...)
	}
	if len(s.schema.fields) > 0 {
		p.text.WriteString("\n")
	}
	if others := s.schema.others; s.schema.open {
		names := "Any name"
		if len(s.schema.fields) > 0 {
			names = "Any other name"
		}
		if others == nil || others.kinds == cue.TopKind {
			p.line("%s is taken, with any value.", names)
		} else {
			p.line("%s is taken, with a value of the type %s.", names, others.words())
			below = append(below, sectionsOf(strings.TrimPrefix(s.path+".NAME", "."), others)...)
		}
	}
	return below
}

// sectionsOf are the objects in a field that need a table.
func sectionsOf(path string, s *schema) []section {
	var out []section
	if objects := objectsOf(s); len(objects) > 0 && hasFields(objects) {
		out = append(out, section{path: path, schema: s})
	}
	for _, a := range s.flat() {
		if a.items != nil {
			out = append(out, sectionsOf(path+"[]", a.items)...)
		}
		if a.others != nil && !hasFields([]*schema{a}) {
			out = append(out, sectionsOf(path+".NAME", a.others)...)
		}
	}
	return out
}

func hasFields(objects []*schema) bool {
	for _, o := range objects {
		if len(o.fields) > 0 {
			return true
		}
	}
	return false
}

// words name the type of a parameter, and what it is bound to.
func (s *schema) words() string {
	var all []string
	for _, a := range s.flat() {
		if w := a.typeWords(); !contains(anys(all), w) {
			all = append(all, w)
		}
	}
	return strings.Join(all, " or ")
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

func (s *schema) typeWords() string {
	if s.allowed != nil {
		var all []string
		for _, v := range s.allowed {
			all = append(all, code(v))
		}
		return strings.Join(all, ", ")
	}
	text := s.typeName()
	unit := "characters"
	switch {
	case s.kinds&cue.ListKind != 0:
		unit = "items"
	case s.kinds&cue.StructKind != 0:
		unit = "fields"
	}
	if words := s.bounds.words(unit, "`"); words != "" {
		text += " (" + words + ")"
	}
	return text
}

func (s *schema) typeName() string {
	switch {
	case s.kinds == cue.TopKind:
		return "any"
	case s.kinds == cue.ListKind && s.items != nil:
		return "list of " + s.items.words()
	case s.kinds == cue.StructKind && s.others != nil && len(s.fields) == 0 && s.others.kinds != cue.TopKind:
		return "map of " + s.others.words()
	}
	var names []string
	for _, k := range []cue.Kind{cue.StringKind, cue.NumberKind, cue.BoolKind, cue.StructKind, cue.ListKind, cue.BytesKind, cue.NullKind} {
		if s.kinds&k != 0 {
			names = append(names, strings.TrimPrefix(strings.TrimPrefix(kindName(s.kinds&k), "an "), "a "))
		}
	}
	return strings.Join(names, " or ")
}

// defaultText is the default as a piece of JSON, or the CUE that computes it.
func (s *schema) defaultText() string {
	if s.value != nil {
		if text := code(s.value); len(text) <= maxWidth {
			return text
		}
		return "see the use"
	}
	if s.computed != "" {
		return "`" + s.computed + "`"
	}
	return ""
}

func code(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return strconv.Quote(fmt.Sprint(value))
	}
	return "`" + string(raw) + "`"
}

// cell is text within a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}
