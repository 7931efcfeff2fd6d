// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ticksPerSecond is in what unit Linux tells the processor time of a process, on all of its architectures.
const ticksPerSecond = 100

// usage is what a process and its children have taken.
type usage struct {
	// cpu is processor time since the start, with that of children that ended.
	cpu time.Duration
	// resident and peak are memory in bytes.
	resident, peak int64
}

// usageOf reads what a process and its living children have taken.
func usageOf(t *testing.T, pid int) usage {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("what a process takes is read from /proc, which only Linux has")
	}
	total := usageOfOne(t, pid)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if fields := statFields(child); err != nil || len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		of := usageOfOne(t, child)
		total.cpu += of.cpu
		total.resident += of.resident
		total.peak += of.peak
	}
	return total
}

func usageOfOne(t *testing.T, pid int) usage {
	t.Helper()
	fields := statFields(pid)
	if len(fields) < 15 {
		return usage{} // it is gone
	}
	var ticks int64
	for _, field := range fields[11:15] { // user and system, own and of children that ended
		value, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatalf("processor time of process %d: %v", pid, err)
		}
		ticks += value
	}
	return usage{
		cpu:      time.Duration(ticks) * time.Second / ticksPerSecond,
		resident: statusBytes(pid, "VmRSS"), peak: statusBytes(pid, "VmHWM"),
	}
}

// statFields are those of /proc/PID/stat after the name, which may hold blanks; the first is the state.
func statFields(pid int) []string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	end := strings.LastIndexByte(string(content), ')')
	return strings.Fields(string(content[end+1:]))
}

// statusBytes is a size out of /proc/PID/status.
func statusBytes(pid int, name string) int64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}
