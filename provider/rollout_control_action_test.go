// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8stypes "k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

const controlType = "fairlead_rollout_control"

// actions is the part of the provider that serves actions.
func (e *engine) actions() tfprotov6.ActionServer {
	e.t.Helper()
	server, ok := e.server.(tfprotov6.ActionServer)
	if !ok {
		e.t.Fatal("the provider has no actions")
	}
	return server
}

func (e *engine) controlConfig(application, command string) *tfprotov6.DynamicValue {
	e.t.Helper()
	return e.dynamic(e.schema.ActionSchemas[controlType].Schema, map[string]tftypes.Value{"application": text(application), "command": text(command)})
}

// control invokes the action and returns what it said, and its diagnostics.
func (e *engine) control(application, command string) ([]string, []*tfprotov6.Diagnostic) {
	e.t.Helper()
	stream, err := e.actions().InvokeAction(e.t.Context(), &tfprotov6.InvokeActionRequest{ActionType: controlType, Config: e.controlConfig(application, command)})
	if err != nil {
		e.t.Fatal(err)
	}
	var said []string
	var diagnostics []*tfprotov6.Diagnostic
	for event := range stream.Events {
		switch event := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			said = append(said, event.Message)
		case tfprotov6.CompletedInvokeActionEventType:
			diagnostics = append(diagnostics, event.Diagnostics...)
		}
	}
	return said, diagnostics
}

// TestControlValidates checks what the action takes.
func TestControlValidates(t *testing.T) {
	e, _ := newEngine(t, nil, nil)
	cases := []struct{ reason, application, command, want string }{
		{"pause", "shop/web", "pause", ""},
		{"resume", "shop/web", "resume", ""},
		{"another command", "shop/web", "stop", `value must be one of: ["pause" "resume"]`},
		{"a name without namespace", "web", "pause", "it is not the id of an application"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			resp, err := e.actions().ValidateActionConfig(t.Context(), &tfprotov6.ValidateActionConfigRequest{ActionType: controlType, Config: e.controlConfig(c.application, c.command)})
			if err != nil {
				t.Fatal(err)
			}
			got := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError)
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestControlPlans checks that a plan asks no hub: it may not be known, and the application may not exist.
func TestControlPlans(t *testing.T) {
	asked := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the hub was asked") }))
	defer asked.Close()
	schema := schemaOf(t)
	e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schema, map[string]tftypes.Value{
		"host": text(asked.URL), "token": text("t"), "insecure": tftypes.NewValue(tftypes.Bool, true)})})
	unknown := e.dynamic(e.schema.ActionSchemas[controlType].Schema, map[string]tftypes.Value{
		"application": tftypes.NewValue(tftypes.String, tftypes.UnknownValue), "command": text("pause")})
	for reason, config := range map[string]*tfprotov6.DynamicValue{"known": e.controlConfig("shop/web", "pause"), "not known yet": unknown} {
		resp, err := e.actions().PlanAction(t.Context(), &tfprotov6.PlanActionRequest{ActionType: controlType, Config: config})
		if err != nil || len(resp.Diagnostics) > 0 {
			t.Errorf("%s: %v %v", reason, err, resp)
		}
	}
}

// controlled is an application as the hub has it.
func controlled(metadata, conditions string) string {
	return `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"namespace":"shop","name":"web"` + metadata + `},"spec":{"components":[]},
		"status":{"summary":{"places":2,"healthy":2},"conditions":[` + conditions + `]}}`
}

const (
	labelled  = `,"labels":{"controller.core.oam.dev/pause":"true"}`
	confirmed = `{"type":"Paused","status":"True","reason":"Paused","message":"","lastTransitionTime":"2026-03-04T05:06:07Z"}`
	owned     = `,"managedFields":[{"manager":"terraform-provider-fairlead","operation":"Apply","apiVersion":"core.oam.dev/v1beta1","fieldsType":"FieldsV1",
		"fieldsV1":{"f:metadata":{"f:labels":{"f:controller.core.oam.dev/pause":{}}}}}]`
)

