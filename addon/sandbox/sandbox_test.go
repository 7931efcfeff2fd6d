// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

const (
	// worker is the argument that makes this test binary a worker.
	worker = "render-worker"
	// manager makes it a process that has a worker evaluate what does not end.
	manager = "manager"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == worker {
		if err := work(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 2 && os.Args[1] == manager {
		manage()
		return
	}
	os.Exit(m.Run())
}

// work is a worker. The race detector maps far more memory than any limit of
// data allows, so there the parent alone watches.
func work(argument string) error {
	runner := definition.NewEvaluator(16)
	if !raceDetector {
		return sandbox.Work(context.Background(), argument, os.Stdin, os.Stdout, runner)
	}
	limits, err := sandbox.ParseLimits(argument)
	if err != nil {
		return err
	}
	return sandbox.Serve(context.Background(), os.Stdin, os.Stdout, runner, limits)
}

func manage() {
	s, err := sandbox.New(sandbox.Options{Command: []string{os.Args[0], worker}, Deadline: time.Minute})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	_, err = s.Run(program.Source{Name: "endless.cue", Text: endless}, nil, nil)
	fmt.Fprintln(os.Stderr, err)
}

// endless takes more time than anybody has, and little memory.
const endless = "import \"list\"\n_r: list.Range(0, 1000, 1)\noutput: [for a in _r for b in _r for c in _r if a+b+c < 0 {a}]"

// kills collects what a sandbox tells of its workers.
type kills struct {
	mutex sync.Mutex
	all   []sandbox.Kill
}

func (k *kills) add(one sandbox.Kill) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.all = append(k.all, one)
}

func (k *kills) reasons() []string {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	var out []string
	for _, one := range k.all {
		out = append(out, one.Reason)
	}
	return out
}

func newSandbox(t *testing.T, options sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	options.Command = []string{os.Args[0], worker}
	if raceDetector {
		options.MemoryLimit = 1 << 30
	}
	s, err := sandbox.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

var innocent = program.Source{Name: "innocent.cue", Text: "output: greeting: \"hello \\(parameter.name)\"\nparameter: name: string"}

// askInnocent checks that the innocent source is answered, and says how long that took.
func askInnocent(s *sandbox.Sandbox, name string) (time.Duration, error) {
	start := time.Now()
	got, err := s.Run(innocent, map[string]any{"parameter": map[string]any{"name": name}}, []string{"output"})
	took := time.Since(start)
	if err != nil {
		return took, err
	}
	want := map[string]any{"output": map[string]any{"greeting": "hello " + name}}
	if diff := cmp.Diff(want, got); diff != "" {
		return took, fmt.Errorf("-want +got:\n%s", diff)
	}
	return took, nil
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited 20 s for: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestRun(t *testing.T) {
	s := newSandbox(t, sandbox.Options{})
	cases := map[string]struct {
		reason string
		source string
		inputs map[string]any
		wanted []string
		want   map[string]any
		err    *program.Failure
	}{
		"Kinds": {
			reason: "Every kind of value keeps its type on its way. Of what is put in, a number without a fraction is an integer, as JSON has it.",
			source: "output: parameter & {big: 9223372036854775807, f: 2.0, g: 1.0e30, e: \"<&>\", l: [1, {}], n: null}",
			inputs: map[string]any{"parameter": map[string]any{"i": int64(3), "w": float64(4), "x": 1.5}},
			wanted: []string{"output"},
			want: map[string]any{"output": map[string]any{
				"big": int64(9223372036854775807), "f": float64(2), "g": 1e30, "e": "<&>", "l": []any{int64(1), map[string]any{}}, "n": nil,
				"i": int64(3), "w": int64(4), "x": 1.5,
			}},
		},
		"NoInputs": {
			reason: "A source may need no input.",
			source: "a: 1\nb: 2",
			want:   map[string]any{"a": int64(1), "b": int64(2)},
		},
		"NothingWanted": {
			reason: "A result without fields is a result.",
			source: "a: 1",
			wanted: []string{"b"},
			want:   map[string]any{},
		},
		"Failure": {
			reason: "A failure arrives with all that it says.",
			source: "output: name: context.name",
			inputs: map[string]any{"context": map[string]any{}},
			wanted: []string{"output"},
			err:    &program.Failure{Program: "test.cue", Path: []string{"output", "name"}, Message: "undefined field: name", Incomplete: true},
		},
		"DeepInput": {
			reason: "Inputs that nest too deeply are refused where they come from.",
			source: "a: 1",
			inputs: map[string]any{"parameter": nested(300)},
			err:    &program.Failure{Program: "test.cue", Message: "the parameters nest deeper than 200 levels, which is the most that is allowed; flatten them"},
		},
		"LargeInput": {
			reason: "Large inputs are refused where they come from.",
			source: "a: 1",
			inputs: map[string]any{"parameter": strings.Repeat("x", 5<<20)},
			err: &program.Failure{Program: "test.cue", Message: "the definition and its parameters are larger than 4 MiB, " +
				"which is the most that is allowed; make them smaller"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := s.Run(program.Source{Name: "test.cue", Text: tc.source}, tc.inputs, tc.wanted)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.err, failure(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func nested(levels int) any {
	var out any = "x"
	for range levels {
		out = []any{out}
	}
	return out
}

func failure(err error) *program.Failure {
	var f *program.Failure
	errors.As(err, &f)
	return f
}

func TestDescribe(t *testing.T) {
	s := newSandbox(t, sandbox.Options{})
	source := program.Source{Name: "test.cue", Text: "patch: spec: {\n\t// +patchKey=name\n\tcontainers: [{name: context.name}]\n}\nparameter: {}"}
	got, err := s.Describe(source)
	if err != nil {
		t.Fatal(err)
	}
	want, err := definition.NewEvaluator(1).Describe(source)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("A description is the same from a worker. -want +got:\n%s", diff)
	}
	_, err = s.Describe(program.Source{Name: "wrong.cue", Text: "a: {"})
	if diff := cmp.Diff(&program.Failure{Program: "wrong.cue", Path: []string{}, Message: "expected '}', found 'EOF'"}, failure(err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestManySources wants the text of a source again that the worker has forgotten.
func TestManySources(t *testing.T) {
	s := newSandbox(t, sandbox.Options{})
	for round := range 2 {
		for i := range 100 {
			source := program.Source{Name: "test.cue", Text: fmt.Sprintf("a: %d", i)}
			got, err := s.Run(source, nil, nil)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if diff := cmp.Diff(map[string]any{"a": int64(i)}, got); diff != "" {
				t.Fatalf("round %d: -want +got:\n%s", round, diff)
			}
		}
	}
}

func TestConcurrency(t *testing.T) {
	s := newSandbox(t, sandbox.Options{Deadline: 30 * time.Second, Concurrency: 4})
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for n := range 20 {
				if _, err := askInnocent(s, fmt.Sprint(i, "/", n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func TestUnavailable(t *testing.T) {
	var told kills
	s, err := sandbox.New(sandbox.Options{Command: []string{"/nonexistent/worker"}, OnKill: told.add})
	if err != nil {
		t.Fatal(err)
	}
	_, err = askInnocent(s, "x")
	var u *sandbox.UnavailableError
	if !errors.As(err, &u) || failure(err) == nil {
		t.Errorf("a worker that does not start gives %#v", err)
	}
	if diff := cmp.Diff([]string{"start"}, told.reasons()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	s.Close()
	if _, err = askInnocent(s, "x"); !errors.As(err, &u) {
		t.Errorf("a closed sandbox gives %#v", err)
	}
}

// TestServeRefuses has a worker meet frames that no parent sends.
func TestServeRefuses(t *testing.T) {
	limits := sandbox.Limits{MaxRequest: 1 << 10, MaxResponse: 1 << 10, Concurrency: 1}
	cases := map[string]struct {
		reason string
		in     string
		fails  bool
	}{
		"End":    {reason: "The end of the input is the end of the work.", in: ""},
		"Cut":    {reason: "So is the end within a frame.", in: "\x00\x00\x00\x09{"},
		"Large":  {reason: "A length beyond the limit is not believed.", in: "\x7f\xff\xff\xff{}", fails: true},
		"NoJSON": {reason: "What is no JSON ends the work.", in: "\x00\x00\x00\x02{]", fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := sandbox.Serve(t.Context(), strings.NewReader(tc.in), io.Discard, definition.NewEvaluator(1), limits)
			if (err != nil) != tc.fails {
				t.Errorf("%s got %v", tc.reason, err)
			}
		})
	}
}
