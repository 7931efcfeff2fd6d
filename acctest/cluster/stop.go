// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools/filelock"
)

// StopDir ends every process that was started in dir and still lives, whoever started it, and removes what was written there.
// The folder itself goes as well when it was made for the environment. It does nothing when dir holds none.
func StopDir(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("resolving %q: %w", dir, err)
	}
	found := false
	err = stopMatching(func(e entry) bool {
		found = found || e.Dir == abs
		return e.Dir == abs
	})
	if found || err != nil {
		return err
	}
	return stopEntry(entry{Dir: abs})
}

// StopAll ends every environment that this user has running, detached ones included.
func StopAll() error {
	return stopMatching(func(entry) bool { return true })
}

// stopAbandoned ends what runs left that died before they could.
func stopAbandoned() error { return stopMatching(entry.abandoned) }

// stopMatching ends the environments that match. Two runs that start at the same time must not both clear the same folder.
func stopMatching(match func(entry) bool) error {
	registry, err := registryDir()
	if err != nil {
		return err
	}
	unlock, err := filelock.Lock(context.Background(), filepath.Join(registry, "lock"), func() {})
	if err != nil {
		return err
	}
	defer unlock()
	all, err := entries()
	for _, e := range all {
		if match(e) {
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
			if err := r.kill(); err != nil {
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
