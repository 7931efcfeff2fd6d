// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// progressInterval is how often a running build says that it still runs.
	progressInterval = 20 * time.Second
	// errorTail bounds what is quoted of a failed build's output, in bytes.
	errorTail = 4096
)

// build compiles t into a folder beside b.Dir and renames it, so that b.Dir is only ever complete.
func (s Store) build(ctx context.Context, t Tool, b Build) error {
	start := time.Now()
	what := fmt.Sprintf("%s %s", strings.Join(t.binaryNames(), ", "), b.Version)
	s.logf("building %s (once, %s) ...", what, t.Estimate)()

	tmp, err := os.MkdirTemp(s.Cache, "."+t.Name+"-*")
	if err != nil {
		return fmt.Errorf("creating a folder for the build of %s: %w", t.Name, err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := s.compile(ctx, t, b.Version, tmp, start); err != nil {
		return fmt.Errorf("building %s: %w", what, err)
	}
	if err := s.copyAssets(ctx, t, tmp); err != nil {
		return fmt.Errorf("copying the files of %s: %w", what, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("opening the build of %s to others: %w", t.Name, err)
	}
	if err := os.Rename(tmp, b.Dir); err != nil {
		return fmt.Errorf("putting the build of %s in place: %w", t.Name, err)
	}
	s.logf("building %s: done in %s", what, time.Since(start).Round(time.Second))()
	return nil
}

// compile runs `go build` once for all binaries of t and writes progress meanwhile.
func (s Store) compile(ctx context.Context, t Tool, version, tmp string, start time.Time) error {
	bin := filepath.Join(tmp, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	args := []string{"build", "-v", "-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags", t.ldflags(version)}
	out := bin + string(filepath.Separator)
	if names := t.binaryNames(); len(names) == 1 {
		// A single binary gets its name here: Go would name the one of a module root after the folder.
		out = filepath.Join(bin, names[0])
	}
	args = append(args, "-o", out)
	for _, name := range t.binaryNames() {
		args = append(args, t.Binaries[name])
	}

	var output output
	cmd := s.goCommand(ctx, t, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := s.reportProgress(t, &output, start)
	err := cmd.Wait()
	stop()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, output.tail())
	}
	return nil
}

// goCommand returns a go command in the folder of t's module, free of settings of the caller's that would change the build.
func (s Store) goCommand(ctx context.Context, t Tool, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(s.Source, t.Name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	return cmd
}

// reportProgress writes a line at every progressInterval until the returned function is called.
func (s Store) reportProgress(t Tool, o *output, start time.Time) (stop func()) {
	done := make(chan struct{})
	var finished sync.WaitGroup
	finished.Go(func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				s.logf("building %s: %d packages compiled, %s", t.Name, o.lines(), time.Since(start).Round(time.Second))()
			}
		}
	})
	return func() {
		close(done)
		finished.Wait()
	}
}

// copyAssets copies t's asset folders out of the module cache, where the build has put the module.
func (s Store) copyAssets(ctx context.Context, t Tool, tmp string) error {
	if len(t.assets) == 0 {
		return nil
	}
	out, err := s.goCommand(ctx, t, "list", "-m", "-f", "{{.Dir}}", t.Module).Output()
	if err != nil {
		return fmt.Errorf("finding the folder of module %s: %w%s", t.Module, err, stderrOf(err))
	}
	source := strings.TrimSpace(string(out))
	for _, asset := range t.assets {
		to := filepath.Join(tmp, "assets", filepath.FromSlash(asset))
		if err := os.CopyFS(to, os.DirFS(filepath.Join(source, filepath.FromSlash(asset)))); err != nil {
			return fmt.Errorf("copying %s of %s: %w", asset, t.Module, err)
		}
	}
	return nil
}

func stderrOf(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return ""
	}
	return "\n" + string(exit.Stderr)
}

// output collects what a build prints: one line for each compiled package, and errors.
type output struct {
	mu    sync.Mutex
	bytes bytes.Buffer
	count int
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count += bytes.Count(p, []byte("\n"))
	return o.bytes.Write(p)
}

func (o *output) lines() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.bytes.Bytes()
	return string(b[max(0, len(b)-errorTail):])
}
