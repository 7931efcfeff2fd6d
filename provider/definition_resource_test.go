// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// validate validates the configuration of a resource.
func (e *engine) validate(typeName string, config map[string]tftypes.Value) []*tfprotov6.Diagnostic {
	e.t.Helper()
	resp, err := e.server.ValidateResourceConfig(e.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: typeName,
		Config:   e.dynamic(e.schema.ResourceSchemas[typeName], config),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return resp.Diagnostics
}

// TestDefinitionOfAnUnknownKind checks that a kind that is none is told of once.
func TestDefinitionOfAnUnknownKind(t *testing.T) {
	e, _ := newEngine(t, nil, nil)
	diagnostics := e.validate("fairlead_definition", map[string]tftypes.Value{"kind": text("komponent"), "name": text("a"), "template": text("output: {}")})
	if len(diagnostics) != 1 || !strings.Contains(diagnostics[0].Detail, `"component"`) {
		t.Errorf("got %s, want one error that tells the kinds", summaries(diagnostics, tfprotov6.DiagnosticSeverityError))
	}
}

// TestDefinitionValidate checks what is found without a hub.
func TestDefinitionValidate(t *testing.T) {
	e, _ := newEngine(t, nil, nil)
	const header = "own: {\n\ttype: \"component\"\n\tattributes: {}\n}\n"
	tests := []struct {
		reason string
		config map[string]tftypes.Value
		want   string
	}{
		{"a whole file", map[string]tftypes.Value{"cue": text(header + "template: {\n\tparameter: {}\n\toutput: {}\n}")}, ""},
		{"what is unknown is not checked", map[string]tftypes.Value{"cue": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)}, ""},
		{"an element that is unknown", map[string]tftypes.Value{"kind": text("trait"), "name": text("a"), "template": text("parameter: {}\npatch: {}"),
			"applies_to": tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, []tftypes.Value{tftypes.NewValue(tftypes.String, tftypes.UnknownValue)})}, ""},
		{"a file that is no CUE", map[string]tftypes.Value{"cue": text(header + "template: {")}, "Invalid definition: parse definition cue:"},
		{"a reference to nothing, with its line", map[string]tftypes.Value{"cue": text(header + "template: {\n\tparameter: {}\n\toutput: {a: parameterx.b}\n}")},
			"Invalid definition: template, line 3: "},
		{"a kind that does not exist", map[string]tftypes.Value{"cue": text("own: type: \"komponent\"\ntemplate: {}")}, `Invalid definition: read definition cue: own.type is "komponent"; use "component"`},
		{"both forms", map[string]tftypes.Value{"cue": text(header + "template: {output: {}}"), "stage": text("PreDispatch")}, "Definition given twice: stage:"},
		{"attributes without a name", map[string]tftypes.Value{"kind": text("trait"), "template": text("patch: {}")}, "Missing name:"},
		{"neither form", map[string]tftypes.Value{"kind": text("trait"), "name": text("a")}, "Invalid Attribute Combination"},
		{"attributes", map[string]tftypes.Value{"kind": text("trait"), "name": text("a"), "template": text("parameter: {}\npatch: {}")}, ""},
		{"attributes with a mistake", map[string]tftypes.Value{"kind": text("trait"), "name": text("a"), "template": text("parameter: {}\npatch: a: b")},
			"Invalid definition: template, line 2: "},
		{"a policy that is part of the addon", map[string]tftypes.Value{"kind": text("policy"), "name": text("topology"), "template": text("parameter: {}")},
			`Invalid definition: policies of the type "topology" are part of the addon`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			got := summaries(e.validate("fairlead_definition", test.config), tfprotov6.DiagnosticSeverityError)
			checkPrefix(t, "error", got, test.want)
		})
	}
}

