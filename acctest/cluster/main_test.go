// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// childDir makes the test binary start a hub in the folder that it names and then do nothing, so that a test can kill it the
// hard way; childDetached makes that hub detached.
const (
	childDir      = "FAIRLEAD_TEST_CHILD_DIR"
	childDetached = "FAIRLEAD_TEST_CHILD_DETACHED"
	childReady    = "ready"

	// childTest makes TestChildOfSignalTest start a hub in the folder that it names.
	childTest = "FAIRLEAD_TEST_SIGNAL_DIR"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	o := Options{Dir: dir, Detached: os.Getenv(childDetached) != "", Log: os.Stderr}
	if _, err := Start(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(childReady)
	select {}
}
