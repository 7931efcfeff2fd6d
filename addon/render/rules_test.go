// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// rendered renders a component "x" with traits "t" and "u" of the given definitions.
func rendered(component, t, u *definition.Definition) (*render.Result, error) {
	component, t, u = component.In(nil), t.In(nil), u.In(nil)
	component.Kind, component.Name, component.Template = definition.Component, "c", config("")
	t.Kind, u.Kind, t.Template, u.Template = definition.Trait, definition.Trait, "patch: {}", "patch: {}"
	if t.Name == "" {
		t.Name = "t"
	}
	if u.Name == "" {
		u.Name = "u"
	}
	library := definition.NewLibrary(component, t, u)
	return render.New(library).Render(place(), render.Component{Name: "x", Type: "c", Traits: []render.Trait{{Type: t.Name}, {Type: u.Name}}})
}

func reason(err error) string {
	var e *render.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func TestAppliesTo(t *testing.T) {
	deployment := &definition.Definition{Workload: v1beta1.WorkloadGVK{APIVersion: "apps/v1", Kind: "Deployment"}}
	cases := map[string]struct {
		reason    string
		component *definition.Definition
		rules     []string
		refused   bool
	}{
		"None":        {reason: "No list means all.", component: deployment},
		"Resource":    {reason: "Resource and group.", component: deployment, rules: []string{"statefulsets.apps", "deployments.apps"}},
		"Version":     {reason: "A version is left aside.", component: deployment, rules: []string{"deployments.apps/v1"}},
		"Kind":        {reason: "Authors write the kind, too.", component: deployment, rules: []string{"Deployment.apps"}},
		"Any":         {reason: "All workloads.", component: deployment, rules: []string{"*"}},
		"Group":       {reason: "All of a group.", component: deployment, rules: []string{"*.apps"}},
		"Type":        {reason: "The name of a component type.", component: deployment, rules: []string{"c"}},
		"Other":       {reason: "Another workload.", component: deployment, rules: []string{"statefulsets.apps"}, refused: true},
		"OtherGroup":  {reason: "The same resource in another group.", component: deployment, rules: []string{"deployments.example.com", "*.batch"}, refused: true},
		"OtherType":   {reason: "Another component type.", component: deployment, rules: []string{"webservice"}, refused: true},
		"Core":        {reason: "A workload of the core group.", component: &definition.Definition{Workload: v1beta1.WorkloadGVK{APIVersion: "v1", Kind: "Pod"}}, rules: []string{"pods"}},
		"CoreOther":   {reason: "Another of it.", component: &definition.Definition{Workload: v1beta1.WorkloadGVK{APIVersion: "v1", Kind: "Pod"}}, rules: []string{"deployments.apps"}, refused: true},
		"ByName":      {reason: "A workload known by its name alone.", component: &definition.Definition{WorkloadType: "jobs.batch"}, rules: []string{"jobs.batch"}},
		"ByNameOther": {reason: "Another name.", component: &definition.Definition{WorkloadType: "jobs.batch"}, rules: []string{"deployments.apps"}, refused: true},
		"Detected":    {reason: "A workload that differs by use.", component: &definition.Definition{WorkloadType: "autodetects.core.oam.dev"}, rules: []string{"deployments.apps"}},
		"Foreign":     {reason: "A kind that is not Kubernetes' own.", component: &definition.Definition{Workload: v1beta1.WorkloadGVK{APIVersion: "apps.kruise.io/v1alpha1", Kind: "CloneSet"}}, rules: []string{"deployments.apps"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := rendered(tc.component, &definition.Definition{AppliesTo: tc.rules}, &definition.Definition{})
			if got := reason(err) == render.ReasonNotApplicable; got != tc.refused || err != nil && !got {
				t.Errorf("%s %v", tc.reason, err)
			}
		})
	}
	_, err := rendered(deployment, &definition.Definition{AppliesTo: []string{"statefulsets.apps", "jobs.batch"}}, &definition.Definition{})
	want := `components.x.traits.t.type: the trait type "t" does not apply to components of the type "c", which make deployments.apps; it applies to statefulsets.apps, jobs.batch; remove the trait, or add the workload to appliesToWorkloads of its definition`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestConflictsWith(t *testing.T) {
	labelled := &definition.Definition{Labels: map[string]string{"team": "edge"}, Reference: "gateways.networking.k8s.io"}
	cases := map[string]struct {
		reason string
		rule   string
		want   string
	}{
		"None":       {reason: "A trait that is not there.", rule: "other"},
		"Name":       {reason: "By name.", rule: "u", want: render.ReasonConflict},
		"Any":        {reason: "All others.", rule: "*", want: render.ReasonConflict},
		"Resource":   {reason: "By the CRD that implements it.", rule: "gateways.networking.k8s.io", want: render.ReasonConflict},
		"Group":      {reason: "By the group of its CRD.", rule: "*.networking.k8s.io", want: render.ReasonConflict},
		"OtherGroup": {reason: "A group is a whole one.", rule: "*.k8s.io"},
		"Labels":     {reason: "By labels.", rule: "labelSelector:team=edge", want: render.ReasonConflict},
		"NoLabels":   {reason: "Other labels.", rule: "labelSelector:team!=edge"},
		"Broken":     {reason: "A selector that is none.", rule: "labelSelector:,,", want: render.ReasonConflict},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := rendered(&definition.Definition{}, &definition.Definition{ConflictsWith: []string{"x", tc.rule}}, labelled)
			if reason(err) != tc.want || tc.want == "" && err != nil {
				t.Errorf("%s %v", tc.reason, err)
			}
			// The order of the traits does not matter.
			later := &definition.Definition{Name: "z", ConflictsWith: []string{tc.rule}}
			first := labelled.In(nil)
			first.Name = "u"
			if _, err := rendered(&definition.Definition{}, first, later); reason(err) != tc.want {
				t.Errorf("%s in the other order: %v", tc.reason, err)
			}
		})
	}
	_, err := rendered(&definition.Definition{}, &definition.Definition{ConflictsWith: []string{"u"}}, &definition.Definition{})
	want := `components.x.traits.u.type: the trait types "t" and "u" exclude each other: conflictsWith of "t" has "u"; remove one of the two`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStages(t *testing.T) {
	output := func(name string) string {
		return `outputs: ` + name + `: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "` + name + `"}`
	}
	library := definition.NewLibrary(
		&definition.Definition{Kind: definition.Component, Name: "c", Template: config("") + "\n" + output("aux")},
		&definition.Definition{Kind: definition.Trait, Name: "before", Stage: v1beta1.PreDispatch, Template: output("before")},
		&definition.Definition{Kind: definition.Trait, Name: "with", Template: output("with")},
		&definition.Definition{Kind: definition.Trait, Name: "after", Stage: v1beta1.PostDispatch, Template: output("after")},
	)
	r, err := render.New(library).Render(place(), render.Component{Name: "x", Type: "c", Traits: []render.Trait{{Type: "after"}, {Type: "with"}, {Type: "before"}}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]v1beta1.StageType{}
	for _, o := range r.Objects {
		got[o.Name()] = o.Stage
	}
	want := map[string]v1beta1.StageType{
		"x": v1beta1.DefaultDispatch, "aux": v1beta1.DefaultDispatch, "with": v1beta1.DefaultDispatch, "before": v1beta1.PreDispatch, "after": v1beta1.PostDispatch,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
