// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import "testing"

func TestPlural(t *testing.T) {
	for kind, want := range map[string]string{
		"Deployment": "deployments", "Ingress": "ingresses", "NetworkPolicy": "networkpolicies", "Endpoints": "endpoints",
		"Gateway": "gateways", "Key": "keys", "Envoy": "envoys", "Batch": "batches", "Mesh": "meshes", "Box": "boxes", "StorageClass": "storageclasses",
	} {
		if got := Plural(kind); got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
}
