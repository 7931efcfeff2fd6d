// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// secretsMap is a value of secrets_wo.
func secretsMap(secrets map[string]map[string]string) types.Map {
	elements := map[string]attr.Value{}
	for name, values := range secrets {
		fields := map[string]attr.Value{}
		for key, value := range values {
			fields[key] = types.StringValue(value)
		}
		elements[name] = types.MapValueMust(types.StringType, fields)
	}
	return types.MapValueMust(types.MapType{ElemType: types.StringType}, elements)
}

// TestSecretsCannotBePrinted prints what holds secrets in every way.
func TestSecretsCannotBePrinted(t *testing.T) {
	wanted := newWantedSecrets(&applicationModel{SecretsWO: secretsMap(map[string]map[string]string{"db": {"password": "C4N4RY"}})})
	if got := wanted.list[0].values.reveal()["password"]; got != "C4N4RY" {
		t.Fatalf("the value is %q", got)
	}
	encoded, err := json.Marshal([]any{wanted, wanted.list[0].values})
	if err != nil {
		t.Fatal(err)
	}
	text := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text += fmt.Sprintf(verb, wanted) + fmt.Sprintf(verb, []secretWrite{{wanted: wanted.list[0]}})
	}
	if strings.Contains(text, "C4N4RY") || strings.Contains(text, fmt.Sprintf("%x", "C4N4RY")) {
		t.Errorf("it shows the value: %s", text)
	}
}

