// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

const (
	loopback = "127.0.0.1"

	// Ports come from below the range from which kernels take the ports of outgoing connections (32768 on Linux, 49152
	// elsewhere), so that none is lost to a client between the choice and the start of the server, or while it is restarted.
	lowestPort, highestPort = 10240, 32767
	portAttempts            = 200
)

// freePorts returns n ports of the loopback address that the kernel says are free. All are held until the last is found, so
// that they differ. random returns a number in [0, n).
func freePorts(n int, random func(n int) int) ([]int, error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	ports := make([]int, 0, n)
	for len(ports) < n {
		l, err := listenAnywhere(random)
		if err != nil {
			return nil, err
		}
		held = append(held, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // it listens by TCP
	}
	return ports, nil
}

func listenAnywhere(random func(n int) int) (net.Listener, error) {
	var err error
	for range portAttempts {
		var l net.Listener
		l, err = net.Listen("tcp", address(lowestPort+random(highestPort-lowestPort)))
		if err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("finding a free port between %d and %d: %w", lowestPort, highestPort, err)
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// randomPort is the source of randomness for freePorts outside of tests.
func randomPort(n int) int { return rand.IntN(n) }
