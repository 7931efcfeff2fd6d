// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMakeDir(t *testing.T) {
	cases := map[string]struct {
		reason      string
		files       []string
		wantErr     string
		wantCreated bool
	}{
		"New":     {reason: "a folder that is made goes with the environment", wantCreated: true},
		"Failed":  {reason: "logs of a failed start are cleared", files: []string{markerFile, "logs/etcd.log", "etcd/data"}},
		"Foreign": {reason: "files of somebody else are never cleared", files: []string{"hub/notes.txt"}, wantErr: "holds files of somebody else"},
		"Running": {reason: "a running environment keeps its folder", files: []string{markerFile, stateFile}, wantErr: "holds an environment already"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "env")
			for _, file := range tc.files {
				touch(t, filepath.Join(dir, file))
			}
			_, created, err := makeDir(dir)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("%s: got %v, want an error with %q", tc.reason, err, tc.wantErr)
				}
				checkPresent(t, dir, tc.files)
				return
			}
			if err != nil || created != tc.wantCreated {
				t.Errorf("%s: created %t, %v", tc.reason, created, err)
			}
			if exists(filepath.Join(dir, "logs/etcd.log")) || !exists(filepath.Join(dir, logDir)) {
				t.Errorf("%s: the folder is not fresh", tc.reason)
			}
		})
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), privateDir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), privateFile); err != nil {
		t.Fatal(err)
	}
}

func checkPresent(t *testing.T, dir string, files []string) {
	t.Helper()
	for _, file := range files {
		if !exists(filepath.Join(dir, file)) {
			t.Errorf("%s was removed", file)
		}
	}
}

func TestStopDirOfStranger(t *testing.T) {
	t.Setenv(RegistryEnv, t.TempDir())
	dir := t.TempDir()
	touch(t, filepath.Join(dir, "hub/notes.txt"))
	if err := StopDir(dir); err != nil {
		t.Errorf("stopping where nothing runs: %v", err)
	}
	checkPresent(t, dir, []string{"hub/notes.txt"})
}

func TestStopAbandoned(t *testing.T) {
	t.Setenv(RegistryEnv, t.TempDir())
	me, err := self()
	if err != nil {
		t.Fatal(err)
	}
	dead := identity{PID: me.PID, Start: "an earlier time"}
	cases := map[string]struct {
		reason string
		owner  identity
		detach bool
		stays  bool
	}{
		"OwnerLives": {reason: "somebody uses it", owner: me, stays: true},
		"Detached":   {reason: "it is meant to outlive its owner", owner: dead, detach: true, stays: true},
		"OwnerDied":  {reason: "nobody will stop it", owner: dead},
	}
	left := map[string]identity{}
	for name, tc := range cases {
		dir := filepath.Join(t.TempDir(), name)
		touch(t, filepath.Join(dir, markerFile))
		left[dir] = sleeper(t)
		rec := record{command: command{Name: "hub/part"}, identity: left[dir]}
		touch(t, recordPath(dir, "hub/part"))
		if err := writeJSON(recordPath(dir, "hub/part"), rec); err != nil {
			t.Fatal(err)
		}
		if err := register(entry{Dir: dir, Owner: tc.owner, Detached: tc.detach, RemoveDir: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stopAbandoned(); err != nil {
		t.Fatal(err)
	}
	for dir, id := range left {
		tc := cases[filepath.Base(dir)]
		if id.alive() != tc.stays || exists(dir) != tc.stays {
			t.Errorf("%s: process alive %t, folder there %t, want %t", tc.reason, id.alive(), exists(dir), tc.stays)
		}
	}
}
