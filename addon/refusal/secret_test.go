// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package refusal

import "testing"

// TestOfSecret checks that nothing is repeated of a Secret but forms without values.
func TestOfSecret(t *testing.T) {
	const (
		canary = "C4N4RY"
		rights = `secrets "db" is forbidden: User "system:serviceaccount:shop:fairlead-deployer" cannot patch resource "secrets" in API group "" in the namespace "shop"`
		agent  = "not allowed to apply the resource  secrets, shop db, will try again in 1m0s"
	)
	tests := []struct {
		reason, message string
		shown           bool
	}{
		{"a right is missing", rights, true},
		{"a right is missing to list", `secrets is forbidden: User "jane@example.com" cannot list resource "secrets" in API group "" at the cluster scope`, false},
		{"a right is missing on a cluster", "Failed to apply manifest: " + rights, true},
		{"the agent asked for the right", agent, true},
		{"the agent names its failure before", "Failed to apply manifest: " + agent, true},
		{"the namespace goes", `secrets "db" is forbidden: unable to create new content in namespace shop because it is being terminated`, true},
		{"an edit came between", `Operation cannot be fulfilled on secrets "db": the object has been modified; please apply your changes to the latest version and try again`, true},
		{"a webhook", `admission webhook "w.example.com" denied the request: data.password ` + canary, false},
		{"a policy", `secrets "db" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ` + canary, false},
		{"a plugin", `secrets "db" is forbidden: ` + canary, false},
		{"a right with words after it", rights + ": " + canary, false},
		{"a right with words before it", canary + ": " + rights, false},
		{"a right on a line of its own", canary + "\n" + rights, false},
		{"a user with blanks", `secrets "db" is forbidden: User "a ` + canary + `" cannot get resource "secrets" in API group ""`, false},
		{"the agent with words after it", agent + " " + canary, false},
		{"a field", `Secret "db" is invalid: data[k]: Invalid value: "` + canary + `"`, false},
	}
	for _, test := range tests {
		want := OfSecretHidden
		if test.shown {
			want = test.message
		}
		if got := OfSecret(test.message); got != want {
			t.Errorf("%s: got %q, want %q", test.reason, got, want)
		}
	}
}
