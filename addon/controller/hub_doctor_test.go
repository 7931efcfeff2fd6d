// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/doctor"
)

// examine looks at the hub as a user of a group.
func (h *hub) examine(t *testing.T, user, group string) *doctor.Report {
	t.Helper()
	path, err := h.env.Hub().UserKubeconfig(user, group)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := doctor.NewReader(config)
	if err != nil {
		t.Fatal(err)
	}
	read, err := reader.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return doctor.Examine(read, "test")
}

// testDoctor looks at a hub that a real API server serves: what it makes of our
// CRDs is no difference, what does not get on is found, and a right that lacks is named.
func testDoctor(t *testing.T, h *hub) {
	h.newTenant(t, "doctor")
	app := appIn("doctor", "store", component("web", "nginx:1", ""))
	app.Spec.Components[0].Type = "no-such-type"
	h.create(t, app)
	message := h.stalled(t, app, "UnknownType")
	report := h.examine(t, "doctor", "system:masters")
	for _, name := range []string{"api server", "custom resources"} {
		if !slices.Contains(report.Passed, name) {
			t.Errorf("the check %q has not passed: %+v", name, report.Findings)
		}
	}
	var found []string
	for _, f := range report.Findings {
		for _, o := range f.Objects {
			if o.Name == "doctor/store" {
				found = append(found, f.Check+": "+o.Message)
			}
		}
	}
	// The message may be longer than what is told of it.
	if len(found) != 1 || !strings.HasPrefix("applications: UnknownType: "+message, strings.TrimSuffix(found[0], "...")) {
		t.Errorf("found %q of the application, want %q", found, message)
	}
	if len(report.NotChecked) > 0 {
		t.Errorf("an administrator may not read %v", report.NotChecked)
	}
	var needs []string
	for _, n := range h.examine(t, "nobody", "nobodies").NotChecked {
		needs = append(needs, n.Needs)
	}
	for _, want := range []string{"get on customresourcedefinitions.apiextensions.k8s.io", "list on applications.core.oam.dev"} {
		if !slices.Contains(needs, want) {
			t.Errorf("of a user without rights (-want +got):\n%s", cmp.Diff([]string{want}, needs))
		}
	}
	h.remove(t, app)
	h.gone(t, app)
}
