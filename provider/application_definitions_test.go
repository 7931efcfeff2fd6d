// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// ledgerCUE is a component type that is not built in: an object of that kind.
func ledgerCUE(kind string) string {
	return `ledger: {
	type: "component"
	attributes: workload: definition: {apiVersion: "v1", kind: "` + kind + `"}
}
template: {
	parameter: {
		size: *1 | int
	}
	output: {
		apiVersion: "v1"
		kind:       "` + kind + `"
		data: size: "\(parameter.size)"
	}
}
`
}

// definitionsValue is a value of definitions; nil stands for one that is not known.
func definitionsValue(p *planner, given ...map[string]tftypes.Value) tftypes.Value {
	kind, _ := p.schema.ValueType().(tftypes.Object)
	list, _ := kind.AttributeTypes["definitions"].(tftypes.List)
	element, _ := list.ElementType.(tftypes.Object)
	values := make([]tftypes.Value, len(given))
	for i, one := range given {
		values[i] = tftypes.NewValue(element, tftypes.UnknownValue)
		if one != nil {
			values[i] = complete(element, one)
		}
	}
	return tftypes.NewValue(list, values)
}

const someLedger = `{ books = { type = "ledger", properties = { size = 3 } } }`

// TestGivenDefinitions plans an application of a type that is not built in.
func TestGivenDefinitions(t *testing.T) {
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	cue := func(kind string) map[string]tftypes.Value {
		return map[string]tftypes.Value{"cue": text(ledgerCUE(kind))}
	}
	in := func(namespace, kind string) map[string]tftypes.Value {
		return map[string]tftypes.Value{"cue": text(ledgerCUE(kind)), "namespace": text(namespace)}
	}
	const none = "Type is not built in: "
	tests := []struct {
		reason     string
		components string
		given      []map[string]tftypes.Value
		want       map[string]string
		warning    string
	}{
		{"nothing is given", someLedger, nil, nil, none},
		{"a file", someLedger, []map[string]tftypes.Value{cue("ConfigMap")}, map[string]string{"default/books/ConfigMap/books": "?"}, ""},
		{"a file that is not known yet", someLedger, []map[string]tftypes.Value{{"cue": unknown}}, nil, "Objects not known yet: "},
		{"a definition that is not known at all yet", someLedger, []map[string]tftypes.Value{nil}, nil, "Objects not known yet: "},
		{"the last one of a name counts", someLedger, []map[string]tftypes.Value{cue("ConfigMap"), cue("Secret")}, map[string]string{"default/books/Secret/books": "?"}, ""},
		{"that of the application's namespace before that of the system's", someLedger, []map[string]tftypes.Value{in("default", "Secret"), in("fairlead-system", "ConfigMap")},
			map[string]string{"default/books/Secret/books": "?"}, ""},
		{"another OAM platform's come last", someLedger, []map[string]tftypes.Value{in("fairlead-system", "Secret"), in("vela-system", "ConfigMap")},
			map[string]string{"default/books/Secret/books": "?"}, ""},
		{"that of another namespace is not for this application", someLedger, []map[string]tftypes.Value{in("other", "Secret")}, nil, none},
		{"a built-in type of the same name is hidden", `{ web = { type = "webservice", properties = { size = 3 } } }`,
			[]map[string]tftypes.Value{{"cue": text(strings.Replace(ledgerCUE("ConfigMap"), "ledger", "webservice", 1))}}, map[string]string{"default/web/ConfigMap/web": "?"}, ""},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			p := newPlanner(t)
			config := configOf(attributes(t, map[string]string{"components": test.components}))
			if test.given != nil {
				config["definitions"] = definitionsValue(p, test.given...)
			}
			checkPrefix(t, "validation", summaries(p.validate(applicationType, config), tfprotov6.DiagnosticSeverityError), "")
			resp := p.plan(applicationType, config)
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), test.warning)
			planned := p.decodeValue(applicationType, resp.PlannedState)
			if planned["resources"].IsKnown() != (test.want != nil) {
				t.Fatalf("resources: %s", planned["resources"])
			}
			if test.want == nil {
				return
			}
			if diff := cmp.Diff(test.want, resourcesOf(t, planned)); diff != "" {
				t.Errorf("resources (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGivenDefinitionsValidate checks properties against a definition that is given,
// and the definition itself.
func TestGivenDefinitionsValidate(t *testing.T) {
	p := newPlanner(t)
	tests := []struct{ reason, components, cue, want string }{
		{"a property that the type does not have", `{ books = { type = "ledger", properties = { sice = 3 } } }`, ledgerCUE("ConfigMap"), "Invalid application: components.books.properties.sice: "},
		{"a property of another type", `{ books = { type = "ledger", properties = { size = "many" } } }`, ledgerCUE("ConfigMap"), "Invalid application: components.books.properties.size: "},
		{"no definition", someLedger, "", "Invalid application: definitions[0].cue: is required"},
		{"a definition that is no CUE", someLedger, "ledger: {", "Invalid application: definitions[0].cue: "},
		{"a definition whose template refers to nothing", someLedger, strings.Replace(ledgerCUE("ConfigMap"), "parameter.size", "paramter.size", 1), "Invalid application: definitions[0].cue: "},
	}
	for _, test := range tests {
		config := configOf(attributes(t, map[string]string{"components": test.components}))
		given := map[string]tftypes.Value{"cue": text(test.cue)}
		if test.cue == "" {
			delete(given, "cue")
		}
		config["definitions"] = definitionsValue(p, given)
		checkPrefix(t, test.reason, summaries(p.validate(applicationType, config), tfprotov6.DiagnosticSeverityError), test.want)
	}
}

// TestGivenDefinitionsChange changes nothing but a definition: that is a change of the
// application where it means something else, and none in another layout, as an import
// of the definition brings it.
func TestGivenDefinitionsChange(t *testing.T) {
	p := newPlanner(t)
	before := ledgerCUE("ConfigMap")
	imported := func(file string) string {
		read, err := definition.Parse("cue", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		out, err := read.CUE()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Replace(out, "template: {", "template: {\n\t// By somebody.\n", 1)
	}
	given := func(file, namespace string) map[string]tftypes.Value {
		out := map[string]tftypes.Value{"cue": text(file)}
		if namespace != "" {
			out["namespace"] = text(namespace)
		}
		return out
	}
	ref := given(imported(before), "default")
	ref["kind"], ref["name"] = text("component"), text("ledger")
	for _, test := range []struct {
		reason         string
		after          map[string]tftypes.Value
		object         string
		changes, empty bool
	}{
		{"the same", given(before, ""), "ConfigMap", false, true},
		{"what an import makes of it", given(imported(before), ""), "ConfigMap", false, true},
		{"another object", given(ledgerCUE("Secret"), ""), "Secret", true, false},
		{"another object, as an import writes it", given(imported(ledgerCUE("Secret")), ""), "Secret", true, false},
		{"a ref in place of a file", ref, "ConfigMap", false, false},
		{"another place among those where types are looked for", given(before, "fairlead-system"), "ConfigMap", true, false},
	} {
		with := func(given map[string]tftypes.Value) map[string]tftypes.Value {
			out := attributes(t, map[string]string{"components": someLedger})
			out["definitions"] = definitionsValue(p, given)
			return out
		}
		state := stateOf(with(given(before, "")))
		state["resources"] = resourcesValue(map[string]string{"default/books/ConfigMap/books": someDigest})
		planned := p.decodeValue(applicationType, p.change(state, configOf(with(test.after))).PlannedState)
		if planned["revision"].IsKnown() == test.changes {
			t.Errorf("%s: revision %s", test.reason, planned["revision"])
		}
		if _, there := resourcesOf(t, planned)["default/books/"+test.object+"/books"]; !there {
			t.Errorf("%s: resources %s", test.reason, planned["resources"])
		}
		if planned["definitions"].Equal(state["definitions"]) != test.empty {
			t.Errorf("%s: definitions %s", test.reason, planned["definitions"])
		}
		if kept := strings.Contains(planned["definitions"].String(), "By somebody."); kept && !test.changes {
			t.Errorf("%s: the text changes: %s", test.reason, planned["definitions"])
		}
	}
}

// TestDefinitionRef checks that what an application may know of a definition is known
// at plan, in both forms.
func TestDefinitionRef(t *testing.T) {
	p := newPlanner(t)
	for reason, config := range map[string]map[string]tftypes.Value{
		"a file": {"cue": text(ledgerCUE("ConfigMap"))},
		"attributes": {"kind": text("component"), "name": text("ledger"), "namespace": text("default"),
			"template": text("parameter: {\n\tsize: *1 | int\n}\noutput: {\n\tapiVersion: \"v1\"\n\tkind: \"ConfigMap\"\n}\n")},
	} {
		planned := p.decodeValue("fairlead_definition", p.plan("fairlead_definition", config).PlannedState)
		ref := map[string]tftypes.Value{}
		if err := planned["ref"].As(&ref); err != nil || !planned["ref"].IsFullyKnown() {
			t.Fatalf("%s: ref %s: %v", reason, planned["ref"], err)
		}
		app := configOf(attributes(t, map[string]string{"components": someLedger}))
		app["definitions"] = definitionsValue(p, ref)
		got := resourcesOf(t, p.decodeValue(applicationType, p.plan(applicationType, app).PlannedState))
		if diff := cmp.Diff(map[string]string{"default/books/ConfigMap/books": "?"}, got); diff != "" {
			t.Errorf("%s: resources of an application (-want +got):\n%s", reason, diff)
		}
	}
	open := p.decodeValue("fairlead_definition", p.plan("fairlead_definition", map[string]tftypes.Value{"cue": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)}).PlannedState)
	if open["ref"].IsKnown() {
		t.Errorf("ref of what is not known yet: %s", open["ref"])
	}
}

// TestGivenDefinitionsOfAnUnknownNamespace plans while the application's namespace is
// not known, and again when it is: what the first plan lists holds in the second.
func TestGivenDefinitionsOfAnUnknownNamespace(t *testing.T) {
	p := newPlanner(t)
	for _, test := range []struct {
		reason, of string
		known      bool
	}{
		{"a definition of a namespace that may be the application's", "other", false},
		{"one that each application finds", "fairlead-system", true},
		{"one of the application's own namespace, whichever that is", "", true},
	} {
		given := map[string]tftypes.Value{"cue": text(ledgerCUE("ConfigMap"))}
		if test.of != "" {
			given["namespace"] = text(test.of)
		}
		plan := func(namespace tftypes.Value) map[string]string {
			config := configOf(attributes(t, map[string]string{"components": someLedger}))
			config["definitions"], config["namespace"] = definitionsValue(p, given), namespace
			checkPrefix(t, test.reason, summaries(p.validate(applicationType, config), tfprotov6.DiagnosticSeverityError), "")
			planned := p.decodeValue(applicationType, p.plan(applicationType, config).PlannedState)
			if !planned["resources"].IsKnown() {
				return nil
			}
			return resourcesOf(t, planned)
		}
		first := plan(tftypes.NewValue(tftypes.String, tftypes.UnknownValue))
		if (first != nil) != test.known {
			t.Errorf("%s: the first plan has %v", test.reason, first)
		}
		for _, namespace := range []string{"default", "other"} {
			if problem := inconsistent(first, plan(text(namespace))); problem != "" {
				t.Errorf("%s, then %s: %s", test.reason, namespace, problem)
			}
		}
	}
}
