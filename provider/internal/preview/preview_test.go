// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

func worker(image any) map[string]any {
	return map[string]any{"name": "worker", "type": "worker", "properties": map[string]any{"image": image}}
}

func spec(policies []any, components ...any) map[string]any {
	return map[string]any{"components": components, "policies": policies}
}

func policyOf(kind string, properties map[string]any) map[string]any {
	return map[string]any{"name": kind, "type": kind, "properties": properties}
}

// TestKeys says for what an application is rendered: each environment, topology
// and step that it goes to.
func TestKeys(t *testing.T) {
	deploy := func(policies ...any) map[string]any {
		return map[string]any{"steps": []any{map[string]any{"name": "go", "type": "deploy", "properties": map[string]any{"policies": policies}}}}
	}
	stepwise := spec([]any{policyOf("environment", map[string]any{"environment": "prod"})}, worker("a"))
	stepwise["workflow"] = deploy("environment")
	waiting := worker("a")
	waiting["inputs"] = []any{map[string]any{"from": "x", "parameterKey": "image"}}
	cases := map[string]struct {
		reason  string
		spec    map[string]any
		want    []string
		unknown string
	}{
		"Default":     {"Without a policy it is the environment default.", spec(nil, worker("a")), []string{"default/worker/Deployment/worker"}, ""},
		"Environment": {"A policy names the environment.", spec([]any{policyOf("environment", map[string]any{"environment": "prod"})}, worker("a")), []string{"prod/worker/Deployment/worker"}, ""},
		"Selector": {"Only some components go there.",
			spec([]any{policyOf("environment", map[string]any{"environment": "prod", "selector": []any{"worker"}})}, worker("a"), map[string]any{"name": "other", "type": "worker", "properties": map[string]any{"image": "b"}}),
			[]string{"prod/worker/Deployment/worker"}, ""},
		"Topology": {"Which environment leads to a cluster is not known, so that the policy stands for it.",
			spec([]any{policyOf("topology", map[string]any{"clusters": []any{"c1"}})}, worker("a")), []string{"topology/worker/Deployment/worker"}, ""},
		"Workflow": {"A step delivers what its policies say.", stepwise, []string{"prod/worker/Deployment/worker"}, ""},
		"Inputs":   {"What a step hands over is not known here.", spec(nil, waiting), nil, "spec.components[0].inputs: it has no effect in this version; write the value into properties"},
		"Order":    {"Policies about the delivery may hold anything.", spec([]any{policyOf("garbage-collect", map[string]any{"keepLegacyResource": definition.Unknown{}})}, worker("a")), []string{"default/worker/Deployment/worker"}, ""},
		"Namespace": {"Where the target is not known, an object may name it.",
			spec(nil, map[string]any{"name": "a", "type": "k8s-objects", "properties": map[string]any{"objects": []any{
				map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c", "namespace": "shop-prod"}}}}}),
			[]string{"default/a/ConfigMap/c"}, ""},
		"ForeignType": {"A type that is not built in makes nobody knows what.", spec(nil, map[string]any{"name": "a", "type": "ours"}), nil, `components.a: the component type "ours" is not built into the provider, and its definition is not given`},
		"Policies":    {"Where it goes is not known.", map[string]any{"components": []any{worker("a")}, "policies": definition.Unknown{}}, nil, "policies is not known yet, and decides which objects there are"},
		"Selected": {"Which components go there is not known.",
			spec([]any{policyOf("environment", map[string]any{"environment": "prod", "selector": []any{definition.Unknown{}}})}, worker("a")), nil,
			"policies.environment.properties.selector[0] is not known yet, and decides which objects there are"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := preview.New().Preview(application(tc.spec))
			if p.Unknown != tc.unknown {
				t.Errorf("%s\ngot unknown because of %q, want %q", tc.reason, p.Unknown, tc.unknown)
			}
			if diff := cmp.Diff(tc.want, p.Keys()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDigests keys digests by the salt, and depends on nothing else than the object.
func TestDigests(t *testing.T) {
	renderer := preview.New()
	a := renderer.Preview(application(spec(nil, worker("a"))))
	again := preview.New().Preview(application(spec(nil, worker("a"))))
	b := renderer.Preview(application(spec(nil, worker("b"))))
	const key = "default/worker/Deployment/worker"
	if a.Digests("x")[key] != again.Digests("x")[key] {
		t.Error("the same object has two digests")
	}
	if a.Digests("x")[key] == b.Digests("x")[key] {
		t.Error("two objects have the same digest")
	}
	if a.Digests("x")[key] == a.Digests("y")[key] {
		t.Error("the salt makes no difference: a guessed value can be checked")
	}
}

// TestNoOpRendersNothing renders a second time what was rendered before.
func TestNoOpRendersNothing(t *testing.T) {
	renderer := preview.New()
	renderer.Preview(application(spec(nil, worker("a"))))
	before := renderer.Renders()
	renderer.Preview(application(spec(nil, worker("a"))))
	if got := renderer.Renders() - before; got != 0 {
		t.Errorf("got %d renders, want none", got)
	}
}
