// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue/hcltest"
)

// wholeConfigurations are configurations by resource type, in HCL. Together those of a
// type give every attribute that can be given.
func wholeConfigurations() map[string][]string {
	const timeouts = `timeouts = { create = "1m", update = "1m", delete = "1m" }`
	const expressions = `[{ key = "a", operator = "In", values = ["b"] }]`
	return map[string][]string{
		"fairlead_addon": {`{ namespace = "fairlead-system", image = "ghcr.io/acme/addon:1", replicas = 2, crds = "apply", wait = true,
			values = { resources = { limits = { memory = "1Gi" } } }, ` + timeouts + ` }`},
		"fairlead_environment": {`{ name = "prod", after = ["dev"], after_policy = "Skip", permissions = "fairlead-deployer", adopt_existing = true, ` + timeouts + `,
			application_namespaces = { names = ["shop"], create = true, selector = { match_labels = { a = "b" }, match_expressions = ` + expressions + ` } },
			target_namespace = { prefix = "a-", suffix = "-b" },
			namespace_options = { create = true, adopt = true, prepare = true, labels = { a = "b" }, annotations = { a = "b" }, image_pull_secrets = ["pull"],
				objects = [{ apiVersion = "v1", kind = "ResourceQuota", metadata = { name = "small" }, spec = { hard = { pods = "10" } } }] },
			defaults = { webservice = { properties = { cpu = "1" }, traits = { scaler = { replicas = 3 } } } },
			constraints = { allowed_registries = ["ghcr.io"], require_image_digest = true, allowed_kinds = ["Deployment.apps"], denied_kinds = ["Secret"],
				allow_cluster_scoped = true, max_replicas = 3 },
			approval = { required = true, message = "look", timeout = "24h" },
			propagation = { type = "Rolling", max_concurrent = 2 },
			deletion = { protection = false, policy = "Delete", unreachable = "Wait", timeout = "1h" } }`,
			`{ name = "prod", target_namespace = { name = "shop-prod" } }`},
		"fairlead_cluster_binding": {`{ name = "prod", environment = "prod", clusters = ["eu-1"], adopt_existing = true, ` + timeouts + `,
			overrides = [{ application = "*", componentType = "webservice", component = "web", properties = { cpu = "1" }, traits = { scaler = { replicas = 6 } } }],
			rollout = { type = "Progressive", max_concurrency = "2", mandatory_decision_groups = ["canary"], min_success_time = "2m", progress_deadline = "10m",
				max_failures = "25%", stall_after = "90s", replacement = "SurgeFirst" } }`,
			`{ name = "prod", environment = "prod", placement = { cluster_sets = ["global"], match_labels = { a = "b" }, match_expressions = ` + expressions + `,
				claim_selector = { match_expressions = ` + expressions + ` }, cel_expressions = ["true"], number_of_clusters = 2,
				spread = [{ topology_key = "region", topology_key_type = "Label", max_skew = 1, when_unsatisfiable = "ScheduleAnyway" }],
				tolerations = [{ key = "k", operator = "Equal", value = "v", effect = "NoSelect", toleration_seconds = 30 }],
				prioritizers = [{ built_in = "Steady", weight = 1 }, { add_on = { resource_name = "r", score_name = "s" }, weight = 2 }] } }`},
		"fairlead_definition": {`{ kind = "trait", namespace = "fairlead-system", name = "own", description = "d", version = "1.0.0", labels = { a = "b" },
			applies_to = ["deployments.apps"], conflicts_with = ["other"], stage = "PreDispatch", pod_disruptive = true, manage_workload = true,
			workload_ref_path = "spec.ref", template = "parameter: {n: int}\npatch: spec: replicas: parameter.n", health_policy = "isHealth: true",
			custom_status = "message: \"m\"", details = "a: \"b\"", wait = true, adopt_existing = true, ` + timeouts + ` }`,
			`{ kind = "component", name = "own", workload = { api_version = "apps/v1", kind = "Deployment" }, template = "parameter: {}\noutput: {apiVersion: \"apps/v1\", kind: \"Deployment\"}" }`,
			`{ kind = "component", name = "own", workload = { type = "deployments.apps" }, template = "parameter: {}\noutput: {apiVersion: \"apps/v1\", kind: \"Deployment\"}" }`,
			`{ kind = "policy", name = "own", manage_health_check = true, template = "parameter: {}\noutput: {apiVersion: \"v1\", kind: \"ConfigMap\"}" }`,
			`{ cue = "own: {\n\ttype: \"trait\"\n\tattributes: {}\n}\ntemplate: {\n\tparameter: {}\n\tpatch: {}\n}" }`},
		"fairlead_managed_cluster": {`{ name = "eu-1", labels = { a = "b" }, cluster_set = "production", lease_duration = "1m", adopt_existing = true, ` + timeouts + `,
			taints = [{ key = "k", value = "v", effect = "NoSelect" }] }`},
		"fairlead_rollout": {`{ application = "shop/web", revision = "0123456789ab", on_failure = "warn", timeouts = { create = "1m", update = "1m" } }`},
		"fairlead_application": {`{ name = "shop", namespace = "shop", labels = { a = "b" }, annotations = { a = "b" }, adopt_existing = true, ` + timeouts + `,
			ignore_fields = ["components.web.properties.image"], deletion = { protection = false },
			definitions = [{ cue = "own: {\n\ttype: \"trait\"\n\tattributes: {}\n}\ntemplate: {\n\tparameter: {}\n\tpatch: {}\n}", namespace = "fairlead-system", kind = "trait", name = "own" }],
			secrets_wo = { db = { password = "p" } }, environment_secrets_wo = { prod = { db = { password = "p" } } }, secrets_wo_version = "1",
			components = {
				web = { type = "webservice", properties = { image = "a", ports = [{ port = 8080, expose = true }], env = [{ name = "A", value = "b" }] },
					traits = { scaler = { replicas = 2 }, labels = { a = "b" } }, dependsOn = ["job"] },
				job = { type = "task", properties = { image = "a", cmd = ["x"] }, traits = [{ type = "labels", properties = { a = "b" } }] } },
			environments = { prod = { selector = ["web"], components = { web = { properties = { cpu = "1" }, traits = { scaler = { replicas = 6 } } } },
				ref = { name = "prod", target_namespace = { suffix = "-prod" }, after = ["dev"], constraints = { allowed_registries = ["ghcr.io"] }, defaults = { webservice = { traits = { scaler = { replicas = 3 } } } } } } },
			policies = [{ name = "o", type = "override", properties = { components = [{ name = "web" }] } }],
			workflow = { mode = { steps = "DAG" }, steps = [{ name = "s", type = "apply-component", properties = { component = "web" } }] } }`},
	}
}

