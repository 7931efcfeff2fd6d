// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools/filelock"
)

// CacheEnv names the environment variable that overrides the folder in which built tools are kept.
const CacheEnv = "FAIRLEAD_TOOLS_CACHE"

// modulePath is the line of go.mod by which the root of this repository is recognised.
const modulePath = "module github.com/fairlead-io/terraform-provider-fairlead"

// Store finds built tools and builds those that are missing.
type Store struct {
	// Source is the folder acctest/tools of a clone of this repository.
	Source string
	// Cache is the folder in which builds are kept, one folder each.
	Cache string
	// Log receives lines for a person about what is being built. Nothing is written when all is built.
	Log io.Writer
}

// Build is one built tool.
type Build struct {
	// Dir is the folder of the build: binaries in bin, copied files in assets.
	Dir string
	// Version is the version of the tool, for example v1.36.3.
	Version string
}

// Binary returns the path of the binary called name.
func (b Build) Binary(name string) string { return filepath.Join(b.Dir, "bin", name) }

// Asset returns the path of a file or folder that was copied from the tool's module, by its place in that module.
func (b Build) Asset(path string) string {
	return filepath.Join(b.Dir, "assets", filepath.FromSlash(path))
}

// DefaultStore returns the store for the repository that holds the working directory, in the user's cache directory or in the
// folder that FAIRLEAD_TOOLS_CACHE names.
func DefaultStore(log io.Writer) (Store, error) {
	wd, err := os.Getwd()
	if err != nil {
		return Store{}, fmt.Errorf("finding the working directory: %w", err)
	}
	root, err := repositoryRoot(wd)
	if err != nil {
		return Store{}, err
	}
	cache, err := cacheDir()
	if err != nil {
		return Store{}, err
	}
	return Store{Source: filepath.Join(root, "acctest", "tools"), Cache: cache, Log: log}, nil
}

func cacheDir() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache directory (set %s to choose one): %w", CacheEnv, err)
	}
	return filepath.Join(dir, "fairlead", "tools"), nil
}

// repositoryRoot walks up from dir to the folder whose go.mod is this repository's.
func repositoryRoot(dir string) (string, error) {
	for d := dir; ; d = filepath.Dir(d) {
		content, err := os.ReadFile(filepath.Join(d, "go.mod"))
		if err == nil && firstLine(content) == modulePath {
			return d, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("looking for the repository from %s: %w", dir, err)
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("%s is not inside a clone of the repository (no go.mod with %q above it): run from the clone", dir, modulePath)
		}
	}
}

func firstLine(content []byte) string {
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line)
}

// Ensure returns the build of the tool called name, building it first when it is missing. Two processes that ask for the same
// tool at once build it once: the second waits for the first.
func (s Store) Ensure(ctx context.Context, name string) (Build, error) {
	t, err := Lookup(name)
	if err != nil {
		return Build{}, err
	}
	return s.ensure(ctx, t)
}

func (s Store) ensure(ctx context.Context, t Tool) (Build, error) {
	build, err := s.locate(t)
	if err != nil || built(build) {
		return build, err
	}
	if err := os.MkdirAll(s.Cache, 0o755); err != nil {
		return Build{}, fmt.Errorf("creating the cache of tools: %w", err)
	}

	unlock, err := filelock.Lock(ctx, build.Dir+".lock", s.logf("waiting for another build of %s", t.Name))
	if err != nil {
		return Build{}, err
	}
	defer unlock()
	if built(build) {
		return build, nil
	}
	return build, s.build(ctx, t, build)
}

// Locate returns the build of the tool called name without building it, and whether it is there.
func (s Store) Locate(name string) (Build, bool, error) {
	t, err := Lookup(name)
	if err != nil {
		return Build{}, false, err
	}
	build, err := s.locate(t)
	return build, err == nil && built(build), err
}

func (s Store) locate(t Tool) (Build, error) {
	dir := filepath.Join(s.Source, t.Name)
	k, err := key(t, dir)
	if err != nil {
		return Build{}, err
	}
	v, err := version(dir, t.Module)
	if err != nil {
		return Build{}, err
	}
	return Build{Dir: filepath.Join(s.Cache, t.Name+"-"+k), Version: v}, nil
}

// built says whether b is complete; a folder gets its final name only once it is.
func built(b Build) bool {
	_, err := os.Stat(b.Dir)
	return err == nil
}

// logf returns a function that writes one line for a person.
func (s Store) logf(format string, args ...any) func() {
	return func() { fmt.Fprintf(s.Log, format+"\n", args...) }
}
