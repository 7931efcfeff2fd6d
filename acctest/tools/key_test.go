// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestKey(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(t *testing.T, dir string, tool *Tool)
		same   bool
	}{
		"Nothing": {
			reason: "the same sources give the same key",
			change: func(*testing.T, string, *Tool) {},
			same:   true,
		},
		"Sum": {
			reason: "another go.sum may pin other content",
			change: func(t *testing.T, dir string, _ *Tool) { write(t, filepath.Join(dir, "go.sum"), "x\n") },
		},
		"Mod": {
			reason: "another go.mod may pin another version",
			change: func(t *testing.T, dir string, _ *Tool) { write(t, filepath.Join(dir, "go.mod"), "module m\n") },
		},
		"Source": {
			reason: "programs of the module itself are part of the build",
			change: func(t *testing.T, dir string, _ *Tool) {
				write(t, filepath.Join(dir, "sub", "main.go"), "package main\n")
			},
		},
		"Variables": {
			reason: "what the linker sets is in the binary",
			change: func(_ *testing.T, _ string, tool *Tool) { tool.variables = []string{"main.a=b"} },
		},
		"Assets": {
			reason: "what is copied is in the build",
			change: func(_ *testing.T, _ string, tool *Tool) { tool.assets = nil },
		},
		"Readme": {
			reason: "other files take no part in the build",
			change: func(t *testing.T, dir string, _ *Tool) { write(t, filepath.Join(dir, "README.md"), "text") },
			same:   true,
		},
		"Test": {
			reason: "tests take no part in the build",
			change: func(t *testing.T, dir string, _ *Tool) {
				write(t, filepath.Join(dir, "main_test.go"), "package main\n")
			},
			same: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir, tool := filepath.Join(writeTiny(t), "tiny"), tiny()
			before := mustKey(t, tool, dir)
			tc.change(t, dir, &tool)
			after := mustKey(t, tool, dir)
			if same := before == after; same != tc.same {
				t.Errorf("%s: before %s, after %s", tc.reason, before, after)
			}
		})
	}
}

func mustKey(t *testing.T, tool Tool, dir string) string {
	t.Helper()
	k, err := key(tool, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(k) != keyLength || strings.Trim(k, "0123456789abcdef") != "" {
		t.Fatalf("key %q: want %d hexadecimal digits", k, keyLength)
	}
	return k
}

func TestVersion(t *testing.T) {
	cases := map[string]struct {
		reason string
		mod    string
		want   string
		fails  bool
	}{
		"Block":   {reason: "a line of a require block", mod: "require (\n\tm.io/a v1.0.0\n\tm.io/ab v2.0.0 // indirect\n)\n", want: "v1.0.0"},
		"Single":  {reason: "a require line of its own", mod: "require m.io/a v1.2.0\n", want: "v1.2.0"},
		"Replace": {reason: "a replacement is no requirement", mod: "replace m.io/a => m.io/a v9.0.0\n", fails: true},
		"Missing": {reason: "a module that is not required has no version", mod: "module x\n", fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "go.mod"), tc.mod)
			got, err := version(dir, "m.io/a")
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("%s: got %q, %v, want %q", tc.reason, got, err, tc.want)
			}
		})
	}
}
