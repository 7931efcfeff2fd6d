// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// killTimeout is how long the kernel may take to end a killed process on a busy machine.
	killTimeout = 15 * time.Second
	// logTail bounds what is quoted of a log in errors, in bytes.
	logTail = 3000
)

// command is how a process is started; it is kept on disk so that another run can restart it.
type command struct {
	// Name is the name of the process: "etcd", or the name of a control plane, a slash and a part.
	Name string `json:"name"`
	// Path is the binary.
	Path string `json:"path"`
	// Args are its arguments.
	Args []string `json:"args"`
	// Health is a URL that answers 200 when the process is ready; empty when it serves none.
	Health string `json:"health,omitempty"`
	// HealthCA is the file with the authority that signed the certificate of Health.
	HealthCA string `json:"healthCA,omitempty"`
}

// record is what the file of a process holds.
type record struct {
	command
	identity
}

// Process is one program of an Env.
type Process struct {
	// Name is "etcd", or the name of a control plane, a slash and a part: "hub/kube-apiserver", "cluster1/work-agent".
	Name string
	// LogPath is the file that holds what the process prints.
	LogPath string

	env *Env

	mu  sync.Mutex
	rec record
	// expected is true from the moment somebody asked for the process to end.
	expected bool
	// gone is closed when the process has been collected. It is nil for a process that another run started.
	gone chan struct{}
}

// PID returns the id that the process has or had last.
func (p *Process) PID() int { return p.current().PID }

// Running says whether the process lives. A stopped process lives.
func (p *Process) Running() bool { return p.current().alive() }

// Stop suspends the process (SIGSTOP): it keeps its connections and does nothing, like one on a machine that hangs.
func (p *Process) Stop() error { return p.signal(syscall.SIGSTOP, "stopping") }

// Continue resumes a process that Stop has suspended (SIGCONT).
func (p *Process) Continue() error { return p.signal(syscall.SIGCONT, "continuing") }

// Kill ends the process at once (SIGKILL), stopped or not, and returns when it is gone.
func (p *Process) Kill() error {
	p.mu.Lock()
	p.expected = true
	id, gone := p.rec.identity, p.gone
	p.mu.Unlock()

	if err := id.kill(); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	if gone != nil {
		<-gone
	}
	return nil
}

// Restart kills the process if it lives and starts it again as it was. It returns when the process answers its health check;
// parts that serve none (controllers, agents) are only started.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Kill(); err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	return p.waitHealthy(ctx)
}

func (p *Process) signal(sig syscall.Signal, what string) error {
	if err := p.current().signal(sig); err != nil {
		return fmt.Errorf("%s %s: %w", what, p.Name, err)
	}
	return nil
}

func (p *Process) current() identity {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rec.identity
}

// start starts the process and writes its file.
func (p *Process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(p.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, privateFile)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", p.Name, err)
	}
	// The process has its own handle on the file.
	defer func() { _ = log.Close() }()

	cmd := exec.Command(p.rec.Path, p.rec.Args...)
	cmd.Dir = p.env.Dir
	cmd.Env = processEnvironment(p.env.Dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = sysProcAttr(p.env.options.Detached)
	if err := p.env.spawner.run(cmd.Start); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	p.expected = false
	p.gone = make(chan struct{})
	go p.collect(cmd, p.gone)

	if p.rec.identity, err = identify(cmd.Process.Pid); err != nil {
		return fmt.Errorf("starting %s: %w%s", p.Name, err, p.tail())
	}
	return writeJSON(recordPath(p.env.Dir, p.Name), p.rec)
}

// processEnvironment is all that a process gets of its caller's environment, so that proxies, kubeconfigs and Go settings of a
// developer's shell do not reach it.
func processEnvironment(dir string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir()}
}

// collect waits for the end of the process. One that nobody asked for is a failure of the environment.
func (p *Process) collect(cmd *exec.Cmd, gone chan struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	expected := p.expected
	p.mu.Unlock()
	// Only now, since who waits for it may start the process again.
	close(gone)
	if !expected {
		p.env.fail(fmt.Errorf("%s ended by itself (%w)%s", p.Name, errors.Join(err, errUnasked), p.tail()))
	}
}

// errUnasked gives an unexpected end with exit code 0 an error as well.
var errUnasked = errors.New("it was not asked to")

// tail returns the end of the process's log for an error message.
func (p *Process) tail() string {
	content, err := os.ReadFile(p.LogPath)
	if err != nil || len(content) == 0 {
		return ""
	}
	text := strings.TrimSpace(string(content[max(0, len(content)-logTail):]))
	return fmt.Sprintf("; the end of %s:\n%s", p.LogPath, text)
}

// waitHealthy waits until the process answers its health check.
func (p *Process) waitHealthy(ctx context.Context) error {
	p.mu.Lock()
	url, ca := p.rec.Health, p.rec.HealthCA
	p.mu.Unlock()
	if url == "" {
		return nil
	}
	client, err := healthClient(ca)
	if err != nil {
		return fmt.Errorf("checking the health of %s: %w", p.Name, err)
	}
	defer client.CloseIdleConnections()
	return waitFor(ctx, p.Name+" to be ready", pollRequest, func(ctx context.Context) error { return healthy(ctx, client, url) })
}

// recordPath is the file of the process called name.
func recordPath(dir, name string) string {
	return filepath.Join(dir, processDir, fileName(name)+".json")
}

// fileName turns the name of a process into one of a file.
func fileName(name string) string { return strings.ReplaceAll(name, "/", "_") }
