// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package compact

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/json" // keeps integers as int64
)

type object = map[string]any

func TestPack(t *testing.T) {
	tests := []struct {
		name   string
		object object
		reason string
	}{
		{"nothing", object{}, "an object may be empty"},
		{"null", object{"a": nil, "spec": nil}, "a field may be null"},
		{"booleans", object{"a": true, "b": false}, "both are told apart"},
		{"integers", object{"a": int64(0), "b": int64(-1), "c": int64(math.MaxInt64), "d": int64(math.MinInt64), "replicas": int64(300)}, "all fit"},
		{"numbers", object{"a": 0.5, "b": -1e300, "c": 1.0}, "a whole number may be no integer"},
		{"texts", object{"a": "", "name": "name", "b": "no usual one", "c": "ü\x00\xff", strings.Repeat("k", 300): strings.Repeat("v", 70000)}, "of any length and any bytes"},
		{"lists", object{"a": []any{}, "b": []any{nil, []any{int64(1)}, object{}}}, "of all types"},
		{"objects", object{"a": object{}, "metadata": object{"labels": object{"": object{"name": "x"}}}}, "within others"},
	}
	for _, test := range tests {
		packed, ok := Pack(test.object)
		if !ok {
			t.Errorf("%s cannot be packed: %s", test.name, test.reason)
			continue
		}
		got, ok := Unpack(packed)
		if diff := cmp.Diff(test.object, got); diff != "" || !ok {
			t.Errorf("%s: ok %t: %s (-want +got):\n%s", test.name, ok, test.reason, diff)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	for name, value := range map[string]any{
		"a type that objects have not": 1,
		"texts in a map of their own":  map[string]string{"a": "b"},
		"a list that is none":          []any(nil),
		"an object that is none":       object(nil),
		"within a list":                []any{uint8(1)},
		"within an object":             object{"a": struct{}{}},
	} {
		if packed, ok := Pack(object{"field": value}); ok {
			t.Errorf("%s: packed as %q", name, packed)
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	packed, _ := Pack(deployment(t))
	for i := range packed {
		if got, ok := Unpack(packed[:i]); ok {
			t.Fatalf("the first %d of %d bytes: %v", i, len(packed), got)
		}
	}
	for name, text := range map[string]string{
		"more than an object": packed + "\x00",
		"no object":           string([]byte{isNull}),
		"an unknown type":     string([]byte{isObject, 1, isText, 1, 'a', 99}),
		"an unknown text":     string([]byte{isObject, 1, isText, 1, 'a', isUsual, 0xff, 0x7f}),
		"a name that is none": string([]byte{isObject, 1, isNull, isNull}),
		"a long list":         string([]byte{isObject, 1, isText, 1, 'a', isList, 0xff, 0xff, 0xff, 0xff, 0x7f}),
		"an endless number":   string([]byte{isObject, 1, isText, 1, 'a', isInteger}) + strings.Repeat("\xff", 20),
		"nested too deeply":   strings.Repeat(string([]byte{isObject, 1, isText, 1, 'a'}), 2*maxDepth),
	} {
		if got, ok := Unpack(text); ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestUnpackIsNew checks that who changes an object changes no other.
func TestUnpackIsNew(t *testing.T) {
	packed, _ := Pack(deployment(t))
	first, _ := Unpack(packed)
	first["metadata"].(object)["name"] = "changed"
	second, _ := Unpack(packed)
	if diff := cmp.Diff(deployment(t), second); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSize bounds what a usual Deployment takes.
func TestSize(t *testing.T) {
	text, err := os.ReadFile("testdata/deployment.json")
	if err != nil {
		t.Fatal(err)
	}
	packed, _ := Pack(deployment(t))
	if most := len(text) * 6 / 10; len(packed) > most {
		t.Errorf("%d bytes, want at most %d: the text has %d", len(packed), most, len(text))
	}
}

func deployment(t testing.TB) object {
	t.Helper()
	text, err := os.ReadFile("testdata/deployment.json")
	if err != nil {
		t.Fatal(err)
	}
	var object object
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func FuzzPack(f *testing.F) {
	f.Add(`{"metadata":{"name":"web","labels":{"a":"b"}},"spec":{"replicas":2,"ratio":0.5,"on":true,"list":[null,{}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var given object
		if json.Unmarshal([]byte(text), &given) != nil || given == nil {
			return
		}
		packed, ok := Pack(given)
		if !ok {
			t.Fatalf("%v cannot be packed", given)
		}
		got, ok := Unpack(packed)
		if diff := cmp.Diff(given, got); diff != "" || !ok {
			t.Errorf("ok %t (-want +got):\n%s", ok, diff)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	packed, _ := Pack(deployment(f))
	f.Add(packed)
	f.Fuzz(func(t *testing.T, text string) {
		object, ok := Unpack(text)
		if !ok {
			return
		}
		again, _ := Pack(object)
		got, ok := Unpack(again)
		if diff := cmp.Diff(object, got, cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); diff != "" || !ok {
			t.Errorf("ok %t (-want +got):\n%s", ok, diff)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	given := deployment(b)
	b.ReportAllocs()
	for b.Loop() {
		Pack(given)
	}
}

func BenchmarkUnpack(b *testing.B) {
	packed, _ := Pack(deployment(b))
	b.ReportAllocs()
	for b.Loop() {
		Unpack(packed)
	}
	b.ReportMetric(float64(len(packed)), "bytes")
}
