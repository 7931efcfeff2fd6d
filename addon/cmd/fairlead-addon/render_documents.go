// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	kubejson "sigs.k8s.io/json"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// documents are what the files hold, by kind.
type documents struct {
	namespace string
	lenient   bool

	applications []v1beta1.Application
	definitions  []*definition.Definition
	environments []v1alpha1.Environment
	bindings     []v1alpha1.ClusterBinding
	policies     map[string]v1beta1.AppPolicy
	workflows    map[string]v1beta1.Workflow
	namespaces   map[string]map[string]string
	clusters     map[string]map[string]string

	// places where the documents were found, by what tells them apart.
	places map[string]string
	// given are objects that components may refer to.
	given []*givenObject

	warnings []string
	problems []error
}

// externalPolicy and externalWorkflow are the kinds of core.oam.dev/v1alpha1
// that applications refer to by name.
type externalPolicy struct {
	Type       string                `json:"type"`
	Properties *runtime.RawExtension `json:"properties"`
}

type externalWorkflow struct {
	Mode  *v1beta1.WorkflowExecuteMode `json:"mode"`
	Steps []v1beta1.WorkflowStep       `json:"steps"`
}

type named struct {
	Metadata struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
}

func (d *documents) problem(err error) {
	if err != nil {
		d.problems = append(d.problems, err)
	}
}

// add sorts a document in.
func (d *documents) add(document definition.Document) {
	if found := document.Definition; found != nil {
		d.problem(d.once(document, titleOf(found)))
		d.definitions = append(d.definitions, found)
		return
	}
	var meta named
	if err := recode(document.Object, &meta); err != nil {
		d.problem(fmt.Errorf("%s: metadata: %w", document.Place(), err))
		return
	}
	if meta.Metadata.Name == "" {
		d.problem(fmt.Errorf("%s: metadata.name is missing; set it", document.Place()))
		return
	}
	if err := checkMetadata(meta); err != nil {
		d.problem(fmt.Errorf("%s: %w", document.Place(), err))
		return
	}
	if err := d.addObject(document, meta); err != nil {
		d.problem(fmt.Errorf("%s: %w", document.Place(), err))
	}
}

// once refuses what is given a second time: which of both counts would depend
// on the order of the files.
func (d *documents) once(document definition.Document, title string) error {
	if first, again := d.places[title]; again {
		return fmt.Errorf("%s: the %s is given twice, first at %s; remove one", document.Place(), title, first)
	}
	set(&d.places, title, document.Place())
	return nil
}

// titleOf tells a definition apart from others.
func titleOf(d *definition.Definition) string {
	title := fmt.Sprintf("definition of the %s type %q", d.Kind, d.Name)
	if d.Archived {
		title += fmt.Sprintf(" in version %q (revision %d)", d.Version, d.Revision)
	}
	return title
}

// checkMetadata wants names as the API server does.
func checkMetadata(meta named) error {
	name, namespace := meta.Metadata.Name, meta.Metadata.Namespace
	if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return fmt.Errorf("metadata.name: %q cannot be a name; %s", name, wrong[0])
	}
	if namespace == "" {
		return nil
	}
	if wrong := validation.IsDNS1123Label(namespace); len(wrong) > 0 {
		return fmt.Errorf("metadata.namespace: %q cannot be the name of a namespace; %s", namespace, wrong[0])
	}
	return nil
}

