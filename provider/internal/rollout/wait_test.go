// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// script tells of the objects in turn and then ends as a hub's wait does when
// its context is over.
type script struct {
	objects []*unstructured.Unstructured
	end     error
	told    chan struct{}
}

func (s *script) WaitFor(ctx context.Context, _ schema.GroupVersionKind, _ types.NamespacedName, cond hub.Condition) error {
	for _, object := range s.objects {
		done, err := cond(object)
		if done || err != nil {
			return err
		}
	}
	if s.told != nil {
		close(s.told)
		<-ctx.Done()
	}
	return s.end
}

func TestWait(t *testing.T) {
	healthy, slow, stalled := loadApplication(t, "healthy"), loadApplication(t, "slow"), loadApplication(t, "image-pull")
	errBoom := errors.New("boom")
	cases := []struct {
		reason  string
		objects []*unstructured.Unstructured
		end     error
		want    Outcome
		failure bool
		absent  bool
		err     error
	}{
		{reason: "healthy after a while", objects: []*unstructured.Unstructured{loadApplication(t, "unseen"), slow, healthy}},
		{reason: "stops as soon as it is stalled", objects: []*unstructured.Unstructured{slow, stalled, healthy}, want: Stalled, failure: true},
		{reason: "stops when it is deleted", objects: []*unstructured.Unstructured{slow, nil, healthy}, want: Gone, failure: true},
		{reason: "stops when it never was", objects: []*unstructured.Unstructured{nil}, want: Gone, failure: true, absent: true},
		{reason: "the time is over", objects: []*unstructured.Unstructured{slow}, end: &hub.Error{Reason: hub.TimedOut}, want: Waiting, failure: true},
		{reason: "the user interrupts", objects: []*unstructured.Unstructured{slow}, end: &hub.Error{Reason: hub.Canceled}, want: Waiting, failure: true},
		{reason: "the hub never answered in time: nothing is known of the application", end: &hub.Error{Reason: hub.TimedOut}, err: &hub.Error{Reason: hub.TimedOut}},
		{reason: "the hub went away", objects: []*unstructured.Unstructured{slow}, end: errBoom, err: errBoom},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			waiter := &Waiter{Source: &script{objects: c.objects, end: c.end}, Clock: clock.RealClock{}, Limit: time.Minute}
			_, err := waiter.Wait(t.Context(), Target{Namespace: "shop", Name: "shop", Revision: "0123456789ab"})
			var failure *Failure
			if got := errors.As(err, &failure); got != c.failure {
				t.Fatalf("got error %v, want a *Failure: %t", err, c.failure)
			}
			if c.failure && failure.Progress.Outcome != c.want {
				t.Errorf("got outcome %s, want %s", failure.Progress.Outcome, c.want)
			}
			if c.failure && failure.Absent != c.absent {
				t.Errorf("got absent %t", failure.Absent)
			}
			if c.failure && failure.Interrupted != (hub.ReasonOf(c.end) == hub.Canceled) {
				t.Errorf("got interrupted %t", failure.Interrupted)
			}
			if !c.failure && (err == nil) != (c.err == nil) {
				t.Errorf("got error %v, want %v", err, c.err)
			}
		})
	}
}

// TestGrace checks that an application that was stuck before the wait is given
// the time to get on.
func TestGrace(t *testing.T) {
	fake := clocktesting.NewFakeClock(time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC))
	waiter := &Waiter{Clock: fake, Grace: 5 * time.Second}
	stuck, failed := Progress{App: application(t, "not-progressing")}, Progress{App: application(t, "image-pull")}
	// The condition became true 90 s after the last change, and here after 10 s.
	brisk := Progress{App: application(t, "not-progressing")}
	brisk.App.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Date(2026, 3, 4, 5, 6, 17, 0, time.UTC))
	timeless := Progress{App: application(t, "not-progressing")}
	timeless.App.Status.Conditions[0].Message = "nothing has changed for long"
	refused, paused := Progress{App: application(t, "not-admitted")}, Progress{App: application(t, "paused")}
	tests := []struct {
		reason   string
		progress Progress
		waited   time.Duration
		want     time.Duration
	}{
		{"what somebody has to change does not change by itself", refused, 0, 5 * time.Second},
		{"it may fail since before the wait, and be mended just now", failed, 0, 20 * time.Second},
		{"it fails while it is waited for", failed, 30 * time.Second, 5 * time.Second},
		{"it may get on just now", stuck, 0, 90 * time.Second},
		{"some of the time is over", stuck, time.Minute, 30 * time.Second},
		{"it was waited for", stuck, time.Hour, 5 * time.Second},
		{"the binding allows less, and all of that was seen", brisk, 11 * time.Second, 5 * time.Second},
		{"the binding allows less, and it was stuck before", brisk, 8 * time.Second, 82 * time.Second},
		{"all of that was seen, but the addon tells whole seconds", brisk, 9500 * time.Millisecond, 5 * time.Second},
		{"it is not told since when", timeless, time.Second, 89 * time.Second},
		{"somebody wants it so", paused, 0, 0},
		{"nothing is known of it", Progress{}, 0, 5 * time.Second},
	}
	for _, test := range tests {
		if got := waiter.grace(test.progress, fake.Now().Add(-test.waited)); got != test.want {
			t.Errorf("got %s, want %s: %s", got, test.want, test.reason)
		}
	}
}

func application(t *testing.T, name string) *v1beta1.Application {
	t.Helper()
	progress, err := Judge(loadApplication(t, name), "0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	return progress.App
}

// lockedBuffer is a buffer that a logger and a test may use at the same time.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

// until waits for a condition, and fails the test when ctx ends first.
func until(ctx context.Context, t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-ticker.C:
		}
	}
}

func TestWaitSaysWhatItWaitsFor(t *testing.T) {
	var log lockedBuffer
	ctx, cancel := context.WithTimeout(tflogtest.RootLogger(t.Context(), &log), time.Minute)
	defer cancel()
	fake := clocktesting.NewFakeClock(time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC))
	source := &script{objects: []*unstructured.Unstructured{loadApplication(t, "slow")}, told: make(chan struct{}), end: &hub.Error{Reason: hub.Canceled}}
	waiter := &Waiter{Source: source, Clock: fake, Limit: time.Minute}
	result := make(chan error, 1)
	go func() {
		_, err := waiter.Wait(ctx, Target{Namespace: "shop", Name: "shop", Revision: "0123456789ab"})
		result <- err
	}()
	<-source.told

	for round := 1; round <= 3; round++ {
		until(ctx, t, "something waits for the clock", fake.HasWaiters)
		fake.Step(reportEvery)
		until(ctx, t, "there is a line for each 10 s", func() bool {
			return strings.Count(log.String(), "waiting for the rollout") >= round
		})
	}
	cancel()
	if err := <-result; err == nil {
		t.Error("got no error for an interrupted wait")
	}
	for _, want := range []string{"component web, environment dev, cluster local: 1 of 3 ready", `"application":"shop/shop"`, `"waited":"30s"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, log.String())
		}
	}
}
