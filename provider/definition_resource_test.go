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
		{"a file beside its kind and name", map[string]tftypes.Value{"cue": text(header + "template: {\n\tparameter: {}\n\toutput: {}\n}"), "kind": text("component"), "name": text("own")}, ""},
		{"a file beside another name", map[string]tftypes.Value{"cue": text(header + "template: {\n\tparameter: {}\n\toutput: {}\n}"), "name": text("theirs")},
			`Another definition: name: is "theirs", and cue is the definition of the component type "own".`},
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

// TestDefinitionNameOpen plans and applies while the file is known only after apply: the
// plan knows the type where it is given beside the file, and a file of another one is
// told by an error of ours; else a warning stands beside what engines say.
func TestDefinitionNameOpen(t *testing.T) {
	e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), map[string]tftypes.Value{"host": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)})})
	file := func(name string) tftypes.Value {
		return text(name + ": {\n\ttype: \"trait\"\n\tdescription: \"It.\"\n\tattributes: {}\n}\ntemplate: {\n\tparameter: {}\n\tpatch: {}\n}\n")
	}
	open := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	state := map[string]tftypes.Value{"cue": file("own"), "kind": text("trait"), "name": text("own"), "namespace": text("fairlead-system"), "id": text("trait/fairlead-system/own")}
	named := func(cue tftypes.Value) map[string]tftypes.Value {
		return map[string]tftypes.Value{"cue": cue, "kind": text("trait"), "name": text("own")}
	}
	unnamed := func(cue tftypes.Value) map[string]tftypes.Value { return map[string]tftypes.Value{"cue": cue} }
	const mine, theirs = "trait/fairlead-system/own", "trait/fairlead-system/other"
	tests := []struct {
		reason         string
		state, config  map[string]tftypes.Value
		id             string
		replaced       bool
		error, warning string
	}{
		{"a create of what is not known yet", nil, unnamed(open), "", false, "", ""},
		{"a create of what is not known yet, beside its name", nil, named(open), mine, false, "", ""},
		{"a change of what is not known yet", state, unnamed(open), mine, false, "", "Definition not known yet: cue: "},
		{"a change of what is not known yet, beside its name", state, named(open), mine, false, "", ""},
		{"it turns out to be of another type", state, unnamed(file("other")), theirs, true, "", `Another definition: cue: is the definition of the trait type "other"`},
		{"it turns out to be of another type than stands beside it", state, named(file("other")), "", false, `Another definition: name: is "own", and cue is the definition of the trait type "other"`, ""},
		{"it turns out to be the same", state, named(file("own")), mine, false, "", ""},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			resp := e.replan("fairlead_definition", test.state, test.config)
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), test.error)
			checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), test.warning)
			if test.error != "" {
				return
			}
			id := e.decodeValue("fairlead_definition", resp.PlannedState)["id"]
			if id.IsKnown() != (test.id != "") || test.id != "" && !id.Equal(text(test.id)) {
				t.Errorf("id %s, want %q", id, test.id)
			}
			if got := len(resp.RequiresReplace) > 0; got != test.replaced {
				t.Errorf("replaced: %t", got)
			}
		})
	}
}

// replan plans a change as engines do: what a provider may compute is proposed as it was.
func (e *engine) replan(typeName string, state, config map[string]tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	e.t.Helper()
	if state == nil {
		return e.plan(typeName, config)
	}
	schema := e.schema.ResourceSchemas[typeName]
	proposed := map[string]tftypes.Value{}
	for _, attribute := range schema.Block.Attributes {
		if value, known := state[attribute.Name]; known && attribute.Computed {
			proposed[attribute.Name] = value
		}
	}
	for name, value := range config {
		proposed[name] = value
	}
	resp, err := e.server.PlanResourceChange(e.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: typeName, PriorState: e.dynamic(schema, state), ProposedNewState: e.dynamic(schema, proposed), Config: e.dynamic(schema, config),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
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
