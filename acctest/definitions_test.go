// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

const (
	// ownHealth is healthy when the condition Available has the status that the component expects.
	ownHealth = `
isHealth: *false | bool
for c in context.output.status.conditions if c.type == "Available" {
	isHealth: c.status == parameter.available
}`
	// ownTemplate is a component type whose Deployment says which definition made it.
	ownTemplate = `
parameter: {
	// +usage=Status of the condition Available that counts as healthy
	available: string
}
output: {
	apiVersion: "apps/v1"
	kind:       "Deployment"
	metadata: labels: maker: "MAKER"
	spec: {
		selector: matchLabels: "app.oam.dev/component": context.name
		template: {
			metadata: labels: "app.oam.dev/component": context.name
			spec: containers: [{name: "main", image: "nginx:1"}]
		}
	}
}`
	// ownTrait adds a variable to the container and makes a Service.
	ownTrait = `
parameter: {
	// +usage=Who is called at night
	team: string
}
patch: spec: template: spec: {
	// +patchKey=name
	containers: [{
		name: "main"
		// +patchKey=name
		env: [{name: "ON_CALL", value: parameter.team}]
	}]
}
outputs: contact: {
	apiVersion: "v1"
	kind:       "Service"
	metadata: {name: context.name + "-contact", labels: team: parameter.team}
	spec: {
		selector: context.output.spec.selector.matchLabels
		ports: [{port: 80}]
	}
}`
)

// endlessTemplate would take days.
const endlessTemplate = `
import "list"

parameter: {}
_all: list.Range(0, 3000, 1)
output: {
	apiVersion: "apps/v1"
	kind:       "Deployment"
	metadata: annotations: sum: "\(len([for a in _all for b in _all for c in _all if a+b+c < 0 {a}]))"
}`

// ownDefinition is a definition of a platform team as it goes onto the hub.
type ownDefinition struct {
	kind, namespace, name, version string
	template, health, status       string
	// terraform is a template in HCL, in place of CUE.
	terraform string
}

func (d ownDefinition) object() *unstructured.Unstructured {
	spec := map[string]any{"schematic": map[string]any{"cue": map[string]any{"template": d.template}}}
	if d.terraform != "" {
		spec["schematic"] = map[string]any{"terraform": map[string]any{"configuration": d.terraform}}
	}
	if d.kind == "ComponentDefinition" {
		spec["workload"] = map[string]any{"definition": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}}
	}
	if d.health != "" || d.status != "" {
		spec["status"] = map[string]any{"healthPolicy": d.health, "customStatus": d.status}
	}
	if d.version != "" {
		spec["version"] = d.version
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1beta1.GroupVersion.String(), "kind": d.kind,
		"metadata": map[string]any{"name": d.name, "namespace": d.namespace}, "spec": spec,
	}}
}

// made is the definition with a template that leaves a mark on what it makes.
func (d ownDefinition) made(by string) ownDefinition {
	d.template = strings.ReplaceAll(ownTemplate, "MAKER", by)
	return d
}

func (f *fleet) definitions(t *testing.T, d ownDefinition) dynamic.ResourceInterface {
	t.Helper()
	return f.on(t, v1alpha1.LocalCluster, v1beta1.GroupVersion.WithResource(strings.ToLower(d.kind)+"s")).Namespace(d.namespace)
}

// define puts a definition onto the hub.
func (f *fleet) define(t *testing.T, d ownDefinition) {
	t.Helper()
	if _, err := f.definitions(t, d).Apply(t.Context(), d.name, d.object(), metav1.ApplyOptions{FieldManager: "kubectl"}); err != nil {
		t.Fatalf("apply %s %s/%s: %v", d.kind, d.namespace, d.name, err)
	}
}

// undefineAtEnd makes sure that a definition does not outlive the test.
func (f *fleet) undefineAtEnd(t *testing.T, d ownDefinition) {
	t.Helper()
	t.Cleanup(func() {
		if err := f.definitions(t, d).Delete(context.Background(), d.name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("delete %s %s/%s: %v", d.kind, d.namespace, d.name, err)
		}
	})
}

func (f *fleet) undefine(t *testing.T, d ownDefinition) {
	t.Helper()
	if err := f.definitions(t, d).Delete(t.Context(), d.name, metav1.DeleteOptions{}); err != nil {
		t.Fatalf("delete %s %s/%s: %v", d.kind, d.namespace, d.name, err)
	}
}

// ownTypes is an application of types that are not built in, in two environments.
type ownTypes struct {
	shop
	fleet *fleet
	// system are the definitions for all, team is what the application's namespace has in place of one of them.
	system, trait, team ownDefinition
}

