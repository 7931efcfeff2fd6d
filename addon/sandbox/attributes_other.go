// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package sandbox

import "syscall"

// attributes has nothing to say here.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{}
}
