// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"k8s.io/utils/lru"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Work is the whole of a worker process: it confines the process to the limits
// of its argument and serves requests until the parent closes in.
func Work(ctx context.Context, argument string, in io.Reader, out io.Writer, runner program.Runner) error {
	limits, err := ParseLimits(argument)
	if err != nil {
		return err
	}
	if err := confine(limits); err != nil {
		return fmt.Errorf("confine the worker: %w", err)
	}
	return Serve(ctx, in, out, runner, limits)
}

// Serve answers requests, several at once, until in ends or the context does.
// It does not wait for evaluations that are under way: they cannot be ended, so
// the process is expected to end after Serve.
func Serve(ctx context.Context, in io.Reader, out io.Writer, runner program.Runner, limits Limits) error {
	s := &server{
		runner: runner, limits: limits, out: out,
		sources: lru.New(maxSources), slots: make(chan struct{}, limits.Concurrency),
	}
	if err := s.send(&response{}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.read(ctx, bufio.NewReader(in)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

// server is the worker's side of the protocol.
type server struct {
	runner  program.Runner
	limits  Limits
	sources *lru.Cache
	slots   chan struct{}

	writing sync.Mutex
	out     io.Writer
}

// read takes requests in the order in which they come, so that the text of a
// source is known before the next request refers to it.
func (s *server) read(ctx context.Context, in io.Reader) error {
	for {
		raw, err := readFrame(in, s.limits.MaxRequest+overhead)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var q request
		// The shape of inputs is checked on its own, when they are decoded.
		if err := json.Unmarshal(raw, &q); err != nil {
			return fmt.Errorf("decode a request of %d bytes: %w", len(raw), err)
		}
		if q.Source != nil {
			s.sources.Add(q.Digest, *q.Source)
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		go func() {
			defer func() { <-s.slots }()
			s.answer(&q)
		}()
	}
}

// answer serves one request. Where its answer cannot be sent the parent is gone.
func (s *server) answer(q *request) {
	known, ok := s.sources.Get(q.Digest)
	source, isSource := known.(program.Source)
	if !ok || !isSource {
		_ = s.send(&response{ID: q.ID, Unknown: true})
		return
	}
	a, err := s.evaluate(q, source)
	if err != nil {
		a = &response{Failure: failureOf(source.Name, err)}
	}
	a.ID = q.ID
	if err = s.send(a); err != nil {
		_ = s.send(&response{ID: q.ID, Failure: refusedResponse(source.Name, err, s.limits)})
	}
}

// evaluate runs what is asked for. A panic costs this request alone.
func (s *server) evaluate(q *request, source program.Source) (a *response, err error) {
	defer func() {
		if r := recover(); r != nil {
			a, err = nil, &program.Failure{Program: source.Name, Message: "the evaluation of CUE broke off"}
		}
	}()
	if q.Describe {
		d, err := s.runner.Describe(source)
		return &response{Description: d}, err
	}
	var inputs map[string]any
	if err := decodeMessage(q.Inputs, s.limits.MaxRequest, &inputs); err != nil {
		return nil, refusedInputs(source.Name, err, s.limits)
	}
	numbers(inputs)
	fields, err := s.runner.Run(source, inputs, q.Wanted)
	if err != nil {
		return nil, err
	}
	whole, err := exact(fields, 0)
	if err != nil {
		return nil, refusedResponse(source.Name, err, s.limits)
	}
	fields, _ = whole.(map[string]any)
	return &response{Fields: fields}, nil
}

// send writes one answer. It is refused before anything is written when it is
// not what the parent would take.
func (s *server) send(a *response) error {
	raw, err := frame(a, s.limits.MaxResponse)
	if err != nil {
		return err
	}
	if err := checkShape(raw[headerSize:], maxDepth+wrapping, maxValues); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, err := s.out.Write(raw); err != nil {
		return fmt.Errorf("send an answer of %d bytes: %w", len(raw), err)
	}
	return nil
}

// failureOf is the failure that an error of a runner is or wraps. Texts of
// other errors may hold values, so they are kept back.
func failureOf(name string, err error) *program.Failure {
	var f *program.Failure
	if errors.As(err, &f) {
		return f
	}
	return &program.Failure{Program: name, Message: "the definition cannot be evaluated"}
}
