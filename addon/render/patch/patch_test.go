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
			template: "patch: metadata: {\n\t// +patchStrategy=retainKeys\n\tlabels: {b: \"2\"}\n}",
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
		"Row": {
			reason:   "A marker above fields in a row is the last one's.",
			template: "// +patchStrategy=retainKeys\npatch: spec: replicas: 5",
			want: func() object {
				w := workload()
				w["spec"].(object)["replicas"] = int64(5)
				return w
			}(),
		},
		"RootMarkers": {
			reason:   "At the patch itself the markers of fields mean nothing.",
			template: "// +patchStrategy=retainKeys\n// +patchKey=name\npatch: {metadata: name: \"web\"}",
			want:     workload(),
		},
		"RootKey": {
			reason:   "So a key there is not inherited.",
			template: "// +patchKey=name\npatch: {spec: template: spec: containers: [{name: \"log\"}, ...]}",
			err:      "spec.template.spec.containers.0.name: the patch has another value than the object; a patch with this strategy may only add",
		},
		"InheritedKey": {
			reason:   "A key of a field above counts.",
			template: "patch: {\n\t// +patchKey=name\n\tspec: {template: spec: containers: [{name: \"log\", args: [\"-v\"]}]}\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env}, object{"name": "log", "image": "fluent", "args": list{"-v"}}),
		},
		"OtherKey": {
			reason:   "A nearer key counts more; a dotted one leads into items.",
			template: "patch: {\n\t// +patchKey=name\n\tspec: {template: spec: containers: [{\n\t\tname: \"log\"\n\t\t// +patchKey=secretRef.name\n\t\tenvFrom: [{secretRef: name: \"s\"}]\n\t}]}\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env}, object{"name": "log", "image": "fluent", "envFrom": list{object{"secretRef": object{"name": "s"}}}}),
		},
		"Unordered": {
			reason:   "Items that are not there are appended in the order of the patch.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{name: \"b\"}, {name: \"web\"}, {name: \"a\"}]\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env}, log, object{"name": "b"}, object{"name": "a"}),
		},
		"NoKeyInPatch": {
			reason:   "Where no item has the key, items merge by their place.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{a: 1}, {b: 2}]\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env, "a": int64(1)}, object{"name": "log", "image": "fluent", "b": int64(2)}),
		},
		"SomeWithoutKey": {
			reason:   "Where some have it, the others are left out.",
			template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: [{a: 1}, {name: \"log\", b: 2}]\n}",
			want:     containers(object{"name": "web", "image": "nginx", "env": env}, object{"name": "log", "image": "fluent", "b": int64(2)}),
		},
		"EmptyKeyed":      {reason: "An empty list with a key changes nothing.", template: "patch: spec: template: spec: {\n\t// +patchKey=name\n\tcontainers: []\n}", want: workload()},
		"Open":            {reason: "A list that ends in dots may be shorter.", template: `patch: spec: template: spec: containers: [{cpu: 1}, ...]`, want: containers(object{"name": "web", "image": "nginx", "env": env, "cpu": int64(1)}, log)},
		"OpenStrategy":    {reason: "The strategy open says nothing.", template: "patch: spec: {\n\t// +patchStrategy=open\n\treplicas: 2\n}", err: "spec.replicas: the patch has another value than the object; a patch with this strategy may only add"},
		"ReplaceStruct":   {reason: "The strategy replace is for lists: objects merge.", template: "patch: metadata: {\n\t// +patchStrategy=replace\n\tlabels: {a: \"1\"}\n}", want: workload()},
		"RetainKeysList":  {reason: "Without a key, retainKeys does not replace a list.", template: "patch: spec: template: spec: {\n\t// +patchStrategy=retainKeys\n\tcontainers: [{name: \"web\"}, {name: \"log\"}]\n}", want: workload()},
		"NullConflict":    {reason: "Null is a value like others.", template: "patch: spec: replicas: null", err: "spec.replicas: the patch has another value than the object; a patch with this strategy may only add"},
		"RetainKeysNull":  {reason: "It may replace one.", template: "patch: spec: {\n\t// +patchStrategy=retainKeys\n\treplicas: null\n}", want: func() object { w := workload(); w["spec"].(object)["replicas"] = nil; return w }()},
		"Comprehension":   {reason: "Markers and keys in comprehensions.", template: "patch: spec: template: spec: {\n\tif true {\n\t\t// +patchKey=name\n\t\tcontainers: [for n in [\"log\", \"c\"] {\n\t\t\tname: n\n\t\t\t// +patchStrategy=retainKeys\n\t\t\timage: n\n\t\t}]\n\t}\n}", want: containers(object{"name": "web", "image": "nginx", "env": env}, object{"name": "log", "image": "log"}, object{"name": "c", "image": "c"})},
		"Reference":       {reason: "Markers through a reference.", template: "patch: spec: template: spec: _pod\n_pod: {\n\t// +patchKey=name\n\tcontainers: [{name: \"log\", a: 1}]\n}", want: containers(object{"name": "web", "image": "nginx", "env": env}, object{"name": "log", "image": "fluent", "a": int64(1)})},
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
		"MergeField": {
			reason:   "RFC 7396 for an object in the patch alone.",
			template: "patch: {\n\tspec: replicas: 1\n\tmetadata: {\n\t\t// +patchStrategy=jsonMergePatch\n\t\tlabels: {a: null, b: \"2\"}\n\t\t// +patchStrategy=jsonMergePatch\n\t\tannotations: {a: null, b: \"2\"}\n\t}\n}",
			want: func() object {
				w := workload()
				w["metadata"].(object)["labels"] = object{"b": "2"}
				w["metadata"].(object)["annotations"] = object{"b": "2"}
				return w
			}(),
		},
		"OperationNumbers": {
			reason:   "Integers keep all of their digits, other numbers are floats, however deep.",
			template: "// +patchStrategy=jsonPatch\npatch: operations: [{op: \"add\", path: \"/spec/n\", value: [9007199254740993, {a: 0.5, b: -9007199254740993}]}]",
			want: func() object {
				w := workload()
				w["spec"].(object)["n"] = list{int64(9007199254740993), object{"a": 0.5, "b": int64(-9007199254740993)}}
				return w
			}(),
		},
		"OperationOnAll": {
			reason:   "What replaces the object must be one.",
			template: "// +patchStrategy=jsonPatch\npatch: operations: [{op: \"replace\", path: \"\", value: [1]}]",
			err:      "the patched object is no object",
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
			got, err := patch.Apply(base, change, &program.Markers{Values: values, Fields: map[string]*program.Markers{"": {Values: values}}})
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

// TestKeys patches lists whose items have several keys.
func TestKeys(t *testing.T) {
	cases := map[string]struct {
		reason      string
		key         string
		base, patch list
		want        list
	}{
		"Either": {
			reason: "Keys may exclude each other.", key: "secretRef.name,configMapRef.name",
			base:  list{object{"configMapRef": object{"name": "a"}}, object{"secretRef": object{"name": "a"}}},
			patch: list{object{"secretRef": object{"name": "a"}, "prefix": "p"}, object{"configMapRef": object{"name": "b"}}},
			want:  list{object{"configMapRef": object{"name": "a"}}, object{"secretRef": object{"name": "a"}, "prefix": "p"}, object{"configMapRef": object{"name": "b"}}},
		},
		"Both": {
			reason: "An item that has both differs by either.", key: "key, effect",
			base:  list{object{"key": "a", "effect": "NoExecute"}},
			patch: list{object{"key": "a", "effect": "NoSchedule"}, object{"key": "a", "effect": "NoExecute", "x": "y"}},
			want:  list{object{"key": "a", "effect": "NoExecute", "x": "y"}, object{"key": "a", "effect": "NoSchedule"}},
		},
		"Numbers": {
			reason: "A key may be a number.", key: "containerPort",
			base:  list{object{"containerPort": int64(80)}, object{"containerPort": int64(81)}},
			patch: list{object{"containerPort": int64(81), "name": "x"}},
			want:  list{object{"containerPort": int64(80)}, object{"containerPort": int64(81), "name": "x"}},
		},
		"Parts": {
			reason: "What has parts is no key, so items merge by their place.", key: "ref",
			base:  list{object{"ref": object{"a": "b"}}},
			patch: list{object{"ref": object{"c": "d"}}},
			want:  list{object{"ref": object{"a": "b", "c": "d"}}},
		},
		"KeylessBase": {
			reason: "Items of the object without the key keep their place.", key: "name",
			base:  list{object{"other": "x"}, object{"name": "a"}},
			patch: list{object{"name": "a", "v": "1"}},
			want:  list{object{"other": "x"}, object{"name": "a", "v": "1"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			markers := &program.Markers{Fields: map[string]*program.Markers{"l": {Values: map[string]string{"patchKey": tc.key}}}}
			got, err := patch.Apply(object{"l": tc.base}, object{"l": tc.patch}, markers)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got["l"]); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
