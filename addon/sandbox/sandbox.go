// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package sandbox evaluates CUE that others wrote in a process that can be
// killed, since an evaluation of CUE can neither be interrupted nor bounded.
//
// One child process serves all sources that were answered before, and another
// one those that are new. A child is ended when a request runs past its deadline
// or when it takes too much memory. Who caused it fails; all others are run
// again, alone where it is not known who caused it.
package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

const (
	// maxTries bounds how often a request meets a child that has just ended.
	maxTries = 5
	// maxBystander is how often a request is run again along with others; after
	// that it gets a child of its own.
	maxBystander = 2
)

// Options of a sandbox. The zero value of each field stands for its default.
type Options struct {
	// Command starts a worker; the limits are appended as one more argument.
	// The default is the own binary with the argument render-worker.
	Command []string
	// Deadline of one request, 3 s by default.
	Deadline time.Duration
	// MemoryLimit is the resident memory of a worker in bytes, 160 MiB by default.
	// The binary itself takes a third of it.
	MemoryLimit int64
	// Patience is how long a caller waits for a request. One that takes longer goes
	// on, and the caller is told to ask again by an UnavailableError that is
	// pending. The default is 0, which waits until the end.
	Patience time.Duration
	// Idle is how long a worker without requests stays, 30 s by default.
	Idle time.Duration
	// MaxRequest bounds source and inputs together, MaxResponse the result, in
	// bytes: 4 MiB and 2 MiB by default.
	MaxRequest, MaxResponse int
	// Concurrency is how many requests a worker serves at once, 16 by default: as many
	// of new sources, and as many of others.
	Concurrency int
	// Clock is the real one by default.
	Clock clock.Clock
	// OnKill is told of every worker that did not end in good order. It must not block.
	OnKill func(Kill)
}

// Kill tells of a worker that was ended or ended by itself. It is for logs.
type Kill struct {
	// Reason is start, deadline, memory or crash.
	Reason string
	// Sources are the names of the sources that were evaluated, sorted.
	Sources []string
	// Stderr is the end of what the worker wrote to its standard error.
	Stderr string
}

// Sandbox is a program.Runner that evaluates in child processes.
type Sandbox struct {
	options Options
	refused *refusals
	flights *flights
	record  *record
	// regulars are the sources that were answered before, strangers all others.
	regulars, strangers *crowd
	// fast and slow are where suspects run alone.
	fast, slow *lane

	closing chan struct{}
	group   sync.WaitGroup

	mutex    sync.Mutex
	closed   bool
	children map[*child]struct{}
}

var _ program.Runner = (*Sandbox)(nil)

// New is a sandbox without a child: the first request starts one.
func New(options Options) (*Sandbox, error) {
	if len(options.Command) == 0 {
		binary, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the own binary, which is the worker too: %w", err)
		}
		options.Command = []string{binary, "render-worker"}
	}
	setDefault(&options.Deadline, 3*time.Second)
	setDefault(&options.MemoryLimit, 160<<20)
	setDefault(&options.Idle, 30*time.Second)
	setDefault(&options.MaxRequest, 4<<20)
	setDefault(&options.MaxResponse, 2<<20)
	setDefault(&options.Concurrency, 16)
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.OnKill == nil {
		options.OnKill = func(Kill) {}
	}
	return &Sandbox{
		options: options, refused: newRefusals(options.Clock), flights: newFlights(options.Clock), record: newRecord(),
		regulars: newCrowd(options.Concurrency), strangers: newCrowd(options.Concurrency),
		fast: newLane(), slow: newLane(), closing: make(chan struct{}), children: map[*child]struct{}{},
	}, nil
}

