// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
)

const (
	// poll is how often deadline and memory are looked at while requests run.
	poll = 30 * time.Millisecond
	// startup is how long a child may take until it is ready.
	startup = 15 * time.Second
	// lingering is how long the pipes of a dead child are still read.
	lingering = time.Second
)

// ending says why a child ended.
type ending int

const (
	endNone ending = iota
	// endStart: it could not be started or was not ready in time.
	endStart
	// endDeadline: a request ran past its deadline.
	endDeadline
	// endMemory: it was above its memory limit.
	endMemory
	// endCrash: it ended by itself, or somebody else ended it.
	endCrash
	// endRetired: it was not needed any more.
	endRetired
	// endClosed: the sandbox was closed.
	endClosed
)

// fate says what became of a request in one child.
type fate int

const (
	// answered: there is a response.
	answered fate = iota
	// overdue: it ran past its deadline, which ended the child.
	overdue
	// bystander: the child was ended because of another request.
	bystander
	// suspect: the child ended because of a request, maybe this one.
	suspect
	// unsent: the child was not usable any more.
	unsent
	// unstarted: the child could not be started.
	unstarted
	// closed: the sandbox was closed.
	closed
)

// outcome is a fate with what belongs to it.
type outcome struct {
	fate     fate
	response *response
	// end and crash say how the child ended, age how long the request had run until then.
	end   ending
	crash crash
	age   time.Duration
}

// call is a request that a child works on.
type call struct {
	task     *task
	deadline time.Duration
	started  time.Time
	overdue  bool
	result   chan outcome
}

// child is one worker process, from its start until it is gone.
type child struct {
	options Options
	clock   clock.Clock
	command *exec.Cmd
	stdin   io.WriteCloser
	stderr  excerpt

	// ready is closed when it takes requests, gone when the process is no more.
	ready, gone chan struct{}
	wake        chan struct{}

	// writing is held while a frame is written.
	writing sync.Mutex
	sent    *lru.Cache

	mutex   sync.Mutex
	running bool
	pending map[uint64]*call
	lastID  uint64
	end     ending
}

// newChild starts a child. Its start goes on when newChild has returned.
func newChild(options Options, group *sync.WaitGroup) *child {
	c := &child{
		options: options, clock: options.Clock, sent: lru.New(maxSources),
		ready: make(chan struct{}), gone: make(chan struct{}), wake: make(chan struct{}, 1),
		pending: map[uint64]*call{},
	}
	limits := Limits{
		Memory: options.MemoryLimit, MaxRequest: options.MaxRequest,
		MaxResponse: options.MaxResponse, Concurrency: options.Concurrency,
	}
	arguments := append(append([]string(nil), options.Command...), limits.argument())
	c.command = exec.Command(arguments[0], arguments[1:]...) //nolint:gosec // the command is the product's own
	// Nothing of the parent's environment. The fewer traces the better, since they may hold values.
	c.command.Env = []string{"GOTRACEBACK=none"}
	c.command.Dir = "/"
	c.command.SysProcAttr = attributes()
	c.command.Stderr = &c.stderr
	c.command.WaitDelay = lingering
	group.Go(c.live)
	group.Go(c.watch)
	return c
}

// usable says whether it takes new requests, now or soon.
func (c *child) usable() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.end == endNone
}

// live sees the process through its life. The kernel ends it with the thread
// that started it, so this goroutine keeps its thread.
func (c *child) live() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stdout, err := c.start()
	if err != nil {
		_, _ = fmt.Fprintf(&c.stderr, "start the worker: %v", err)
		c.kill(endStart)
		c.bury()
		return
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.read(bufio.NewReader(stdout))
	}()
	<-read
	c.kill(endCrash)
	// How it exited says nothing that is not known.
	_ = c.command.Wait()
	c.bury()
}

