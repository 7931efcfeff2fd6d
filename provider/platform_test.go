// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestPlatformForgets changes an environment while another application's plan looks at
// what was read before: that stays whole, and only the next plan reads again.
func TestPlatformForgets(t *testing.T) {
	p := platform{last: &platformView{environments: map[string]*v1alpha1.Environment{"prod": {}}}}
	view, err := p.look(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.forget()
	if view.environments["prod"] == nil {
		t.Error("who looks at it loses an environment")
	}
	if p.last != nil {
		t.Error("it is not read again")
	}
}
