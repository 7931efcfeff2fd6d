// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

func TestParseClusterVersion(t *testing.T) {
	version := func(minor int64, whole string) render.ClusterVersion {
		return render.ClusterVersion{Major: 1, Minor: minor, GitVersion: whole, Platform: "linux/amd64"}
	}
	cases := map[string]struct {
		reason string
		want   render.ClusterVersion
	}{
		"1.31":          {"The short form of a command line.", version(31, "v1.31.0")},
		"v1.31.2":       {"What an API server says.", version(31, "v1.31.2")},
		"v1.30.4+k3s1":  {"A distribution's own addition.", version(30, "v1.30.4+k3s1")},
		"1.29-eks-1a":   {"An addition without a patch version.", version(29, "v1.29.0-eks-1a")},
		"":              {"Nothing is no version.", render.ClusterVersion{}},
		"1":             {"A minor version is needed.", render.ClusterVersion{}},
		"latest":        {"Words are no version.", render.ClusterVersion{}},
		"1.99999999999": {"A number that nobody has.", render.ClusterVersion{}},
	}
	for text, tc := range cases {
		got, ok := render.ParseClusterVersion(text)
		if diff := cmp.Diff(tc.want, got); diff != "" || ok != (tc.want != render.ClusterVersion{}) {
			t.Errorf("%q: %s -want +got:\n%s", text, tc.reason, diff)
		}
	}
}
