// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// statusWriter writes statuses of applications that differ from what is there.
type statusWriter struct {
	client client.Client
	clock  clock.PassiveClock

	mu    sync.Mutex
	last  map[types.UID]statusWrite
	paces map[types.UID]pace
	// starts are of the applications whose generation is under way and not in their status yet.
	starts map[types.UID]start
	// swept is when starts were last looked through for those of applications that are gone.
	swept time.Time
}

// start is when a generation of an application was first seen to be under way.
type start struct {
	generation int64
	at         time.Time
}

// Changes that only say more of the same state are gathered: while many
// clusters report, each of their messages would be a write of its own. The
// longer that goes on, the more are gathered.
const (
	firstGather = time.Second
	lastGather  = 5 * time.Second
	// startPace is how much longer it is not told of an application that it is under way for
	// each other one that is: what runs the workloads takes as much longer.
	startPace = 40 * time.Millisecond
	// startGather is the most that a start is not told.
	startGather = 40 * time.Second
	// fleetGather is the most of applications in very many places: they take minutes,
	// and a write tells of more of them.
	fleetGather = 20 * time.Second
	// gatherPlaces is in how many places details are gathered for lastGather, and
	// longer in more.
	gatherPlaces = 250
)

// mostGather is how long details of a status are gathered at most.
func mostGather(status v1beta1.ApplicationStatus) time.Duration {
	if status.Summary == nil {
		return lastGather
	}
	seconds := int64(lastGather/time.Second) * int64(status.Summary.Places) / gatherPlaces
	return min(max(lastGather, time.Duration(seconds)*time.Second), fleetGather)
}

// pace is how often an application's status is written.
type pace struct {
	last time.Time
	// gather is how long details are gathered from last on.
	gather time.Duration
}

// statusWrite is the last write: what was wanted, and what the API server made
// of it. A CRD of another controller drops fields that it does not know, and
// such a status must not be written again and again.
type statusWrite struct {
	wanted v1beta1.ApplicationStatus
	result v1beta1.ApplicationStatus
}

// coalescedError says that the status differs in details and is written later.
type coalescedError struct{ after time.Duration }

func (e *coalescedError) Error() string {
	return fmt.Sprintf("details of the status are written in %s", e.after)
}

// errSuperseded says that the application changed since it was read.
var errSuperseded = errors.New("the application changed meanwhile")

// write writes the status if it differs, and says whether it did. It
// returns errSuperseded when it lost against another write, and a
// *coalescedError when it is to be tried again later.
func (w *statusWriter) write(ctx context.Context, app *v1beta1.Application, wanted v1beta1.ApplicationStatus) (bool, error) {
	if equality.Semantic.DeepEqual(app.Status, wanted) || w.repeats(app, wanted) {
		return false, nil
	}
	same := sameState(app.Status, wanted)
	if after := w.early(app, wanted, same); after > 0 {
		return false, &coalescedError{after: after}
	}
	update := app.DeepCopy()
	update.Status = wanted
	err := w.client.Status().Update(ctx, update)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return false, errSuperseded
	}
	if err != nil {
		return false, fmt.Errorf("write the status of application %s/%s: %w", app.Namespace, app.Name, err)
	}
	w.remember(app.UID, statusWrite{wanted: wanted, result: update.Status}, same)
	return true, nil
}

// sameState says that two statuses speak of the same generation, phase and conditions.
func sameState(before, after v1beta1.ApplicationStatus) bool {
	if before.Phase != after.Phase || before.ObservedGeneration != after.ObservedGeneration ||
		before.ObservedRevision != after.ObservedRevision || len(before.Conditions) != len(after.Conditions) {
		return false
	}
	for i := range before.Conditions {
		if before.Conditions[i].Type != after.Conditions[i].Type || before.Conditions[i].Status != after.Conditions[i].Status {
			return false
		}
	}
	return true
}

// early is how long the write is still put off; not positive when it is due.
func (w *statusWriter) early(app *v1beta1.Application, wanted v1beta1.ApplicationStatus, same bool) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if isStart(app.Status, wanted) {
		return w.untilStarted(app)
	}
	delete(w.starts, app.UID)
	before, ok := w.paces[app.UID]
	if !same || !ok {
		return 0
	}
	return before.gather - w.clock.Since(before.last)
}

// isStart says that all there is to tell is that a new generation is under way.
// Most run a moment later, and that is told at once: where thousands of
// applications change together, half of the writes are saved.
func isStart(before, wanted v1beta1.ApplicationStatus) bool {
	return wanted.Phase == v1beta1.PhaseRunningWorkflow && before.ObservedGeneration != wanted.ObservedGeneration &&
		!meta.IsStatusConditionTrue(wanted.Conditions, v1alpha1.ConditionStalled)
}

// untilStarted is how long it is not told yet that the application's generation is under way.
func (w *statusWriter) untilStarted(app *v1beta1.Application) time.Duration {
	if w.starts == nil {
		w.starts = map[types.UID]start{}
	}
	began, ok := w.starts[app.UID]
	if !ok || began.generation != app.Generation {
		began = start{generation: app.Generation, at: w.clock.Now()}
		w.forgetStarts(began.at)
		w.starts[app.UID] = began
	}
	gather := min(firstGather+time.Duration(len(w.starts)-1)*startPace, startGather)
	return gather - w.clock.Since(began.at)
}

// forgetStarts drops, now and then, those of applications that went before they were told of.
func (w *statusWriter) forgetStarts(now time.Time) {
	if now.Sub(w.swept) < startGather {
		return
	}
	w.swept = now
	maps.DeleteFunc(w.starts, func(_ types.UID, s start) bool { return now.Sub(s.at) > 2*startGather })
}

func (w *statusWriter) repeats(app *v1beta1.Application, wanted v1beta1.ApplicationStatus) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.last[app.UID]
	return ok && equality.Semantic.DeepEqual(last.wanted, wanted) && equality.Semantic.DeepEqual(last.result, app.Status)
}

// remember keeps a write only where the API server changed it.
func (w *statusWriter) remember(uid types.UID, last statusWrite, same bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.starts, uid)
	w.note(uid, same, mostGather(last.wanted))
	if equality.Semantic.DeepEqual(last.wanted, last.result) {
		delete(w.last, uid)
		return
	}
	if w.last == nil {
		w.last = map[types.UID]statusWrite{}
	}
	w.last[uid] = last
}

// forget drops what is kept of an application that is gone.
func (w *statusWriter) forget(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.last, uid)
	delete(w.paces, uid)
	delete(w.starts, uid)
}

// note keeps the time of a write, and forgets those that no longer matter.
// Writes of details alone become rarer while they go on.
func (w *statusWriter) note(uid types.UID, same bool, most time.Duration) {
	now := w.clock.Now()
	if w.paces == nil {
		w.paces = map[types.UID]pace{}
	}
	for other, before := range w.paces {
		if now.Sub(before.last) > 2*fleetGather {
			delete(w.paces, other)
		}
	}
	gather := firstGather
	if before, ok := w.paces[uid]; ok && same {
		gather = min(2*before.gather, most)
	}
	w.paces[uid] = pace{last: now, gather: gather}
}
