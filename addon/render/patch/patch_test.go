// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package patch_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render/patch"
)

type object = map[string]any
type list = []any

// workload is what the patches of the tests change.
func workload() object {
	return object{
		"metadata": object{"name": "web", "labels": object{"a": "1"}},
		"spec": object{"replicas": int64(1), "template": object{"spec": object{
			"containers": list{
				object{"name": "web", "image": "nginx", "env": list{object{"name": "A", "value": "1"}, object{"name": "B", "value": "2"}}},
				object{"name": "log", "image": "fluent"},
			},
		}}},
	}
}

// containers is the workload with other containers.
func containers(items ...any) object {
	w := workload()
	w["spec"].(object)["template"].(object)["spec"].(object)["containers"] = items
	return w
}

func TestApply(t *testing.T) {
	log := object{"name": "log", "image": "fluent"}
	env := list{object{"name": "A", "value": "1"}, object{"name": "B", "value": "2"}}
	cases := map[string]struct {
		reason   string
		template string
		base     []any
		want     object
		err      string
	}{
		"Add": {
			reason:   "Without a marker a patch may add.",
			template: `patch: metadata: annotations: x: "y"`,
			want: func() object {
				w := workload()
				w["metadata"].(object)["annotations"] = object{"x": "y"}
				return w
			}(),
		},
		"Same":     {reason: "It may repeat what is there.", template: `patch: spec: replicas: 1`, want: workload()},
		"Conflict": {reason: "It may not say something else.", template: `patch: spec: replicas: 2`, err: "spec.replicas: the patch has another value than the object; a patch with this strategy may only add"},
		"Kinds":    {reason: "An object does not go into a number.", template: `patch: spec: replicas: x: 1`, err: "spec.replicas: the patch has an object where there is none"},
		"ListKind": {reason: "A list does not go into a number.", template: `patch: spec: replicas: [1]`, err: "spec.replicas: the patch has a list where there is none"},
		"RetainKeys": {
			reason:   "The value of a field with this strategy is replaced.",
			template: "patch: spec: {\n\t// +patchStrategy=retainKeys\n\treplicas: 5\n}",
			want: func() object {
				w := workload()
				w["spec"].(object)["replicas"] = int64(5)
				return w
			}(),
		},
		"RetainKeysStruct": {
			reason:   "So is a whole object.",
			template: "patch: metadata: {\n\t// +patchStrategy=retainKeys\n\tlabels: b: \"2\"\n}",
			want: func() object {
				w := workload()
				w["metadata"].(object)["labels"] = object{"b": "2"}
				return w
			}(),
		},
		"Key": {
			reason:   "Items with the same key merge, others are appended.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{name: \"new\", image: \"x\"}, {name: \"log\", args: [\"-v\"]}]\n}",
			want: containers(object{"name": "web", "image": "nginx", "env": env}, object{"name": "log", "image": "fluent", "args": list{"-v"}},
				object{"name": "new", "image": "x"}),
		},
		"KeyedTwice": {
			reason:   "Items that are new are all appended, even with one key: a volume may be mounted at two places.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{name: \"new\", image: \"x\"}, {name: \"new\", image: \"y\"}]\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env}, log, object{"name": "new", "image": "x"}, object{"name": "new", "image": "y"}),
		},
		"NestedKey": {
			reason:   "The key counts for lists further down too.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{name: \"web\", env: [{name: \"B\", value: \"2\"}, {name: \"C\", value: \"3\"}]}]\n}",
			want: containers(object{"name": "web", "image": "nginx", "env": list{object{"name": "A", "value": "1"}, object{"name": "B", "value": "2"}, object{"name": "C", "value": "3"}}},
				log),
		},
		"KeyOfTexts": {
			reason:   "A list of texts below one with a key has none: the same texts do not come twice.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{name: \"cap\", drop: [\"ALL\"]}]\n}",
			base:     []any{object{"name": "cap", "drop": list{"ALL"}}},
			want:     containers(object{"name": "cap", "drop": list{"ALL"}}),
		},
		"KeyMissing": {
			reason:   "An item without the key is merged by its place.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{cpu: 1}, {}]\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env, "cpu": int64(1)}, log),
		},
		"KeyRetain": {
			reason:   "With a key, retainKeys replaces the item that has it.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\t// +patchStrategy=retainKeys\n\tcontainers: [{name: \"log\", image: \"vector\"}]\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env}, object{"name": "log", "image": "vector"}),
		},
		"ItemMarker": {
			reason:   "A marker below the items of a list.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{\n\t\tname: \"log\"\n\t\t// +patchStrategy=retainKeys\n\t\timage: \"vector\"\n\t}]\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env}, object{"name": "log", "image": "vector"}),
		},
		"Replace": {
			reason:   "A list with the strategy replace is replaced.",
			template: "patch: spec: template: spec: {\n\t// +patchStrategy=replace\n\tcontainers: [{name: \"only\"}]\n}",
			want:     containers(object{"name": "only"}),
		},
		"Positional":      {reason: "Without a key items merge by their place; the patch may be longer.", template: `patch: spec: template: spec: containers: [{cpu: 1}, {}, {name: "third"}]`, want: containers(object{"name": "web", "image": "nginx", "env": env, "cpu": int64(1)}, log, object{"name": "third"})},
		"PositionalShort": {reason: "It may not be shorter.", template: `patch: spec: template: spec: containers: [{cpu: 1}]`, err: "spec.template.spec.containers: the patch has fewer items than the object"},
		"MergePatch": {
			reason:   "RFC 7396: null removes, objects merge, lists are replaced.",
			template: "// +patchStrategy=jsonMergePatch\npatch: {\n\tmetadata: labels: {a: null, b: \"2\"}\n\tspec: {template: spec: containers: [{name: \"only\"}], new: deep: x: null}\n}",
			want: func() object {
				w := containers(object{"name": "only"})
				w["metadata"].(object)["labels"] = object{"b": "2"}
				w["spec"].(object)["new"] = object{"deep": object{}}
				return w
			}(),
		},
		"Operations": {
			reason:   "RFC 6902, with integers that stay integers.",
			template: "// +patchStrategy=jsonPatch\npatch: operations: [{op: \"replace\", path: \"/spec/replicas\", value: 7}, {op: \"remove\", path: \"/metadata/labels/a\"}]",
			want: func() object {
				w := workload()
				w["spec"].(object)["replicas"] = int64(7)
				w["metadata"].(object)["labels"] = object{}
				return w
			}(),
		},
		"OperationFails": {
			reason:   "An operation on what is not there.",
			template: "// +patchStrategy=jsonPatch\npatch: operations: [{op: \"remove\", path: \"/nowhere\"}]",
			err:      "operations: an operation does not fit the object: its path must exist and its test must hold",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			change, markers := compile(t, tc.template)
			base := workload()
			if tc.base != nil {
				base = containers(tc.base...)
			}
			before := runtime.DeepCopyJSON(base)
			got, err := patch.Apply(base, change, markers)
			text := ""
			if err != nil {
				text = err.Error()
				var e *patch.Error
				if !errors.As(err, &e) {
					t.Errorf("%T is no *patch.Error", err)
				}
			}
			if diff := cmp.Diff(tc.err, text); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, base); diff != "" {
				t.Errorf("the object was changed:\n%s", diff)
			}
		})
	}
}

