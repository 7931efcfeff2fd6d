// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/daemon"
)

const (
	privateFile = 0o600
	privateDir  = 0o700
)

// layout says where everything lies.
type layout struct {
	// root is the root of the repository.
	root string
	// dir is the folder for what a run leaves behind.
	dir string
	// bin is the folder with the built provider and addon.
	bin string
}

func (l layout) example(name string) string   { return filepath.Join(l.root, "examples", name) }
func (l layout) workspace(name string) string { return filepath.Join(l.dir, name) }
func (l layout) clusters() string             { return filepath.Join(l.dir, "clusters") }
func (l layout) cliConfig() string            { return filepath.Join(l.dir, "terraform.rc") }
func (l layout) addon() string                { return filepath.Join(l.bin, "fairlead-addon") }
func (l layout) managerRecord() string        { return filepath.Join(l.dir, "manager.json") }
func (l layout) credentials() string          { return filepath.Join(l.dir, "credentials") }

func (l layout) manager() daemon.Daemon {
	return daemon.Daemon{PIDFile: filepath.Join(l.dir, "manager.pid"), LogFile: filepath.Join(l.dir, "manager.log")}
}

// errBusy says that another run works in the same folder.
var errBusy = errors.New("another run is at work there: wait for it, or interrupt it")

// lock makes sure that one run at a time works in the folder, which it creates. The kernel releases the lock when we end.
func (l layout) lock() (unlock func(), err error) {
	if err := os.MkdirAll(l.dir, privateDir); err != nil {
		return nil, fmt.Errorf("creating the folder of the demo: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(l.dir, "lock"), os.O_CREATE|os.O_RDWR, privateFile)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", l.dir, err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errBusy
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", l.dir, err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
