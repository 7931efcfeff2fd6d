// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// library has a component "c" and traits "t" and "u" with the given templates. The
// objects of t refer to the workload at a path, if there is one.
func library(component, t, u, reference string) *definition.Library {
	return definition.NewLibrary(
		&definition.Definition{Kind: definition.Component, Name: "c", Template: component},
		&definition.Definition{Kind: definition.Trait, Name: "t", Template: t, WorkloadRefPath: reference},
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
		reference       string
		context         func(*render.Context)
		want            string
		err             string
	}{
		"Context": {reason: "Every field of the context.", component: config(`n: context.name, a: context.appName, ns: context.namespace, cl: context.cluster, r: context.appRevision, num: "\(context.appRevisionNum)", rev: context.revision, t: context.componentType, second: context.components[1].name`)},
		"MoreContext": {reason: "Fields of the context that apply at times, and the version of the cluster.", component: config(`k: context.replicaKey, p: context.publishVersion, w: context.workflowName, v: context.clusterVersion.major + "." + "\(context.clusterVersion.minor)" + " " + context.clusterVersion.gitVersion + " " + context.clusterVersion.platform, l: context.appLabels.team, a: context.appAnnotations["example.com/note"], s: context.appLabels[context.appName]`), context: func(x *render.Context) {
			x.ReplicaKey, x.PublishVersion, x.WorkflowName = "north", "v7", "deliver"
			x.AppLabels, x.AppAnnotations = map[string]string{"team": "a", "shop": "s"}, map[string]string{"example.com/note": "n"}
		}},
		"Paused": {reason: "That the application is paused changes no object.", component: config(`n: "\(len(context.appLabels))"`), context: func(x *render.Context) {
			x.AppLabels = map[string]string{"team": "a", "controller.core.oam.dev/pause": "true"}
		}},
		"NoCustom":      {reason: "What other policies would put into the context is absent.", component: config(`if context.custom == _|_ {x: "1"}, if context["config"] == _|_ {y: "2"}, if context.replicaKey == _|_ {z: "3"}`)},
		"MissingField":  {reason: "A field of the context that is not there is an error that names it.", component: config(`x: context.custom.x`), err: `TemplateFailed components.x.properties: the template of the component type "c" gives no result at output.data.x: undefined field: custom; change the properties that it uses there`},
		"PatchOnly":     {reason: "A trait that only patches, with a marker above fields in a row.", component: config(`a: "b"`), t: "// +patchStrategy=retainKeys\npatch: data: a: \"c\""},
		"Nothing":       {reason: "A trait that does nothing.", component: config(`a: "b"`), t: "parameter: {}"},
		"PatchOutputs":  {reason: "A patch of further objects takes markers, also under a computed name.", component: config(``) + "\noutputs: svc: {" + service + ", metadata: name: \"svc\", spec: {type: \"NodePort\", ports: [{name: \"a\", port: 1}, {name: \"b\", port: 2}]}}", t: "patchOutputs: {for name, o in context.outputs {\"\\(name)\": spec: {\n\t// +patchKey=name\n\tports: [{name: \"b\", nodePort: 30000}, {name: \"c\", port: 3}]\n}}}"},
		"PatchOwn":      {reason: "A trait may patch what it makes itself.", component: config(``), t: `outputs: svc: {` + service + `, metadata: name: "svc", spec: ports: [{port: 80}]}, patchOutputs: svc: spec: type: "NodePort"`},
		"MergePatch":    {reason: "A merge patch removes by null and replaces lists.", component: `output: {apiVersion: "v1", kind: "Pod", metadata: {labels: {a: "1", b: "2"}}, spec: containers: [{name: "m"}, {name: "n"}]}`, t: "// +patchStrategy=jsonMergePatch\npatch: {metadata: labels: {a: null, c: \"3\"}, spec: containers: [{name: \"o\", image: \"i\"}]}"},
		"Operations":    {reason: "Operations on the workload.", component: config(`a: "b", c: "d"`), t: "// +patchStrategy=jsonPatch\npatch: operations: [{op: \"remove\", path: \"/data/a\"}, {op: \"add\", path: \"/data/e\", value: \"f\"}]"},
		"GuardedPatch":  {reason: "Guards and loops around markers.", component: `output: {apiVersion: "v1", kind: "Pod", spec: containers: [{name: "m", image: "a", env: [{name: "A", value: "1"}]}]}`, t: "_add: [\"A\", \"B\"]\npatch: spec: {\n\tif context.output.spec.containers != _|_ {\n\t\t// +patchKey=name\n\t\tcontainers: [{\n\t\t\tname: context.output.spec.containers[0].name\n\t\t\t// +patchStrategy=retainKeys\n\t\t\timage: \"b\"\n\t\t\t// +patchStrategy=retainKeys\n\t\t\tenv: [for k in _add {name: k, value: \"2\"}]\n\t\t}]\n\t}\n}"},
		"Guard":         {reason: "A definition may refuse by a field that makes no object.", component: config(``) + "\nif context.name == \"x\" {_refused: 0 & \"no x\"}", err: `TemplateFailed components.x.properties: the template of the component type "c" gives no result at _refused: conflicting values ... and ... (mismatched types ... and ...); change the properties that it uses there`},
		"EmptyErrs":     {reason: "Empty texts refuse nothing.", component: config(``) + "\nerrs: [\"\", if false {\"no\"}]"},
		"AbsentContext": {reason: "A field of the context that does not apply is absent.", component: config(`if context.config != _|_ {x: "1"}`)},
		"TraitOutput":   {reason: "An object of a trait gets a name, a reference to the workload and labels.", component: `output: {apiVersion: "apps/v1", kind: "Deployment", spec: {selector: matchLabels: a: "b", template: {metadata: labels: a: "b", spec: containers: [{name: "m", image: "i"}]}}}`, t: `outputs: scaler: {apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", spec: maxReplicas: 3}`, reference: "spec.scaleTargetRef"},
		"SeesEarlier":   {reason: "A trait sees what the traits before it did.", component: config(`a: "b"`), t: `patch: data: t: context.output.data.a`, u: `patch: data: u: context.output.data.t + "!"`},
		"SeesOutputs":   {reason: "It sees the objects that traits before it made, and may patch them.", component: config(`a: "b"`), t: `outputs: svc: {` + service + `, metadata: name: "svc", spec: ports: [{port: 80}]}`, u: `patchOutputs: svc: metadata: annotations: seen: context.outputs.svc.metadata.name`},
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
			where := place()
			if tc.context != nil {
				tc.context(&where)
			}
			r, err := render.New(library(tc.component, tc.t, tc.u, tc.reference)).Render(where, c)
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

// TestEitherWay renders definitions that are written for the CUE of version
// 1.10 of the existing implementation and for that of 1.11: both give the same objects.
func TestEitherWay(t *testing.T) {
	const pod = `output: {apiVersion: "v1", kind: "Pod", metadata: annotations: PARTS, spec: containers: [{name: "m", args: ARGS}]}
parameter: {args: *["a"] | [...string], more?: [...string], "n": *2 | int}
`
	cases := map[string]struct {
		reason, older, newer string
	}{
		"Sum": {
			reason: "Lists that are added.",
			older:  strings.NewReplacer("ARGS", `parameter.args + ["b"] + [for m in parameter.more {m}]`, "PARTS", `{}`).Replace(pod),
			newer:  "import \"list\"\n" + strings.NewReplacer("ARGS", `list.Concat([parameter.args, ["b"], [for m in parameter.more {m}]])`, "PARTS", `{}`).Replace(pod),
		},
		"Product": {
			reason: "Lists that are multiplied.",
			older:  strings.NewReplacer("ARGS", `["x"] * parameter.n`, "PARTS", `{}`).Replace(pod),
			newer:  "import \"list\"\n" + strings.NewReplacer("ARGS", `list.Repeat(["x"], parameter.n)`, "PARTS", `{}`).Replace(pod),
		},
		"Error": {
			reason: "A field with the name of a function.",
			older:  strings.NewReplacer("ARGS", `parameter.args`, "PARTS", `{error: "x", try: "y"}`).Replace(pod),
			newer:  strings.NewReplacer("ARGS", `parameter.args`, "PARTS", `{"error": "x", "try": "y"}`).Replace(pod),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got [2]string
			for i, template := range []string{tc.older, tc.newer} {
				d, err := definition.FromObject(object{
					"apiVersion": "core.oam.dev/v1beta1", "kind": "ComponentDefinition", "metadata": object{"name": "c"},
					"spec": object{"schematic": object{"cue": object{"template": template}}},
				})
				if err != nil {
					t.Fatal(err)
				}
				if (len(d.Notices) > 0) != (i == 0 && d.Template != template) {
					t.Errorf("%s: notices %v", tc.reason, d.Notices)
				}
				r, err := render.New(definition.NewLibrary(d)).Render(place(), render.Component{Name: "x", Type: "c", Properties: object{"more": list{"c"}}})
				if err != nil {
					t.Fatal(err)
				}
				got[i] = documents(t, r)
			}
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Errorf("%s -older +newer:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestForgedMarks checks that nobody says in an object whose it is, who shares it or what becomes of it.
func TestForgedMarks(t *testing.T) {
	forged := object{
		"app.oam.dev/name": "theirs", "app.oam.dev/namespace": "team-b", "app.oam.dev/component": "theirs", "fairlead.dev/environment": "theirs", "fairlead.dev/managed-by": "me",
		"fairlead.dev/application-uid": "u", "fairlead.dev/source-namespace": "team-b", "fairlead.dev/left": "u", "fairlead.dev/policy": "p", "app.oam.dev/replicaKey": "r", "mine": "yes",
	}
	result, err := render.New(definition.Builtin()).Render(place(), render.Component{Name: "web", Type: "k8s-objects", Properties: object{"objects": list{
		object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "a", "labels": forged, "annotations": object{
			"fairlead.dev/held": "{}", "app.oam.dev/shared-by": "team-b/shop", "mine": "yes",
		}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	metadata := result.Objects[0].Content["metadata"].(map[string]any)
	labels := object{
		"app.oam.dev/name": "shop", "app.oam.dev/namespace": "team-a", "app.oam.dev/component": "web", "fairlead.dev/environment": "prod",
		"fairlead.dev/managed-by": "fairlead", "app.oam.dev/resourceType": "WORKLOAD", "workload.oam.dev/type": "k8s-objects", "mine": "yes",
	}
	if diff := cmp.Diff(labels, metadata["labels"]); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"mine": "yes"}, metadata["annotations"]); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}
