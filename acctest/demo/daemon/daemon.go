// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package daemon runs a program that outlives its starter and is found again by the next one.
//
// The program inherits a locked file that holds its id. The kernel releases the lock when the program and its children have
// ended, however that happens, so a stale id is never taken for a running program and no other process is ever signalled.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	privateFile = 0o600
	// poll is how often an ending program is looked at.
	poll = 50 * time.Millisecond
	// killGrace is how long the kernel may take to end a killed program on a busy machine.
	killGrace = 15 * time.Second
	// idLimit bounds what is read of the file that holds the id, in bytes.
	idLimit = 32
)

// Daemon is one program that runs at most once.
type Daemon struct {
	// PIDFile is locked while the program runs and holds its process id.
	PIDFile string
	// LogFile receives what the program prints, appended.
	LogFile string
}

// ErrRunning says that the program runs already.
var ErrRunning = errors.New("is running already")

// Start starts the program at path with args in a session of its own, so that Ctrl-C at a terminal does not reach it. It fails
// with ErrRunning when it runs already.
func (d Daemon) Start(path string, args ...string) error {
	file, err := d.lock()
	if err != nil {
		return fmt.Errorf("starting %s: %w", filepath.Base(path), err)
	}
	// The program has a handle of its own, which keeps the lock.
	defer func() { _ = file.Close() }()
	log, err := os.OpenFile(d.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, privateFile)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", filepath.Base(path), err)
	}
	defer func() { _ = log.Close() }()

	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", path, err)
	}
	if err := writeID(file, cmd.Process.Pid); err != nil {
		return errors.Join(fmt.Errorf("noting the id of %s: %w", path, err), cmd.Process.Kill())
	}
	// Collects the program if it ends while we live.
	go func() { _ = cmd.Wait() }()
	return nil
}

// lock opens and locks the file. It fails with ErrRunning when the lock is taken.
func (d Daemon) lock() (*os.File, error) {
	file, err := os.OpenFile(d.PIDFile, os.O_CREATE|os.O_RDWR, privateFile)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrRunning
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func writeID(file *os.File, pid int) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return err
}

// PID returns the id of the running program, or 0 when none runs.
func (d Daemon) PID() (int, error) {
	file, err := d.lock()
	if err == nil {
		return 0, file.Close()
	}
	if !errors.Is(err, ErrRunning) {
		return 0, fmt.Errorf("looking for the program of %s: %w", d.PIDFile, err)
	}
	return d.readID()
}

func (d Daemon) readID() (int, error) {
	file, err := os.Open(d.PIDFile)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, idLimit))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s is locked by a program whose id it does not hold: end that program (fuser %[1]s shows it)", d.PIDFile)
	}
	return pid, nil
}

// Stop asks the program to end and kills it after grace, or when ctx ends. It does nothing when none runs.
func (d Daemon) Stop(ctx context.Context, grace time.Duration) error {
	pid, err := d.PID()
	if err != nil || pid == 0 {
		return err
	}
	patience, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	// The program leads its group. As long as the lock is held a member lives, and the group's id is nobody else's.
	if err := d.end(patience, pid, syscall.SIGTERM); err == nil {
		return nil
	}
	killing, cancel := context.WithTimeout(context.WithoutCancel(ctx), killGrace)
	defer cancel()
	return d.end(killing, pid, syscall.SIGKILL)
}

// end signals the program's group and waits until the program is gone.
func (d Daemon) end(ctx context.Context, pid int, signal syscall.Signal) error {
	if err := syscall.Kill(-pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("ending process %d: %w", pid, err)
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		running, err := d.PID()
		if err != nil || running != pid {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d did not end after %s: %w", pid, signal, ctx.Err())
		case <-ticker.C:
		}
	}
}
