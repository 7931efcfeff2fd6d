// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package sandbox

import "syscall"

// attributes make the process a group of its own.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
