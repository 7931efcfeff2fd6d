// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// ErrNotRunning says that a folder holds no environment of which all processes live.
var ErrNotRunning = errors.New("no running environment")

// Attach returns the environment that another run has started in dir with Options.Detached. It fails with ErrNotRunning when
// there is none, when its start did not finish, or when one of its processes is gone.
func Attach(dir string) (*Env, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolving %q: %w", dir, err)
	}
	s, err := readState(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNotRunning, dir)
	}
	if err != nil {
		return nil, err
	}
	records, err := readRecords(dir)
	if err != nil {
		return nil, err
	}
	e := attached(dir, s, records)
	for _, plane := range e.planes {
		if err := plane.load(); err != nil {
			return nil, fmt.Errorf("%w in %s: %w", ErrNotRunning, dir, err)
		}
	}
	if err := checkRunning(dir, s, records); err != nil {
		return nil, err
	}
	e.spawner = newSpawner()
	return e, nil
}

func checkRunning(dir string, s state, records []record) error {
	if !s.Ready {
		return fmt.Errorf("%w in %s: its start did not finish", ErrNotRunning, dir)
	}
	var gone []string
	for _, r := range records {
		if !r.alive() {
			gone = append(gone, r.Name)
		}
	}
	if len(gone) > 0 {
		return fmt.Errorf("%w in %s: %s ended; see %s", ErrNotRunning, dir, strings.Join(gone, ", "), filepath.Join(dir, logDir))
	}
	return nil
}

// attached rebuilds an Env from what is on disk.
func attached(dir string, s state, records []record) *Env {
	e := &Env{
		Dir: dir,
		options: Options{
			Dir: dir, Detached: s.Detached, AuditLog: s.AuditLog, OCM: s.OCM,
			LeaseDuration: s.LeaseDuration, StatusSyncInterval: s.StatusSyncInterval, Log: io.Discard,
		},
		state:     s,
		planes:    map[string]*ControlPlane{},
		processes: map[string]*Process{},
		builds:    map[string]tools.Build{},
		failed:    make(chan struct{}),
	}
	for _, plane := range s.ControlPlanes {
		e.planes[plane.Name] = newControlPlane(dir, plane, s.AuditLog)
	}
	for _, r := range records {
		log := filepath.Join(dir, logDir, fileName(r.Name)+".log")
		e.processes[r.Name] = &Process{Name: r.Name, LogPath: log, env: e, rec: r}
	}
	return e
}