func (d *documents) addObject(document definition.Document, meta named) error {
	apiVersion, _ := document.Object["apiVersion"].(string)
	kind, _ := document.Object["kind"].(string)
	group, _, _ := strings.Cut(apiVersion, "/")
	namespace := cmp.Or(meta.Metadata.Namespace, d.namespace)
	key := namespace + "/" + meta.Metadata.Name
	title := fmt.Sprintf("%s %q", kind, meta.Metadata.Name)
	if group == "core.oam.dev" {
		title += fmt.Sprintf(" of namespace %q", namespace)
	}
	d.problem(d.once(document, title))
	switch group + "/" + kind {
	case "core.oam.dev/Application":
		return d.addApplication(document)
	case "fairlead.dev/Environment":
		return addTo(d, document, &d.environments)
	case "fairlead.dev/ClusterBinding":
		return addTo(d, document, &d.bindings)
	case "core.oam.dev/Policy":
		var p externalPolicy
		err := recode(document.Object, &p)
		set(&d.policies, key, v1beta1.AppPolicy{Name: meta.Metadata.Name, Type: p.Type, Properties: p.Properties})
		return err
	case "core.oam.dev/Workflow":
		var w externalWorkflow
		err := recode(document.Object, &w)
		set(&d.workflows, key, v1beta1.Workflow{Mode: w.Mode, Steps: w.Steps})
		return err
	case "v1/Namespace":
		set(&d.namespaces, meta.Metadata.Name, meta.Metadata.Labels)
		return nil
	case "cluster.open-cluster-management.io/ManagedCluster":
		set(&d.clusters, meta.Metadata.Name, meta.Metadata.Labels)
		return nil
	}
	d.addGiven(document, meta, fmt.Errorf(
		"%s %q of %q is none of the kinds that are read here, and no component of type %s in its namespace refers to it; remove it, or use one of: %s",
		kind, meta.Metadata.Name, apiVersion, render.ReferenceType, kindsRead()))
	return nil
}

func set[T any](into *map[string]T, key string, value T) {
	if *into == nil {
		*into = map[string]T{}
	}
	(*into)[key] = value
}

func (d *documents) addApplication(document definition.Document) error {
	before := len(d.applications)
	if err := addTo(d, document, &d.applications); err != nil || len(d.applications) == before {
		return err
	}
	app := &d.applications[before]
	app.Namespace = cmp.Or(app.Namespace, d.namespace)
	return nil
}

// addTo decodes a document as the API server would with strict field
// validation: a field that does not exist is an error, or a warning if wanted so.
func addTo[T any](d *documents, document definition.Document, into *[]T) error {
	raw, err := json.Marshal(document.Object)
	if err != nil {
		return fmt.Errorf("encode the object: %w", err)
	}
	var object T
	unknown, err := kubejson.UnmarshalStrict(raw, &object)
	if err != nil {
		return fmt.Errorf("%v %q: %w", document.Object["kind"], nameOf(document.Object), err)
	}
	*into = append(*into, object)
	for _, u := range unknown {
		text := fmt.Sprintf("%s: %v %q: %v", document.Place(), document.Object["kind"], nameOf(document.Object), u)
		if d.lenient {
			d.warnings = append(d.warnings, text)
			continue
		}
		d.problems = append(d.problems, fmt.Errorf("%s; correct or remove it, or pass it over with --lenient", text))
	}
	return nil
}

func nameOf(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}

func recode(object map[string]any, into any) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encode the object: %w", err)
	}
	return kubejson.UnmarshalCaseSensitivePreserveInts(raw, into)
}

// completed is the spec of an application with the Policies and the Workflow
// that it refers to written out.
func (d *documents) completed(app v1beta1.Application) (v1beta1.ApplicationSpec, error) {
	spec := *app.Spec.DeepCopy()
	if w := spec.Workflow; w != nil && w.Ref != "" {
		found, ok := d.workflows[app.Namespace+"/"+w.Ref]
		if !ok {
			return spec, fmt.Errorf("spec.workflow.ref: there is no Workflow %q in namespace %q among the files; add it with -f", w.Ref, app.Namespace)
		}
		spec.Workflow = found.DeepCopy()
	}
	has := map[string]bool{}
	for _, p := range spec.Policies {
		has[p.Name] = true
	}
	for _, name := range policiesOfSteps(spec.Workflow) {
		external, ok := d.policies[app.Namespace+"/"+name]
		if has[name] || !ok {
			continue // a name that nobody knows is reported where the steps are read
		}
		has[name] = true
		spec.Policies = append(spec.Policies, external)
	}
	return spec, nil
}

// policiesOfSteps are the names of policies in the steps of type deploy.
func policiesOfSteps(workflow *v1beta1.Workflow) []string {
	if workflow == nil {
		return nil
	}
	var out []string
	add := func(base v1beta1.WorkflowStepBase) {
		var properties struct {
			Policies []string `json:"policies"`
		}
		if base.Type != "deploy" || base.Properties == nil || json.Unmarshal(base.Properties.Raw, &properties) != nil {
			return
		}
		out = append(out, properties.Policies...)
	}
	for _, step := range workflow.Steps {
		add(step.WorkflowStepBase)
		for _, sub := range step.SubSteps {
			add(sub)
		}
	}
	return out
}
