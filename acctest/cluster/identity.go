// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// identity names a process for as long as the machine runs: the kernel reuses ids, but not together with the start time.
type identity struct {
	// PID is the process id.
	PID int `json:"pid"`
	// Start says when the process started, in a form of the platform's; only equality matters.
	Start string `json:"start"`
}

// self returns the identity of the calling process.
func self() (identity, error) { return identify(os.Getpid()) }

// identify returns the identity of the process that has the id pid now. It fails with errNoProcess when there is none, or only
// one that has ended and waits to be collected.
func identify(pid int) (identity, error) {
	start, err := startTime(pid)
	if err != nil {
		return identity{}, err
	}
	return identity{PID: pid, Start: start}, nil
}

// errNoProcess says that no living process has an id.
var errNoProcess = errors.New("no such process")

// alive says whether the very process that id names still lives.
func (id identity) alive() bool {
	if id.PID <= 0 {
		return false
	}
	now, err := identify(id.PID)
	return err == nil && now == id
}

// signal sends sig to the process, and to nobody when its id belongs to another one by now.
func (id identity) signal(sig syscall.Signal) error {
	if !id.alive() {
		return errNoProcess
	}
	// Every process that is started here leads a group of its own, so that children of it are reached as well.
	err := syscall.Kill(-id.PID, sig)
	if errors.Is(err, syscall.ESRCH) {
		return errNoProcess
	}
	return err
}

// kill ends the process and waits until it is gone.
func (id identity) kill() error {
	err := id.signal(syscall.SIGKILL)
	if errors.Is(err, errNoProcess) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("killing process %d: %w", id.PID, err)
	}
	for deadline := time.Now().Add(killTimeout); id.alive(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d lives %s after it was killed", id.PID, killTimeout)
		}
		<-time.After(pollFast)
	}
	return nil
}
