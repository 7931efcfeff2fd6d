// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
)

const (
	// maxFlights is how many tasks are under way at once, and maxLanded how many
	// results wait to be asked for: their inputs and fields take memory here.
	maxFlights = 64
	maxLanded  = 16
	// keptFor is how long a result waits to be asked for.
	keptFor = time.Minute
)

// flights are the tasks that go on without whoever asked for them: a caller is
// kept for a moment alone, so that those who mean harm, however many they are,
// do not take all callers away from the others.
type flights struct {
	clock clock.PassiveClock
	slots chan struct{}

	mutex  sync.Mutex
	known  map[string]*flight
	landed []*flight
}

// flight is one task under way, or its result that nobody has asked for yet.
type flight struct {
	key      string
	began    time.Time
	done     chan struct{}
	ended    time.Time
	response *response
	err      error
	// holders are the callers that may still take the result.
	holders int
}

func newFlights(c clock.PassiveClock) *flights {
	return &flights{clock: c, slots: make(chan struct{}, maxFlights), known: map[string]*flight{}}
}

// ask has a task done and waits for it as long as the options say. The same
// task asked for again is the same flight.
func (s *Sandbox) ask(t *task) (*response, error) {
	if s.options.Patience <= 0 {
		return s.do(t)
	}
	if f := s.refused.get(t.key); f != nil {
		return nil, f
	}
	timer := s.options.Clock.NewTimer(s.options.Patience)
	defer timer.Stop()
	f := s.flights.find(t.key)
	if f == nil {
		select {
		case s.flights.slots <- struct{}{}:
			f = s.launch(t)
		case <-timer.C():
			return nil, pending(t.source.Name)
		}
	}
	if !f.isOver() && s.flights.clock.Since(f.began) >= s.options.Patience {
		s.flights.leave(f)
		return nil, pending(t.source.Name)
	}
	select {
	case <-f.done:
	case <-timer.C():
		s.flights.leave(f)
		return nil, pending(t.source.Name)
	}
	return s.flights.take(f)
}

// launch starts a task that has a slot, unless somebody else just did.
func (s *Sandbox) launch(t *task) *flight {
	s.flights.mutex.Lock()
	defer s.flights.mutex.Unlock()
	if f := s.flights.known[t.key]; f != nil {
		<-s.flights.slots
		f.holders++
		return f
	}
	f := &flight{key: t.key, began: s.flights.clock.Now(), done: make(chan struct{}), holders: 1}
	s.flights.known[t.key] = f
	go func() {
		f.response, f.err = s.do(t)
		s.flights.land(f)
		<-s.flights.slots
	}()
	return f
}

func (f *flight) isOver() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// find is the flight of a task, unless its result is too old. Who has it takes its result,
// or leaves it.
func (a *flights) find(key string) *flight {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.expireLocked(maxLanded)
	f := a.known[key]
	if f != nil {
		f.holders++
	}
	return f
}

// leave is for a caller that does not wait any longer.
func (a *flights) leave(f *flight) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	f.holders--
}

// land keeps a result until it is asked for, the newest ones alone.
func (a *flights) land(f *flight) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	f.ended = a.clock.Now()
	a.landed = append(a.landed, f)
	a.expireLocked(maxLanded)
	close(f.done)
}

// expireLocked forgets the oldest results beyond a number, and those that nobody asked for in time.
func (a *flights) expireLocked(most int) {
	for len(a.landed) > 0 && (len(a.landed) > most || a.clock.Since(a.landed[0].ended) >= keptFor) {
		a.forgetLocked(a.landed[0])
		a.landed = a.landed[1:]
	}
}

// take hands a result over and forgets it. Callers change what they get, so that each has
// fields of its own: the last one those that came, all before it a copy.
func (a *flights) take(f *flight) (*response, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.forgetLocked(f)
	a.landed = slices.DeleteFunc(a.landed, func(other *flight) bool { return other == f })
	f.holders--
	if f.response == nil || f.holders == 0 {
		return f.response, f.err
	}
	copied := *f.response
	copied.Fields = runtime.DeepCopyJSON(f.response.Fields)
	return &copied, f.err
}

func (a *flights) forgetLocked(f *flight) {
	if a.known[f.key] == f {
		delete(a.known, f.key)
	}
}
