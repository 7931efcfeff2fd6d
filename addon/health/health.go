// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package health judges observed objects. The package is pure: what was observed
// is given as values.
//
// Objects are observed in two ways: whole on the hub itself, and by feedback on
// managed clusters. Feedback carries texts, integers and bools by constant paths,
// and of a list the item that a literal picks, never a list, an object or a number
// with a fraction. The fields that are fed back are put into the rendered object,
// so the CUE of a definition sees the same object either way as far as it reads
// it. Observability names what a definition reads that feedback cannot carry. Two
// things are taken for granted: a field that picks items has a text of its own in
// each item, as the type of a condition has, and an object is there when one of
// the fields that are read below it is.
//
// What judges, for the component and each trait:
//
//   - an object with the annotation app.oam.dev/disable-health-check: "true",
//     which it inherits from its Application, is healthy when it exists: on the
//     workload it holds for the component and all traits, on the objects of a
//     trait for that trait;
//   - a definition with a healthPolicy is judged by that CUE;
//   - unless its objects are known by feedback alone and the healthPolicy reads
//     what feedback cannot carry: then the built-in health of the kind judges the
//     workload, or the objects of the trait;
//   - a component without a healthPolicy is judged by the built-in health of the
//     workload's kind, and of its other objects that run pods, so that it is not
//     healthy while its pods fail;
//   - a trait without a healthPolicy is healthy when its objects exist;
//   - a policy is healthy when its objects exist, and with manageHealthCheck as a
//     component is.
//
// What a component's CUE says of objects that are not well is followed by the
// conditions of their kinds that explain it.
//
// Details and custom status that read what feedback cannot carry are left out
// where objects are known by feedback alone: part of a list would make them say
// something wrong.
package health

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxMessage is the length of a message in bytes, as the API bounds it.
const maxMessage = 1024

// Input is what a verdict is made from.
type Input struct {
	// Result that was delivered.
	Result *render.Result
	// Output is the observed workload; nil when it does not exist.
	Output map[string]any
	// Outputs are the other observed objects by Resource name: nil for one that
	// does not exist, no entry for one that was not looked at.
	Outputs map[string]map[string]any
	// Feedback says that the objects are rendered ones with fed back fields put in.
	Feedback bool
}

// Verdict is the state of a component in one place.
type Verdict struct {
	// Healthy says that the workload and all traits are healthy.
	Healthy bool
	// Failed says that what the kinds of its objects say does not pass by waiting.
	Failed bool
	// Message says in a line what is going on.
	Message string
	// Details are the fields that the definition's status gives.
	Details map[string]string
	// WorkloadHealthy says that the workload alone is healthy.
	WorkloadHealthy bool
	// Traits are the verdicts of the traits, in evaluation order.
	Traits []TraitVerdict
	// Endpoints are where it is reached from outside of its cluster, bounded.
	Endpoints []string
}

// TraitVerdict is the state of a trait in one place.
type TraitVerdict struct {
	// Type of the trait.
	Type string
	// Healthy says that the trait's objects are healthy.
	Healthy bool
	// Failed says that what the kinds of its objects say does not pass by waiting.
	Failed bool
	// Message says in a line what is going on.
	Message string
	// Details are the fields that the definition's status gives.
	Details map[string]string
}

// Evaluate judges observed objects, those of the component and then of each
// trait, by the rule of the package. CUE that fails for want of an observed field
// means not healthy yet; any other failure is an error as well, beside a verdict
// that says not healthy.
func Evaluate(in Input) (Verdict, error) {
	if in.Output == nil {
		return absent(in.Result), nil
	}
	j := judge{in: in}
	own := j.judge(in.Result.Definition, in.Result.Component.Properties, "")
	v := Verdict{Healthy: own.Healthy, Failed: own.Failed, WorkloadHealthy: own.Healthy, Message: own.Message, Details: own.Details, Endpoints: endpoints(in)}
	for i, d := range in.Result.Traits {
		t := j.judge(d, in.Result.Component.Traits[i].Properties, d.Name)
		v.Traits = append(v.Traits, t)
		v.Healthy, v.Failed = v.Healthy && t.Healthy, v.Failed || t.Failed
	}
	return v, errors.Join(j.errs...)
}

