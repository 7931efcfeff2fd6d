// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

const (
	pendingService = `outputs: s: {apiVersion: "v1", kind: "Service", metadata: {name: "s", annotations: parameter}, spec: type: "LoadBalancer"}`
	unobservable   = `isHealth: len(context.outputs.s.status.l) == 7`
)

// TestRule says what judges which objects.
func TestRule(t *testing.T) {
	off := object{"app.oam.dev/disable-health-check": "true"}
	yes := health.TraitVerdict{Type: "t", Healthy: true}
	cases := map[string]struct {
		reason       string
		template     string // of the component, beside a workload that is not ready
		policy       string // of the component
		trait        string
		traitPolicy  string
		annotations  object // of the workload
		traitOptions object // annotations of the trait's object
		feedback     bool
		want         health.Verdict
	}{
		"Kind": {
			reason: "Without a health policy the kind of the workload judges.",
			want:   health.Verdict{Message: `Pod "c": is not ready yet: it has not started`},
		},
		"Policy": {
			reason: "A health policy judges alone.",
			policy: `isHealth: true`,
			want:   health.Verdict{Healthy: true, WorkloadHealthy: true},
		},
		"Unobservable": {
			reason: "One that reads what feedback cannot carry judges whole objects.",
			policy: `isHealth: *(len(context.output.status.l) == 7) | true`,
			want:   health.Verdict{Healthy: true, WorkloadHealthy: true},
		},
		"UnobservableFed": {
			reason: "It does not judge feedback.", feedback: true,
			policy: `isHealth: *(len(context.output.status.l) == 7) | true`,
			want:   health.Verdict{Message: `Pod "c": is not ready yet: it has not started`},
		},
		"Off": {
			reason: "The annotation of the workload switches judging off, for the traits too.", annotations: off,
			policy: `isHealth: false`, trait: pendingService, traitPolicy: `isHealth: false`,
			want: health.Verdict{Healthy: true, WorkloadHealthy: true, Traits: []health.TraitVerdict{yes}},
		},
		"OffForTrait": {
			reason: "That of a trait's object does for the trait.", traitOptions: off,
			policy: `isHealth: true`, trait: pendingService, traitPolicy: `isHealth: false`,
			want: health.Verdict{Healthy: true, WorkloadHealthy: true, Traits: []health.TraitVerdict{yes}},
		},
		"Others": {
			reason:   "Other objects of a component that run pods count, and no others.",
			template: `outputs: {a: {apiVersion: "v1", kind: "Service", metadata: name: "a", spec: type: "LoadBalancer"}, b: {apiVersion: "apps/v1", kind: "Deployment", metadata: name: "b"}}`, annotations: object{"ready": "yes"},
			want: health.Verdict{Message: `Deployment "b": its controller has not looked at it yet`},
		},
		"Trait": {
			reason: "A trait without a health policy is healthy when its objects exist.",
			policy: `isHealth: true`, trait: pendingService,
			want: health.Verdict{Healthy: true, WorkloadHealthy: true, Traits: []health.TraitVerdict{yes}},
		},
		"TraitFed": {
			reason: "The kind judges the objects of a trait whose health policy cannot.", feedback: true,
			policy: `isHealth: true`, trait: pendingService, traitPolicy: unobservable,
			want: health.Verdict{WorkloadHealthy: true, Traits: []health.TraitVerdict{{Type: "t", Message: `Service "s": has no address of a load balancer yet`}}},
		},
		"TraitOfNothing": {
			reason: "Without objects there is nothing to judge.", feedback: true,
			policy: `isHealth: true`, trait: `patch: metadata: labels: a: "b"`, traitPolicy: unobservable,
			want: health.Verdict{Healthy: true, WorkloadHealthy: true, Traits: []health.TraitVerdict{yes}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			component := &definition.Definition{
				Kind: definition.Component, Name: "c", Digest: name, HealthPolicy: tc.policy,
				Template: `output: {apiVersion: "v1", kind: "Pod", metadata: {name: "c", annotations: parameter}}` + "\nparameter: {...}\n" + tc.template,
			}
			definitions := []*definition.Definition{component}
			c := render.Component{Name: "c", Type: "c", Properties: tc.annotations}
			if tc.trait != "" {
				definitions = append(definitions, &definition.Definition{Kind: definition.Trait, Name: "t", Digest: name, Template: tc.trait + "\nparameter: {...}", HealthPolicy: tc.traitPolicy})
				c.Traits = []render.Trait{{Type: "t", Properties: tc.traitOptions}}
			}
			r := rendered(t, definition.NewLibrary(definitions...), c)
			in := observe(r, observation{})
			in.Feedback = tc.feedback
			if tc.annotations["ready"] != nil {
				in.Output["status"] = object{"phase": "Succeeded"}
			}
			got, err := health.Evaluate(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPolicyRule says what judges what a policy makes.
func TestPolicyRule(t *testing.T) {
	cases := map[string]struct {
		reason        string
		manage, there bool
		off           bool
		want          health.Verdict
	}{
		"Exists":  {reason: "It is healthy when it exists.", there: true, want: health.Verdict{Healthy: true, WorkloadHealthy: true}},
		"Missing": {reason: "It has to exist.", want: health.Verdict{Message: `Pod "p" does not exist yet`}},
		"Managed": {reason: "Where the definition says so its kind decides.", manage: true, there: true, want: health.Verdict{Message: `Pod "p": is not ready yet: it has not started`}},
		"Off":     {reason: "The application may switch that off.", manage: true, there: true, off: true, want: health.Verdict{Healthy: true, WorkloadHealthy: true}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := &definition.Definition{Kind: definition.Policy, Name: "p", Digest: name, ManageHealthCheck: tc.manage, Template: `output: {apiVersion: "v1", kind: "Pod"}`}
			where := render.Context{AppName: "shop", TargetNamespace: "shop"}
			if tc.off {
				where.AppAnnotations = map[string]string{"app.oam.dev/disable-health-check": "true"}
			}
			r, err := render.New(definition.NewLibrary(d)).Render(where, render.Component{Policy: true, Name: "p", Type: "p"})
			if err != nil {
				t.Fatal(err)
			}
			in := health.Input{Result: r}
			if tc.there {
				in.Output = r.Objects[0].Content
			}
			got, err := health.Evaluate(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if fed := slices.ContainsFunc(health.Feedback(r)[0], func(p health.Path) bool { return p.JSONPath() == ".status.phase" }); fed != (tc.manage && !tc.off) {
				t.Errorf("%s The phase of the Pod comes back: %v", tc.reason, fed)
			}
		})
	}
}

func TestObservability(t *testing.T) {
	cases := map[string]struct {
		reason string
		policy string
		want   []string // paths with the beginning of the message
	}{
		"Fine":       {"Scalars, picked items, their number, and whether things are there.", `isHealth: context.output.status.a == 1 && len([for c in context.output.status.l if c.type == "A" {c}]) > 0 && context.output.status.b != _|_ && context.output.status.conditions != _|_ && context.output != _|_ && len(context.outputs) > 0`, nil},
		"Delivered":  {"What was delivered is known as a whole.", `isHealth: len(context.output.spec.rules) > 1 && context.output.data[parameter.k] == "x" && [for r in context.output.spec.rules {r}][0].x`, nil},
		"Condition":  {"A whole picked condition has known fields.", `isHealth: [for c in context.output.status.conditions if c.type == "A" {"\(c)"}][0] == ""`, nil},
		"Item":       {"Another picked item has not.", `isHealth: "\([for c in context.output.status.parts if c.name == "A" {c}])" == ""`, []string{`context.output.status.parts[name="A"]: a whole list`}},
		"Object":     {"An object as it is.", `isHealth: context.output == {}`, []string{"context.output: a whole object"}},
		"Objects":    {"All others as they are.", `isHealth: context.outputs == {}`, []string{"context.outputs: a whole object"}},
		"Context":    {"Everything.", `isHealth: context == {}`, []string{"context: a whole object"}},
		"Status":     {"A whole status.", `x: context.outputs.a.status`, []string{"context.outputs.a.status: a whole list"}},
		"Deeper":     {"A list or object that is read as it is as well as by its fields.", `x: context.output.status.o, y: context.output.status.o.p`, []string{"context.output.status.o: a whole list"}},
		"Computed":   {"A computed key.", `isHealth: context.output.status[context.name] == 1`, []string{"context.output.status[*]: a field whose key is computed"}},
		"ObjectKey":  {"A computed key of the object itself.", `isHealth: context.output[context.name].x == 1`, []string{"context.output[*].x: a field whose key is computed"}},
		"Loop":       {"A loop without a literal.", `isHealth: len([for c in context.output.status.l if c.x > 1 {c}]) == 2`, []string{"context.output.status.l[*]: how many items", "context.output.status.l[*]: how many items", "context.output.status.l[*].x: how many items"}},
		"Length":     {"A length.", `isHealth: len(context.output.status.l) == 2`, []string{"context.output.status.l: the length"}},
		"Empty":      {"Whether a list of unknown items has one.", `isHealth: len(context.output.status.l) > 0`, []string{"context.output.status.l: the length"}},
		"EmptyKnown": {"Of known items it comes back.", `isHealth: len(context.output.status.loadBalancer.ingress) > 0 && len(context.output.status.conditions) != 0`, nil},
		"Fraction":   {"A number with a fraction.", `isHealth: context.output.status.load < 0.5`, []string{"context.output.status.load: a number with a fraction"}},
		"Literal":    {"A text that does not fit a path.", `x: {for c in context.output.status.l if c.type == "it's" {y: c.s}}`, []string{`context.output.status.l[type="it's"].s: this text`, `context.output.status.l[type="it's"].type: this text`}},
		"Key":        {"A key that does not fit a path.", `x: context.output.status["a b"].c`, []string{"context.output.status.a b.c: this key"}},
		"Index":      {"An index that is too high.", `x: context.output.status.l[64].c`, []string{"context.output.status.l[64].c: this key"}},
		"Broken":     {"What does not parse reads nothing; judging says so.", `isHealth: {`, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := &definition.Definition{Kind: definition.Component, Name: "c", HealthPolicy: tc.policy}
			var got []string
			for _, f := range health.Observability(d) {
				if f.Part != definition.HealthPart || f.Remedy == "" {
					t.Errorf("incomplete finding %+v", f)
				}
				got = append(got, f.Path+": "+f.Message)
			}
			if len(got) != len(tc.want) || slices.ContainsFunc(tc.want, func(want string) bool {
				return !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) })
			}) {
				t.Errorf("%s got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
