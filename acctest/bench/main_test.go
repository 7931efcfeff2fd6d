// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench measures the addon on real control planes: what a delivery costs, and how long it takes beside the
// same writes by a plain client.
//
// As a test it runs small and asserts what is exact: writes, requests and final states. `make bench` runs it at full
// size and prints the figures. A figure of a run whose outcome is not as it must be is never printed: the check comes first.
package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

// sizes are what `make bench` changes.
type sizes struct {
	clusters     *int
	applications *int
	planned      *int
	idle         *time.Duration
	fsync        *bool
	json         *string
}

func newSizes(set *flag.FlagSet) sizes {
	return sizes{
		clusters:     set.Int("clusters", 20, "managed clusters that one application is delivered to"),
		applications: set.Int("applications", 20, "applications that are created at once"),
		planned:      set.Int("planned", 20, "applications that are in a plan"),
		idle:         set.Duration("idle", 10*time.Second, "how long nothing may be written once all is well"),
		fsync:        set.Bool("fsync", false, "let etcd wait for the disk"),
		json:         set.String("json", "", "file for the figures as JSON"),
	}
}

var (
	size    = newSizes(flag.CommandLine)
	figures report
)

// TestMain prints the figures when all checks have passed.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 {
		if err := figures.write(os.Stdout, *size.json); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
