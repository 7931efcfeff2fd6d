// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

const (
	// failsWithin, answersWithin and growsBy are what the product promises of
	// definitions that mean harm. A machine where a worker starts slowly gets
	// patience times as long in addition.
	failsWithin   = 5 * time.Second
	answersWithin = time.Second
	growsBy       = 20 << 20
	patience      = 10
)

const (
	slow  = "the definition took longer than 3 s to evaluate"
	large = "the definition needed more than "
)

// hostile are sources that mean harm, with the beginnings of what is said of
// them. Which limit ends some of them depends on the machine.
func hostile() map[string]struct {
	source string
	want   []string
} {
	return map[string]struct {
		source string
		want   []string
	}{
		"Disjunctions": {source: disjunctions(30), want: []string{slow, large}},
		"Loops": {
			source: endless,
			want:   []string{slow},
		},
		"WideLoops": {
			source: "import \"list\"\n_r: list.Range(0, 3000, 1)\noutput: len([for a in _r for b in _r {1}])",
			want:   []string{slow, large},
		},
		"LongRange":  {source: "import \"list\"\noutput: len(list.Range(0, 100000000, 1))", want: []string{slow, large}},
		"ListRepeat": {source: "import \"list\"\noutput: len(list.Repeat(list.Repeat([1], 10000), 100000))", want: []string{slow, large}},
		"Laughs":     {source: chain(30, "{a: 1}", "{l: s%[2]d, r: s%[2]d}"), want: []string{slow, large}},
		"Doubling":   {source: chain(40, `"xxxxxxxxxxxxxxxx"`, "s%[2]d + s%[2]d"), want: []string{large, slow}},
		"HugeString": {
			source: "import \"strings\"\noutput: len(strings.Repeat(strings.Repeat(\"x\", 100000), 100000))",
			want:   []string{large, slow},
		},
		"LargeString": {
			source: "import \"strings\"\noutput: strings.Repeat(strings.Repeat(\"x\", 1000), 10000)",
			want:   []string{"the definition gives a result of more than 2 MiB"},
		},
		"LongSum": {
			source: "output: 1" + strings.Repeat("+1", 100000),
			want:   []string{"the definition nests or recurses too deeply", large, slow},
		},
		"Cycle":    {source: "#a: {x: #a}\noutput: #a", want: []string{"structural cycle"}},
		"Unfold":   {source: "#t: {n: int, next: #t & {n: n + 1}}\noutput: #t & {n: 0}", want: []string{"structural cycle"}},
		"Parens":   {source: "output: " + strings.Repeat("(", 1e6) + "1" + strings.Repeat(")", 1e6), want: []string{"read the source: the source has 2000009 bytes, but at most 524288 are read"}},
		"Braces":   {source: "output: " + strings.Repeat("{a:", 1e5) + "1" + strings.Repeat("}", 1e5), want: []string{"read the source: line 1 of the source is nested deeper than 1000 levels"}},
		"HugeNumb": {source: "import \"math\"\noutput: math.Pow(10, 1000000000)", want: []string{"error in call"}},
	}
}

// disjunctions take exponential time: nothing is decided before the last one.
func disjunctions(n int) string {
	var b strings.Builder
	all := make([]string, n)
	for i := range n {
		fmt.Fprintf(&b, "a%d: {f%d: 1} | {f%d: 2} | {f%d: 3}\n", i, i, i, i)
		all[i] = fmt.Sprint("a", i)
	}
	return b.String() + "output: " + strings.Join(all, " & ")
}

// chain are fields of which each refers to the one before, twice.
func chain(n int, first, next string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "s0: %s\n", first)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "s%d: "+next+"\n", i, i-1)
	}
	return b.String() + fmt.Sprintf("output: s%d", n-1)
}

