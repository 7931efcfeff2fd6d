// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFreePorts(t *testing.T) {
	taken, err := listenAnywhere(randomPort)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port

	first, second := closedPort(t), closedPort(t)
	for second == first {
		second = closedPort(t)
	}
	// The first choice is taken by somebody else, the third by the result itself.
	choices := []int{port, first, first, second}
	random := func(int) int {
		next := choices[0]
		choices = choices[1:]
		return next - lowestPort
	}
	got, err := freePorts(2, random)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{first, second}, got); diff != "" {
		t.Errorf("ports that are in use are passed over: -want +got:\n%s", diff)
	}
}

// closedPort returns a port that nobody listened on a moment ago.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := listenAnywhere(randomPort)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func TestFreePortsGivesUp(t *testing.T) {
	taken, err := listenAnywhere(randomPort)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	if ports, err := freePorts(1, func(int) int { return port - lowestPort }); err == nil {
		t.Errorf("no port is free: got %v", ports)
	}
}