func setDefault[T ~int | ~int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Close ends all children and waits until they are gone. Requests that are
// under way fail, as do later ones.
func (s *Sandbox) Close() {
	s.mutex.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	for c := range s.children {
		c.kill(endClosed)
	}
	s.mutex.Unlock()
	s.group.Wait()
}

// task is a request as it is kept for as long as it is tried.
type task struct {
	key      string
	digest   string
	source   program.Source
	describe bool
	inputs   json.RawMessage
	wanted   []string
}

// Run is Program.Run for a source. The error is or wraps a *program.Failure.
func (s *Sandbox) Run(source program.Source, inputs map[string]any, wanted []string) (map[string]any, error) {
	t, failure := s.newTask(source, inputs, wanted)
	if failure != nil {
		return nil, failure
	}
	r, err := s.ask(t)
	if err != nil {
		return nil, err
	}
	return r.Fields, nil
}

// Describe says what a source reads and takes. The error is or wraps a *program.Failure.
func (s *Sandbox) Describe(source program.Source) (*program.Description, error) {
	t, failure := s.newTask(source, nil, nil)
	if failure != nil {
		return nil, failure
	}
	t.describe = true
	t.key += "/describe"
	r, err := s.ask(t)
	if err != nil {
		return nil, err
	}
	return r.Description, nil
}

// newTask refuses what is too large before anything is sent.
func (s *Sandbox) newTask(source program.Source, inputs map[string]any, wanted []string) (*task, *program.Failure) {
	limits := Limits{MaxRequest: s.options.MaxRequest}
	if len(source.Text) > s.options.MaxRequest {
		return nil, refusedInputs(source.Name, errTooLarge, limits)
	}
	whole, err := exact(inputs, 0)
	if err != nil {
		return nil, refusedInputs(source.Name, err, limits)
	}
	raw, err := frame(whole, s.options.MaxRequest-len(source.Text))
	if err != nil {
		return nil, refusedInputs(source.Name, err, limits)
	}
	t := &task{digest: digest(source), source: source, inputs: raw[headerSize:], wanted: wanted}
	h := sha256.New()
	h.Write(t.inputs)
	for _, name := range wanted {
		h.Write([]byte(name))
		h.Write([]byte{0})
	}
	t.key = t.digest + "/" + hex.EncodeToString(h.Sum(nil))
	return t, nil
}

// do has a task done along with others, or alone when their child ended with it.
func (s *Sandbox) do(t *task) (*response, error) {
	if f := s.refused.get(t.key); f != nil {
		return nil, f
	}
	out := s.together(t)
	if out.fate == suspect || out.fate == bystander {
		out = s.retryAlone(t, out.age)
	}
	switch out.fate {
	case answered:
		if out.response.Failure != nil {
			return nil, out.response.Failure
		}
		return out.response, nil
	case closed:
		return nil, unavailable(t.source.Name, "the process is ending")
	case unstarted:
		return nil, unavailable(t.source.Name, "their process does not start; its log says why")
	case unsent, bystander:
		return nil, unavailable(t.source.Name, "their process keeps ending; its log says why")
	}
	f := s.verdict(t, out)
	s.refused.add(t.key, f)
	return nil, f
}

// verdict is the failure of a task that is to blame for the end of a child.
func (s *Sandbox) verdict(t *task, out outcome) *program.Failure {
	switch {
	case out.fate == overdue:
		return tooSlow(t.source.Name, s.options.Deadline)
	case out.end == endMemory:
		return tooLarge(t.source.Name, s.options.MemoryLimit)
	}
	return crashed(t.source.Name, out.crash, s.options.MemoryLimit)
}

// together has a task done by the child of those that it belongs to.
func (s *Sandbox) together(t *task) outcome {
	crowd := s.strangers
	if s.record.trusts(t) {
		crowd = s.regulars
	}
	select {
	case crowd.slots <- struct{}{}:
	case <-s.closing:
		return outcome{fate: closed}
	}
	defer func() { <-crowd.slots }()
	out := outcome{fate: unsent}
	stood := 0
	for range maxTries {
		c := s.common(crowd)
		if c == nil {
			return outcome{fate: closed}
		}
		out = c.ask(t, s.options.Deadline)
		s.record.note(t, out)
		if out.fate == bystander {
			stood++
		}
		if out.fate != unsent && (out.fate != bystander || stood == maxBystander) {
			return out
		}
	}
	return out
}

// common is the child that serves a crowd, started if there is none.
func (s *Sandbox) common(crowd *crowd) *child {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if crowd.current == nil || !crowd.current.usable() {
		crowd.current = s.spawnLocked()
	}
	return crowd.current
}

// spawn starts a child; nil when the sandbox is closed.
func (s *Sandbox) spawn() *child {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.spawnLocked()
}

func (s *Sandbox) spawnLocked() *child {
	if s.closed {
		return nil
	}
	c := newChild(s.options, &s.group)
	s.children[c] = struct{}{}
	s.group.Go(func() {
		<-c.gone
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(s.children, c)
		for _, crowd := range []*crowd{s.regulars, s.strangers} {
			if crowd.current == c {
				crowd.current = nil
			}
		}
	})
	return c
}

// report tells of an end that was not in good order.
func (c *child) report(end ending, sources []string) {
	reasons := map[ending]string{endStart: "start", endDeadline: "deadline", endMemory: "memory", endCrash: "crash"}
	reason, ok := reasons[end]
	if !ok {
		return
	}
	sort.Strings(sources)
	c.options.OnKill(Kill{Reason: reason, Sources: sources, Stderr: c.stderr.String()})
}

// digest identifies a source. Its name belongs to it, since it is in failures.
func digest(source program.Source) string {
	h := sha256.New()
	h.Write([]byte(source.Name))
	h.Write([]byte{0})
	h.Write([]byte(source.Text))
	return hex.EncodeToString(h.Sum(nil))
}