// TestOddValues gives each value of each resource, one after the other, as null, as
// unknown and as what nobody expects there. Whatever that is, it ends in a plan that an
// engine accepts or in an error for people: never in a panic, nor in an error of the
// framework, which calls it a fault of the provider.
func TestOddValues(t *testing.T) {
	schema := schemaOf(t)
	away := hubValue(schema, map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("t")})
	for typeName, resource := range schema.ResourceSchemas {
		t.Run(typeName, func(t *testing.T) {
			e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": away})
			given := map[string]bool{}
			for _, expression := range wholeConfigurations()[typeName] {
				config := conform(t, resource.ValueType(), valueOfHCL(t, expression))
				state := e.checkWhole(typeName, config)
				for name, value := range objectOf(config) {
					given[name] = given[name] || !value.IsNull()
				}
				for _, odd := range oddInside(config, false) {
					e.checkOdd(typeName, odd, state)
				}
			}
			for _, attribute := range resource.Block.Attributes {
				if (attribute.Optional || attribute.Required) && !given[attribute.Name] {
					t.Errorf("%s is in none of the configurations", attribute.Name)
				}
			}
		})
	}
}

// checkWhole checks that a configuration is planned without an error, and returns the
// state that it may lead to.
func (e *engine) checkWhole(typeName string, config tftypes.Value) tftypes.Value {
	e.t.Helper()
	none := tftypes.NewValue(config.Type(), nil)
	planned, problems := e.propose(typeName, none, config)
	if planned.IsNull() {
		problems = append(problems, summaries(e.validate(typeName, objectOf(config)), tfprotov6.DiagnosticSeverityError))
	}
	if len(problems) > 0 {
		e.t.Fatalf("%s without oddities: %s", config, problems)
	}
	state, err := tftypes.Transform(planned, func(_ *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if value.IsKnown() {
			return value, nil
		}
		return somethingOf(value.Type()), nil
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return state
}

// somethingOf is some known value of the type.
func somethingOf(kind tftypes.Type) tftypes.Value {
	switch {
	case kind.Is(tftypes.String):
		return text("0123456789ab")
	case kind.Is(tftypes.Map{}):
		return tftypes.NewValue(kind, map[string]tftypes.Value{})
	}
	return tftypes.NewValue(kind, nil)
}

// checkOdd validates and plans a configuration, for a new object and for one that is there.
func (e *engine) checkOdd(typeName string, odd oddOne, state tftypes.Value) {
	e.t.Helper()
	defer func() {
		if cause := recover(); cause != nil {
			e.t.Errorf("%s: panic: %v\n%s", odd.what, cause, debug.Stack())
		}
	}()
	e.checkUnknown(typeName, odd)
	for _, prior := range []tftypes.Value{tftypes.NewValue(state.Type(), nil), state} {
		planned, problems := e.propose(typeName, prior, odd.value)
		for _, problem := range problems {
			e.t.Errorf("%s: %s", odd.what, problem)
		}
		if planned.IsNull() {
			continue
		}
		e.checkPlan(odd.what, e.schema.ResourceSchemas[typeName].Block.Attributes, objectOf(planned), objectOf(odd.value), objectOf(prior))
		if !prior.IsNull() || !odd.value.IsFullyKnown() || typeName == "fairlead_rollout" { // which waits for the hub
			continue
		}
		resp, err := e.server.ApplyResourceChange(e.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
			TypeName: typeName, PriorState: e.wire(prior), PlannedState: e.wire(planned), Config: e.wire(odd.value),
		})
		if err != nil {
			e.t.Fatal(err)
		}
		for _, problem := range unhelpful(resp.Diagnostics) {
			e.t.Errorf("%s: while it is made: %s", odd.what, problem)
		}
	}
}

// checkUnknown checks that nothing is refused for not being known yet, as each input
// variable is while a configuration is validated.
func (e *engine) checkUnknown(typeName string, odd oddOne) {
	e.t.Helper()
	if odd.value.IsFullyKnown() {
		return
	}
	validated, err := e.server.ValidateResourceConfig(e.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: typeName, Config: e.wire(odd.value),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	// What nobody can configure may be refused.
	ours := slices.DeleteFunc(validated.Diagnostics, func(d *tfprotov6.Diagnostic) bool {
		return d.Summary == "Invalid Configuration for Read-Only Attribute"
	})
	if refused := summaries(ours, tfprotov6.DiagnosticSeverityError); refused != "" {
		e.t.Errorf("%s is refused while it is not known: %s", odd.what, refused)
	}
}

// TestOddValuesOfDataSources is the same for what data sources are given, which engines
// read when all of it is known.
func TestOddValuesOfDataSources(t *testing.T) {
	schema := schemaOf(t)
	away := hubValue(schema, map[string]tftypes.Value{"host": text("https://127.0.0.1:1"), "token": text("t")})
	configurations := map[string]string{
		"fairlead_clusters": `{ names = ["a"], cluster_sets = ["global"], match_labels = { a = "b" }, available = true,
			match_expressions = [{ key = "a", operator = "In", values = ["b"] }] }`,
		"fairlead_environment":        `{ name = "prod" }`,
		"fairlead_application":        `{ name = "shop", namespace = "shop" }`,
		"fairlead_placement_decision": `{ placement = "a", namespace = "b" }`,
		"fairlead_definition":         `{ kind = "trait", name = "scaler", namespace = "shop" }`,
	}
	for typeName, source := range schema.DataSourceSchemas {
		t.Run(typeName, func(t *testing.T) {
			e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": away})
			for _, odd := range oddInside(conform(t, source.ValueType(), valueOfHCL(t, configurations[typeName])), false) {
				e.checkOddSource(typeName, odd)
			}
		})
	}
}

// checkOddSource validates the configuration of a data source, and reads it.
func (e *engine) checkOddSource(typeName string, odd oddOne) {
	e.t.Helper()
	defer func() {
		if cause := recover(); cause != nil {
			e.t.Errorf("%s: panic: %v\n%s", odd.what, cause, debug.Stack())
		}
	}()
	validated, err := e.server.ValidateDataResourceConfig(e.t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{TypeName: typeName, Config: e.wire(odd.value)})
	if err != nil {
		e.t.Fatal(err)
	}
	problems := unhelpful(validated.Diagnostics)
	if odd.value.IsFullyKnown() && summaries(validated.Diagnostics, tfprotov6.DiagnosticSeverityError) == "" {
		read, err := e.server.ReadDataSource(e.t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: typeName, Config: e.wire(odd.value)})
		if err != nil {
			e.t.Fatal(err)
		}
		problems = append(problems, unhelpful(read.Diagnostics)...)
	}
	for _, problem := range problems {
		e.t.Errorf("%s: %s", odd.what, problem)
	}
}

// propose validates and plans a configuration. It returns what is planned, null with an
// error, and the diagnostics that nobody could act on.
func (e *engine) propose(typeName string, prior, config tftypes.Value) (planned tftypes.Value, problems []string) {
	e.t.Helper()
	validated, err := e.server.ValidateResourceConfig(e.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: typeName, Config: e.wire(config),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	none := tftypes.NewValue(config.Type(), nil)
	if problems = unhelpful(validated.Diagnostics); summaries(validated.Diagnostics, tfprotov6.DiagnosticSeverityError) != "" {
		return none, problems
	}
	resp, err := e.server.PlanResourceChange(e.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: typeName, PriorState: e.wire(prior), Config: e.wire(config),
		ProposedNewState: e.wire(e.proposal(typeName, prior, config)),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	if problems = append(problems, unhelpful(resp.Diagnostics)...); summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError) != "" {
		return none, problems
	}
	planned, err = resp.PlannedState.Unmarshal(config.Type())
	if err != nil {
		e.t.Fatal(err)
	}
	return planned, problems
}

// wire encodes a value as engines do.
func (e *engine) wire(value tftypes.Value) *tfprotov6.DynamicValue {
	e.t.Helper()
	encoded, err := tfprotov6.NewDynamicValue(value.Type(), value)
	if err != nil {
		e.t.Fatal(err)
	}
	return &encoded
}

// proposal is what an engine proposes: the configuration, and the state where that says nothing.
func (e *engine) proposal(typeName string, prior, config tftypes.Value) tftypes.Value {
	proposed, before := maps.Clone(objectOf(config)), objectOf(prior)
	for _, attribute := range e.schema.ResourceSchemas[typeName].Block.Attributes {
		switch given := proposed[attribute.Name]; {
		case attribute.WriteOnly:
			proposed[attribute.Name] = tftypes.NewValue(given.Type(), nil)
		case !attribute.Computed || !given.IsNull():
		case before == nil:
			proposed[attribute.Name] = tftypes.NewValue(attribute.ValueType(), tftypes.UnknownValue)
		default:
			proposed[attribute.Name] = before[attribute.Name]
		}
	}
	return tftypes.NewValue(config.Type(), proposed)
}

// unhelpful are the diagnostics that call something a fault of the provider, and those
// that say nothing.
func unhelpful(diagnostics []*tfprotov6.Diagnostic) (problems []string) {
	for _, d := range diagnostics {
		said := d.Summary + ": " + d.Detail
		if d.Detail == "" || strings.Contains(said, "error in the provider") || strings.Contains(said, "report") || strings.Contains(said, "%!") {
			problems = append(problems, said)
		}
	}
	return problems
}

// checkPlan checks that each attribute is planned as it is configured, or as it was: all
// else engines refuse, and print what is planned, with what is sensitive.
func (e *engine) checkPlan(what string, attributes []*tfprotov6.SchemaAttribute, planned, config, prior map[string]tftypes.Value) {
	e.t.Helper()
	for _, attribute := range attributes {
		name := attribute.Name
		got, want := planned[name], config[name]
		before, both := prior[name]
		switch {
		case attribute.Computed && (want.IsNull() || config == nil), got.Equal(want), both && got.Equal(before):
		case attribute.WriteOnly && got.IsNull():
		case attribute.NestedType != nil && attribute.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle && want.IsKnown() && !want.IsNull():
			e.checkPlan(what+" in "+name, attribute.NestedType.Attributes, objectOf(got), objectOf(want), objectOf(before))
		case attribute.NestedType != nil && want.IsKnown() && !want.IsNull():
			// Lists of objects have defaults inside.
		default:
			e.t.Errorf("%s: %s is planned as %s, configured as %s", what, name, got, want)
		}
	}
}

// oddOne is a configuration with one value that is odd.
type oddOne struct {
	what  string
	value tftypes.Value
}

// oddOnes are the values that differ from the given one in one place. What is free may
// be of any type there.
func oddOnes(value tftypes.Value, free bool) []oddOne {
	kind := value.Type()
	odd := []oddOne{{"null", tftypes.NewValue(kind, nil)}, {"unknown", tftypes.NewValue(kind, tftypes.UnknownValue)}}
	if free {
		odd = append(odd, freeOnes()...)
	}
	if kind.Is(tftypes.String) {
		odd = append(odd, oddOne{"empty", text("")}, oddOne{"long", text(strings.Repeat("%s", 200))})
	}
	if kind.Is(tftypes.Number) {
		odd = append(odd, oddOne{"negative", tftypes.NewValue(kind, -1)})
	}
	odd = slices.DeleteFunc(odd, func(one oddOne) bool { return one.value.Equal(value) })
	if value.IsNull() || !value.IsKnown() {
		return odd
	}
	return append(odd, oddInside(value, free)...)
}

// freeOnes are the values that may stand where any type may.
func freeOnes() []oddOne {
	var all []oddOne
	free := tftypes.DynamicPseudoType
	tuple := tftypes.Tuple{ElementTypes: []tftypes.Type{free}}
	for _, value := range []tftypes.Value{
		text("odd"), tftypes.NewValue(tftypes.Number, -1.5), tftypes.NewValue(free, nil), tftypes.NewValue(free, tftypes.UnknownValue),
		tftypes.NewValue(tuple, []tftypes.Value{tftypes.NewValue(free, nil)}),
		tftypes.NewValue(tftypes.Tuple{ElementTypes: []tftypes.Type{}}, []tftypes.Value{}),
		tftypes.NewValue(tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}, map[string]tftypes.Value{}),
		tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, map[string]tftypes.Value{"a": text("b")}),
	} {
		all = append(all, oddOne{"any: " + value.String(), value})
	}
	return all
}

