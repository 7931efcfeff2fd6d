// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"os/exec"
	"testing"
)

func TestParseStat(t *testing.T) {
	const rest = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20"
	cases := map[string]struct {
		reason      string
		stat        string
		state, tick string
		fails       bool
	}{
		"Plain":       {reason: "the start time is field 22", stat: "7 (etcd) S" + rest, state: "S", tick: "4242"},
		"Parentheses": {reason: "a name may hold what separates fields", stat: "7 (a) Z 1 (b) R" + rest, state: "R", tick: "4242"},
		"Short":       {reason: "a short line has no start time", stat: "7 (etcd) S 1 2", fails: true},
		"NoName":      {reason: "a line without a name is not one of this file", stat: "7 etcd S", fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			state, tick, err := parseStat([]byte(tc.stat))
			if state != tc.state || tick != tc.tick || (err != nil) != tc.fails {
				t.Errorf("%s: got %q, %q, %v", tc.reason, state, tick, err)
			}
		})
	}
}

// TestEndedProcessIsGone shows that a process that ended and was not collected counts as gone: where nobody collects orphans,
// waiting for the id to vanish would never end.
func TestEndedProcessIsGone(t *testing.T) {
	cmd := exec.Command("sleep", "300")
	cmd.SysProcAttr = sysProcAttr(true)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.kill(); err != nil {
		t.Errorf("killing a process that nobody collects: %v", err)
	}
}
