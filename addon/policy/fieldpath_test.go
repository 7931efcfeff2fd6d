// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFieldPath(t *testing.T) {
	for _, c := range []struct {
		reason, text string
		want         FieldPath
		err          string
	}{
		{reason: "fields are parted by dots", text: "spec.replicas", want: FieldPath{"spec", "replicas"}},
		{reason: "a number in brackets is an index", text: "spec.template.spec.containers[0].image", want: FieldPath{"spec", "template", "spec", "containers", 0, "image"}},
		{reason: "other text in brackets is a field, whatever it holds", text: "metadata.annotations[example.com/a].x", want: FieldPath{"metadata", "annotations", "example.com/a", "x"}},
		{reason: "quotes in brackets are not part of the field", text: `data["a.b"]`, want: FieldPath{"data", "a.b"}},
		{reason: "an empty path leads nowhere", text: "", err: `path "": want a field such as spec.replicas`},
		{reason: "a field needs a name", text: "spec..replicas", err: `path "spec..replicas": want the name of a field at character 5`},
		{reason: "nothing reads all items of a list, so that it would lead nowhere", text: "spec.containers[*].image",
			err: `path "spec.containers[*].image": a path leads to one place: want each item by its index, or the list as a whole, not * at character 16`},
		{reason: "nor all fields", text: "spec.*", err: `path "spec.*": a path leads to one place: want each item by its index, or the list as a whole, not * at character 5`},
		{reason: "a number in quotes is a field", text: `data["0"]`, want: FieldPath{"data", "0"}},
		{reason: "a bracket must be closed", text: "spec[0", err: `path "spec[0": want an index or a field in brackets at character 5`},
		{reason: "after a bracket comes a dot or a bracket", text: "a[0]b", err: `path "a[0]b": want a dot or a bracket at character 5`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got, err := ParseFieldPath(c.text)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(c.want, got) + cmp.Diff(c.err, text); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func sample() map[string]any {
	return map[string]any{
		"spec": map[string]any{"replicas": int64(3), "containers": []any{
			map[string]any{"name": "a", "image": "a:1"}, map[string]any{"name": "b", "image": "b:1"},
		}},
	}
}

func TestFieldPathWithout(t *testing.T) {
	for _, c := range []struct {
		reason, path string
		want         map[string]any
	}{
		{reason: "a field is dropped", path: "spec.replicas", want: map[string]any{"spec": map[string]any{"containers": sample()["spec"].(map[string]any)["containers"]}}},
		{reason: "a field of a list's item is dropped, the others stay", path: "spec.containers[1].image", want: map[string]any{
			"spec": map[string]any{"replicas": int64(3), "containers": []any{map[string]any{"name": "a", "image": "a:1"}, map[string]any{"name": "b"}}}}},
		{reason: "an item is dropped", path: "spec.containers[0]", want: map[string]any{
			"spec": map[string]any{"replicas": int64(3), "containers": []any{map[string]any{"name": "b", "image": "b:1"}}}}},
		{reason: "what is not there needs no change", path: "spec.template.x", want: sample()},
		{reason: "an index beyond the end is not there", path: "spec.containers[7]", want: sample()},
	} {
		t.Run(c.reason, func(t *testing.T) {
			path, err := ParseFieldPath(c.path)
			if err != nil {
				t.Fatal(err)
			}
			object := sample()
			if diff := cmp.Diff(c.want, path.Without(object)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(sample(), object); diff != "" {
				t.Errorf("the object itself changed: %s", diff)
			}
		})
	}
}

func TestFieldPathSet(t *testing.T) {
	for _, c := range []struct {
		reason, path string
		done         bool
		at           string
	}{
		{reason: "a field is changed", path: "spec.replicas", done: true},
		{reason: "fields on the way are made", path: "metadata.labels[a/b]", done: true},
		{reason: "a field of a list's item is changed", path: "spec.containers[1].image", done: true},
		{reason: "an item that is not there cannot be changed", path: "spec.containers[2].image"},
		{reason: "a number has no fields", path: "spec.replicas.x"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			path, err := ParseFieldPath(c.path)
			if err != nil {
				t.Fatal(err)
			}
			object := sample()
			changed, done := path.Set(object, "new")
			if done != c.done {
				t.Fatalf("done is %t", done)
			}
			if value, _ := path.Value(changed); done && value != "new" {
				t.Errorf("got %v", value)
			}
			if diff := cmp.Diff(sample(), object); diff != "" {
				t.Errorf("the object itself changed: %s", diff)
			}
		})
	}
}
