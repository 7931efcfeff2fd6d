// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

func TestCheckShape(t *testing.T) {
	cases := map[string]struct {
		reason string
		raw    string
		want   error
	}{
		"Small":   {reason: "What is within the limits passes.", raw: `{"a": [1, 2], "b": {}}`},
		"Deep":    {reason: "Objects and lists count as levels.", raw: `[[{"a": [[]]}]]`, want: errTooDeep},
		"Wide":    {reason: "Each level may be as wide as the limit of values.", raw: `[[], [], [], []]`},
		"Many":    {reason: "Values count wherever they are.", raw: `[[1,2,3], [1,2,3], [1,2,3], [1,2,3]]`, want: errTooMany},
		"Quoted":  {reason: "Text is no structure.", raw: `["[[[[[[[[[[,,,,,,,,,,,,,,,,"]`},
		"Escaped": {reason: "A quote within text does not end it.", raw: `["\"[[[[[[[[\\"]`},
		"Ended":   {reason: "Text ends after an escaped backslash.", raw: `["\\",[[[[[]]]]]]`, want: errTooDeep},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := checkShape([]byte(tc.raw), 4, 10); !errors.Is(err, tc.want) {
				t.Errorf("%s got %v, want %v", tc.reason, err, tc.want)
			}
		})
	}
}

// fixed is a runner that always gives the same.
type fixed struct {
	fields map[string]any
	err    error
	panics bool
}

func (f fixed) Run(program.Source, map[string]any, []string) (map[string]any, error) {
	if f.panics {
		panic("boom")
	}
	return f.fields, f.err
}

func (f fixed) Describe(program.Source) (*program.Description, error) { return nil, f.err }

func TestServe(t *testing.T) {
	limits := Limits{MaxRequest: 1 << 10, MaxResponse: 1 << 20, Concurrency: 1}
	source := &program.Source{Name: "test.cue"}
	ask := request{ID: 7, Digest: "d", Source: source, Inputs: json.RawMessage(`{}`)}
	cases := map[string]struct {
		reason  string
		runner  program.Runner
		request request
		want    response
	}{
		"Result":  {reason: "A result is sent.", runner: fixed{fields: map[string]any{"a": "b"}}, request: ask, want: response{Fields: map[string]any{"a": "b"}}},
		"Unknown": {reason: "A source that is not known is asked for.", runner: fixed{}, request: request{ID: 7, Digest: "d"}, want: response{Unknown: true}},
		"Panic": {
			reason: "A panic costs one request.", runner: fixed{panics: true}, request: ask,
			want: response{Failure: &program.Failure{Program: "test.cue", Message: "the evaluation of CUE broke off"}},
		},
		"Error": {
			reason: "The text of an error that is no failure may hold values.", runner: fixed{err: errors.New("secret")}, request: ask,
			want: response{Failure: &program.Failure{Program: "test.cue", Message: "the definition cannot be evaluated"}},
		},
		"DeepInputs": {
			reason: "Inputs are not decoded when they nest too deeply.", runner: fixed{},
			request: request{ID: 7, Digest: "d", Source: source, Inputs: json.RawMessage(`{"a": ` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`)},
			want:    response{Failure: refusedInputs("test.cue", errTooDeep, limits)},
		},
		"Deep": {
			reason: "A result that nests too deeply is refused.", runner: fixed{fields: map[string]any{"a": nestedList(300)}}, request: ask,
			want: response{Failure: refusedResponse("test.cue", errTooDeep, limits)},
		},
		"Many": {
			reason: "A result of too many values is refused.", runner: fixed{fields: map[string]any{"a": make([]any, maxValues+1)}}, request: ask,
			want: response{Failure: refusedResponse("test.cue", errTooMany, limits)},
		},
		"Large": {
			reason: "A large result is refused.", runner: fixed{fields: map[string]any{"a": strings.Repeat("x", 2<<20)}}, request: ask,
			want: response{Failure: refusedResponse("test.cue", errTooLarge, limits)},
		},
		"NoJSON": {
			reason: "A result without JSON form is refused.", runner: fixed{fields: map[string]any{"a": func() {}}}, request: ask,
			want: response{Failure: &program.Failure{Program: "test.cue", Message: "the result has no JSON form"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := serveOne(t, tc.runner, limits, &tc.request)
			tc.want.ID = tc.request.ID
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func nestedList(levels int) any {
	var out any = "x"
	for range levels {
		out = []any{out}
	}
	return out
}

// serveOne has one request served, after the greeting.
func serveOne(t *testing.T, runner program.Runner, limits Limits, q *request) response {
	t.Helper()
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(t.Context(), in, out, runner, limits) }()
	var got response
	for _, id := range []uint64{0, q.ID} {
		raw, err := readFrame(answers, limits.MaxResponse)
		if err != nil {
			t.Fatal(err)
		}
		got = response{}
		if err := decodeMessage(raw, maxValues, &got); err != nil {
			t.Fatal(err)
		}
		if got.ID != id {
			t.Fatalf("got an answer to %d, want one to %d", got.ID, id)
		}
		if id > 0 {
			break
		}
		raw, err = frame(q, limits.MaxRequest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ask.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	_ = ask.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	return got
}

func TestRefusals(t *testing.T) {
	clock := testingclock.NewFakeClock(time.Now())
	r := newRefusals(clock)
	f := &program.Failure{Program: "test.cue", Message: "too slow"}
	r.add("a", f)
	clock.Step(refusedFor - time.Second)
	if diff := cmp.Diff(f, r.get("a")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := r.get("b"); got != nil {
		t.Errorf("what was never refused gives %v", got)
	}
	clock.Step(time.Second)
	if got := r.get("a"); got != nil {
		t.Errorf("what may be tried again gives %v", got)
	}
	for i := range maxRefused {
		r.add(strings.Repeat("x", i), f)
	}
	r.add("one more", f)
	if got := r.known.Len(); got != maxRefused {
		t.Errorf("%d are remembered, want at most %d", got, maxRefused)
	}
}

func TestExcerpt(t *testing.T) {
	var e excerpt
	var all bytes.Buffer
	for i := range 3000 {
		line := strings.Repeat(string(rune('a'+i%26)), i%7) + "\n"
		all.WriteString(line)
		if n, err := e.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(line), err)
		}
	}
	want := all.String()[:headSize] + all.String()[all.Len()-tailSize:]
	if diff := cmp.Diff(want, e.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
