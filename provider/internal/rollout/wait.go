// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// reportEvery is how often a wait says what it waits for.
const reportEvery = 10 * time.Second

// Kind is the kind of an Application on the hub.
func Kind() schema.GroupVersionKind {
	return v1beta1.GroupVersion.WithKind("Application")
}

// Target is the revision of an application that is waited for.
type Target struct {
	// Namespace of the application on the hub.
	Namespace string
	// Name of the application.
	Name string
	// Revision that has to be healthy.
	Revision string
}

// Source tells of every change of an object until the condition holds. A
// *hub.Client is one.
type Source interface {
	WaitFor(ctx context.Context, gvk schema.GroupVersionKind, key types.NamespacedName, cond hub.Condition) error
}

// Waiter waits for rollouts.
type Waiter struct {
	// Source of the application's state.
	Source Source
	// Clock that waits are measured with.
	Clock clock.WithTicker
	// Limit is how long to wait at most.
	Limit time.Duration
	// Grace is how long a failure must last before it is believed: what the same
	// apply, or somebody else at the same time, mends in seconds is none.
	Grace time.Duration
}

// Wait waits until the revision is healthy in all its places, and returns what it
// saw last. A rollout that failed, or took longer than the limit, is a *Failure;
// other errors come from the hub.
func (w *Waiter) Wait(ctx context.Context, target Target) (Progress, error) {
	started := w.Clock.Now()
	seen := &sighting{}
	bounded, cancel := context.WithTimeout(ctx, w.Limit)
	defer cancel()
	reporting, stop := context.WithCancel(bounded)
	defer stop()
	go w.report(reporting, target, seen)

	err := w.settled(bounded, target, seen, started)
	return seen.get(), w.result(err, target, seen, w.Clock.Since(started))
}

const (
	// patience is how long an application is waited for at least that does not get
	// on since before the wait: what held it up may be mended just now.
	patience = 90 * time.Second
	// failingPatience is the same for one that fails: its next try shows whether it
	// is mended, and tries are more frequent than changes that take their time.
	failingPatience = 20 * time.Second
)

// grace is how long a failure must last now before it is believed; 0 for at once.
func (w *Waiter) grace(progress Progress, started time.Time) time.Duration {
	if progress.App == nil {
		return w.Grace
	}
	waited := w.Clock.Since(started)
	stalled := meta.FindStatusCondition(progress.App.Status.Conditions, conditionStalled)
	switch stalledReason(progress.App) {
	case v1alpha1.ReasonPaused:
		return 0 // somebody wants it so
	case v1alpha1.ReasonFailing:
		return max(w.Grace, failingPatience-waited)
	case v1alpha1.ReasonNotProgressing:
		if stuckFor(stalled) <= waited+time.Second {
			return w.Grace // all of that was seen
		}
		return max(w.Grace, patience-waited)
	}
	return w.Grace
}

// stuckFor is how long nothing had changed when the condition became true, by the
// clock of the addon, and up to a second more: it tells times in whole seconds. It is
// the longest of all times when the addon does not tell.
func stuckFor(stalled *metav1.Condition) time.Duration {
	since, ok := v1alpha1.ReadUnchangedSince(stalled.Message)
	if !ok || stalled.LastTransitionTime.Time.Before(since) {
		return math.MaxInt64
	}
	return stalled.LastTransitionTime.Sub(since)
}

// settled waits until the rollout is healthy, or has failed for the time of grace.
func (w *Waiter) settled(ctx context.Context, target Target, seen *sighting, started time.Time) error {
	for {
		if err := w.watch(ctx, target, seen, Waiting); err != nil || seen.get().Outcome != Stalled || w.Grace == 0 {
			return err
		}
		limit := w.grace(seen.get(), started)
		if limit == 0 {
			return nil
		}
		grace, cancel := context.WithTimeout(ctx, limit)
		err := w.watch(grace, target, seen, Stalled)
		cancel()
		if hub.ReasonOf(err) == hub.TimedOut && ctx.Err() == nil {
			return nil // it stayed as it was
		}
		if err != nil {
			return err
		}
	}
}

// watch follows the application as long as its outcome is the given one.
func (w *Waiter) watch(ctx context.Context, target Target, seen *sighting, outcome Outcome) error {
	key := types.NamespacedName{Namespace: target.Namespace, Name: target.Name}
	return w.Source.WaitFor(ctx, Kind(), key, func(object *unstructured.Unstructured) (bool, error) {
		progress, err := Judge(object, target.Revision)
		if err != nil {
			return false, err
		}
		seen.set(progress)
		return progress.Outcome != outcome, nil
	})
}

// result turns the end of a wait into what it means.
func (w *Waiter) result(err error, target Target, seen *sighting, waited time.Duration) error {
	last := seen.get()
	ended := hub.ReasonOf(err) == hub.TimedOut || hub.ReasonOf(err) == hub.Canceled
	if err != nil && (!ended || last.Outcome == "") {
		return err
	}
	if err == nil && last.Outcome == Healthy {
		return nil
	}
	return &Failure{
		Target:      target,
		Progress:    last,
		Waited:      waited,
		Limit:       w.Limit,
		Interrupted: err != nil && hub.ReasonOf(err) == hub.Canceled,
		Absent:      !seen.ever(),
	}
}

// report logs what is waited for until ctx ends.
func (w *Waiter) report(ctx context.Context, target Target, seen *sighting) {
	started := w.Clock.Now()
	ticker := w.Clock.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			tflog.Info(ctx, "waiting for the rollout", map[string]any{
				"application": target.Namespace + "/" + target.Name,
				"revision":    target.Revision,
				"waiting_for": seen.get().waitsFor(),
				"waited":      w.Clock.Since(started).Round(time.Second).String(),
			})
		}
	}
}

// sighting is the last progress that was seen.
type sighting struct {
	mutex sync.Mutex
	last  Progress
	// exists says that the application was there once.
	exists bool
}

func (s *sighting) set(progress Progress) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.last, s.exists = progress, s.exists || progress.App != nil
}

// ever says whether the application was there once.
func (s *sighting) ever() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.exists
}

func (s *sighting) get() Progress {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.last
}
