// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadManifest(t *testing.T) {
	cases := map[string]struct {
		reason  string
		content string
		want    map[string]any
		wantErr string
	}{
		"Plain": {
			reason:  "most manifests are plain YAML",
			content: "kind: A\nmetadata: {name: web}\n",
			want:    map[string]any{"kind": "A", "metadata": map[string]any{"name": "web"}},
		},
		"Template": {
			reason:  "some hold placeholders that OCM's operator fills in",
			content: "kind: A\nca: {{ .RegistrationAPIServiceCABundle }}\nport: {{ .WorkWebhook.Port }}\n",
			want:    map[string]any{"kind": "A", "ca": nil, "port": float64(0)},
		},
		"Unknown": {
			reason:  "a placeholder that a newer OCM brings must not be left empty",
			content: "kind: {{ .Newer }}\n",
			wantErr: "Newer",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "manifest.yaml")
			if err := os.WriteFile(path, []byte(tc.content), privateFile); err != nil {
				t.Fatal(err)
			}
			got, err := readManifest(path)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("%s: got error %v, want one with %q", tc.reason, err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Object); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
