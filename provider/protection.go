// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// privateProtected is where a plan keeps the name of the protected object that it changes.
// An engine that replaces an object by one of the same name, as -replace and
// replace_triggered_by do, plans the change first and then a creation with the private state
// of that plan: nothing else tells such a creation from any other. A read drops
// the name, which a change that failed keeps: it would refuse to make an object again that is gone.
const privateProtected = "protected"

// storeProtected keeps the name of what is protected; an empty one where nothing is.
func storeProtected(ctx context.Context, private privateWriter, name string) diag.Diagnostics {
	if name == "" {
		return private.SetKey(ctx, privateProtected, nil)
	}
	encoded, err := json.Marshal(name)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Private state not writable", err.Error())}
	}
	return private.SetKey(ctx, privateProtected, encoded)
}

// mayEnd says whether the end of a protected object may be planned: what another instance has
// taken over would stay. A hub that cannot be asked does not tell, and then nothing is risked.
func mayEnd(ctx context.Context, configured *Hub, takenOver func(*hub.Client) (bool, error)) bool {
	client, _ := configured.Client(ctx) // who has none, and why, is said where it is needed
	if client == nil {
		return false
	}
	stays, err := takenOver(client)
	return err == nil && stays
}

// loadProtected returns the name that was kept, empty when none was.
func loadProtected(ctx context.Context, private privateStore) string {
	encoded, diags := private.GetKey(ctx, privateProtected)
	var name string
	if diags.HasError() || len(encoded) == 0 || json.Unmarshal(encoded, &name) != nil {
		return ""
	}
	return name
}
