// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
)

// figure is one thing that was measured.
type figure struct {
	// Workload that it was measured in, with its size.
	Workload string `json:"workload"`
	// Name says what was measured.
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Goal is the most that it should be; 0 when there is none, or when it is none at all, which Unwanted says.
	Goal float64 `json:"goal,omitempty"`
	// Unwanted says that the goal is none at all.
	Unwanted bool `json:"unwanted,omitempty"`
}

// verdict says whether the goal is met, for the table.
func (f figure) verdict() string {
	switch {
	case f.Goal == 0 && !f.Unwanted:
		return ""
	case f.Value <= f.Goal:
		return "at most " + number(f.Goal) + ": met"
	}
	return "at most " + number(f.Goal) + ": MISSED"
}

// number writes a value with as many digits as mean something.
func number(value float64) string {
	precision := 0
	switch {
	case value == float64(int64(value)):
	case value < 0.1:
		precision = 4
	case value < 10:
		precision = 2
	case value < 1000:
		precision = 1
	}
	return strconv.FormatFloat(value, 'f', precision, 64)
}

// report gathers figures of all benchmarks.
type report struct {
	mu      sync.Mutex
	figures []figure
}

func (r *report) add(figures ...figure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.figures = append(r.figures, figures...)
}

// machine is what figures depend on.
func machine() string {
	fsync := "off"
	if *size.fsync {
		fsync = "on"
	}
	return fmt.Sprintf("%s/%s, %d cores (%s), %s, etcd fsync %s",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), runtime.Version(), fsync)
}

// processor is the model of the processor, as far as the system tells.
func processor() string {
	content, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(content)) {
		if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "unknown processor"
}

// write prints the table, and writes the figures to a file when one is named.
func (r *report) write(out io.Writer, file string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.figures) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\n%s\n\n", machine())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last := ""
	for _, f := range r.figures {
		workload := f.Workload
		if workload == last {
			workload = ""
		}
		last = f.Workload
		fmt.Fprintf(table, "%s\t%s\t%s %s\t%s\n", workload, f.Name, number(f.Value), f.Unit, f.verdict())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if file == "" {
		return nil
	}
	content, err := json.MarshalIndent(map[string]any{"machine": machine(), "figures": r.figures}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o600)
}
