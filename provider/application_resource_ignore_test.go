// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// paths is a value of ignore_fields.
func paths(texts ...string) types.List {
	elements := make([]attr.Value, len(texts))
	for i, path := range texts {
		elements[i] = types.StringValue(path)
	}
	return types.ListValueMust(types.StringType, elements)
}

func decoded(t *testing.T, content string) any {
	t.Helper()
	var out any
	if err := json.Unmarshal([]byte(content), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestIgnoredFieldsKeep(t *testing.T) {
	const ours = `[{"name":"api","type":"webservice"},{"name":"web","type":"webservice","properties":{"image":"a","env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"a/b":{"c":1}},
		"traits":[{"type":"labels","properties":{"x":"y"}},{"type":"scaler","properties":{"replicas":2,"other":1}}]}]`
	tests := []struct{ path, reason, root, ours, live, want string }{
		{"components.web.properties.image", "a key", "components", ours, strings.Replace(ours, `"image":"a"`, `"image":"b"`, 1), strings.Replace(ours, `"image":"a"`, `"image":"b"`, 1)},
		{"components.web.properties.image", "nothing else", "components", ours, strings.Replace(ours, `"value":"1"`, `"value":"9"`, 1), ours},
		{"components.web.properties.image", "gone on the hub", "components", ours, strings.Replace(ours, `"image":"a",`, ``, 1), strings.Replace(ours, `"image":"a",`, ``, 1)},
		{"components.web.properties.cpu", "only on the hub", "components", ours, strings.Replace(ours, `"image":"a"`, `"image":"z","cpu":"1"`, 1), strings.Replace(ours, `"image":"a"`, `"image":"a","cpu":"1"`, 1)},
		{"components.api.properties.image", "only on the hub, with what leads there", "components", ours, `[{"name":"api","properties":{"image":"b","cpu":"1"}}]`,
			strings.Replace(ours, `"name":"api",`, `"name":"api","properties":{"image":"b"},`, 1)},
		{"components.web.properties.env.B.value", "an entry by its name", "components", ours, strings.Replace(ours, `"value":"2"`, `"value":"9"`, 1), strings.Replace(ours, `"value":"2"`, `"value":"9"`, 1)},
		{"components.web.properties.env[0].value", "an entry by its index", "components", ours, strings.Replace(ours, `"value":"1"`, `"value":"9"`, 1), strings.Replace(ours, `"value":"1"`, `"value":"9"`, 1)},
		{"components.web.properties.env[7].value", "an index that is not there", "components", ours, ours, ours},
		{`components.web.properties["a/b"].c`, "a key in quotes", "components", ours, strings.Replace(ours, `"c":1`, `"c":2`, 1), strings.Replace(ours, `"c":1`, `"c":2`, 1)},
		{"components.web.traits.scaler.replicas", "a parameter of a trait", "components", ours, strings.Replace(ours, `"replicas":2,"other":1`, `"replicas":5,"other":7`, 1), strings.Replace(ours, `"replicas":2`, `"replicas":5`, 1)},
		{"components.web.traits.scaler", "a whole trait that is gone", "components", ours, strings.Replace(ours, `,{"type":"scaler","properties":{"replicas":2,"other":1}}`, ``, 1),
			strings.Replace(ours, `,{"type":"scaler","properties":{"replicas":2,"other":1}}`, ``, 1)},
		{"components.web.traits.hpa", "a whole trait that came", "components", ours, strings.Replace(ours, `"other":1}}]`, `"other":1}},{"type":"hpa"}]`, 1), strings.Replace(ours, `"other":1}}]`, `"other":1}},{"type":"hpa"}]`, 1)},
		{"components.gone.properties.image", "a component that is not there", "components", ours, ours, ours},
		{"environments.prod.components.web.properties.image", "an override", "environments",
			`[{"name":"env-prod","type":"environment","properties":{"environment":"prod","components":[{"name":"web","properties":{"image":"a"}}]}}]`,
			`[{"name":"env-prod","type":"environment","properties":{"environment":"prod","components":[{"name":"web","properties":{"image":"b"}}]}}]`,
			`[{"name":"env-prod","type":"environment","properties":{"environment":"prod","components":[{"name":"web","properties":{"image":"b"}}]}}]`},
		{"policies.gc.properties.x", "another attribute", "components", ours, `[]`, ours},
		{"workflow.mode.steps", "an object", "workflow", `{"mode":{"steps":"DAG","x":1}}`, `{"mode":{"steps":"StepByStep","x":2}}`, `{"mode":{"steps":"StepByStep","x":1}}`},
	}
	for _, test := range tests {
		fields, findings := newIgnoredFields(paths(test.path))
		if len(findings) > 0 {
			t.Errorf("%s: %v", test.path, findings)
		}
		before := decoded(t, test.ours)
		got := fields.keep(test.root, before, decoded(t, test.live))
		if diff := cmp.Diff(decoded(t, test.want), got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", test.path, test.reason, diff)
		}
		if diff := cmp.Diff(decoded(t, test.ours), before); diff != "" {
			t.Errorf("%s: %s: the value itself was changed (-want +got):\n%s", test.path, test.reason, diff)
		}
	}
}

func TestIgnoredFieldsRefused(t *testing.T) {
	_, findings := newIgnoredFields(paths("components.web.properties.image", "components", "components.web", "spec.components", "components..x", `components["web`, "labels.x", ""))
	var got []string
	for _, finding := range findings {
		got = append(got, finding.Path)
	}
	want := []string{"ignore_fields[1]", "ignore_fields[2]", "ignore_fields[3]", "ignore_fields[4]", "ignore_fields[5]", "ignore_fields[6]", "ignore_fields[7]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
