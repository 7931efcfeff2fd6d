// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package health judges observed objects by the CUE of the definitions that
// made them. The package is pure: what was observed is given as values.
package health

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

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
}

// Verdict is the state of a component in one place.
type Verdict struct {
	// Healthy says that the workload and all traits are healthy.
	Healthy bool
	// Message says in a line what is going on.
	Message string
	// Details are the fields that the definition's status gives.
	Details map[string]string
	// WorkloadHealthy says that the workload alone is healthy.
	WorkloadHealthy bool
	// Traits are the verdicts of the traits, in evaluation order.
	Traits []TraitVerdict
}

// TraitVerdict is the state of a trait in one place.
type TraitVerdict struct {
	// Type of the trait.
	Type string
	// Healthy says that the trait's objects are healthy.
	Healthy bool
	// Message says in a line what is going on.
	Message string
	// Details are the fields that the definition's status gives.
	Details map[string]string
}

// Evaluate judges observed objects: the component's health CUE, then each
// trait's. Without health CUE what exists is healthy. CUE that fails for want
// of an observed field means not healthy yet; any other failure is an error as
// well, beside a verdict that says not healthy.
func Evaluate(in Input) (Verdict, error) {
	if in.Output == nil {
		return absent(in.Result), nil
	}
	j := judge{in: in}
	own := j.judge(in.Result.Definition, in.Result.Component.Properties, "")
	v := Verdict{Healthy: own.Healthy, WorkloadHealthy: own.Healthy, Message: own.Message, Details: own.Details}
	for i, d := range in.Result.Traits {
		t := j.judge(d, in.Result.Component.Traits[i].Properties, d.Name)
		v.Traits = append(v.Traits, t)
		v.Healthy = v.Healthy && t.Healthy
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
	if d.Program(definition.HealthPart) != nil {
		v.Healthy, v.Message = j.health(d, properties, status)
	}
	status["healthy"] = v.Healthy
	if fields, ok := j.run(d, definition.StatusPart, properties, status, "message"); ok {
		if message, isText := fields["message"].(string); isText {
			v.Message = clip(message)
		}
	}
	return v
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
	if p == nil {
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

// clip makes a message one line of bounded length.
func clip(s string) string {
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