// TestDefinitionName checks that the plan takes kind and name from the file, and
// says what could be better.
func TestDefinitionName(t *testing.T) {
	schema := schemaOf(t)
	unknown := hubValue(schema, map[string]tftypes.Value{"host": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)})
	e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": unknown})
	resp := e.plan("fairlead_definition", map[string]tftypes.Value{"cue": text("own: {\n\ttype: \"trait\"\n\tattributes: appliesToWorkloads: [\"webservise\"]\n}\ntemplate: {\n\tparameter: {}\n\tpatch: {}\n}")})
	checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
	planned := e.decodeValue("fairlead_definition", resp.PlannedState)
	for name, want := range map[string]string{"kind": "trait", "name": "own", "namespace": "fairlead-system", "id": "trait/fairlead-system/own"} {
		if !planned[name].Equal(text(want)) {
			t.Errorf("%s is %s, want %q", name, planned[name], want)
		}
	}
	warnings := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning)
	if !strings.Contains(warnings, "webservice") || !strings.Contains(warnings, "description") {
		t.Errorf("the plan does not say what could be better: %s", warnings)
	}
}

// TestSameDefinition checks what counts as a change of a definition.
func TestSameDefinition(t *testing.T) {
	object := func(change func(m *definitionModel)) *unstructured.Unstructured {
		m := &definitionModel{
			Kind: types.StringValue("trait"), Name: types.StringValue("a"), Namespace: types.StringValue("b"), Template: types.StringValue("parameter: {}\npatch: {a: 1}"),
		}
		change(m)
		made, err := m.object(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	wanted := object(func(*definitionModel) {})
	tests := []struct {
		reason string
		live   func(live *unstructured.Unstructured)
		want   bool
	}{
		{"the same", func(*unstructured.Unstructured) {}, true},
		{"another layout", func(live *unstructured.Unstructured) {
			_ = unstructured.SetNestedField(live.Object, "\n\t\tparameter:   {}\n\t\tpatch: {a: 1}\n", "spec", "schematic", "cue", "template")
		}, true},
		{"labels of others", func(live *unstructured.Unstructured) { live.SetLabels(map[string]string{"of": "others"}) }, true},
		{"another template", func(live *unstructured.Unstructured) {
			_ = unstructured.SetNestedField(live.Object, "parameter: {}", "spec", "schematic", "cue", "template")
		}, false},
		{"a field more", func(live *unstructured.Unstructured) {
			_ = unstructured.SetNestedField(live.Object, true, "spec", "podDisruptive")
		}, false},
		{"status does not count", func(live *unstructured.Unstructured) { live.Object["status"] = map[string]any{"x": "y"} }, true},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			live := wanted.DeepCopy()
			test.live(live)
			if got := sameDefinition(wanted, live); got != test.want {
				t.Errorf("same: %t, want %t", got, test.want)
			}
		})
	}
}

// TestAsBefore checks what is put back after a definition that is refused: without
// its owner it would be nobody's, and the next apply would not take it.
func TestAsBefore(t *testing.T) {
	made := func(labels, annotations map[string]string) *unstructured.Unstructured {
		object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"version": "1.0.0"}}}
		object.SetGroupVersionKind(definitionObjectKind(definition.Trait))
		object.SetNamespace("fairlead-system")
		object.SetName("own")
		object.SetLabels(labels)
		object.SetAnnotations(annotations)
		return object
	}
	live := made(
		map[string]string{"team": "shop", "dropped": "yes", "of": "others"},
		map[string]string{v1alpha1.AnnotationOwner: "acme/shop", annotationDescription: "Mine.", "note": "of others"})
	live.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: hub.FieldManager, Operation: metav1.ManagedFieldsOperationApply, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:dropped":{}}}}`),
	}})
	live.Object["status"] = map[string]any{"x": "y"}
	desired := made(map[string]string{"team": "other", "new": "yes"}, map[string]string{v1alpha1.AnnotationOwner: "acme/other"})
	want := made(
		map[string]string{"team": "shop", "dropped": "yes"},
		map[string]string{v1alpha1.AnnotationOwner: "acme/shop", annotationDescription: "Mine."})
	if diff := cmp.Diff(want.Object, asBefore(live, desired).Object); diff != "" {
		t.Errorf("what is put back (-want +got):\n%s", diff)
	}
	bare := made(nil, nil)
	if diff := cmp.Diff(bare.Object, asBefore(bare, desired).Object); diff != "" {
		t.Errorf("of an object without labels and annotations (-want +got):\n%s", diff)
	}
}
