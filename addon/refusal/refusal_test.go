// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TestWithoutValues takes what is wrong with fields in the words of the API server's own library, alone and in a list as errors
// of objects have them.
func TestWithoutValues(t *testing.T) {
	const canary = "C4N4RY"
	path := field.NewPath("spec", "a")
	tests := []struct {
		reason string
		fault  *field.Error
		want   string
	}{
		{"a text", field.Invalid(path, canary, "must be short"), "spec.a: Invalid value: must be short"},
		{"a text with quotes, colons and brackets", field.Invalid(path, `a": `+canary+`]`, "must be short"), "spec.a: Invalid value: must be short"},
		{"an empty text", field.Invalid(path, "", "must not be empty"), "spec.a: Invalid value: must not be empty"},
		{"no reason", field.Invalid(path, canary, ""), "spec.a: Invalid value"},
		{"a number", field.Invalid(path, 70000, "must be less than 65536"), "spec.a: Invalid value: must be less than 65536"},
		{"nothing", field.Invalid(path, nil, "must be set"), "spec.a: Invalid value: must be set"},
		{"an object", field.Invalid(path, metav1.LabelSelector{MatchLabels: map[string]string{"a": canary}}, "field is immutable"), "spec.a: Invalid value: field is immutable"},
		{"an object by its address", field.Invalid(path, &metav1.LabelSelector{MatchLabels: map[string]string{"a": canary}}, "field is immutable"), "spec.a: Invalid value: field is immutable"},
		{"a list", field.Invalid(path, []string{canary, canary}, "field is immutable"), "spec.a: Invalid value: field is immutable"},
		{"one of few", field.NotSupported(path, canary, []string{"Always", "Never"}), `spec.a: Unsupported value: supported values: "Always", "Never"`},
		{"twice", field.Duplicate(path, canary), "spec.a: Duplicate value"},
		{"no value at all", field.Required(path, "name it"), "spec.a: Required value: name it"},
		{"another object's name, which helps", field.NotFound(path, "data"), `spec.a: Not found: "data"`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			if got := WithoutValues(test.fault.Error()); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			list := field.ErrorList{test.fault, field.Invalid(path, canary, "must be long"), test.fault}.ToAggregate().Error()
			if got := WithoutValues(list); strings.Contains(got, canary) || !strings.Contains(got, test.want) {
				t.Errorf("of several: %s", got)
			}
		})
	}
	for message, want := range map[string]string{
		`spec.a: Duplicate value: map[string]interface {}{"name":"a","v":"` + canary + `"}`:                                "spec.a: Duplicate value",
		`spec.a: Invalid value: {"a":"}: ` + canary + `"}: must be empty`:                                                  "spec.a: Invalid value: must be empty",
		`spec.a: Invalid value: ["a]: ` + canary + `"]: must be empty`:                                                     "spec.a: Invalid value: must be empty",
		"spec.a: Invalid value: {\"a\":\n\"" + canary + "\"}: must be empty":                                               "spec.a: Invalid value: must be empty",
		`failed to create typed patch object: .spec.env: expected list, got &{map[A:` + canary + `]}`:                      "failed to create typed patch object: .spec.env: expected list",
		`failed to create typed patch object: .value: expected string, got &value.valueUnstructured{Value:` + canary + `}`: "failed to create typed patch object: .value: expected string",
	} {
		if got := WithoutValues(message); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", message, got, want)
		}
	}
	if got := WithoutValues(`spec.a: Invalid value: "` + canary + " and then it was cut..."); got != "spec.a: Invalid value" {
		t.Errorf("of a text that was cut: %s", got)
	}
}