// oddInside are the odd ones of the elements of a value.
func oddInside(value tftypes.Value, free bool) (odd []oddOne) {
	kind := value.Type()
	switch kind := kind.(type) {
	case tftypes.Object:
		for name, element := range objectOf(value) {
			within := free || kind.AttributeTypes[name].Is(tftypes.DynamicPseudoType)
			for _, one := range oddOnes(element, within) {
				elements := maps.Clone(objectOf(value))
				elements[name] = one.value
				odd = append(odd, oddOne{name + "." + one.what, objectWith(kind, elements, free)})
			}
		}
	case tftypes.Map:
		for name, element := range objectOf(value) {
			for _, one := range oddOnes(element, false) {
				odd = append(odd, oddOne{name + "." + one.what, tftypes.NewValue(kind, map[string]tftypes.Value{name: one.value})})
			}
		}
		odd = append(odd, oddOne{"empty", tftypes.NewValue(kind, map[string]tftypes.Value{})})
	case tftypes.List, tftypes.Set, tftypes.Tuple:
		odd = oddElements(value, free)
	}
	return odd
}

// oddElements are the odd ones of the elements of a list, and the list that has none.
func oddElements(value tftypes.Value, free bool) (odd []oddOne) {
	var elements []tftypes.Value
	if err := value.As(&elements); err != nil {
		panic(err)
	}
	for i, element := range elements {
		for _, one := range oddOnes(element, free) {
			changed := slices.Clone(elements)
			changed[i] = one.value
			odd = append(odd, oddOne{fmt.Sprintf("[%d].%s", i, one.what), listWith(value.Type(), changed)})
		}
	}
	return append(odd, oddOne{"empty", listWith(value.Type(), []tftypes.Value{})})
}

