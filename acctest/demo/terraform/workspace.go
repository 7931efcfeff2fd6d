// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package terraform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// interruptGrace is how long the engine may take to end in good order after an interrupt. It writes its state meanwhile.
const interruptGrace = 2 * time.Minute

const (
	variablesFile = "terraform.tfvars.json"
	lockFile      = ".terraform.lock.hcl"
	privateFile   = 0o600
	privateDir    = 0o700
)

// Workspace is a folder in which an engine works on a configuration that lies elsewhere: it holds links to the configuration,
// the values of its variables, and the state.
type Workspace struct {
	// Engine is the path of terraform or tofu.
	Engine string
	// Dir is the folder.
	Dir string
	// CLIConfig is the path of a file that WriteCLIConfig wrote.
	CLIConfig string
	// Out receives what the engine prints.
	Out io.Writer
}

// Prepare links the configuration in source into the folder and writes the values of its variables. It may be repeated; the
// state is left alone. There is nothing to initialise: see WriteCLIConfig.
func (w Workspace) Prepare(source string, variables map[string]any) error {
	if err := os.MkdirAll(w.Dir, privateDir); err != nil {
		return fmt.Errorf("creating a folder for %s: %w", source, err)
	}
	if err := w.link(source); err != nil {
		return fmt.Errorf("linking %s into %s: %w", source, w.Dir, err)
	}
	content, err := json.MarshalIndent(variables, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the variables of %s: %w", source, err)
	}
	if err := os.WriteFile(filepath.Join(w.Dir, variablesFile), append(content, '\n'), privateFile); err != nil {
		return fmt.Errorf("writing the variables of %s: %w", source, err)
	}
	// What was locked may be an earlier build of the provider.
	if err := os.RemoveAll(filepath.Join(w.Dir, lockFile)); err != nil {
		return fmt.Errorf("removing the locked version of the provider: %w", err)
	}
	return nil
}

// link replaces the links in the folder by links to the configuration files in source.
func (w Workspace) link(source string) error {
	source, err := filepath.Abs(source)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(source, "*.tf"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("no *.tf files there")
	}
	if err := w.unlink(); err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Symlink(file, filepath.Join(w.Dir, filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

func (w Workspace) unlink() error {
	links, err := filepath.Glob(filepath.Join(w.Dir, "*.tf"))
	if err != nil {
		return err
	}
	for _, link := range links {
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Run runs the engine in the folder; what it prints goes to Out. When ctx ends, the engine is interrupted once and may finish
// what it does: it would lose its state otherwise.
func (w Workspace) Run(ctx context.Context, args ...string) error {
	if !coloured(w.Out) {
		args = append(args, "-no-color")
	}
	cmd := w.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = w.Out, w.Out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s in %s: %w", filepath.Base(w.Engine), args[0], w.Dir, err)
	}
	return nil
}

// coloured says whether a person reads out on a terminal and wants colours.
func coloured(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Output runs the engine like Run and returns what it prints; an error ends with what it printed about it.
func (w Workspace) Output(ctx context.Context, args ...string) ([]byte, error) {
	var out, problems bytes.Buffer
	cmd := w.command(ctx, append(args, "-no-color")...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s in %s: %w\n%s", filepath.Base(w.Engine), args[0], w.Dir, err, problems.Bytes())
	}
	return out.Bytes(), nil
}

func (w Workspace) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.Engine, args...)
	cmd.Dir = w.Dir
	cmd.Env = append(cleanEnvironment(os.Environ()), ConfigEnv+"="+w.CLIConfig, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	// In a group of its own the engine gets a Ctrl-C at the terminal only from us. A second one would make it drop everything.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptGrace
	return cmd
}

// cleanEnvironment drops variables that would point the engine or the provider somewhere else. Logging stays.
func cleanEnvironment(environment []string) []string {
	var kept []string
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if !redirects(name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

func redirects(name string) bool {
	if strings.HasPrefix(name, "TF_LOG") {
		return false
	}
	for _, prefix := range []string{"TF_", "KUBE_", "FAIRLEAD_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// CommandLine returns what a person types to run the engine in the folder, from wherever they are.
func (w Workspace) CommandLine(args ...string) string {
	words := []string{ConfigEnv + "=" + quote(w.CLIConfig), quote(w.program()), "-chdir=" + quote(w.Dir)}
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// program is the shortest name that finds the engine.
func (w Workspace) program() string {
	name := filepath.Base(w.Engine)
	found, err := exec.LookPath(name)
	if err != nil {
		return w.Engine
	}
	if found, err = filepath.Abs(found); err == nil && found == w.Engine {
		return name
	}
	return w.Engine
}

// plain are the characters that a shell takes as they are.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@"

// quote returns word such that a shell reads it as one.
func quote(word string) string {
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