// TestSecretDigest checks what the digest of a Secret tells.
func TestSecretDigest(t *testing.T) {
	digest := func(values secretValues, salt, key string) string {
		d, err := values.digest(salt, key)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	one := digest(hidden(map[string]string{"a": "b", "c": "d"}), "salt", "db")
	if again := digest(hidden(map[string]string{"c": "d", "a": "b"}), "salt", "db"); again != one {
		t.Errorf("the same content has digests %s and %s", one, again)
	}
	seen := map[string]string{one: "the first"}
	for name, other := range map[string]string{
		"another salt":  digest(hidden(map[string]string{"a": "b", "c": "d"}), "pepper", "db"),
		"another name":  digest(hidden(map[string]string{"a": "b", "c": "d"}), "salt", "prod/db"),
		"another value": digest(hidden(map[string]string{"a": "b", "c": "e"}), "salt", "db"),
		"a key less":    digest(hidden(map[string]string{"a": "b"}), "salt", "db"),
	} {
		if twin, ok := seen[other]; ok {
			t.Errorf("%s has the digest of %s", name, twin)
		}
		seen[other] = name
	}
}

// TestWantedSecrets checks names, keys and collisions.
func TestWantedSecrets(t *testing.T) {
	config := &applicationModel{
		SecretsWO: secretsMap(map[string]map[string]string{"db": {"password": "x"}, "Bad": {"a b": "x"}, "db.prod": {}}),
		EnvironmentSecretsWO: types.MapValueMust(types.MapType{ElemType: types.MapType{ElemType: types.StringType}}, map[string]attr.Value{
			"prod": secretsMap(map[string]map[string]string{"db": {"password": "y"}}), "no.name": secretsMap(nil),
		}),
	}
	wanted := newWantedSecrets(config)
	var keys, findings []string
	for _, secret := range wanted.list {
		keys = append(keys, secret.key+"="+secret.object)
	}
	for _, finding := range wanted.findings {
		findings = append(findings, strings.SplitAfterN(finding.String(), ":", 3)[0]+strings.SplitAfterN(finding.String(), ":", 3)[1])
	}
	if diff := cmp.Diff([]string{"Bad=Bad", "db=db", "db.prod=db.prod", "prod/db=db.prod"}, keys); diff != "" {
		t.Errorf("Secrets (-want +got):\n%s", diff)
	}
	want := []string{
		"secrets_wo.Bad: is no name of a Secret:", `secrets_wo.Bad["a b"]: is no key of a Secret:`,
		`environment_secrets_wo["no.name"]: is no name of an environment:`, `secrets_wo: db.prod and prod/db would both be Secret "db.prod" on the hub:`,
	}
	if diff := cmp.Diff(want, findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// nullModel is an application of which every attribute is null.
func nullModel() *applicationModel {
	strings, none := types.MapNull(types.StringType), types.ObjectNull(map[string]attr.Type{})
	return &applicationModel{
		Labels: strings, Annotations: strings, Secrets: strings, Resources: strings, IgnoreFields: types.ListNull(types.StringType),
		Definitions: types.ListNull(types.ObjectType{AttrTypes: definitionRefTypes()}),
		Deletion:    none, Timeouts: timeouts.Value{Object: none},
	}
}

// TestSecretsPlanWithoutHub plans with a hub that is not known yet: what is in the
// state stays, with a warning, unless the application changes anyhow.
func TestSecretsPlanWithoutHub(t *testing.T) {
	password := types.MapValueMust(types.MapType{ElemType: types.StringType}, map[string]attr.Value{
		"db": types.MapValueMust(types.StringType, map[string]attr.Value{"password": types.StringValue("x")}),
	})
	digests := func(value attr.Value) types.Map {
		return types.MapValueMust(types.StringType, map[string]attr.Value{"db": value})
	}
	tests := []struct {
		name, reason      string
		version, before   types.String
		revision, planned types.String
		state             types.Map
		want              types.Map
		warnings          int
	}{
		{"no change", "a plan without a hub is no reason to write", types.StringNull(), types.StringNull(), types.StringValue("r"), types.StringValue("r"), digests(types.StringValue("d")), digests(types.StringValue("d")), 1},
		{"another change", "the apply may find another value", types.StringNull(), types.StringNull(), types.StringUnknown(), types.StringUnknown(), digests(types.StringValue("d")), digests(types.StringUnknown()), 0},
		{"new", "it is known after apply", types.StringNull(), types.StringNull(), types.StringValue("r"), types.StringUnknown(), types.MapNull(types.StringType), digests(types.StringUnknown()), 0},
		{"same version", "the version says that it is the same", types.StringValue("1"), types.StringValue("1"), types.StringUnknown(), types.StringUnknown(), digests(types.StringValue("d")), digests(types.StringValue("d")), 0},
		{"new version", "the version says that it is another", types.StringValue("2"), types.StringValue("1"), types.StringValue("r"), types.StringUnknown(), digests(types.StringValue("d")), digests(types.StringUnknown()), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &applicationResource{hubResource: hubResource{hub: unknownHub()}}
			plan, state := nullModel(), nullModel()
			plan.SecretsWOVersion, plan.Revision = test.version, test.revision
			state.SecretsWOVersion, state.Revision, state.Secrets = test.before, types.StringValue("r"), test.state
			var diags diag.Diagnostics
			r.planSecrets(t.Context(), &applicationModel{SecretsWO: password}, plan, state, false, &diags)
			if diff := cmp.Diff(test.want.String()+test.planned.String(), plan.Secrets.String()+plan.Revision.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
			if diags.WarningsCount() != test.warnings || diags.HasError() {
				t.Errorf("diagnostics %v, want %d warnings", diags, test.warnings)
			}
		})
	}
}

// TestSecretsOfWhatIsMadeAnew plans an application that is going, or gone but for some of its Secrets: the others may be gone too,
// though their version says that they are the same.
func TestSecretsOfWhatIsMadeAnew(t *testing.T) {
	password := types.MapValueMust(types.MapType{ElemType: types.StringType}, map[string]attr.Value{
		"db": types.MapValueMust(types.StringType, map[string]attr.Value{"password": types.StringValue("x")}),
	})
	for _, test := range []struct {
		reason string
		before types.String
		going  bool
		known  bool
	}{
		{"it stays", types.StringValue("r"), false, true},
		{"it is being deleted", types.StringValue("r"), true, false},
		{"it is gone", types.StringNull(), false, false},
	} {
		r := &applicationResource{hubResource: hubResource{hub: unknownHub()}}
		plan, state := nullModel(), nullModel()
		plan.SecretsWOVersion, plan.Revision = types.StringValue("1"), types.StringUnknown()
		state.SecretsWOVersion, state.Revision = types.StringValue("1"), test.before
		state.Secrets = types.MapValueMust(types.StringType, map[string]attr.Value{"db": types.StringValue("d")})
		var diags diag.Diagnostics
		r.planSecrets(t.Context(), &applicationModel{SecretsWO: password}, plan, state, test.going, &diags)
		if known := !plan.Secrets.Elements()["db"].IsUnknown(); known != test.known || len(diags) > 0 {
			t.Errorf("%s: the digest is known: %t, want %t; %v", test.reason, known, test.known, diags)
		}
	}
}

// TestSecretsChangeBeforeApply plans an application with a Secret, and plans and applies it again, as an apply does, while
// the Secret has become another one on the hub or in the configuration: nothing that was known is another value then, and
// a Secret that is the same is not written.
func TestSecretsChangeBeforeApply(t *testing.T) {
	const template = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db","namespace":"default","uid":"2",
		"labels":{"fairlead.dev/secret-of":"shop"},"annotations":{"fairlead.dev/salt":"salt"}},"data":{"password":%q}}`
	const application = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","namespace":"default","uid":"1"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"a"}}]}}`
	digest, err := hidden(map[string]string{"password": "C4N4RY"}).digest("salt", "db")
	if err != nil {
		t.Fatal(err)
	}
	before := func(version string) map[string]tftypes.Value {
		state := stateOf(attributes(t, map[string]string{"components": someWeb}))
		state["secrets"] = resourcesValue(map[string]string{"db": digest})
		if version != "" {
			state["secrets_wo_version"] = text(version)
		}
		return state
	}
	config := func(image, password, version string) map[string]tftypes.Value {
		secret := tftypes.Map{ElementType: tftypes.String}
		config := configOf(attributes(t, map[string]string{"components": strings.Replace(someWeb, `image = "a"`, fmt.Sprintf("image = %q", image), 1)}))
		config["secrets_wo"] = tftypes.NewValue(tftypes.Map{ElementType: secret}, map[string]tftypes.Value{
			"db": tftypes.NewValue(secret, map[string]tftypes.Value{"password": text(password)})})
		if version != "" {
			config["secrets_wo_version"] = text(version)
		}
		return config
	}
	held := fmt.Sprintf(template, "QzRONFJZ")
	for _, test := range []struct {
		reason         string
		image, version string
		known          bool
		// password and secret are those of the apply.
		password, secret string
		written          []string
	}{
		{"nothing changes", "a", "", true, "C4N4RY", held, []string{"shop"}},
		{"only the application does", "b", "", false, "C4N4RY", held, []string{"shop"}},
		{"somebody edits the Secret", "b", "", false, "C4N4RY", fmt.Sprintf(template, "ZWRpdGVk"), []string{"db", "shop"}},
		{"somebody deletes the Secret", "b", "", false, "C4N4RY", "", []string{"db", "shop"}},
		{"the value is made anew", "b", "", false, "another", held, []string{"db", "shop"}},
		{"the value is made anew, and its version is the same", "b", "1", true, "another", held, []string{"shop"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			offline := map[string]tftypes.Value{"plan": planValue(t, map[string]string{"preview": previewOffline})}
			state := before(test.version)
			secretsIn := func(p *planner, encoded *tfprotov6.DynamicValue) map[string]string {
				return resourcesOf(t, map[string]tftypes.Value{"resources": p.decodeValue(applicationType, encoded)["secrets"]})
			}
			p := on(t, &answers{application: application, secret: held}, offline)
			planned := secretsIn(p, p.change(state, config(test.image, "C4N4RY", test.version)).PlannedState)
			if known := planned["db"] == digest; known != test.known || len(planned) != 1 {
				t.Errorf("planned %v, want the digest to be known: %t", planned, test.known)
			}
			hub := &answers{application: application, secret: test.secret, secrets: http.StatusNotFound}
			p = on(t, hub, offline)
			again := p.change(state, config(test.image, test.password, test.version))
			if problem := inconsistent(planned, secretsIn(p, again.PlannedState)); problem != "" {
				t.Errorf("planned %v, and by the apply %v: %s", planned, secretsIn(p, again.PlannedState), problem)
			}
			resp := p.apply(state, config(test.image, test.password, test.version), again)
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			// It is of the configured value; what is made anew on the hub has another key.
			stays := test.known || test.password == "C4N4RY" && test.secret != ""
			if same := secretsIn(p, resp.NewState)["db"] == digest; same != stays {
				t.Errorf("the digest stays: %t", same)
			}
			if diff := cmp.Diff(test.written, hub.written()); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSecretsAreWriteOnly checks the schema: values of Secrets are in no state.
func TestSecretsAreWriteOnly(t *testing.T) {
	e, _ := newEngine(t, nil, nil)
	found := map[string]bool{}
	for _, attribute := range e.schema.ResourceSchemas["fairlead_application"].Block.Attributes {
		if attribute.WriteOnly {
			found[attribute.Name] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"secrets_wo": true, "environment_secrets_wo": true}, found); diff != "" {
		t.Errorf("write-only attributes (-want +got):\n%s", diff)
	}
	config := map[string]tftypes.Value{"name": text("web"), "components": tftypes.NewValue(tftypes.Object{}, map[string]tftypes.Value{}),
		"secrets_wo": tftypes.NewValue(tftypes.Map{ElementType: tftypes.Map{ElementType: tftypes.String}}, map[string]tftypes.Value{
			"db": tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, map[string]tftypes.Value{"password": text("C4N4RY")})})}
	resp, err := e.server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: "fairlead_application", Config: e.dynamic(e.schema.ResourceSchemas["fairlead_application"], config)})
	if err != nil {
		t.Fatal(err)
	}
	got := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError)
	if !strings.Contains(got, "1.11") || strings.Contains(got, "C4N4RY") {
		t.Errorf("an engine without write-only attributes is told: %s", got)
	}
}
