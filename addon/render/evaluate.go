// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render/patch"
)

// The fields of a template, and of the context that they see.
const (
	outputField       = "output"
	outputsField      = "outputs"
	patchField        = "patch"
	patchOutputsField = "patchOutputs"
	errsField         = "errs"
	processingField   = "processing"
)

// auxiliary is the type that OAM's labels give to further objects of a component.
const auxiliary = "AuxiliaryWorkload"

// evaluate renders the workload, then lets each trait in turn change what is
// there and add to it.
func (p *plan) evaluate() (*Result, error) {
	objects, err := p.evaluateWorkload()
	if err != nil {
		return nil, err
	}
	result := &Result{Definition: p.workload.definition}
	for _, s := range p.traits {
		if objects, err = p.evaluateTrait(s, objects); err != nil {
			return nil, err
		}
		result.Traits = append(result.Traits, s.definition)
	}
	if err := p.finish(objects); err != nil {
		return nil, err
	}
	digests := make([]string, len(objects))
	for i, o := range objects {
		digests[i] = o.Digest()
	}
	result.Objects, result.Digest = objects, digest(digests)
	return result, nil
}

func (p *plan) evaluateWorkload() ([]Object, error) {
	s := p.workload
	wanted := []string{outputField, outputsField, errsField}
	if p.component.Policy {
		wanted = append(wanted, processingField)
	}
	fields, err := p.run(s, nil, wanted...)
	if err != nil {
		return nil, err
	}
	if err := p.refuseProcessing(s, fields); err != nil {
		return nil, err
	}
	workload, ok := fields[outputField].(map[string]any)
	if !ok {
		return nil, p.invalidObject(s, outputField, "is missing")
	}
	further, err := p.outputs(s, fields, "")
	return append([]Object{{Content: workload, Stage: v1beta1.DefaultDispatch}}, further...), err
}

func (p *plan) evaluateTrait(s step, objects []Object) ([]Object, error) {
	fields, err := p.run(s, objects, patchField, patchOutputsField, outputsField, errsField, processingField)
	if err != nil {
		return nil, err
	}
	if err := p.refuseProcessing(s, fields); err != nil {
		return nil, err
	}
	further, err := p.outputs(s, fields, s.definition.Name)
	if err != nil {
		return nil, err
	}
	// A trait may patch what it makes itself.
	objects = append(objects, further...)
	if err := p.patchWorkload(s, fields, objects); err != nil {
		return nil, err
	}
	return objects, p.patchFurther(s, fields, objects)
}

// refuseProcessing refuses a template that wants data from elsewhere.
func (p *plan) refuseProcessing(s step, fields map[string]any) error {
	if _, ok := fields[processingField]; !ok {
		return nil
	}
	return &Error{Component: p.component.Name, Path: s.path, Reason: ReasonTemplateFailed, Message: fmt.Sprintf("the %s type %q asks for data by HTTP while it is rendered (processing), which is not supported; give the data as properties", s.definition.Kind, s.definition.Name)}
}

// run evaluates a template and reports what it refuses by errs.
func (p *plan) run(s step, objects []Object, wanted ...string) (map[string]any, error) {
	context := p.context.Values(p.component, s.reads)
	seen(context, objects, s.reads)
	inputs := map[string]any{"parameter": s.properties, "context": context}
	fields, err := s.template.Run(inputs, append(wanted, program.Sound)...)
	if err != nil {
		return nil, templateFailed(p.component, s.path, s.definition, err)
	}
	var refused []string
	if list, ok := fields[errsField].([]any); ok {
		for _, item := range list {
			// Templates yield an empty text where there is nothing to refuse.
			if text, ok := item.(string); ok && text != "" {
				refused = append(refused, text)
			}
		}
	}
	if len(refused) > 0 {
		return nil, &Error{Component: p.component.Name, Path: s.path, Reason: ReasonRefused, Message: strings.Join(refused, "; ")}
	}
	return fields, nil
}

// seen puts into the context what a trait may see of the objects so far.
func seen(context map[string]any, objects []Object, reads *program.Reads) {
	if len(objects) == 0 {
		return
	}
	if below := reads.Get(outputField); below.Any() {
		context[outputField] = below.Prune(objects[0].Content)
	}
	below := reads.Get(outputsField)
	if !below.Any() {
		return
	}
	outputs := map[string]any{}
	for _, o := range objects[1:] {
		outputs[o.Resource] = o.Content
	}
	context[outputsField] = below.Prune(outputs)
}

func (p *plan) patchWorkload(s step, fields map[string]any, objects []Object) error {
	change, ok := fields[patchField].(map[string]any)
	if !ok {
		return nil
	}
	markers, err := s.template.Markers(patchField)
	if err != nil {
		return templateFailed(p.component, s.path, s.definition, err)
	}
	return p.patch(s, &objects[0], change, markers)
}

func (p *plan) patchFurther(s step, fields map[string]any, objects []Object) error {
	changes, ok := fields[patchOutputsField].(map[string]any)
	if !ok {
		return nil
	}
	markers, err := s.template.Markers(patchOutputsField)
	if err != nil {
		return templateFailed(p.component, s.path, s.definition, err)
	}
	for i := range objects[1:] {
		o := &objects[i+1]
		change, ok := changes[o.Resource].(map[string]any)
		if !ok {
			continue
		}
		if err := p.patch(s, o, change, markers.Below(o.Resource)); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) patch(s step, o *Object, change map[string]any, markers *program.Markers) error {
	patched, err := patch.Apply(o.Content, change, markers)
	if err != nil {
		return &Error{Component: p.component.Name, Path: s.path, Reason: ReasonPatchFailed, Message: fmt.Sprintf("the patch of the trait type %q does not fit the %s: %v", s.definition.Name, text(o.Content["kind"]), err)}
	}
	o.Content = patched
	return nil
}

// outputs are the further objects of a template, sorted by name.
func (p *plan) outputs(s step, fields map[string]any, trait string) ([]Object, error) {
	outputs, _ := fields[outputsField].(map[string]any)
	var out []Object
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		content, ok := outputs[name].(map[string]any)
		if !ok {
			return nil, p.invalidObject(s, outputsField+"."+name, "is no object")
		}
		out = append(out, Object{Content: content, Trait: trait, Resource: name, Stage: stageOf(s.definition)})
	}
	return out, nil
}

// stageOf is the stage of what a definition makes.
func stageOf(d *definition.Definition) v1beta1.StageType {
	if d.Kind == definition.Trait && d.Stage != "" {
		return d.Stage
	}
	return v1beta1.DefaultDispatch
}

func (p *plan) invalidObject(s step, field, problem string) *Error {
	return &Error{
		Component: p.component.Name, Path: s.path, Reason: ReasonInvalidObject,
		Message: fmt.Sprintf("%s of the %s type %q %s; change the properties that make it, or the definition", field, kindOf(s.definition), s.definition.Name, problem),
	}
}

func kindOf(d *definition.Definition) string {
	return string(d.Kind)
}
