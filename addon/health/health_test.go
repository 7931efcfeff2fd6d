// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

type object = map[string]any
type list = []any

func place() render.Context {
	return render.Context{AppName: "shop", AppNamespace: "team-a", TargetNamespace: "shop-prod", Environment: "prod", Cluster: "cluster1"}
}

// web is a webservice with an exposed port and traits.
func web(t testing.TB, traits ...render.Trait) *render.Result {
	t.Helper()
	return rendered(t, definition.Builtin(), render.Component{
		Name: "web", Type: "webservice", Traits: traits,
		Properties: object{"image": "nginx", "ports": list{object{"port": int64(80), "expose": true}}},
	})
}

func rendered(t testing.TB, l *definition.Library, c render.Component) *render.Result {
	t.Helper()
	r, err := render.New(l).Render(place(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// deployment is what the API server answers for the workload of a result.
func deployment(r *render.Result, generation int64, replicas int64, status object) object {
	out := runtime.DeepCopyJSON(r.Objects[0].Content)
	out["metadata"].(object)["generation"] = generation
	out["spec"].(object)["replicas"] = replicas
	out["status"] = status
	return out
}

func status(observed, replicas, updated, ready, available int64) object {
	return object{"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": available}
}

func TestWebserviceHealth(t *testing.T) {
	cases := map[string]struct {
		reason     string
		generation int64
		replicas   int64
		status     object
		healthy    bool
		message    string
	}{
		"Ready":         {"All replicas are new, ready and available.", 2, 3, status(2, 3, 3, 3, 3), true, "Ready:3/3"},
		"Scaled":        {"No replicas are wanted and none are there.", 1, 0, object{"observedGeneration": int64(1)}, true, "Ready:0/0"},
		"Fresh":         {"Kubernetes has not looked at it yet.", 1, 1, nil, false, "Ready:0/1"},
		"OldGeneration": {"The counters are those of the generation before.", 2, 1, status(1, 1, 1, 1, 1), false, "Ready:1/1"},
		"Starting":      {"Replicas exist but are not ready.", 1, 2, object{"observedGeneration": int64(1), "replicas": int64(2), "updatedReplicas": int64(2)}, false, "Ready:0/2"},
		"Partly":        {"One of two is ready.", 1, 2, status(1, 2, 2, 1, 1), false, "Ready:1/2"},
		"NotAvailable":  {"Ready, but not for long enough.", 1, 1, status(1, 1, 1, 1, 0), false, "Ready:1/1"},
		"Rolling":       {"A replica of the old version is still there.", 2, 1, status(2, 2, 1, 1, 1), false, "Ready:1/1"},
		"OldReplicas":   {"The replicas that are ready are old ones.", 2, 1, status(2, 1, 0, 1, 1), false, "Ready:1/1"},
		"WrongKind":     {"A counter that is no number is no counter.", 1, 1, object{"observedGeneration": "x", "readyReplicas": "1"}, false, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := web(t, render.Trait{Type: "scaler"})
			got, _ := health.Evaluate(health.Input{Result: r, Output: deployment(r, tc.generation, tc.replicas, tc.status)})
			if got.Healthy != tc.healthy || got.WorkloadHealthy != tc.healthy {
				t.Errorf("%s healthy = %t, workload %t", tc.reason, got.Healthy, got.WorkloadHealthy)
			}
			if tc.message != "" && got.Message != tc.message {
				t.Errorf("%s message = %q, want %q", tc.reason, got.Message, tc.message)
			}
			if diff := cmp.Diff([]health.TraitVerdict{{Type: "scaler", Healthy: true}}, got.Traits); diff != "" {
				t.Errorf("a trait without health CUE:\n%s", diff)
			}
		})
	}
}

func TestDisabledHealthCheck(t *testing.T) {
	r := web(t)
	observed := deployment(r, 1, 1, nil)
	observed["metadata"].(object)["annotations"] = object{"app.oam.dev/disable-health-check": "true"}
	got, err := health.Evaluate(health.Input{Result: r, Output: observed})
	if err != nil || !got.Healthy {
		t.Errorf("the annotation switches the check off: %+v, %v", got, err)
	}
}

func TestMissingObjects(t *testing.T) {
	r := web(t, render.Trait{Type: "scaler"})
	ready := deployment(r, 1, 1, status(1, 1, 1, 1, 1))
	cases := map[string]struct {
		reason string
		in     health.Input
		want   health.Verdict
	}{
		"Workload": {
			reason: "A workload that does not exist is not healthy, nor are its traits.",
			in:     health.Input{Result: r},
			want:   health.Verdict{Message: `Deployment "web" does not exist yet`, Traits: []health.TraitVerdict{{Type: "scaler", Message: `Deployment "web" does not exist yet`}}},
		},
		"Service": {
			reason: "An object beside the workload that was looked for in vain.",
			in:     health.Input{Result: r, Output: ready, Outputs: map[string]map[string]any{"webserviceExpose": nil}},
			want:   health.Verdict{Message: `Service "web" does not exist yet`, Traits: []health.TraitVerdict{{Type: "scaler", Healthy: true}}},
		},
		"NotLooked": {
			reason: "An object that was not looked at is not judged.",
			in:     health.Input{Result: r, Output: ready},
			want:   health.Verdict{Healthy: true, WorkloadHealthy: true, Message: "Ready:1/1", Traits: []health.TraitVerdict{{Type: "scaler", Healthy: true}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := health.Evaluate(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// written is a library with a component and a trait whose health is given.
func written(policy, custom, details string) *definition.Library {
	template := `output: {apiVersion: "v1", kind: "ConfigMap", data: p: parameter.p}
outputs: extra: {apiVersion: "v1", kind: "Service", metadata: name: "extra"}
parameter: p: string`
	return definition.NewLibrary(&definition.Definition{
		Kind: definition.Component, Name: "written", Template: template, Digest: policy + custom + details,
		HealthPolicy: policy, CustomStatus: custom, Details: details,
	})
}

func TestWrittenHealth(t *testing.T) {
	cases := map[string]struct {
		reason                  string
		policy, custom, details string
		want                    health.Verdict
		err                     string
	}{
		"None":       {reason: "Without health CUE what exists is healthy.", want: health.Verdict{Healthy: true, WorkloadHealthy: true}},
		"Parameter":  {reason: "The parameters can be read.", policy: `isHealth: parameter.p == "x"`, want: health.Verdict{Healthy: true, WorkloadHealthy: true}},
		"Outputs":    {reason: "So can the other objects.", policy: `isHealth: context.outputs.extra.spec.ok`, want: health.Verdict{Healthy: true, WorkloadHealthy: true}},
		"Context":    {reason: "And the context.", policy: `isHealth: context.name == "c" && context.cluster == "cluster1"`, want: health.Verdict{Healthy: true, WorkloadHealthy: true}},
		"Incomplete": {reason: "A field that is not there yet is no error.", policy: `isHealth: context.output.status.ok`, want: health.Verdict{Message: `the component type "written" is not healthy yet`}},
		"NoBool":     {reason: "A health policy must say yes or no.", policy: `isHealth: "yes"`, want: health.Verdict{Message: `the component type "written" is not healthy yet`}, err: `judge the component type "written": its health policy yields no bool isHealth`},
		"Syntax":     {reason: "CUE that does not compile is an error beside the verdict.", policy: `isHealth: {`, want: health.Verdict{Message: `the component type "written" is not healthy yet`}, err: `read the healthPolicy of the component type "written": parse component/written/healthPolicy: expected '}', found 'EOF'`},
		"Status":     {reason: "The message sees the verdict and the details, and becomes one line.", policy: `isHealth: false`, custom: "message: \"a\\n\\(context.status.healthy) \\(context.status.details.d)\"", details: "d: 3\n$x: 4", want: health.Verdict{Message: "a false 3", Details: map[string]string{"d": "3"}}},
		"Details":    {reason: "Details are text, objects as JSON, long labels are dropped.", details: "a: true\nb: {c: [1]}\n" + strings.Repeat("l", 32) + ": 1", want: health.Verdict{Healthy: true, WorkloadHealthy: true, Details: map[string]string{"a": "true", "b": `{"c":[1]}`}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := rendered(t, written(tc.policy, tc.custom, tc.details), render.Component{Name: "c", Type: "written", Properties: object{"p": "x"}})
			got, err := health.Evaluate(health.Input{
				Result: r, Output: r.Objects[0].Content, Outputs: map[string]map[string]any{"extra": {"spec": object{"ok": true}}},
			})
			text := ""
			if err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(tc.err, text); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLongMessage(t *testing.T) {
	r := rendered(t, written("", fmt.Sprintf("message: %q", strings.Repeat("é", 2000)), ""), render.Component{Name: "c", Type: "written", Properties: object{"p": "x"}})
	got, err := health.Evaluate(health.Input{Result: r, Output: r.Objects[0].Content})
	if err != nil || len(got.Message) > 1024 || !strings.HasSuffix(got.Message, "é...") {
		t.Errorf("%d bytes, %v", len(got.Message), err)
	}
}

// TestHostileText puts what a cluster may say into message and details: they stay
// lines to read.
func TestHostileText(t *testing.T) {
	for name, text := range map[string]string{
		"Lines":     "a\r\nb\u2028c\td",
		"Terminal":  "\x1b[31mred\x07\x00",
		"Direction": "a\u202eb\u2066c",
		"Long":      strings.Repeat("x\u0301", 2000),
	} {
		t.Run(name, func(t *testing.T) { checkText(t, text) })
	}
}

// FuzzMessage puts any text into message and details.
func FuzzMessage(f *testing.F) {
	f.Add("ready")
	f.Add("\x1b]0;x\x07\u202e\x00\n\xff")
	f.Fuzz(func(t *testing.T, text string) { checkText(t, text) })
}

func checkText(t *testing.T, text string) {
	t.Helper()
	l := written(`isHealth: true`, `message: context.output.status.m`, `m: context.output.status.m
"\(context.output.status.m)": 1
l: [context.output.status.m]`)
	r := rendered(t, l, render.Component{Name: "c", Type: "written", Properties: object{"p": "x"}})
	// What comes from a cluster has been JSON.
	observed := health.Overlay(r.Objects[0].Content, object{".status.m": strings.ToValidUTF8(text, "?")})
	got, err := health.Evaluate(health.Input{Result: r, Output: observed, Feedback: true})
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{got.Message}
	for label, value := range got.Details {
		lines = append(lines, label, value)
	}
	for _, line := range lines {
		bad := func(r rune) bool {
			return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
		}
		if len(line) > 1024 || !utf8.ValidString(line) || strings.ContainsFunc(line, bad) {
			t.Errorf("%d bytes: %q", len(line), line)
		}
	}
}

// TestPlacesShareEvaluations counts evaluations: what the CUE does not read
// makes no difference.
func TestPlacesShareEvaluations(t *testing.T) {
	l := written(`isHealth: context.output.status.n > 1`, "", "")
	d, err := l.Lookup(definition.Component, "written")
	if err != nil {
		t.Fatal(err)
	}
	r := rendered(t, l, render.Component{Name: "c", Type: "written", Properties: object{"p": "x"}})
	for i := range 100 {
		observed := object{"metadata": object{"resourceVersion": fmt.Sprint(i)}, "status": object{"n": int64(i % 4)}}
		if _, err := health.Evaluate(health.Input{Result: r, Output: observed}); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.Program(definition.HealthPart).Distinct(); got != 4 {
		t.Errorf("%d evaluations for 4 different states", got)
	}
}

func TestFeedback(t *testing.T) {
	got := map[int][]string{}
	for i, paths := range health.Feedback(web(t, render.Trait{Type: "scaler"})) {
		for _, p := range paths {
			got[i] = append(got[i], p.JSONPath())
		}
	}
	want := map[int][]string{
		0: {
			`.metadata.annotations.app\.oam\.dev/disable-health-check`, `.metadata.annotations.fairlead\.dev/revision`, ".metadata.generation",
			".spec.replicas", ".status.availableReplicas", `.status.conditions[?(@.type=="Available")].reason`, `.status.conditions[?(@.type=="Available")].status`,
			`.status.conditions[?(@.type=="Progressing")].reason`, `.status.conditions[?(@.type=="ReplicaFailure")].message`,
			`.status.conditions[?(@.type=="ReplicaFailure")].reason`, `.status.conditions[?(@.type=="ReplicaFailure")].status`, ".status.observedGeneration", ".status.readyReplicas", ".status.replicas", ".status.terminatingReplicas",
			".status.updatedReplicas",
		},
		1: {`.metadata.annotations.fairlead\.dev/revision`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFeedbackOfWritten(t *testing.T) {
	always := []string{`.metadata.annotations.fairlead\.dev/revision`}
	workload := append(slices.Clone(always), ".metadata.generation", ".status.observedGeneration")
	cases := map[string]struct {
		reason          string
		policy, custom  string
		output, service []string
	}{
		"Index": {
			reason:  "An item of a list by its index.",
			policy:  `isHealth: context.outputs.extra.status.loadBalancer.ingress[0].ip != ""`,
			service: []string{".status.loadBalancer.ingress[0].ip"},
		},
		"Picked": {
			reason: "A literal picks an item: its fields come back, and the field that picks to say that it is there.",
			policy: `_ready: {for c in context.output.status.conditions if c.type == "Ready" {s: c.status}}, isHealth: _ready.s == "True"`,
			output: []string{".status.conditions[*].type", `.status.conditions[?(@.type=="Ready")].status`, `.status.conditions[?(@.type=="Ready")].type`},
		},
		"Whole": {
			reason: "A whole condition has known fields.",
			policy: `_ready: [for c in context.output.status.conditions if c.type == "Ready" {c}], isHealth: "\(_ready)" != ""`,
			output: []string{
				".status.conditions[*].type", `.status.conditions[?(@.type=="Ready")].lastTransitionTime`, `.status.conditions[?(@.type=="Ready")].message`, `.status.conditions[?(@.type=="Ready")].observedGeneration`,
				`.status.conditions[?(@.type=="Ready")].reason`, `.status.conditions[?(@.type=="Ready")].status`, `.status.conditions[?(@.type=="Ready")].type`,
			},
		},
		"There": {
			reason: "Whether there is a list shows in its first item, which needs the field that picks.",
			policy: `if context.output.status.conditions != _|_ for c in context.output.status.conditions if c.kind == "A" {isHealth: c.ok}, x: context.output.status.conditions[1].message`,
			output: []string{`.status.conditions[?(@.kind=="A")].kind`, `.status.conditions[?(@.kind=="A")].ok`, ".status.conditions[*].kind", ".status.conditions[*].type", ".status.conditions[0].kind", ".status.conditions[0].ok", ".status.conditions[1].kind", ".status.conditions[1].message", ".status.conditions[1].ok"},
		},
		"Computed": {
			reason:  "A computed name may be that of any other object.",
			policy:  `isHealth: context.outputs["\(context.name)-x"].status.ok`,
			service: []string{".status.ok"},
		},
		"Hostile": {
			reason: "What would not be a path is none; the kind judges instead.",
			policy: `isHealth: len([for c in context.output.status.conditions if c.type == "a\")].x" {c}]) > 0`,
			custom: `message: "\(context.output.status.phase)"`,
			output: append([]string{".metadata.deletionTimestamp", ".status.phase"}, readyPaths()...),
		},
		"Delivered": {
			reason: "What is delivered as an object cannot come back.",
			policy: `isHealth: context.output.data != _|_ && context.output.other == 1`,
			output: []string{".other"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := health.Feedback(rendered(t, written(tc.policy, tc.custom, ""), render.Component{Name: "c", Type: "written", Properties: object{"p": "x"}}))
			if diff := cmp.Diff(sorted(append(tc.output, workload...)), texts(got[0])); diff != "" {
				t.Errorf("%s workload: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(sorted(append(tc.service, always...)), texts(got[1])); diff != "" {
				t.Errorf("%s other object: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// readyPaths are the fields of the conditions that judge a kind without health of its own.
func readyPaths() []string {
	var out []string
	for _, of := range []string{"Ready", "Reconciling", "Stalled"} {
		for _, field := range []string{"status", "reason", "message"} {
			out = append(out, `.status.conditions[?(@.type=="`+of+`")].`+field)
		}
	}
	return out
}

func texts(paths []health.Path) []string {
	var out []string
	for _, p := range paths {
		out = append(out, p.JSONPath())
	}
	return sorted(out)
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}

func TestOverlay(t *testing.T) {
	base := object{"metadata": object{"name": "web"}, "spec": object{"replicas": int64(1), "ports": list{object{"port": int64(80)}}}}
	cases := map[string]struct {
		reason string
		values object
		want   object
	}{
		"New":      {"Objects on the way are made.", object{".status.readyReplicas": int64(2)}, object{"metadata": object{"name": "web"}, "spec": object{"replicas": int64(1), "ports": list{object{"port": int64(80)}}}, "status": object{"readyReplicas": int64(2)}}},
		"Replaced": {"What was observed counts, not what was rendered.", object{".spec.replicas": int64(5)}, object{"metadata": object{"name": "web"}, "spec": object{"replicas": int64(5), "ports": list{object{"port": int64(80)}}}}},
		"Escaped":  {"A key with dots.", object{`.metadata.annotations.fairlead\.dev/revision`: "r"}, object{"metadata": object{"name": "web", "annotations": object{"fairlead.dev/revision": "r"}}, "spec": object{"replicas": int64(1), "ports": list{object{"port": int64(80)}}}}},
		"Index":    {"An item of a list.", object{".spec.ports[0].port": int64(81), ".status.ingress[1].ip": "x"}, object{"metadata": object{"name": "web"}, "spec": object{"replicas": int64(1), "ports": list{object{"port": int64(81)}}}, "status": object{"ingress": list{nil, object{"ip": "x"}}}}},
		"Picked": {"A picked item is made, and its fields meet.", object{`.status.l[?(@.type=="A")].status`: "True", `.status.l[?(@.type=="A")].n.m`: int64(1), `.status.l[?(@.type=="B")].type`: "B"},
			object{"metadata": object{"name": "web"}, "spec": base["spec"], "status": object{"l": list{object{"type": "A", "status": "True", "n": object{"m": int64(1)}}, object{"type": "B"}}}}},
		"PickedDelivered": {"An item that was delivered gets the field.", object{`.spec.ports[?(@.name=="http")].nodePort`: int64(3)},
			object{"metadata": object{"name": "web"}, "spec": object{"replicas": int64(1), "ports": list{object{"port": int64(80)}, object{"name": "http", "nodePort": int64(3)}}}}},
		"PickedByIndex": {"An item by its index is the one that is picked.", object{`.status.l[?(@.type=="A")].status`: "True", ".status.l[0].type": "A", ".status.l[0].n": int64(1)},
			object{"metadata": object{"name": "web"}, "spec": base["spec"], "status": object{"l": list{object{"type": "A", "status": "True", "n": int64(1)}}}}},
		"PickedLie":  {"What picks an item stays as it is.", object{`.status.l[?(@.type=="A")].type`: "B", `.status.l[?(@.type=="A")].type.x`: "B", `.status.l[?(@.type=="A")]`: "B", `.status.l[?(@.type=="A")][0]`: "B"}, object{"metadata": object{"name": "web"}, "spec": base["spec"], "status": object{}}},
		"PickedNone": {"Any item says that there is a list.", object{".status.l[*].type": "A", ".spec.ports[*].name": "x", ".spec[*].name": "x"}, object{"metadata": object{"name": "web"}, "spec": base["spec"], "status": object{"l": list{}}}},
		"NoLeaf":     {"An object or list is no value of feedback.", object{".spec.replicas": object{"a": "b"}, ".status.l": list{}, ".status.f": 1.5}, base},
		"NotFit":     {"What is an object stays one.", object{".spec": "x", ".metadata.name.x": int64(1)}, base},
		"Malformed":  {"What is no path is left out.", object{"": "x", "spec.replicas": int64(7), ".": "x", "[0]": "x", ".a[99999]": "x", ".a[x]": "x"}, base},
		"Huge":       {"A text without bound is left out.", object{".status.text": strings.Repeat("x", 5000)}, base},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before, _ := json.Marshal(base)
			if diff := cmp.Diff(tc.want, health.Overlay(base, tc.values)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if after, _ := json.Marshal(base); string(before) != string(after) {
				t.Errorf("the rendered object was changed")
			}
		})
	}
}

// FuzzOverlay puts any values of any paths into an object: it stays an object
// with its name and kind, the same each time.
func FuzzOverlay(f *testing.F) {
	f.Add(`{".status.readyReplicas":1,".spec.ports[3].port":2}`)
	f.Add(`{".metadata.annotations.a\\.b/c":"x",".metadata[0]":"y",".spec..x":true}`)
	f.Add(`{".status.l[?(@.type==\"A\")].status":"True",".status.l[*].type":"A",".status.l[?(@.type==\"A\")].type":"B"}`)
	f.Add(`{"[0]":1,".kind.x":"y",".\\":1,".a[63][63][63]":1}`)
	f.Fuzz(func(t *testing.T, raw string) {
		var values object
		if json.Unmarshal([]byte(raw), &values) != nil {
			return
		}
		for k, v := range values {
			if n, ok := v.(float64); ok {
				values[k] = int64(n)
			}
		}
		base := object{"kind": "Deployment", "metadata": object{"name": "web"}, "spec": object{"ports": list{int64(1)}}}
		got := health.Overlay(base, values)
		if _, ok := got["metadata"].(object); !ok {
			t.Errorf("metadata became %T", got["metadata"])
		}
		if diff := cmp.Diff(got, health.Overlay(base, values)); diff != "" {
			t.Errorf("two overlays differ:\n%s", diff)
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	r := web(b, render.Trait{Type: "scaler"})
	b.Run("Known", func(b *testing.B) {
		observed := deployment(r, 1, 3, status(1, 3, 3, 3, 3))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := health.Evaluate(health.Input{Result: r, Output: observed}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("New", func(b *testing.B) {
		b.ReportAllocs()
		n := int64(0)
		for b.Loop() {
			n++
			if _, err := health.Evaluate(health.Input{Result: r, Output: deployment(r, n, n, status(n, n, n, n, n))}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