func TestHostile(t *testing.T) {
	for name, tc := range hostile() {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t, sandbox.Options{})
			began, err := askInnocent(s, "first")
			if err != nil {
				t.Fatal(err)
			}
			before := resident(t)
			stop := keepAsking(t, s, answersWithin+patience*began)
			start, late := time.Now(), lateness(t)
			_, err = s.Run(program.Source{Name: "hostile.cue", Text: tc.source}, nil, []string{"output"})
			if took, most := time.Since(start), failsWithin+patience*began+late(); took > most {
				t.Errorf("it failed after %s, want %s", took, most)
			}
			stop()
			if grown := resident(t) - before; grown > growsBy {
				t.Errorf("this process grew by %d MiB, want at most %d", grown>>20, growsBy>>20)
			}
			checkMessage(t, err, tc.want)
		})
	}
}

// lateness starts to measure for how long the machine keeps this process from running, and returns what reads that.
func lateness(t *testing.T) (read func() time.Duration) {
	t.Helper()
	const every, usual = 30 * time.Millisecond, 300 * time.Millisecond
	var sum atomic.Int64
	ended := make(chan struct{})
	var group sync.WaitGroup
	t.Cleanup(func() {
		close(ended)
		group.Wait()
	})
	group.Go(func() {
		for last := time.Now(); ; {
			select {
			case <-ended:
				return
			case <-time.After(every):
			}
			now := time.Now()
			if gap := now.Sub(last); gap > usual {
				sum.Add(int64(gap))
			}
			last = now
		}
	})
	return func() time.Duration { return time.Duration(sum.Load()) }
}

func checkMessage(t *testing.T, err error, want []string) {
	t.Helper()
	if slices.Contains(want, large) {
		// A worker may come to its own limit before the memory is looked at.
		want = append(slices.Clip(want), "the process that evaluated the definition ended early")
	}
	f := failure(err)
	if f == nil {
		t.Errorf("got %v, want a failure", err)
		return
	}
	for _, one := range want {
		if strings.HasPrefix(f.Message, one) {
			return
		}
	}
	t.Errorf("got %q, want one that begins with any of %q", f.Message, want)
}

