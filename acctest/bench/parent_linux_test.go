// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"os/exec"
	"syscall"
)

// endWithParent lets a process end with the one that starts it, also when that one crashes.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
