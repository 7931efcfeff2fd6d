// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tiny is a tool that builds in a second and needs nothing from the network.
func tiny() Tool {
	return Tool{
		Name:      "tiny",
		Module:    "example.com/dependency",
		Binaries:  map[string]string{"tiny": "."},
		Estimate:  "a second",
		variables: []string{"main.version={version}"},
		assets:    []string{"data"},
	}
}

// writeTiny writes the sources of tiny and returns the folder of tools that holds it.
func writeTiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "dependency", "go.mod"), "module example.com/dependency\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "dependency", "dependency.go"), "package dependency\n\nconst Greeting = \"hello\"\n")
	write(t, filepath.Join(dir, "dependency", "data", "file.txt"), "content")
	write(t, filepath.Join(dir, "tiny", "go.mod"), `module example.com/tiny

go 1.26

require example.com/dependency v1.2.3

replace example.com/dependency => ../dependency
`)
	write(t, filepath.Join(dir, "tiny", "main.go"), `package main

import "example.com/dependency"

var version string

func main() { println(dependency.Greeting, version) }
`)
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// safeBuffer is a buffer that two builds may write to.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

// Write implements io.Writer.
func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func TestEnsureBuildsOnce(t *testing.T) {
	source, cache := writeTiny(t), t.TempDir()
	var log safeBuffer
	store := Store{Source: source, Cache: cache, Log: &log}

	builds := make([]Build, 3)
	var all sync.WaitGroup
	for i := range builds {
		all.Go(func() {
			var err error
			if builds[i], err = store.ensure(t.Context(), tiny()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}

	if started := strings.Count(log.String(), "(once, a second)"); started != 1 {
		t.Errorf("concurrent runs build a tool once, not %d times:\n%s", started, log.String())
	}
	out, err := exec.Command(builds[0].Binary("tiny")).CombinedOutput()
	if err != nil || string(out) != "hello v1.2.3\n" {
		t.Errorf("the binary knows its version: got %q, %v", out, err)
	}
	content, err := os.ReadFile(builds[0].Asset("data/file.txt"))
	if err != nil || string(content) != "content" {
		t.Errorf("assets are copied from the module: got %q, %v", content, err)
	}

	// A second clone at another place finds the same build.
	before := log.String()
	again, err := Store{Source: copyTree(t, source), Cache: cache, Log: &log}.ensure(t.Context(), tiny())
	if err != nil {
		t.Fatal(err)
	}
	if again != builds[0] || log.String() != before {
		t.Errorf("a second clone builds nothing: got %v, want %v, log:\n%s", again, builds[0], log.String())
	}
}

func copyTree(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "clone")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	source, cache := writeTiny(t), t.TempDir()
	write(t, filepath.Join(source, "tiny", "main.go"), "package main\n\nfunc main() { undefined() }\n")
	store := Store{Source: source, Cache: cache, Log: t.Output()}

	_, err := store.ensure(t.Context(), tiny())
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("the error quotes the compiler: got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "tiny-*[0-9a-f]"))
	if err != nil || len(left) > 0 {
		t.Errorf("a failed build does not look like a finished one: found %v, %v", left, err)
	}
}

func TestEnsureStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store := Store{Source: writeTiny(t), Cache: t.TempDir(), Log: t.Output()}
	if _, err := store.ensure(ctx, tiny()); err == nil {
		t.Error("a build that was cancelled succeeds")
	}
}

func TestRepositoryRoot(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), modulePath+"\n\ngo 1.26\n")
	inner := filepath.Join(root, "acctest", "tools", "etcd")
	write(t, filepath.Join(inner, "go.mod"), modulePath+"/acctest/tools/etcd\n")

	got, err := repositoryRoot(inner)
	if err != nil || got != root {
		t.Errorf("the modules of tools are passed by: got %q, %v, want %q", got, err, root)
	}
	if got, err := repositoryRoot(t.TempDir()); err == nil {
		t.Errorf("outside of a clone there is no root: got %q", got)
	}
}