// keepAsking has innocent requests answered in time until it is stopped.
func keepAsking(t *testing.T, s *sandbox.Sandbox, within time.Duration) (stop func()) {
	t.Helper()
	ended := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			took, err := askInnocent(s, fmt.Sprint(i))
			// The race detector takes the limit of data away, without which a worker may stand still.
			if err != nil || took > within && !raceDetector {
				t.Errorf("innocent request %d was answered after %s: %v", i, took, err)
			}
			select {
			case <-ended:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	return func() {
		close(ended)
		group.Wait()
	}
}

// resident is the resident memory of this process.
func resident(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var total, pages int64
	if _, err := fmt.Sscan(string(raw), &total, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestRefusedAgain wants what ended a worker to be refused without another one.
func TestRefusedAgain(t *testing.T) {
	var told kills
	s := newSandbox(t, sandbox.Options{Deadline: 300 * time.Millisecond, OnKill: told.add})
	source := program.Source{Name: "hostile.cue", Text: disjunctions(30)}
	for range 3 {
		_, err := s.Run(source, nil, []string{"output"})
		checkMessage(t, err, []string{"the definition took longer than 0.3 s to evaluate"})
	}
	if diff := cmp.Diff([]string{"deadline"}, told.reasons()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestKilledFromOutside wants requests answered whose worker is killed by somebody else.
func TestKilledFromOutside(t *testing.T) {
	var told kills
	s := newSandbox(t, sandbox.Options{Deadline: 20 * time.Second, OnKill: told.add})
	size := 40
	if raceDetector {
		size = 16
	}
	busy := program.Source{
		Name: "busy.cue",
		Text: fmt.Sprintf("import \"list\"\n_r: list.Range(0, %d, 1)\n", size) + "output: len([for a in _r for b in _r for c in _r if a+b+c < 9 {a}]) + parameter.i",
	}
	// The worker is there, and what it took to start counts for nothing.
	if _, err := s.Run(program.Source{Name: "early.cue", Text: "output: 1"}, nil, []string{"output"}); err != nil {
		t.Fatal(err)
	}
	began := map[int]int{}
	for _, pid := range workers(t) {
		began[pid] = ticks(pid)
	}
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			inputs := map[string]any{"parameter": map[string]any{"i": int64(i)}}
			got, err := s.Run(busy, inputs, []string{"output"})
			if err != nil {
				t.Errorf("request %d: %v", i, err)
			}
			if diff := cmp.Diff(map[string]any{"output": int64(165 + i)}, got); diff != "" {
				t.Errorf("request %d: -want +got:\n%s", i, diff)
			}
		})
	}
	var busiest int
	eventually(t, "a worker that works", func() bool {
		for _, pid := range workers(t) {
			before, known := began[pid]
			if !known {
				before = ticks(pid)
				began[pid] = before
			}
			if ticks(pid) > before+5 {
				busiest = pid
			}
		}
		return busiest != 0
	})
	if err := syscall.Kill(busiest, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	if first := told.all[0]; first.Reason != "crash" || len(first.Sources) == 0 {
		t.Errorf("got %q with %q, want a crash while requests were under way", first.Reason, first.Sources)
	}
}

// ticks is the processor time that a process has taken, in hundredths of a second.
func ticks(pid int) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(after)
	if len(fields) < 12 {
		return 0
	}
	n, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0
	}
	return n
}

// TestBystander wants requests run again, each alone, that had been under way for
// long when the worker was ended: one may have held up the other.
func TestBystander(t *testing.T) {
	var told kills
	s := newSandbox(t, sandbox.Options{Deadline: 3 * time.Second, OnKill: told.add})
	run := func(name string) {
		_, err := s.Run(program.Source{Name: name, Text: endless}, nil, []string{"output"})
		checkMessage(t, err, []string{"the definition took longer than 3 s to evaluate"})
	}
	var group sync.WaitGroup
	group.Go(func() { run("first.cue") })
	eventually(t, "a worker that works", func() bool {
		all := workers(t)
		return len(all) == 1 && ticks(all[0]) > 15
	})
	group.Go(func() { run("second.cue") })
	group.Wait()
	want := []sandbox.Kill{
		{Reason: "deadline", Sources: []string{"first.cue", "second.cue"}},
		{Reason: "deadline", Sources: []string{"first.cue"}},
		{Reason: "deadline", Sources: []string{"second.cue"}},
	}
	if len(told.all) > 1 {
		slices.SortFunc(told.all[1:], func(a, b sandbox.Kill) int { return slices.Compare(a.Sources, b.Sources) })
	}
	if diff := cmp.Diff(want, told.all); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestHostileTogether has several sources mean harm at once: each fails, and
// nothing else does.
func TestHostileTogether(t *testing.T) {
	s := newSandbox(t, sandbox.Options{})
	began, err := askInnocent(s, "first")
	if err != nil {
		t.Fatal(err)
	}
	all := hostile()
	var group sync.WaitGroup
	stop := keepAsking(t, s, 3*answersWithin+patience*began)
	for _, name := range []string{"Doubling", "Loops", "HugeString", "LongSum"} {
		group.Go(func() {
			_, err := s.Run(program.Source{Name: name, Text: all[name].source}, nil, []string{"output"})
			checkMessage(t, err, []string{slow, large, "the definition nests or recurses too deeply"})
		})
	}
	group.Wait()
	stop()
}

// TestNoLeak has many workers killed and wants nothing to be left of them.
func TestNoLeak(t *testing.T) {
	s := newSandbox(t, sandbox.Options{Deadline: 50 * time.Millisecond})
	source := program.Source{Name: "hostile.cue", Text: disjunctions(30)}
	kill := func(i int) {
		inputs := map[string]any{"parameter": map[string]any{"i": int64(i)}}
		if _, err := s.Run(source, inputs, []string{"output"}); err == nil {
			t.Error("a hostile source was answered")
		}
	}
	kill(-1)
	before, goroutines := resident(t), runtime.NumGoroutine()
	for i := range 40 {
		kill(i)
	}
	s.Close()
	eventually(t, "all workers are gone", func() bool { return len(workers(t)) == 0 })
	eventually(t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() <= goroutines })
	if grown := resident(t) - before; grown > growsBy {
		t.Errorf("this process grew by %d MiB, want at most %d", grown>>20, growsBy>>20)
	}
}
