// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// StopDir ends every process that was started in dir and still lives, whoever started it, and removes what was written there.
// The folder itself goes as well when it was made for the environment. It does nothing when dir holds none.
func StopDir(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("resolving %q: %w", dir, err)
	}
	all, err := entries()
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Dir == dir {
			return stopEntry(e)
		}
	}
	return stopEntry(entry{Dir: dir})
}

// StopAll ends every environment that this user has running, detached ones included.
func StopAll() error {
	all, err := entries()
	for _, e := range all {
		err = errors.Join(err, stopEntry(e))
	}
	return err
}

// stopAbandoned ends what runs left that died before they could.
func stopAbandoned() error {
	all, err := entries()
	for _, e := range all {
		if e.abandoned() {
			err = errors.Join(err, stopEntry(e))
		}
	}
	return err
}

func stopEntry(e entry) error {
	if err := killRecorded(e.Dir); err != nil {
		return err
	}
	return errors.Join(removeFiles(e.Dir, e.RemoveDir), unregister(e.Dir))
}

// killRecorded kills the processes that dir has files of, all at once.
func killRecorded(dir string) error {
	records, err := readRecords(dir)
	if err != nil {
		return err
	}
	errs := make([]error, len(records))
	var all sync.WaitGroup
	for i, r := range records {
		all.Go(func() {
			if err := r.kill(killTimeout); err != nil {
				errs[i] = fmt.Errorf("%s of %s: %w", r.Name, dir, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// removeFiles removes what an environment wrote to dir, and dir itself when whole is true.
func removeFiles(dir string, whole bool) error {
	if !exists(filepath.Join(dir, markerFile)) {
		return nil
	}
	// A folder with the marker holds nothing of anybody else, but it may be somebody's choice to have it.
	content, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the folder of an environment: %w", err)
	}
	for _, file := range content {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, file.Name())))
	}
	if whole {
		err = errors.Join(err, os.Remove(dir))
	}
	if err != nil {
		return fmt.Errorf("removing the files of an environment: %w", err)
	}
	return nil
}