// TestOwnDefinitions goes through the life of types that a platform team writes: used, hidden by those of a namespace, asked for
// by version, judged alike in all places, changed, gone, and back.
func TestOwnDefinitions(t *testing.T) {
	f := sharedFleet(t)
	o := ownTypes{
		shop:   shop{name: "own-types"},
		fleet:  f,
		system: ownDefinition{kind: "ComponentDefinition", namespace: "fairlead-system", name: "own-worker", version: "1.0.0", health: ownHealth}.made("system"),
		trait:  ownDefinition{kind: "TraitDefinition", namespace: "fairlead-system", name: "own-contact", template: ownTrait},
		team:   ownDefinition{kind: "ComponentDefinition", namespace: "own-types", name: "own-worker", version: "2.0.0", health: ownHealth}.made("team"),
	}
	for _, d := range []ownDefinition{o.system, o.trait, o.team} {
		f.undefineAtEnd(t, d)
	}
	check := func(name string, do func(*testing.T)) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if !t.Run(name, do) {
				return fmt.Errorf("%s: see above", name)
			}
			return nil
		}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config: withProvider(f.env.Hub(), o.environments()),
			Check: resource.ComposeTestCheckFunc(
				check("ArriveAfterTheApplication", o.arrive),
				check("JudgeAlikeEverywhere", o.judge),
				check("ChangeWhatRuns", o.change),
				check("GoAndLeaveWhatRuns", o.leave),
				check("AreRefused", o.refuse),
				check("HoldUpNobodyElse", o.endure),
				check("GoWithTheApplication", o.end),
			),
		}},
	})
}

// apps are the applications of the namespace.
func (o ownTypes) apps(t *testing.T) dynamic.ResourceInterface {
	t.Helper()
	return o.fleet.on(t, v1alpha1.LocalCluster, applications).Namespace(o.name)
}

// application has a component of the namespace's type and one that asks for the version of the system's, with a trait.
func (o ownTypes) application() *unstructured.Unstructured {
	return object(strings.ReplaceAll(`{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "NAME", "namespace": "NAME"},
		"spec": {
			"components": [
				{"name": "ours", "type": "own-worker", "properties": {"available": "True"}},
				{"name": "pinned", "type": "own-worker@1", "properties": {"available": "True"},
					"traits": [{"type": "own-contact", "properties": {"team": "shop"}}]}
			],
			"policies": [
				{"name": "dev", "type": "environment", "properties": {"environment": "NAME-dev"}},
				{"name": "prod", "type": "environment", "properties": {"environment": "NAME-prod"}}
			]
		}
	}`, "NAME", o.name))
}

