// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRenderWorkerArguments has the worker refuse what only a person would give
// it. What a manager gives it is tested where it is started.
func TestRenderWorkerArguments(t *testing.T) {
	cases := map[string]struct {
		reason    string
		arguments []string
		want      string
	}{
		"None":    {reason: "There is no worker without limits.", want: "accepts 1 arg(s), received 0"},
		"NoJSON":  {reason: "Limits are JSON.", arguments: []string{"{"}, want: "limits of the worker: unexpected end of JSON input"},
		"Limited": {reason: "No limit may be left out.", arguments: []string{"{}"}, want: "limits of the worker: maxRequest, maxResponse and concurrency must be above 0, memory not below"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, append([]string{"render-worker"}, tc.arguments...)...)
			if err == nil {
				t.Fatal("the worker started")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