// TestControlInvokes checks what the action writes and says.
func TestControlInvokes(t *testing.T) {
	cases := []struct {
		reason      string
		application string
		command     string
		writes      int
		said        []string
		errors      string
		warnings    string
	}{
		{reason: "what is paused stays so, and nothing is written", application: controlled(labelled, confirmed), command: "pause", said: []string{
			"application shop/web: nothing to change on it", "application shop/web: waiting until the addon knows",
			"application shop/web is paused since 2026-03-04T05:06:07Z: delivered and healthy in 2 of 2 places"}},
		{reason: "the label is set, and the addon knows", application: controlled("", confirmed), command: "pause", writes: 1, said: []string{
			"application shop/web: setting its label controller.core.oam.dev/pause", "application shop/web: waiting until the addon knows",
			"application shop/web is paused since 2026-03-04T05:06:07Z: delivered and healthy in 2 of 2 places"}},
		{reason: "what is not paused stays so", application: controlled("", ""), command: "resume", said: []string{
			"application shop/web: nothing to change on it", "application shop/web: waiting until the addon knows",
			"application shop/web is resumed: delivered and healthy in 2 of 2 places"}},
		{reason: "the configuration sets the label again", application: controlled(labelled+owned, ""), command: "resume", writes: 1, said: []string{
			"application shop/web: removing its label controller.core.oam.dev/pause", "application shop/web: waiting until the addon knows",
			"application shop/web is resumed: delivered and healthy in 2 of 2 places"},
			warnings: `The configuration pauses the application: labels of the fairlead_application "shop/web" has controller.core.oam.dev/pause`},
		{reason: "a deletion is not stopped", application: controlled(`,"deletionTimestamp":"2026-03-04T05:06:07Z"`, ""), command: "pause", errors: "Application is being deleted: "},
		{reason: "there is none", command: "pause", errors: "Not found on the hub: "},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			live := &answers{application: c.application}
			said, diagnostics := on(t, live, nil).control("shop/web", c.command)
			if diff := cmp.Diff(c.said, said); diff != "" {
				t.Errorf("what was said (-want +got):\n%s", diff)
			}
			checkPrefix(t, "error", summaries(diagnostics, tfprotov6.DiagnosticSeverityError), c.errors)
			checkPrefix(t, "warning", summaries(diagnostics, tfprotov6.DiagnosticSeverityWarning), c.warnings)
			if got := len(live.written()); got != c.writes {
				t.Errorf("%d writes, want %d", got, c.writes)
			}
		})
	}
}

// TestControlWithoutHub checks that the action says why it cannot ask the hub.
func TestControlWithoutHub(t *testing.T) {
	schema := schemaOf(t)
	at := func(host tftypes.Value) map[string]tftypes.Value {
		return map[string]tftypes.Value{"host": host, "token": text("t"), "insecure": tftypes.NewValue(tftypes.Bool, true)}
	}
	cases := map[string]struct {
		hub  map[string]tftypes.Value
		want string
	}{
		"known only after apply": {at(tftypes.NewValue(tftypes.String, tftypes.UnknownValue)), "Hub not known yet: Could not pause the application"},
		"nobody listens":         {at(text("https://127.0.0.1:1")), "Hub unreachable: "},
		"it may not read":        {at(text(refusingHub(t, http.StatusForbidden, "Forbidden"))), "Not allowed on the hub: "},
		"it is not known there":  {at(text(refusingHub(t, http.StatusUnauthorized, "Unauthorized"))), "Hub refused the credential: "},
	}
	for reason, c := range cases {
		t.Run(reason, func(t *testing.T) {
			e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schema, c.hub)})
			_, diagnostics := e.control("shop/web", "pause")
			checkPrefix(t, "error", summaries(diagnostics, tfprotov6.DiagnosticSeverityError), c.want)
		})
	}
}

// TestControlUnconfirmed checks that a pause that nobody acts on is an error.
func TestControlUnconfirmed(t *testing.T) {
	server := httptest.NewTLSServer(&answers{application: controlled(labelled, "")})
	defer server.Close()
	config, err := hub.Resolve(hub.Settings{Host: server.URL, Token: "t", Insecure: "true"}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	client, err := hub.New(config)
	if err != nil {
		t.Fatal(err)
	}
	var diags diag.Diagnostics
	c := control{
		client: client, key: k8stypes.NamespacedName{Namespace: "shop", Name: "web"}, command: commandPause, limit: time.Millisecond,
		say: func(string, ...any) {}, diags: &diags,
	}
	c.run(t.Context())
	if len(diags.Errors()) != 1 || diags.Errors()[0].Summary() != "The addon did not answer" {
		t.Errorf("got %v", diags)
	}
}

// TestWarnPaused checks when a change is said to wait.
func TestWarnPaused(t *testing.T) {
	object := func(value string) *unstructured.Unstructured {
		app := &unstructured.Unstructured{}
		if value != "" {
			app.SetLabels(map[string]string{"controller.core.oam.dev/pause": value})
		}
		return app
	}
	cases := []struct {
		reason, live, desired string
		warns                 bool
	}{
		{"nobody paused it", "", "", false},
		{"somebody else did", "true", "", true},
		{"the label has another value", "false", "", false},
		{"the configuration says so itself", "true", "true", false},
	}
	for _, c := range cases {
		var diags diag.Diagnostics
		applicationObject{namespace: "shop", name: "web"}.warnPaused(object(c.live), object(c.desired), &diags)
		if got := diags.WarningsCount() > 0; got != c.warns {
			t.Errorf("%s: warned: %t", c.reason, got)
		}
	}
}