func compile(t testing.TB, template string) (object, *program.Markers) {
	t.Helper()
	p := program.New("test.cue", template)
	fields, err := p.Run(nil, "patch")
	if err != nil {
		t.Fatal(err)
	}
	markers, err := p.Markers("patch")
	if err != nil {
		t.Fatal(err)
	}
	return fields["patch"].(object), markers
}

// FuzzApply patches any object with any other, by each strategy: the answer is
// an *Error or an object, and the arguments stay as they are.
func FuzzApply(f *testing.F) {
	f.Add(`{"a":[{"name":"x","b":1}]}`, `{"a":[{"name":"x","c":2},{}]}`)
	f.Add(`{"a":{"b":null}}`, `{"a":{"b":{"c":[1]}}}`)
	f.Add(`{"a":1}`, `{"operations":[{"op":"add","path":"/b","value":1}]}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		var base, change object
		if json.Unmarshal([]byte(a), &base) != nil || json.Unmarshal([]byte(b), &change) != nil || base == nil {
			return
		}
		for _, values := range []map[string]string{nil, {"patchKey": "name"}, {"patchStrategy": "retainKeys"}, {"patchStrategy": "replace"}, {"patchStrategy": "jsonMergePatch"}, {"patchStrategy": "jsonPatch"}} {
			got, err := patch.Apply(base, change, &program.Markers{Values: values})
			var e *patch.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%v: %T is no *patch.Error: %v", values, err, err)
			}
			if err == nil && got == nil {
				t.Errorf("%v: neither object nor error", values)
			}
			if after, _ := json.Marshal(base); !equalJSON(t, after, []byte(a)) {
				t.Errorf("%v: the object was changed", values)
			}
		}
	})
}

func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return cmp.Equal(x, y)
}
