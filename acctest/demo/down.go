// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// down ends everything that up has started, whatever is left of it, and removes its files.
func down(ctx context.Context, l layout, out io.Writer) error {
	if _, err := os.Stat(l.dir); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(out, "There is no demo to take down.")
		return nil
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.manager().Stop(ctx, stopGrace); err != nil {
		return fmt.Errorf("stopping the manager: %w", err)
	}
	if err := cluster.StopDir(l.clusters()); err != nil {
		return fmt.Errorf("stopping the clusters: %w", err)
	}
	if err := os.RemoveAll(l.dir); err != nil {
		return fmt.Errorf("removing the demo's files: %w", err)
	}
	fmt.Fprintln(out, "The demo is down: nothing of it runs, and its files are gone.")
	return nil
}
