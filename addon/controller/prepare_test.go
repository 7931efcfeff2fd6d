// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

func TestCheck(t *testing.T) {
	tests := []struct {
		name, reason, typ string
		properties        map[string]any
		strict, partial   bool
		problem           string
		warnings          int
	}{
		{name: "right", reason: "nothing is wrong", typ: "webservice", properties: map[string]any{"image": "nginx:1"}},
		{name: "misspelt", reason: "other tools write what nobody knows", typ: "webservice", properties: map[string]any{"image": "nginx:1", "imge": "x"}, warnings: 1},
		{name: "misspelt and strict", reason: "the namespace wants to know", typ: "webservice", properties: map[string]any{"image": "nginx:1", "imge": "x"}, strict: true, problem: "InvalidParameters"},
		{name: "missing", reason: "an image is needed everywhere", typ: "webservice", problem: "InvalidParameters"},
		{name: "missing but partial", reason: "an environment may have the image", typ: "webservice", partial: true},
		{name: "no such type", reason: "the type is checked first", typ: "websrvice", problem: "UnknownType"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			renderer := render.New(definition.Builtin())
			if !test.strict {
				renderer = renderer.Lenient()
			}
			component := render.Component{Name: "web", Type: test.typ, Properties: test.properties}
			warnings, problem := check(renderer, []render.Component{component}, func(render.Component) bool { return test.partial })
			got := ""
			if problem != nil {
				got = problem.Reason
			}
			if diff := cmp.Diff(test.problem, got); diff != "" || len(warnings) != test.warnings {
				t.Errorf("problem (-want +got), since %s:\n%s\nwarnings %v", test.reason, diff, warnings)
			}
		})
	}
}

// TestManyFindings checks that the message is bounded, and the reason is that of the first.
func TestManyFindings(t *testing.T) {
	var errs []*render.Error
	for i := range 13 {
		errs = append(errs, &render.Error{Path: "p", Reason: []string{render.ReasonUnknownType, render.ReasonInvalidProperties}[min(i, 1)], Message: fmt.Sprint(i)})
	}
	want := &delivery.Problem{Reason: delivery.ReasonUnknownType, Message: "p: 0; p: 1; p: 2; p: 3; p: 4; p: 5; p: 6; p: 7; p: 8; p: 9; ... and 3 more"}
	if diff := cmp.Diff(want, problemOf(errs)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func policies(kind, properties string) []v1beta1.AppPolicy {
	return []v1beta1.AppPolicy{{Name: "p", Type: kind, Properties: &runtime.RawExtension{Raw: []byte(properties)}}}
}

func TestDecode(t *testing.T) {
	deep := make([]byte, 0, 200)
	for range policy.MaxDepth + 1 {
		deep = append(deep, `{"a":`...)
	}
	deep = append(deep, '1')
	for range policy.MaxDepth + 1 {
		deep = append(deep, '}')
	}
	with := func(change func(*v1beta1.Application)) *v1beta1.Application {
		app := webApp()
		change(app)
		return app
	}
	tests := []struct {
		reason, want string
		app          *v1beta1.Application
	}{
		{"it can be delivered", "", webApp()},
		{"a workflow orders what must not go in another order", "NotImplemented", with(func(a *v1beta1.Application) { a.Spec.Workflow = &v1beta1.Workflow{} })},
		{"the annotation holds the delivery on the existing controller", "NotImplemented", with(func(a *v1beta1.Application) { a.Annotations[v1beta1.AnnotationPublishVersion] = "v1" })},
		{"the nesting is too deep", "TooLarge", with(func(a *v1beta1.Application) { a.Spec.Components[0].Properties.Raw = deep })},
		{"a list is no set of properties", "InvalidParameters", with(func(a *v1beta1.Application) { a.Spec.Components[0].Properties.Raw = []byte(`[]`) })},
		{"two components of a name", "InvalidParameters", with(func(a *v1beta1.Application) { a.Spec.Components = append(a.Spec.Components, a.Spec.Components[0]) })},
		{"how objects are removed is decided with the plan", "", with(func(a *v1beta1.Application) { a.Spec.Policies = policies("garbage-collect", `{"order":"dependency"}`) })},
		{"the policy has no such parameter", "InvalidPolicy", with(func(a *v1beta1.Application) { a.Spec.Policies = policies("garbage-collect", `{"ordre":"dependency"}`) })},
		{"nobody knows the type", "InvalidPolicy", with(func(a *v1beta1.Application) { a.Spec.Policies = policies("topologi", `{}`) })},
		{"the platform team's own type makes objects", "", with(func(a *v1beta1.Application) { a.Spec.Policies = policies("own", `{}`) })},
		{"a topology is resolved when the plan is made", "", with(func(a *v1beta1.Application) { a.Spec.Policies = policies("topology", `{"clusters":["c1"]}`) })},
		{"overrides are merged when the plan is made", "", with(func(a *v1beta1.Application) {
			a.Spec.Policies = policies("override", `{"components":[{"properties":{"image":"x"}}]}`)
		})},
		{
			"the policy names no environment", "InvalidPolicy",
			with(func(a *v1beta1.Application) {
				a.Spec.Policies = []v1beta1.AppPolicy{{Name: "p", Type: "environment", Properties: &runtime.RawExtension{Raw: []byte(`{}`)}}}
			}),
		},
	}
	library := definition.NewLibrary(&definition.Definition{Kind: definition.Policy, Name: "own", Template: "output: {}"}).Over(definition.Builtin())
	for _, test := range tests {
		_, problem := decode(test.app, library)
		got := ""
		if problem != nil {
			got = problem.Reason
		}
		if got != test.want {
			t.Errorf("got %q, want %q: %s", got, test.want, test.reason)
		}
	}
}

func TestUnrenderable(t *testing.T) {
	got := unrenderable(&delivery.RenderError{Place: delivery.Place{Environment: "prod", Cluster: "c1"}, Err: fmt.Errorf("no")})
	want := &delivery.Problem{Reason: delivery.ReasonRenderFailed, Message: "environment prod, cluster c1: no"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestIgnored checks that parameters which policies merged in are told of too, each once.
func TestIgnored(t *testing.T) {
	finding := func(path string) definition.Finding {
		return definition.Finding{Path: path, Message: "no such parameter"}
	}
	unit := func(findings ...definition.Finding) delivery.Unit {
		return delivery.Unit{Result: &render.Result{Warnings: findings}}
	}
	plan := &delivery.Plan{Units: []delivery.Unit{unit(finding("a"), finding("b")), unit(finding("b")), unit()}}
	want := []string{"a: no such parameter", "b: no such parameter"}
	if diff := cmp.Diff(want, ignored([]string{"a: no such parameter"}, plan)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
