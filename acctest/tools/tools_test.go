// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLookup(t *testing.T) {
	cases := map[string]struct {
		reason  string
		name    string
		wantErr string
	}{
		"Known":   {reason: "a tool is found by the name of its folder", name: Kwok},
		"Unknown": {reason: "the error lists what there is", name: "kubectl", wantErr: "known tools are etcd, kubernetes, ocm, kwok, opentofu"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Lookup(tc.name)
			if tc.wantErr == "" && (err != nil || got.Name != tc.name) {
				t.Errorf("%s: got %q, %v", tc.reason, got.Name, err)
			}
			if tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr)) {
				t.Errorf("%s: got error %v, want one with %q", tc.reason, err, tc.wantErr)
			}
		})
	}
}

func TestLdflags(t *testing.T) {
	cases := map[string]struct {
		reason  string
		tool    Tool
		version string
		want    string
	}{
		"Stripped": {reason: "without variables only symbols are left out", tool: etcd(), version: "v3.6.5", want: "-s -w"},
		"Version": {
			reason:  "the API server reports the version of its module, which charts compare with",
			tool:    kubernetes(),
			version: "v1.36.3",
			want: "-s -w" +
				" -X k8s.io/component-base/version.gitVersion=v1.36.3" +
				" -X k8s.io/component-base/version.gitMajor=1" +
				" -X k8s.io/component-base/version.gitMinor=36" +
				" -X k8s.io/component-base/version.gitTreeState=clean" +
				" -X k8s.io/component-base/version.gitCommit=v1.36.3",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.tool.ldflags(tc.version)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestVersionsOfAllTools(t *testing.T) {
	store, err := DefaultStore(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, tool := range All() {
		build, _, err := store.Locate(tool.Name)
		if err != nil {
			t.Fatalf("locating %s: %v", tool.Name, err)
		}
		got[tool.Name] = build.Version
	}
	want := map[string]string{Etcd: "v3.6.5", Kubernetes: "v1.36.3", Kwok: "v0.8.0", OCM: "v1.2.1", OpenTofu: "v1.12.6"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the versions that the go.mod files pin: -want +got:\n%s", diff)
	}
}
