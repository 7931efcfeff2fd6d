// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

type object = map[string]any
type list = []any

func raw(s string) *runtime.RawExtension {
	if s == "" {
		return nil
	}
	return &runtime.RawExtension{Raw: []byte(s)}
}

// shop is an application with two components and the given policies.
func shop(policies ...v1beta1.AppPolicy) v1beta1.ApplicationSpec {
	return v1beta1.ApplicationSpec{
		Components: []v1beta1.ApplicationComponent{{Name: "web", Type: "webservice"}, {Name: "db", Type: "statefulset"}},
		Policies:   policies,
	}
}

func environment(name, properties string) v1beta1.AppPolicy {
	return v1beta1.AppPolicy{Name: name, Type: "environment", Properties: raw(properties)}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestEnvironments(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   v1beta1.ApplicationSpec
		want   []policy.EnvironmentUse
		err    string
	}{
		"None": {
			reason: "Without a policy the application goes to the default environment.",
			spec:   shop(),
			want:   []policy.EnvironmentUse{{Environment: "default", Path: "spec.policies"}},
		},
		"OtherTypes": {
			reason: "Other policies do not say where to go.",
			spec:   shop(v1beta1.AppPolicy{Type: "garbage-collect"}),
			want:   []policy.EnvironmentUse{{Environment: "default", Path: "spec.policies"}},
		},
		"Two": {
			reason: "The order is that of the policies.",
			spec:   shop(environment("env-prod", `{"environment":"prod"}`), environment("env-dev", `{"environment":"dev","selector":["db"]}`)),
			want: []policy.EnvironmentUse{
				{Environment: "prod", Policy: "env-prod", Path: "spec.policies[0]"},
				{Environment: "dev", Policy: "env-dev", Path: "spec.policies[1]", Selector: []string{"db"}},
			},
		},
		"Overrides": {
			reason: "Overrides keep their order, and integers stay integers.",
			spec:   shop(environment("p", `{"environment":"prod","components":[{"name":"web","properties":{"port":80},"traits":[{"type":"scaler","properties":{"replicas":6}},{"type":"labels","disable":true}]},{"type":"statefulset","properties":{"cpu":"2"}}]}`)),
			want: []policy.EnvironmentUse{{Environment: "prod", Policy: "p", Path: "spec.policies[0]", Overrides: []policy.ComponentOverride{
				{Path: "spec.policies[0].properties.components[0]", Component: "web", Properties: object{"port": int64(80)}, Traits: []policy.TraitOverride{{Type: "scaler", Properties: object{"replicas": int64(6)}}, {Type: "labels", Disable: true}}},
				{Path: "spec.policies[0].properties.components[1]", Type: "statefulset", Properties: object{"cpu": "2"}},
			}}},
		},
		"NoName":          {reason: "The name must be one that an Environment can have.", spec: shop(environment("p", `{"environment":"Prod!"}`)), err: "spec.policies[0].properties.environment: the name of an Environment is wanted here; change it"},
		"Missing":         {reason: "An environment must be named.", spec: shop(environment("p", "")), err: `spec.policies[0].properties.environment: the policy type "environment" requires this parameter (a string: Name of the environment); set it`},
		"Misspelt":        {reason: "A field that nobody reads is an error.", spec: shop(environment("p", `{"enviroment":"prod"}`)), err: `spec.policies[0].properties.enviroment: the policy type "environment" has no such parameter here; did you mean "environment"? Use one of: components, environment, selector; or remove it; spec.policies[0].properties.environment: the policy type "environment" requires this parameter (a string: Name of the environment); set it`},
		"WrongType":       {reason: "The type of a field.", spec: shop(environment("p", `{"environment":1}`)), err: `spec.policies[0].properties.environment: an integer was given where the policy type "environment" takes a string; write it in quotes`},
		"NoObject":        {reason: "Properties are an object.", spec: shop(environment("p", `["prod"]`)), err: "spec.policies[0].properties: an object is wanted here, such as {...}"},
		"Duplicate":       {reason: "Two policies for one environment contradict each other.", spec: shop(environment("a", `{"environment":"prod"}`), environment("b", `{"environment":"prod"}`)), err: `spec.policies[1].properties.environment: spec.policies[0] names the environment "prod" too; use each environment once`},
		"UnknownSelected": {reason: "A component that does not exist would silently go nowhere.", spec: shop(environment("p", `{"environment":"prod","selector":["webb"]}`)), err: `spec.policies[0].properties.selector[0]: the application has no component "webb"; did you mean "web"? Use one of: web, db`},
		"UnknownChanged":  {reason: "An override of a component that does not exist.", spec: shop(environment("p", `{"environment":"prod","components":[{"name":"cache"}]}`)), err: `spec.policies[0].properties.components[0].name: the application has no component "cache". Use one of: web, db`},
		"BadItem":         {reason: "The path leads to the item.", spec: shop(environment("p", `{"environment":"prod","components":[{"traits":[3]}]}`)), err: `spec.policies[0].properties.components[0].traits[0]: an integer was given where the policy type "environment" takes an object; write an object, such as {...}`},
		"TraitType":       {reason: "A trait without a type says nothing.", spec: shop(environment("p", `{"environment":"prod","components":[{"traits":[{"properties":{}}]}]}`)), err: `spec.policies[0].properties.components[0].traits[0].type: the policy type "environment" requires this parameter (a string: Type of the trait that is changed, or added where the component has none of the type); set it`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := policy.Environments(tc.spec)
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	base := render.Component{
		Name: "web", Type: "webservice",
		Properties: object{"image": "a", "limit": object{"cpu": "1", "memory": "1Gi"}, "cmd": list{"x", "y"}},
		Traits:     []render.Trait{{Type: "scaler", Properties: object{"replicas": int64(1)}}, {Type: "labels", Properties: object{"a": "1"}}, {Type: "scaler", Properties: object{"replicas": int64(9)}}},
	}
	rest := func(c render.Component, change func(*render.Component)) render.Component {
		c = policy.Merge(c)
		change(&c)
		return c
	}
	cases := map[string]struct {
		reason string
		layers []policy.ComponentOverride
		want   render.Component
	}{
		"Nothing":   {reason: "No layer, no change.", want: base},
		"Deep":      {reason: "Objects merge deeply.", layers: []policy.ComponentOverride{{Properties: object{"limit": object{"cpu": "2"}}}}, want: rest(base, func(c *render.Component) { c.Properties["limit"] = object{"cpu": "2", "memory": "1Gi"} })},
		"Lists":     {reason: "Lists are replaced.", layers: []policy.ComponentOverride{{Properties: object{"cmd": list{"z"}}}}, want: rest(base, func(c *render.Component) { c.Properties["cmd"] = list{"z"} })},
		"LaterWins": {reason: "The later layer wins.", layers: []policy.ComponentOverride{{Properties: object{"image": "b"}}, {Properties: object{"image": "c"}}}, want: rest(base, func(c *render.Component) { c.Properties["image"] = "c" })},
		"Kinds":     {reason: "A value of another kind replaces.", layers: []policy.ComponentOverride{{Properties: object{"limit": "none", "image": object{"a": "b"}}}}, want: rest(base, func(c *render.Component) { c.Properties["limit"], c.Properties["image"] = "none", object{"a": "b"} })},
		"Null":      {reason: "Null is a value: the definition decides what it means.", layers: []policy.ComponentOverride{{Properties: object{"image": nil}}}, want: rest(base, func(c *render.Component) { c.Properties["image"] = nil })},
		"Pattern":   {reason: "An asterisk stands for any letters.", layers: []policy.ComponentOverride{{Component: "w*", Properties: object{"image": "b"}}, {Component: "d*", Properties: object{"image": "c"}}}, want: rest(base, func(c *render.Component) { c.Properties["image"] = "b" })},
		"OtherName": {reason: "An override of another component does nothing.", layers: []policy.ComponentOverride{{Component: "db", Properties: object{"image": "b"}}}, want: base},
		"OtherType": {reason: "An override of another type does nothing.", layers: []policy.ComponentOverride{{Component: "web", Type: "worker", Properties: object{"image": "b"}}}, want: base},
		"SameType":  {reason: "An override of the type.", layers: []policy.ComponentOverride{{Type: "webservice", Properties: object{"image": "b"}}}, want: rest(base, func(c *render.Component) { c.Properties["image"] = "b" })},
		"Trait":     {reason: "The first trait of the type is changed.", layers: []policy.ComponentOverride{{Traits: []policy.TraitOverride{{Type: "scaler", Properties: object{"replicas": int64(3)}}}}}, want: rest(base, func(c *render.Component) { c.Traits[0].Properties["replicas"] = int64(3) })},
		"Add": {reason: "A trait of a new type is added at the end.", layers: []policy.ComponentOverride{{Traits: []policy.TraitOverride{{Type: "hpa", Properties: object{"max": int64(3)}}}}}, want: rest(base, func(c *render.Component) {
			c.Traits = append(c.Traits, render.Trait{Type: "hpa", Properties: object{"max": int64(3)}})
		})},
		"Disable":        {reason: "The first trait of the type is removed.", layers: []policy.ComponentOverride{{Traits: []policy.TraitOverride{{Type: "scaler", Disable: true}}}}, want: rest(base, func(c *render.Component) { c.Traits = c.Traits[1:] })},
		"DisableNothing": {reason: "Nothing to remove.", layers: []policy.ComponentOverride{{Traits: []policy.TraitOverride{{Type: "hpa", Disable: true}}}}, want: base},
		"BackAgain": {reason: "A later layer brings a removed trait back.", layers: []policy.ComponentOverride{{Traits: []policy.TraitOverride{{Type: "labels", Disable: true}}}, {Traits: []policy.TraitOverride{{Type: "labels", Properties: object{"b": "2"}}}}}, want: rest(base, func(c *render.Component) {
			c.Traits = append(c.Traits[:1], c.Traits[2], render.Trait{Type: "labels", Properties: object{"b": "2"}})
		})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before, _ := json.Marshal([]any{base, tc.layers})
			got := policy.Merge(base, tc.layers...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			got.Properties["image"] = "changed"
			got.Traits = append(got.Traits[:0], render.Trait{Type: "changed"})
			after, _ := json.Marshal([]any{base, tc.layers})
			if diff := cmp.Diff(string(before), string(after)); diff != "" {
				t.Errorf("the inputs were changed:\n%s", diff)
			}
		})
	}
}

func TestComponents(t *testing.T) {
	deep := strings.Repeat(`{"a":`, policy.MaxDepth) + `1` + strings.Repeat(`}`, policy.MaxDepth)
	deeper := `{"a":` + deep + `}`
	cases := map[string]struct {
		reason     string
		components []v1beta1.ApplicationComponent
		want       []render.Component
		err        string
		tooLarge   bool
	}{
		"Usual": {
			reason:     "Integers are int64, other numbers float64, and paths lead to the spec.",
			components: []v1beta1.ApplicationComponent{{Name: "web", Type: "webservice", Properties: raw(`{"port":80,"f":1.5,"e":1e2,"l":[9007199254740993]}`), Traits: []v1beta1.ApplicationTrait{{Type: "scaler"}}}},
			want: []render.Component{{Name: "web", Type: "webservice", Path: "spec.components[0]", Properties: object{"port": int64(80), "f": 1.5, "e": 100.0, "l": list{int64(9007199254740993)}},
				Traits: []render.Trait{{Type: "scaler", Path: "spec.components[0].traits[0]", Properties: object{}}}}},
		},
		"Null":       {reason: "Null counts as no properties.", components: []v1beta1.ApplicationComponent{{Name: "web", Properties: raw(`null`)}}, want: []render.Component{{Name: "web", Path: "spec.components[0]", Properties: object{}}}},
		"Brackets":   {reason: "Brackets in texts do not nest.", components: []v1beta1.ApplicationComponent{{Name: "web", Properties: raw(`{"a":"` + strings.Repeat(`[\"{`, 40) + `"}`)}}, want: []render.Component{{Name: "web", Path: "spec.components[0]", Properties: object{"a": strings.Repeat(`["{`, 40)}}}},
		"BigInteger": {reason: "An integer beyond 64 bits would lose digits.", components: []v1beta1.ApplicationComponent{{Name: "web", Properties: raw(`{"a":[18446744073709551616]}`)}}, err: "spec.components[0].properties.a[0]: the integer does not fit into 64 bits; write it as a string where the definition takes one"},
		"BigFloat":   {reason: "A number beyond float64.", components: []v1beta1.ApplicationComponent{{Name: "web", Properties: raw(`{"a":1e999}`)}}, err: "spec.components[0].properties.a: the number is too large; change it"},
		"NoObject":   {reason: "Properties are an object.", components: []v1beta1.ApplicationComponent{{Name: "web", Traits: []v1beta1.ApplicationTrait{{Type: "x", Properties: raw(`"x"`)}}}}, err: "spec.components[0].traits[0].properties: an object is wanted here, such as {...}"},
		"Trailing":   {reason: "Two documents are not one.", components: []v1beta1.ApplicationComponent{{Name: "web", Properties: raw(`{} {}`)}}, err: "spec.components[0].properties: there is something behind the object; remove it"},
		"SameName":   {reason: "Names are unique.", components: []v1beta1.ApplicationComponent{{Name: "web"}, {Name: "web"}}, err: `spec.components[1].name: another component is called "web" too; give each its own name`},
		"TooDeep":    {reason: "One level more is not.", components: []v1beta1.ApplicationComponent{{Name: "web", Properties: raw(deeper)}}, err: "spec.components[0].properties: the nesting is deeper than 32 levels; make it flatter", tooLarge: true},
		"TooBig":     {reason: "Component and traits count together.", components: []v1beta1.ApplicationComponent{{Name: "web", Properties: raw(`{"a":"` + strings.Repeat("x", 300<<10) + `"}`), Traits: []v1beta1.ApplicationTrait{{Type: "t", Properties: raw(`{"a":"` + strings.Repeat("x", 300<<10) + `"}`)}}}}, err: "spec.components[0]: the properties of the component and its traits have 614416 bytes, at most 524288 are allowed; keep large data in a ConfigMap or an image", tooLarge: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := policy.Components(v1beta1.ApplicationSpec{Components: tc.components})
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			var tooLarge *policy.TooLargeError
			if errors.As(err, &tooLarge) != tc.tooLarge {
				t.Errorf("%s %T", tc.reason, err)
			}
		})
	}
	if _, err := policy.Components(v1beta1.ApplicationSpec{Components: []v1beta1.ApplicationComponent{{Name: "web", Properties: raw(deep)}}}); err != nil {
		t.Errorf("properties of the allowed depth: %v", err)
	}
}

func TestNotImplemented(t *testing.T) {
	spec := shop(environment("p", `{"environment":"prod"}`), v1beta1.AppPolicy{Type: "topology"}, v1beta1.AppPolicy{Type: "override"}, v1beta1.AppPolicy{Type: "replication"},
		v1beta1.AppPolicy{Type: "apply-once"}, v1beta1.AppPolicy{Type: "our-own"})
	spec.Components[0].DependsOn = []string{"db"}
	spec.Components[0].Inputs = []v1beta1.StepInput{{From: "x"}}
	spec.Components[0].Outputs = []v1beta1.StepOutput{{Name: "x"}}
	spec.Components[1].ExternalRevision = "r"
	spec.Components[1].Scopes = map[string]string{"a": "b"}
	spec.Components[1].ReplicaKey = "k"
	spec.Workflow = &v1beta1.Workflow{Ref: "w"}
	want := []string{
		"spec.components[0].inputs: it has no effect in this version; write the value into properties",
		"spec.components[0].outputs: it has no effect in this version; write the value into the properties that need it",
		"spec.components[1].externalRevision: it has no effect in this version; write what the revision holds into properties",
		"spec.components[1].scopes: it has no effect in this version; remove it",
		"spec.components[1].replicaKey: it has no effect in this version; use a policy of type \"replication\"",
		"spec.workflow: workflows have no effect in this version; remove it, the application is then delivered to all its environments",
	}
	if diff := cmp.Diff(want, policy.NotImplemented(spec)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{want[0], want[2], want[4]}, policy.NotRendered(spec)); diff != "" {
		t.Errorf("fields that change objects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"metadata.annotations[app.oam.dev/publishVersion]: remove it"}, policy.NotImplementedAnnotations(map[string]string{"app.oam.dev/publishVersion": "v1", "app.oam.dev/pause": "", "a": "b"})); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if got := policy.NotImplemented(shop(environment("p", `{"environment":"prod"}`))); len(got) > 0 {
		t.Errorf("an application without such fields: %v", got)
	}
}

func FuzzComponents(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,"x",null,{"b":true}]}`))
	f.Add([]byte(`{"a":"\\\"[{"}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec := v1beta1.ApplicationSpec{Components: []v1beta1.ApplicationComponent{{Name: "web", Type: "webservice", Properties: &runtime.RawExtension{Raw: data}}}}
		components, err := policy.Components(spec)
		if err != nil {
			return
		}
		merged := policy.Merge(components[0], policy.ComponentOverride{Properties: components[0].Properties})
		if diff := cmp.Diff(components[0], merged); diff != "" {
			t.Errorf("merged with itself it differs:\n%s", diff)
		}
	})
}