// listWith is a list of the kind; a tuple has the types of its elements.
func listWith(kind tftypes.Type, elements []tftypes.Value) tftypes.Value {
	if kind.Is(tftypes.Tuple{}) {
		types := make([]tftypes.Type, 0, len(elements))
		for _, element := range elements {
			types = append(types, element.Type())
		}
		kind = tftypes.Tuple{ElementTypes: types}
	}
	return tftypes.NewValue(kind, elements)
}

// objectWith is an object of the kind; a free one has the types of its elements.
func objectWith(kind tftypes.Object, elements map[string]tftypes.Value, free bool) tftypes.Value {
	if free {
		kind = tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}
		for name, element := range elements {
			kind.AttributeTypes[name] = element.Type()
		}
	}
	return tftypes.NewValue(kind, elements)
}

// objectOf are the elements of an object or map, nil if it is null or unknown.
func objectOf(value tftypes.Value) map[string]tftypes.Value {
	if value.IsNull() || !value.IsKnown() {
		return nil
	}
	elements := map[string]tftypes.Value{}
	if err := value.As(&elements); err != nil {
		panic(err)
	}
	return elements
}

// valueOfHCL is the value of an expression.
func valueOfHCL(t *testing.T, expression string) tftypes.Value {
	t.Helper()
	value, err := hcltest.Evaluate(t, expression).ToTerraformValue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// conform converts a value to a type, as an engine converts a configuration; what it
// leaves out is null.
func conform(t *testing.T, kind tftypes.Type, value tftypes.Value) tftypes.Value {
	t.Helper()
	switch {
	case kind.Is(tftypes.DynamicPseudoType):
		return value
	case value.IsNull():
		return tftypes.NewValue(kind, nil)
	}
	var elements []tftypes.Value
	switch kind := kind.(type) {
	case tftypes.Object:
		given, all := objectOf(value), map[string]tftypes.Value{}
		for name, attribute := range kind.AttributeTypes {
			all[name] = tftypes.NewValue(attribute, nil)
			if element, ok := given[name]; ok {
				all[name] = conform(t, attribute, element)
			}
		}
		for name := range given {
			if _, ok := kind.AttributeTypes[name]; !ok {
				t.Fatalf("there is no attribute %s", name)
			}
		}
		return tftypes.NewValue(kind, all)
	case tftypes.Map:
		all := map[string]tftypes.Value{}
		for name, element := range objectOf(value) {
			all[name] = conform(t, kind.ElementType, element)
		}
		return tftypes.NewValue(kind, all)
	case tftypes.List:
		elements = conformAll(t, kind.ElementType, value)
	case tftypes.Set:
		elements = conformAll(t, kind.ElementType, value)
	default:
		return value
	}
	return tftypes.NewValue(kind, elements)
}

// conformAll converts the elements of a tuple.
func conformAll(t *testing.T, kind tftypes.Type, value tftypes.Value) []tftypes.Value {
	t.Helper()
	var elements []tftypes.Value
	if err := value.As(&elements); err != nil {
		t.Fatal(err)
	}
	for i, element := range elements {
		elements[i] = conform(t, kind, element)
	}
	return elements
}
