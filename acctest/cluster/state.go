// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// privateFile and privateDir keep credentials from other users of the machine.
	privateFile = 0o600
	privateDir  = 0o700

	processDir = "processes"
	logDir     = "logs"
	stateFile  = "env.json"
	// markerFile says that all that a folder holds was put there by this package.
	markerFile = ".fairlead-clusters"
	etcdName   = "etcd"

	// stateVersion changes when a newer library cannot attach to what an older one started.
	stateVersion = 1
)

// state is what Attach needs to know of an environment, kept in its folder. Processes have files of their own.
type state struct {
	// Version is stateVersion of the library that wrote it.
	Version int `json:"version"`
	// Owner is the process that started the environment.
	Owner identity `json:"owner"`
	// Detached is true when the environment outlives its owner.
	Detached bool `json:"detached"`
	// Ready is true once Start has succeeded.
	Ready bool `json:"ready"`
	// EtcdPort is where etcd serves clients.
	EtcdPort int `json:"etcdPort"`
	// ControlPlanes are the hub and the managed clusters, in the order in which they were started.
	ControlPlanes []planeState `json:"controlPlanes"`
	// OCM is true when the hub's parts of OCM run.
	OCM bool `json:"ocm"`
	// LeaseDuration, StatusSyncInterval and AuditLog are those of Options.
	LeaseDuration      time.Duration `json:"leaseDuration"`
	StatusSyncInterval time.Duration `json:"statusSyncInterval"`
	AuditLog           bool          `json:"auditLog"`
}

// planeState is what Attach needs to know of a control plane.
type planeState struct {
	Name string `json:"name"`
	Port int    `json:"port"`
	// Index numbers control planes; their address ranges follow from it.
	Index int `json:"index"`
}

func readState(dir string) (state, error) {
	var s state
	if err := readJSON(filepath.Join(dir, stateFile), &s); err != nil {
		return state{}, err
	}
	if s.Version != stateVersion {
		return state{}, fmt.Errorf("%s was started by another version of this program (format %d, this one knows %d): stop it with that one", dir, s.Version, stateVersion)
	}
	return s, nil
}

// readRecords reads the files of all processes that were started in dir.
func readRecords(dir string) ([]record, error) {
	paths, err := filepath.Glob(filepath.Join(dir, processDir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing the processes of %s: %w", dir, err)
	}
	records := make([]record, 0, len(paths))
	for _, path := range paths {
		var r record
		if err := readJSON(path, &r); err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

func readJSON(path string, into any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	return writeFileAtomic(path, content)
}

// writeFileAtomic writes path such that a reader sees the old content or the new, also when the writer is killed.
func writeFileAtomic(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// exists says whether there is anything at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
