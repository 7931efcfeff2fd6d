// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// library has a component "c" and traits "t" and "u" with the given templates.
func library(component, t, u string) *definition.Library {
	return definition.NewLibrary(
		&definition.Definition{Kind: definition.Component, Name: "c", Template: component},
		&definition.Definition{Kind: definition.Trait, Name: "t", Template: t, WorkloadRefPath: "spec.workloadRef"},
		&definition.Definition{Kind: definition.Trait, Name: "u", Template: u},
	)
}

// config is a template that makes a ConfigMap with the given data.
func config(data string) string {
	return `output: {apiVersion: "v1", kind: "ConfigMap", data: {` + data + `}}`
}

func TestWrittenDefinitions(t *testing.T) {
	service := `apiVersion: "v1", kind: "Service"`
	cases := map[string]struct {
		reason          string
		component, t, u string
		want            string
		err             string
	}{
		"Context":       {reason: "Every field of the context.", component: config(`n: context.name, a: context.appName, ns: context.namespace, cl: context.cluster, r: context.appRevision, num: "\(context.appRevisionNum)", rev: context.revision, t: context.componentType, second: context.components[1].name`)},
		"AbsentContext": {reason: "A field of the context that does not apply is absent.", component: config(`if context.config != _|_ {x: "1"}`)},
		"TraitOutput":   {reason: "An object of a trait gets a name, a reference to the workload and labels.", component: config(`a: "b"`), t: `outputs: svc: {` + service + `, spec: port: 80}`},
		"SeesEarlier":   {reason: "A trait sees what the traits before it did.", component: config(`a: "b"`), t: `patch: data: t: context.output.data.a`, u: `patch: data: u: context.output.data.t + "!"`},
		"SeesOutputs":   {reason: "It sees the objects that traits before it made, and may patch them.", component: config(`a: "b"`), t: `outputs: svc: {` + service + `, metadata: name: "svc"}`, u: `patchOutputs: svc: spec: name: context.outputs.svc.metadata.name`},
		"ClusterScoped": {reason: "A kind without namespaces gets none.", component: config(``), t: `outputs: r: {apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: name: "a:b"}`},
		"Errs":          {reason: "A definition may refuse.", component: config(``) + "\nerrs: [\"first\", \"second\"]", err: "Refused components.x.properties: first; second"},
		"TraitErrs":     {reason: "A trait too.", component: config(``), t: `errs: ["no"]`, err: "Refused components.x.traits.t.properties: no"},
		"NoErrs":        {reason: "An empty list refuses nothing.", component: config(``) + "\nerrs: []"},
		"Processing":    {reason: "Data by HTTP is refused.", component: config(``), t: `processing: http: url: "http://example.com"`, err: `TemplateFailed components.x.traits.t.properties: the trait type "t" asks for data by HTTP while it is rendered (processing), which is not supported; give the data as properties`},
		"NoOutput":      {reason: "A component without a workload.", component: `x: 1`, err: `InvalidObject components.x.properties: output of the component type "c" is missing; change the properties that make it, or the definition`},
		"NoKind":        {reason: "An object without a kind.", component: `output: {apiVersion: "v1"}`, err: `InvalidObject components.x.properties: output of the component type "c" has no apiVersion or no kind; change the properties that make it, or the definition`},
		"NoObject":      {reason: "An output that is no object.", component: config(``) + "\noutputs: a: 1", err: `InvalidObject components.x.properties: outputs.a of the component type "c" is no object; change the properties that make it, or the definition`},
		"Elsewhere":     {reason: "An application reaches its own target only.", component: config(``), t: `outputs: s: {` + service + `, metadata: {name: "s", namespace: "kube-system"}}`, err: `InvalidObject components.x.traits.t.properties: outputs.s of the trait type "t" goes to the namespace "kube-system", but this delivery reaches "shop-prod" only; change the properties that make it, or the definition`},
		"Twice":         {reason: "Two objects of one name.", component: config(``), t: `outputs: a: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "x"}`, err: `InvalidObject components.x.traits.t.properties: outputs.a of the trait type "t" is the same ConfigMap "x" as output; change the properties that make it, or the definition`},
		"BadName":       {reason: "A name that Kubernetes would refuse.", component: config(``), t: `outputs: a: {` + service + `, metadata: name: "1a"}`, err: `InvalidObject components.x.traits.t.properties: outputs.a of the trait type "t" has the name "1a": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?'); change the properties that make it, or the definition`},
		"PatchConflict": {reason: "A patch without a strategy may only add.", component: config(`a: "b"`), t: `patch: data: a: "c"`, err: `PatchFailed components.x.traits.t.properties: the patch of the trait type "t" does not fit the ConfigMap: data.a: the patch has another value than the object; a patch with this strategy may only add`},
		"Syntax":        {reason: "A template that does not parse.", component: `output: {`, err: `TemplateFailed components.x: the template of the component type "c" gives no result: parse component/c/template: expected '}', found 'EOF'; change the properties that it uses there`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := render.Component{Name: "x", Type: "c"}
			for kind, template := range map[string]string{"t": tc.t, "u": tc.u} {
				if template != "" {
					c.Traits = append(c.Traits, render.Trait{Type: kind})
				}
			}
			if len(c.Traits) == 2 {
				c.Traits[0].Type, c.Traits[1].Type = "t", "u"
			}
			r, err := render.New(library(tc.component, tc.t, tc.u)).Render(place(), c)
			if tc.err == "" && err == nil {
				golden(t, "written/"+name, "# "+tc.reason+"\n"+documents(t, r))
				return
			}
			var e *render.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.err, e.Reason+" "+e.Error()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
