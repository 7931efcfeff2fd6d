// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hclvalue

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue/hcltest"
)

// fromHub is what reading text from an API server gives.
func fromHub(t testing.TB, text string) any {
	t.Helper()
	var out any
	if err := utiljson.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return out
}

// throughHub is what an API server makes of JSON.
func throughHub(t testing.TB, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return fromHub(t, string(text))
}

func toJSON(t testing.TB, v attr.Value) any {
	t.Helper()
	out, err := ToJSON(v)
	if err != nil {
		t.Fatalf("ToJSON: %v", err)
	}
	return out
}

func fromJSONOf(t testing.TB, live any, prior attr.Value) attr.Value {
	t.Helper()
	v, err := FromJSON(live, prior)
	if err != nil {
		t.Fatalf("FromJSON: %v", err)
	}
	return v
}

func TestToJSON(t *testing.T) {
	for _, form := range forms() {
		t.Run(form.reason, func(t *testing.T) {
			got := throughHub(t, toJSON(t, hcltest.Evaluate(t, form.expression)))
			if diff := cmp.Diff(fromHub(t, form.json), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFromJSONKeepsThePriorValue(t *testing.T) {
	for _, form := range forms() {
		t.Run(form.reason, func(t *testing.T) {
			prior := hcltest.Evaluate(t, form.expression)
			got := fromJSONOf(t, throughHub(t, toJSON(t, prior)), prior)
			if !got.Equal(prior) {
				t.Errorf("the value changed on its way through the hub\nbefore: %s\nafter:  %s", prior, got)
			}
		})
	}
}

func TestImportedValueEqualsTheConfiguredOne(t *testing.T) {
	for _, form := range forms() {
		t.Run(form.reason, func(t *testing.T) {
			configured := hcltest.Evaluate(t, form.expression)
			imported := fromJSONOf(t, throughHub(t, toJSON(t, configured)), types.DynamicNull())
			if !SemanticallyEqual(configured, imported) {
				t.Errorf("the plan after an import would not be empty\nconfigured: %s\nimported:   %s", configured, imported)
			}
		})
	}
}

func TestFromJSONShowsOnlyWhatDiffers(t *testing.T) {
	cases := []struct {
		reason, prior, live, want string
	}{
		{"a changed leaf leaves its neighbours alone", `{ a = 1, l = tolist(["x"]) }`, `{"a":2,"l":["x"]}`, `{ a = 2, l = tolist(["x"]) }`},
		{"a list stays a list", `{ l = tolist([3, 4]) }`, `{"l":[3,2]}`, `{ l = tolist([3, 2]) }`},
		{"a list that grew stays a list", `{ l = tolist(["a"]) }`, `{"l":["a","b"]}`, `{ l = tolist(["a", "b"]) }`},
		{"a map stays a map", `{ m = tomap({ a = "2" }) }`, `{"m":{"a":"1","b":"x"}}`, `{ m = tomap({ a = "1", b = "x" }) }`},
		{"a map that lost all keys stays a map", `tomap({ a = "2" })`, `{}`, `tomap({ for k in [] : k => "x" })`},
		{"a set stays a set", `{ s = toset(["a"]) }`, `{"s":["a","b"]}`, `{ s = toset(["a", "b"]) }`},
		{"a set with a value twice becomes a tuple", `{ s = toset(["a"]) }`, `{"s":["a","a"]}`, `{ s = ["a", "a"] }`},
		{"a map whose value fits no more becomes an object", `tomap({ a = "2" })`, `{"a":{"b":1}}`, `{ a = { b = 1 } }`},
		{"a list whose value fits no more becomes a tuple", `{ l = tolist(["a"]) }`, `{"l":["a",{"b":1}]}`, `{ l = ["a", { b = 1 }] }`},
		{"a list that became a string", `{ l = ["a"] }`, `{"l":"a"}`, `{ l = "a" }`},
		{"null leaves stay beside what changed", `{ a = null, b = 1 }`, `{"b":2}`, `{ a = null, b = 2 }`},
		{"a null leaf that got a value", `{ a = null }`, `{"a":"x"}`, `{ a = "x" }`},
		{"a key that is gone", `{ a = 1, b = 2 }`, `{"b":2}`, `{ b = 2 }`},
		{"a new key", `{ a = 1 }`, `{"a":1,"b":[{"c":1.5}]}`, `{ a = 1, b = [{ c = 1.5 }] }`},
		{"a string that spells the number keeps its type", `{ n = "1", b = "true", x = 1 }`, `{"n":1,"b":true,"x":2}`, `{ n = "1", b = "true", x = 2 }`},
		{"a string that spells another number does not", `{ n = "1" }`, `{"n":2}`, `{ n = 2 }`},
		{"a number never equals the string that spells it", `{ n = 1 }`, `{"n":"1"}`, `{ n = "1" }`},
		{"a number beyond 64 bits is compared as float", `{ n = 12345678901234567890, x = 1 }`, `{"n":12345678901234567000,"x":2}`, `{ n = 12345678901234567890, x = 2 }`},
		{"an element that was put in front", `{ l = [{ a = 1 }, { a = 2 }] }`, `{"l":[{"a":0},{"a":1},{"a":2}]}`, `{ l = [{ a = 0 }, { a = 1 }, { a = 2 }] }`},
		{"null in live JSON is no difference", `{ a = 1 }`, `{"a":1,"b":null}`, `{ a = 1 }`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got := fromJSONOf(t, fromHub(t, c.live), hcltest.Evaluate(t, c.prior))
			if want := evaluateEmptyMap(t, c.want); !got.Equal(want) {
				t.Errorf("\nwant: %s\ngot:  %s", want, got)
			}
		})
	}
}

// evaluateEmptyMap is evaluate, with the one form that HCL cannot write without
// a declared type: an empty map of strings.
func evaluateEmptyMap(t *testing.T, expression string) attr.Value {
	t.Helper()
	if expression == `tomap({ for k in [] : k => "x" })` {
		return types.DynamicValue(types.MapValueMust(types.StringType, map[string]attr.Value{}))
	}
	return hcltest.Evaluate(t, expression)
}

func TestFromJSONOfNothing(t *testing.T) {
	if got := fromJSONOf(t, nil, types.DynamicNull()); !got.IsNull() {
		t.Errorf("nothing read and nothing configured must stay null, got %s", got)
	}
	if got := fromJSONOf(t, nil, hcltest.Evaluate(t, `{ a = 1 }`)); !got.IsNull() {
		t.Errorf("what is gone from the hub must be null, got %s", got)
	}
}

func TestUnknown(t *testing.T) {
	cases := []struct {
		reason, expression string
		want               any
	}{
		{"a leaf", `{ a = unknown, b = 1 }`, map[string]any{"a": definition.Unknown{}, "b": int64(1)}},
		{"a leaf of any type in a list", `{ l = [{ v = any }] }`, map[string]any{"l": []any{map[string]any{"v": definition.Unknown{}}}}},
		{"a text with something unknown in it", `{ s = "http://${unknown}/" }`, map[string]any{"s": definition.Unknown{}}},
		{"all of it", `any`, definition.Unknown{}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			v := hcltest.Evaluate(t, c.expression)
			if !HasUnknown(v) {
				t.Error("HasUnknown: got false, want true")
			}
			got := toJSON(t, v)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !HasUnknownJSON(got) {
				t.Error("HasUnknownJSON: got false, want true")
			}
			if SemanticallyEqual(v, v) {
				t.Error("an unknown value must not equal itself: it may turn out differently")
			}
		})
	}
}

func TestKnownForms(t *testing.T) {
	for _, form := range forms() {
		if v := hcltest.Evaluate(t, form.expression); HasUnknown(v) || HasUnknownJSON(toJSON(t, v)) {
			t.Errorf("%s: found something unknown in %s", form.reason, form.expression)
		}
	}
}

func TestNumbersThatDoNotFit(t *testing.T) {
	cases := []struct{ reason, expression, path string }{
		{"one more than the largest", `{ web = { n = 9223372036854775808 } }`, "web.n"},
		{"thirty digits in a list", `{ l = [0, 123456789012345678901234567890] }`, "l[1]"},
		{"below a key that needs quotes", `{ "a/b" = { n = -9223372036854775809 } }`, `["a/b"].n`},
		{"too large for float64", `{ n = 1e400 }`, "n"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := ToJSON(hcltest.Evaluate(t, c.expression))
			var number *NumberError
			if !errors.As(err, &number) {
				t.Fatalf("got error %v, want a *NumberError", err)
			}
			if number.Path != c.path {
				t.Errorf("path: got %s, want %s", number.Path, c.path)
			}
		})
	}
}

func TestNullsAreKeptOnDemand(t *testing.T) {
	v := hcltest.Evaluate(t, `{ a = null, l = [null, { b = null }] }`)
	got, err := ToJSONWithNulls(v)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"a": nil, "l": []any{nil, map[string]any{"b": nil}}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	pruned := map[string]any{"l": []any{nil, map[string]any{}}}
	if diff := cmp.Diff(any(pruned), Prune(got)); diff != "" {
		t.Errorf("pruned: -want +got:\n%s", diff)
	}
}

func TestSemanticallyEqual(t *testing.T) {
	cases := []struct {
		reason, a, b string
		want         bool
	}{
		{"tuple and list", `["a"]`, `tolist(["a"])`, true},
		{"1 and 1.0", `{ n = 1 }`, `{ n = 1.0 }`, true},
		{"null leaf and absent", `{ a = null, b = 1 }`, `{ b = 1 }`, true},
		{"object and map", `{ a = "1" }`, `tomap({ a = "1" })`, true},
		{"number and string", `{ n = 1 }`, `{ n = "1" }`, false},
		{"order of a list", `["a", "b"]`, `["b", "a"]`, false},
		{"empty and absent", `{ a = {} }`, `{}`, false},
		{"neighbours among large integers", `{ n = 9007199254740993 }`, `{ n = 9007199254740992 }`, false},
		{"an object and a list", `{}`, `[]`, false},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			a, b := hcltest.Evaluate(t, c.a), hcltest.Evaluate(t, c.b)
			if got := SemanticallyEqual(a, b); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
			if got := SemanticallyEqual(b, a); got != c.want {
				t.Errorf("the other way round: got %t, want %t", got, c.want)
			}
		})
	}
}

// FuzzFromJSON checks that whatever the prior value is, the result says what was read.
func FuzzFromJSON(f *testing.F) {
	for _, form := range forms() {
		f.Add(form.json, `{}`)
		f.Add(`{"a":[1,"x"]}`, form.json)
	}
	f.Fuzz(func(t *testing.T, live, before string) {
		var read, prior any
		if utiljson.Unmarshal([]byte(live), &read) != nil || utiljson.Unmarshal([]byte(before), &prior) != nil || read == nil {
			t.Skip("not JSON")
		}
		hint, err := FromJSON(prior, nil)
		if err != nil {
			t.Skip("a prior value that never was")
		}
		v, err := FromJSON(read, types.DynamicValue(hint))
		if err != nil {
			t.Fatalf("FromJSON(%s): %v", live, err)
		}
		got, err := encoder{}.encode(v, "")
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		if !equalToLive(got, read) {
			t.Errorf("live: %s\nprior: %s\ngot: %v", live, before, got)
		}
	})
}