// absent is the verdict on a workload that does not exist.
func absent(r *render.Result) Verdict {
	v := Verdict{Message: missing(r.Objects[0])}
	for _, d := range r.Traits {
		v.Traits = append(v.Traits, TraitVerdict{Type: d.Name, Message: v.Message})
	}
	return v
}

func missing(o render.Object) string {
	return fmt.Sprintf("%s %q does not exist yet", o.GroupVersionKind().Kind, o.Name())
}

// judge collects errors while it judges one definition after the other.
type judge struct {
	in   Input
	errs []error
}

// judge is the verdict of one definition on the objects that it made.
func (j *judge) judge(d *definition.Definition, properties map[string]any, trait string) TraitVerdict {
	v := TraitVerdict{Type: d.Name, Healthy: true}
	if o, ok := j.missing(trait); ok {
		v.Healthy, v.Message = false, missing(o)
		return v
	}
	status := map[string]any{}
	if fields, ok := j.run(d, definition.DetailsPart, properties, status); ok {
		v.Details = details(fields)
		status["details"] = fields
	}
	switch {
	case j.off(trait):
	case j.blind(d, definition.HealthPart) || likeComponent(d) && d.Program(definition.HealthPart) == nil:
		found := j.byKind(d, trait)
		v.Healthy, v.Failed, v.Message = found.healthy, found.failed, found.message
	case d.Program(definition.HealthPart) != nil:
		v.Healthy, v.Message = j.health(d, properties, status)
	}
	status["healthy"] = v.Healthy
	if fields, ok := j.run(d, definition.StatusPart, properties, status, "message"); ok {
		if message, isText := fields["message"].(string); isText {
			v.Message = clip(message)
		}
	}
	if why, final := j.reasons(d, trait); why != "" && !v.Healthy && !j.off(trait) {
		v.Failed = v.Failed || final
		v.Message = clip(strings.TrimPrefix(v.Message+"; "+why, "; "))
	}
	return v
}

// reasons are what the kinds of a component's objects say of why they are not
// well, where its CUE judges: that says so, and rarely why. final says that
// waiting does not help.
func (j *judge) reasons(d *definition.Definition, trait string) (text string, final bool) {
	if trait != "" || j.blind(d, definition.HealthPart) {
		return "", false // then the built-in health of kinds tells it
	}
	var texts []string
	for _, o := range j.in.Result.Objects {
		observed := j.in.Output
		if o.Resource != "" {
			observed = j.in.Outputs[o.Resource]
		}
		if why, ends := kindOf(o).reason(observed); why != "" && explained(d, o) {
			texts, final = append(texts, why), final || ends
		}
	}
	return strings.Join(texts, "; "), final
}

// blind says that a part cannot be evaluated for want of what feedback does not carry.
func (j *judge) blind(d *definition.Definition, part definition.Part) bool {
	return j.in.Feedback && !observable(d, part)
}

// off says that the annotation of the workload, or of an object of a trait,
// switches judging off.
func (j *judge) off(trait string) bool {
	objects := j.in.Result.Objects
	return off(objects[0]) || trait != "" && slices.ContainsFunc(objects[1:], func(o render.Object) bool {
		return o.Trait == trait && off(o)
	})
}

// off says that an object carries the annotation that switches judging off.
func off(o render.Object) bool {
	value, _ := At(o.Content, Path{"metadata", "annotations", v1beta1.AnnotationDisableHealthCheck})
	return value == "true"
}

// byKind is the verdict of the built-in health of kinds on the objects of a
// definition: the worst of its objects counts.
func (j *judge) byKind(d *definition.Definition, trait string) state {
	worst := state{healthy: true}
	for _, o := range j.in.Result.Objects {
		observed := j.in.Output
		if o.Resource != "" {
			observed = j.in.Outputs[o.Resource]
		}
		if o.Trait != trait || observed == nil || !judgedByKind(d, o, j.in.Feedback) {
			continue
		}
		if found := kindOf(o).judge(observed); found.worse(worst) {
			worst = found
			worst.message = clip(fmt.Sprintf("%s %q: %s", o.GroupVersionKind().Kind, o.Name(), found.message))
		}
	}
	return worst
}

