// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// countingServer counts what is left to the framework.
type countingServer struct {
	frameworkServer
	plans, upgrades int
}

// countFramework counts what a server leaves to the framework from now on.
func countFramework(t *testing.T, of tfprotov6.ProviderServer) *countingServer {
	t.Helper()
	s, ok := of.(*server)
	if !ok {
		t.Fatalf("the server is a %T", of)
	}
	counting := &countingServer{frameworkServer: s.frameworkServer}
	s.frameworkServer = counting
	return counting
}

func (c *countingServer) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	c.plans++
	return c.frameworkServer.PlanResourceChange(ctx, req)
}

func (c *countingServer) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	c.upgrades++
	return c.frameworkServer.UpgradeResourceState(ctx, req)
}

// TestStatesAsTheyWereStored checks which stored states need no framework, and that they are to an engine what it would have
// made of them.
func TestStatesAsTheyWereStored(t *testing.T) {
	const stored = `"id":"default/shop","name":"shop","namespace":"default","labels":{"a":"b"},"timeouts":null,"adopt_existing":false,
		"components":{"value":{"web":{"type":"webservice","properties":{"image":"a","cpu":0.5,"port":9007199254740993,"none":null,"cmd":["a",1]}}},
		"type":["object",{"web":["object",{"type":"string","properties":["object",{"image":"string","cpu":"number","port":"number","none":"string",
		"cmd":["tuple",["string","number"]]}]}]}]},"secrets":{},"resources":{"a":"b"}`
	for _, test := range []struct {
		reason, state string
		framework     bool
	}{
		{"it is of this provider", "{" + stored + "}", false},
		{"an object in it", "{" + stored + `,"deletion":{"protection":true}}`, false},
		{"a null in its place", "{" + stored + `,"deletion":null}`, false},
		{"a newer provider has more attributes", "{" + stored + `,"invented":{"a":[1]}}`, true},
		{"an object of a newer provider has more", "{" + stored + `,"deletion":{"protection":true,"invented":1}}`, true},
		{"objects in a list", "{" + stored + `,"definitions":[{"cue":"a","namespace":null,"kind":null,"name":null,"invented":1}]}`, true},
		{"no objects in a list", "{" + stored + `,"definitions":[]}`, false},
	} {
		t.Run(test.reason, func(t *testing.T) {
			p := newPlanner(t)
			counting := countFramework(t, p.server)
			req := &tfprotov6.UpgradeResourceStateRequest{TypeName: applicationType, RawState: &tfprotov6.RawState{JSON: []byte(test.state)}}
			resp, err := p.server.UpgradeResourceState(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if (counting.upgrades > 0) != test.framework {
				t.Errorf("the framework was asked %d times", counting.upgrades)
			}
			want, err := counting.UpgradeResourceState(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p.decodeValue(applicationType, want.UpgradedState), p.decodeValue(applicationType, resp.UpgradedState)); diff != "" {
				t.Errorf("state (-framework +got):\n%s", diff)
			}
			if len(want.Diagnostics)+len(resp.Diagnostics) > 0 {
				t.Errorf("diagnostics %v of the framework, and %v", want.Diagnostics, resp.Diagnostics)
			}
		})
	}
}

// TestPlansWithoutAChange checks which plans need no framework, and that it would have planned the same there.
func TestPlansWithoutAChange(t *testing.T) {
	base := stateOf(attributes(t, map[string]string{"components": someWeb}))
	base["resources"] = resourcesValue(map[string]string{"a": someDigest})
	elsewhere := maps.Clone(base)
	elsewhere["id"], elsewhere["namespace"] = text("shop/shop"), text("shop")
	config := func() map[string]tftypes.Value {
		return configOf(attributes(t, map[string]string{"components": someWeb}))
	}
	with := func(values map[string]tftypes.Value, name string, value tftypes.Value) map[string]tftypes.Value {
		values = maps.Clone(values)
		values[name] = value
		return values
	}
	null := tftypes.NewValue(tftypes.String, nil)
	for _, test := range []struct {
		reason        string
		state, config map[string]tftypes.Value
		framework     bool
	}{
		{"nothing changes, and the namespace is the provider's", base, config(), false},
		{"nothing changes, and the namespace is configured", elsewhere, with(config(), "namespace", text("shop")), false},
		{"the provider has another default namespace", elsewhere, config(), true},
		{"the configured namespace is another one", base, with(config(), "namespace", text("shop")), true},
		{"a component changes", base, configOf(attributes(t, map[string]string{"components": `{ web = { type = "webservice", properties = { image = "b" } } }`})), true},
		{"only its types change", stateOf(attributes(t, map[string]string{"components": `{ web = { type = "custom", properties = { cmd = ["a"] } } }`})),
			configOf(attributes(t, map[string]string{"components": `{ web = { type = "custom", properties = { cmd = tolist(["a"]) } } }`})), true},
		{"a Secret may have changed", with(base, "secrets", resourcesValue(map[string]string{"db": someDigest})), with(config(), "secrets_wo", secretsValue("db")), true},
		{"a Secret is new", base, with(config(), "secrets_wo", secretsValue("db")), true},
		{"a Secret goes", with(base, "secrets", resourcesValue(map[string]string{"db": someDigest})), config(), true},
		{"the last apply did not complete", with(base, "revision", null), config(), true},
		{"its objects are not known yet", with(base, "resources", tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, nil)), config(), true},
		{"it goes", base, nil, true},
	} {
		t.Run(test.reason, func(t *testing.T) {
			p := newPlanner(t)
			counting := countFramework(t, p.server)
			resp, err := p.server.PlanResourceChange(t.Context(), p.changeRequest(nil, test.state, test.config))
			if err != nil {
				t.Fatal(err)
			}
			if (counting.plans > 0) != test.framework {
				t.Errorf("the framework made %d plans", counting.plans)
			}
			if test.framework {
				return
			}
			again, err := counting.PlanResourceChange(t.Context(), p.changeRequest(nil, test.state, test.config))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p.decodeValue(applicationType, again.PlannedState), p.decodeValue(applicationType, resp.PlannedState)); diff != "" {
				t.Errorf("planned state (-framework +got):\n%s", diff)
			}
			if len(again.Diagnostics)+len(again.RequiresReplace) > 0 || string(again.PlannedPrivate) != string(resp.PlannedPrivate) {
				t.Errorf("the framework's plan says more: %+v", again)
			}
		})
	}
}
