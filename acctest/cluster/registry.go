// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// RegistryEnv names the environment variable that overrides the folder in which running environments are listed.
const RegistryEnv = "FAIRLEAD_CLUSTERS_REGISTRY"

// entry is one environment in the registry: a file in the user's cache directory that leads to its folder, so that what a
// crashed run left is found wherever it is.
type entry struct {
	// Dir is the folder of the environment.
	Dir string `json:"dir"`
	// Owner is the process that started it.
	Owner identity `json:"owner"`
	// Detached is true when it outlives its owner.
	Detached bool `json:"detached"`
	// RemoveDir is true when the folder was made for it and goes with it.
	RemoveDir bool `json:"removeDir"`
}

// abandoned says whether the environment should have ended with its owner.
func (e entry) abandoned() bool { return !e.Detached && !e.Owner.alive() }

// registryDir returns the folder of the registry, creating it.
func registryDir() (string, error) {
	dir := os.Getenv(RegistryEnv)
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding the user's cache directory (set %s to choose one): %w", RegistryEnv, err)
		}
		dir = filepath.Join(cache, "fairlead", "clusters")
	}
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return "", fmt.Errorf("creating the list of running environments: %w", err)
	}
	return dir, nil
}

// entryPath is the file of the environment in dir.
func entryPath(registry, dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(registry, hex.EncodeToString(sum[:8])+".json")
}

// register enters an environment.
func register(e entry) error {
	registry, err := registryDir()
	if err != nil {
		return err
	}
	return writeJSON(entryPath(registry, e.Dir), e)
}

// unregister removes the environment in dir; it need not be there.
func unregister(dir string) error {
	registry, err := registryDir()
	if err != nil {
		return err
	}
	err = os.Remove(entryPath(registry, dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s from the list of running environments: %w", dir, err)
	}
	return nil
}

// entries reads the registry. A file that another process removes meanwhile is left out.
func entries() ([]entry, error) {
	registry, err := registryDir()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(registry, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing running environments: %w", err)
	}
	var all []entry
	for _, path := range paths {
		var e entry
		err := readJSON(path, &e)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Dirs lists the folders of all environments that were started by this user and not closed, on this machine.
func Dirs() ([]string, error) {
	all, err := entries()
	if err != nil {
		return nil, err
	}
	dirs := make([]string, 0, len(all))
	for _, e := range all {
		dirs = append(dirs, e.Dir)
	}
	return dirs, nil
}