func (c *child) start() (io.Reader, error) {
	stdin, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.end != endNone {
		return nil, fmt.Errorf("not needed any more")
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	yield(c.command.Process.Pid)
	c.stdin, c.running = stdin, true
	return stdout, nil
}

// read takes responses until the process ends or says what it should not.
func (c *child) read(stdout io.Reader) {
	for isReady := false; ; {
		raw, err := readFrame(stdout, c.options.MaxResponse)
		if err != nil {
			return
		}
		var r response
		if err := decodeMessage(raw, maxValues, &r); err != nil {
			return
		}
		if r.ID == 0 && isReady {
			return
		}
		if r.ID == 0 {
			isReady = true
			close(c.ready)
			continue
		}
		numbers(r.Fields)
		c.deliver(&r)
	}
}

func (c *child) deliver(r *response) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	waiting, ok := c.pending[r.ID]
	if !ok {
		return
	}
	delete(c.pending, r.ID)
	waiting.result <- outcome{fate: answered, response: r}
}

// ask has a task done and says what became of it.
func (c *child) ask(t *task, deadline time.Duration) outcome {
	select {
	case <-c.ready:
	case <-c.gone:
	}
	for text := false; ; text = true {
		waiting := &call{task: t, deadline: deadline, result: make(chan outcome, 1)}
		if !c.send(waiting, text) {
			return c.refusal()
		}
		out := <-waiting.result
		if out.fate != answered || !out.response.Unknown || text {
			return out
		}
	}
}

// refusal is the outcome of what could not be sent.
func (c *child) refusal() outcome {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch c.end {
	case endStart:
		return outcome{fate: unstarted}
	case endClosed:
		return outcome{fate: closed}
	}
	return outcome{fate: unsent}
}

// send registers a call and writes it. Once it is registered it gets a result
// whatever happens, so a failed write needs no answer here.
func (c *child) send(waiting *call, text bool) bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	id, ok := c.register(waiting)
	if !ok {
		return false
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	q := request{ID: id, Digest: waiting.task.digest, Describe: waiting.task.describe, Inputs: waiting.task.inputs, Wanted: waiting.task.wanted}
	if _, known := c.sent.Get(q.Digest); text || !known {
		q.Source = &waiting.task.source
		c.sent.Add(q.Digest, nil)
	}
	raw, err := frame(&q, c.options.MaxRequest+overhead)
	if err != nil {
		c.settle(id, &response{ID: id, Failure: refusedInputs(waiting.task.source.Name, err, Limits{MaxRequest: c.options.MaxRequest})})
		return true
	}
	if _, err := c.stdin.Write(raw); err != nil {
		c.kill(endCrash)
	}
	return true
}

// settle answers a call that was registered and cannot be sent.
func (c *child) settle(id uint64, r *response) {
	r.ID = id
	c.deliver(r)
}

// register makes a call known, unless the child is ending. Its time runs from here.
func (c *child) register(waiting *call) (uint64, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.end != endNone {
		return 0, false
	}
	c.lastID++
	waiting.started = c.clock.Now()
	c.pending[c.lastID] = waiting
	return c.lastID, true
}

// kill ends the process, for the first reason that is given. Who is still
// waited for gets a result when the process is gone.
func (c *child) kill(end ending) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.killLocked(end)
}

func (c *child) killLocked(end ending) {
	if c.end == endNone {
		c.end = end
	}
	if c.running {
		// The error would say that it is gone already.
		_ = c.command.Process.Kill()
	}
}

// bury tells everybody that the process is gone.
func (c *child) bury() {
	c.mutex.Lock()
	pending, end := c.pending, c.end
	c.pending = nil
	c.mutex.Unlock()
	why := crashOf(c.stderr.String())
	now := c.clock.Now()
	names := make([]string, 0, len(pending))
	for _, waiting := range pending {
		names = append(names, waiting.task.source.Name)
	}
	c.report(end, names)
	close(c.gone)
	held := 0
	for _, waiting := range pending {
		if now.Sub(waiting.started) >= slowAge {
			held++
		}
	}
	for _, waiting := range pending {
		waiting.result <- outcome{fate: fateOf(end, waiting, held > 1), end: end, crash: why, age: now.Sub(waiting.started)}
	}
}

// fateOf is what the end of the child means for a request. Of several that have
// run for long one may have held up the others, for instance while its memory
// was collected: none is to blame before it was run alone.
func fateOf(end ending, waiting *call, several bool) fate {
	switch {
	case waiting.overdue && several:
		return suspect
	case waiting.overdue:
		return overdue
	case end == endClosed:
		return closed
	case end == endStart:
		return unstarted
	case end == endMemory || end == endCrash:
		return suspect
	}
	return bystander
}