// judgedByKind says that the built-in health of its kind judges an object of a definition.
func judgedByKind(d *definition.Definition, o render.Object, feedback bool) bool {
	if d.Program(definition.HealthPart) != nil {
		return feedback && !observable(d, definition.HealthPart) && (d.Kind == definition.Trait || o.Resource == "")
	}
	return likeComponent(d) && (o.Resource == "" || kindOf(o).pods)
}

// likeComponent says that the kinds of what a definition makes decide about its health.
func likeComponent(d *definition.Definition) bool {
	return d.Kind == definition.Component || d.Kind == definition.Policy && d.ManageHealthCheck
}

// missing is an object of a trait, or of the component itself, that was looked for in vain.
func (j *judge) missing(trait string) (render.Object, bool) {
	for _, o := range j.in.Result.Objects[1:] {
		observed, looked := j.in.Outputs[o.Resource]
		if o.Trait == trait && looked && observed == nil {
			return o, true
		}
	}
	return render.Object{}, false
}

func (j *judge) health(d *definition.Definition, properties, status map[string]any) (bool, string) {
	fields, ok := j.run(d, definition.HealthPart, properties, status, "isHealth")
	healthy, isBool := fields["isHealth"].(bool)
	if ok && !isBool {
		j.errs = append(j.errs, fmt.Errorf("judge the %s type %q: its health policy yields no bool isHealth", d.Kind, d.Name))
	}
	if healthy {
		return true, ""
	}
	return false, fmt.Sprintf("the %s type %q is not healthy yet", d.Kind, d.Name)
}

// run evaluates one part of a definition; false when there is no such part or no result.
func (j *judge) run(d *definition.Definition, part definition.Part, properties, status map[string]any, wanted ...string) (map[string]any, bool) {
	p := d.Program(part)
	if p == nil || j.blind(d, part) {
		return nil, false
	}
	inputs, err := j.inputs(p, properties, status)
	if err != nil {
		j.errs = append(j.errs, fmt.Errorf("read the %s of the %s type %q: %w", part, d.Kind, d.Name, err))
		return nil, false
	}
	fields, err := p.Recall(inputs, wanted...)
	if err == nil {
		return fields, true
	}
	var f *program.Failure
	if !errors.As(err, &f) || !f.Incomplete {
		j.errs = append(j.errs, fmt.Errorf("evaluate the %s of the %s type %q: %w", part, d.Kind, d.Name, err))
	}
	return nil, false
}

// inputs are the context and parameters as far as the program reads them: the
// fewer they are, the more places share an evaluation.
func (j *judge) inputs(p *program.Program, properties, status map[string]any) (map[string]any, error) {
	reads, err := p.Reads("context")
	if err != nil {
		return nil, err
	}
	parameters, err := p.Reads("parameter")
	if err != nil {
		return nil, err
	}
	context := j.in.Result.Context.Values(j.in.Result.Component, reads)
	if below := reads.Get("output"); below.Any() {
		context["output"] = below.Prune(j.in.Output)
	}
	if below := reads.Get("outputs"); below.Any() {
		context["outputs"] = below.Prune(j.outputs())
	}
	if below := reads.Get("status"); below.Any() {
		context["status"] = below.Prune(status)
	}
	inputs := map[string]any{"context": context}
	if parameters.Any() {
		inputs["parameter"] = parameters.Prune(properties)
	}
	return inputs, nil
}

func (j *judge) outputs() map[string]any {
	out := make(map[string]any, len(j.in.Outputs))
	for name, observed := range j.in.Outputs {
		if observed != nil {
			out[name] = observed
		}
	}
	return out
}

// clip makes a message one line of bounded length, of valid text without
// control characters: part of it may come from a cluster.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case isControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxMessage {
		return s
	}
	s = s[:maxMessage-len("...")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "..."
}

// isControl says that a character is not for reading: control characters, and
// those that change the direction of text.
func isControl(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}