// arrive writes the application before its types are there: it says which are missing, and goes on by itself when they come.
func (o ownTypes) arrive(t *testing.T) {
	if _, err := o.apps(t).Create(t.Context(), o.application(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	o.fleet.stalls(t, applications, o.name, o.name, "UnknownType", `spec.components[0].type`, `"own-worker"`)
	o.fleet.define(t, o.system)
	o.fleet.isUsable(t, o.system)
	o.fleet.define(t, o.team)
	o.fleet.isUsable(t, o.team)
	o.fleet.stalls(t, applications, o.name, o.name, "UnknownType", `spec.components[1].traits[0].type`, `"own-contact"`)
	o.fleet.define(t, o.trait)
	o.running(t, map[string]string{"ours": "team", "pinned": "system"})
	for _, at := range o.everywhere() {
		contact := o.fleet.get(t, at.cluster, services, at.namespace, "pinned-contact")
		if team := contact.GetLabels()["team"]; team != "shop" {
			t.Errorf("%v: the Service of the trait has the label team=%q", at, team)
		}
		containers := nested[[]any](o.fleet.get(t, at.cluster, deployments, at.namespace, "pinned"), "spec", "template", "spec", "containers")
		if text := fmt.Sprint(containers); len(containers) != 1 || !strings.Contains(text, "ON_CALL") {
			t.Errorf("%v: the patch of the trait left %s", at, text)
		}
	}
	for _, d := range []ownDefinition{o.system, o.trait, o.team} {
		o.fleet.isUsable(t, d)
	}
}

// running waits until the components run everywhere, made by these definitions, and are healthy.
func (o ownTypes) running(t *testing.T, makers map[string]string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("components made by %v", makers), func() error {
		for component, maker := range makers {
			for _, at := range o.everywhere() {
				live, err := o.fleet.on(t, at.cluster, deployments).Namespace(at.namespace).Get(t.Context(), component, metav1.GetOptions{})
				if err != nil {
					return fmt.Errorf("%v: %w", at, err)
				}
				if got := live.GetLabels()["maker"]; got != maker {
					return fmt.Errorf("%v: component %s is made by %q", at, component, got)
				}
			}
		}
		app := o.fleet.get(t, v1alpha1.LocalCluster, applications, o.name, o.name)
		if phase := nested[string](app, "status", "status"); phase != "running" {
			return fmt.Errorf("the application is %q: %v", phase, app.Object["status"])
		}
		return nil
	})
}

// judge lets the health CUE, which loops over conditions, find the opposite: the hub, where the object is seen whole, and
// clusters, of which fields come back, agree.
func (o ownTypes) judge(t *testing.T) {
	o.verdicts(t, true)
	o.expect(t, "False")
	o.verdicts(t, false)
	o.expect(t, "True")
	o.verdicts(t, true)
}

// expect changes which status of the condition counts as healthy.
func (o ownTypes) expect(t *testing.T, status string) {
	t.Helper()
	patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/components/0/properties/available","value":%q}]`, status)
	if _, err := o.apps(t).Patch(t.Context(), o.name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// verdicts waits until the component is judged this way in each place.
func (o ownTypes) verdicts(t *testing.T, healthy bool) {
	t.Helper()
	want := map[site]bool{}
	for _, at := range o.everywhere() {
		want[at] = healthy
	}
	eventually(t, patience, fmt.Sprintf("component ours to be judged %t everywhere", healthy), func() error {
		got := map[site]bool{}
		app := o.fleet.get(t, v1alpha1.LocalCluster, applications, o.name, o.name)
		for _, item := range nested[[]any](app, "status", "services") {
			service := &unstructured.Unstructured{Object: item.(map[string]any)}
			if nested[string](service, "name") == "ours" {
				got[site{nested[string](service, "cluster"), nested[string](service, "namespace")}] = nested[bool](service, "healthy")
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(site{})); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
}

// change edits definitions: what they made follows, in place.
func (o ownTypes) change(t *testing.T) {
	before := o.deployed(t)
	o.fleet.define(t, o.team.made("team-again"))
	o.fleet.define(t, o.system.made("system-again"))
	o.running(t, map[string]string{"ours": "team-again", "pinned": "system-again"})
	o.fleet.undefine(t, o.team)
	o.running(t, map[string]string{"ours": "system-again", "pinned": "system-again"})
	if diff := cmp.Diff(before, o.deployed(t)); diff != "" {
		t.Errorf("Deployments before and after (-before +after):\n%s", diff)
	}
}

// deployed are the identities of all Deployments.
func (o ownTypes) deployed(t *testing.T) map[string]types.UID {
	t.Helper()
	found := map[string]types.UID{}
	for _, at := range o.everywhere() {
		for _, component := range []string{"ours", "pinned"} {
			found[at.cluster+" "+component] = o.fleet.get(t, at.cluster, deployments, at.namespace, component).GetUID()
		}
	}
	return found
}

// leave deletes the definition that is in use: the application says so, and what runs stays. Back again, all is well.
func (o ownTypes) leave(t *testing.T) {
	before := o.deployed(t)
	o.fleet.undefine(t, o.system)
	o.fleet.stalls(t, applications, o.name, o.name, "UnknownType", `spec.components[0].type`, `"own-worker"`)
	if diff := cmp.Diff(before, o.deployed(t)); diff != "" {
		t.Errorf("Deployments before and after the definition went (-before +after):\n%s", diff)
	}
	o.fleet.define(t, o.system)
	o.running(t, map[string]string{"ours": "system", "pinned": "system"})
	if diff := cmp.Diff(before, o.deployed(t)); diff != "" {
		t.Errorf("Deployments before the definition went and after it came back (-before +after):\n%s", diff)
	}
}

// refuse defines what cannot be used. The definition says why, and so does an application that uses it.
func (o ownTypes) refuse(t *testing.T) {
	for _, test := range []struct {
		name, reason string
		definition   ownDefinition
		says         []string
	}{
		{"own-broken", "CompileFailed", ownDefinition{template: "parameter: {}\noutput: {kind: nowhere}\n"}, []string{"nowhere"}},
		{"own-unparsable", "CompileFailed", ownDefinition{template: "output: {"}, []string{"template"}},
		{"own-cloud", "Refused", ownDefinition{terraform: `resource "aws_s3_bucket" "b" {}`}, []string{"spec.schematic.terraform", "Terraform resource"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := test.definition
			d.kind, d.namespace, d.name = "ComponentDefinition", o.name, test.name
			o.fleet.undefineAtEnd(t, d)
			o.fleet.define(t, d)
			definitions := v1beta1.GroupVersion.WithResource("componentdefinitions")
			o.fleet.stalls(t, definitions, o.name, test.name, test.reason, test.says...)
			o.use(t, test.name)
			o.fleet.stalls(t, applications, o.name, test.name, "", append(test.says, "spec.components[0]", test.name)...)
		})
	}
}

// use creates an application of one component of a type, in the default environment.
func (o ownTypes) use(t *testing.T, name string) {
	t.Helper()
	create(t, hubObjects(t, o.fleet.env.Hub()), applications, o.name, object(fmt.Sprintf(
		`{"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": %q},
		"spec": {"components": [{"name": "main", "type": %q}]}}`, name, name)))
}

// endure uses a definition that comes to no end: who uses it hears of it, and others are changed as ever.
func (o ownTypes) endure(t *testing.T) {
	d := ownDefinition{kind: "ComponentDefinition", namespace: o.name, name: "own-endless", template: endlessTemplate}
	o.fleet.undefineAtEnd(t, d)
	o.fleet.define(t, d)
	o.use(t, d.name)
	mark := o.arrives(t, "system-meanwhile")
	o.running(t, map[string]string{"ours": mark, "pinned": mark})
	o.fleet.stalls(t, applications, o.name, d.name, "", d.name, "the definition")
}

// arrives defines what marks its objects, and waits until those of all places have the mark, which it returns. With the race detector in
// it an evaluation that competes with others for two cores may take longer than it may, and would be refused for a while: then it is
// another mark.
func (o ownTypes) arrives(t *testing.T, mark string) string {
	t.Helper()
	stalled := func() bool { return isSlow(o.fleet.get(t, v1alpha1.LocalCluster, applications, o.name, o.name)) }
	before, slow := stalled(), false
	o.fleet.define(t, o.system.made(mark))
	eventually(t, patience, "what is made by "+mark, func() error {
		now := stalled()
		before = before && now // as long as it speaks of the definition before
		if slow = raceDetector && now && !before; slow {
			return nil
		}
		for _, at := range o.everywhere() {
			if made := o.fleet.get(t, at.cluster, deployments, at.namespace, "ours").GetLabels()["maker"]; made != mark {
				return fmt.Errorf("%v: it is made by %q", at, made)
			}
		}
		return nil
	})
	if slow {
		return o.arrives(t, mark+"-again")
	}
	return mark
}

// end deletes the application. Its definitions are nobody's afterwards.
func (o ownTypes) end(t *testing.T) {
	if err := o.apps(t).Delete(t.Context(), o.name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, destroyLimit, "the application to be gone", func() error { return isAbsent(o.apps(t), o.name) })
	for _, at := range o.everywhere() {
		for _, component := range []string{"ours", "pinned"} {
			objects := o.fleet.on(t, at.cluster, deployments).Namespace(at.namespace)
			eventually(t, patience, fmt.Sprintf("%s to be gone from %v", component, at), func() error { return isAbsent(objects, component) })
		}
	}
	o.fleet.undefine(t, o.system)
	o.fleet.undefine(t, o.trait)
}

// isUsable waits until a definition says that it can be used.
func (f *fleet) isUsable(t *testing.T, d ownDefinition) {
	t.Helper()
	eventually(t, patience, d.name+" to be usable", func() error {
		live, err := f.definitions(t, d).Get(t.Context(), d.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if ready := conditionOf(live, v1alpha1.ConditionReady); ready["status"] != "True" {
			return fmt.Errorf("condition Ready is %v", ready)
		}
		return nil
	})
}

// isJudged waits until the addon has said of a component definition whether it can be used.
func (f *fleet) isJudged(t *testing.T, namespace, name string) {
	t.Helper()
	eventually(t, patience, name+" to be judged", func() error {
		live := f.get(t, v1alpha1.LocalCluster, componentDefinitions, namespace, name)
		if ready := conditionOf(live, v1alpha1.ConditionReady); ready["status"] != "True" && ready["status"] != "False" {
			return fmt.Errorf("condition Ready is %v", ready)
		}
		return nil
	})
}

// stalls waits until an object of the hub is stalled for a reason, any if none is given, and checks what it says.
func (f *fleet) stalls(t *testing.T, kind schema.GroupVersionResource, namespace, name, reason string, says ...string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%s %s/%s to be stalled and to say %q", kind.Resource, namespace, name, says), func() error {
		stalled := conditionOf(f.get(t, v1alpha1.LocalCluster, kind, namespace, name), v1alpha1.ConditionStalled)
		if stalled["status"] != "True" || reason != "" && stalled["reason"] != reason {
			return fmt.Errorf("condition Stalled is %v, want True with reason %s", stalled, reason)
		}
		for _, text := range says {
			if !strings.Contains(fmt.Sprint(stalled["message"]), text) {
				return fmt.Errorf("the message lacks %q: %v", text, stalled["message"])
			}
		}
		return nil
	})
}
