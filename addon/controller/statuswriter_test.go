// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// writerOf is a writer to an API server that makes of a status what change says,
// with its clock and the number of writes.
func writerOf(t *testing.T, change func(*v1beta1.ApplicationStatus) error) (*statusWriter, *clocktesting.FakePassiveClock, *int) {
	t.Helper()
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(webApp()).WithStatusSubresource(&v1beta1.Application{}).
		WithInterceptorFuncs(interceptor.Funcs{SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, object client.Object, options ...client.SubResourceUpdateOption) error {
			writes++
			if err := change(&object.(*v1beta1.Application).Status); err != nil {
				return err
			}
			return c.SubResource(sub).Update(ctx, object, options...)
		}}).Build()
	clock := clocktesting.NewFakePassiveClock(now.Time)
	return &statusWriter{client: c, clock: clock}, clock, &writes
}

func keep(*v1beta1.ApplicationStatus) error { return nil }

// live reads the application as the API server has it.
func live(t *testing.T, w *statusWriter) *v1beta1.Application {
	t.Helper()
	app := &v1beta1.Application{}
	if err := w.client.Get(t.Context(), webApp().NamespacedName(), app); err != nil {
		t.Fatal(err)
	}
	return app
}

func TestStatusIsWrittenOnce(t *testing.T) {
	w, clock, writes := writerOf(t, keep)
	for i := range 5 {
		app := live(t, w)
		wanted := (&outcome{report: of(well("c1"))}).status(app, metav1.NewTime(clock.Now()))
		written, err := w.write(t.Context(), app, wanted)
		if err != nil || written != (i == 0) {
			t.Errorf("pass %d: written %t, %v", i, written, err)
		}
		clock.SetTime(clock.Now().Add(time.Hour))
	}
	if *writes != 1 {
		t.Errorf("%d writes, want 1", *writes)
	}
}

// TestStatusWithDroppedFields checks that a status from which the API server
// takes fields is not written again and again.
func TestStatusWithDroppedFields(t *testing.T) {
	w, clock, writes := writerOf(t, func(s *v1beta1.ApplicationStatus) error {
		s.Summary, s.Workflow = nil, nil
		return nil
	})
	pass := func(outcome outcome) {
		t.Helper()
		app := live(t, w)
		if _, err := w.write(t.Context(), app, outcome.status(app, now)); err != nil {
			t.Fatal(err)
		}
		clock.SetTime(clock.Now().Add(time.Minute))
	}
	for range 5 {
		pass(outcome{report: of(well("c1"))})
	}
	if *writes != 1 {
		t.Errorf("%d writes, want 1", *writes)
	}
	pass(outcome{report: of(ill("c1"))})
	pass(outcome{report: of(well("c1"))})
	if *writes != 3 {
		t.Errorf("%d writes after two changes, want 3", *writes)
	}
}

// TestDetailsAreCoalesced checks that messages of many clusters are gathered,
// and that a change of the state is told at once.
func TestDetailsAreCoalesced(t *testing.T) {
	w, clock, writes := writerOf(t, keep)
	pass := func(ready int, outcome outcome) error {
		t.Helper()
		app := live(t, w)
		for i := range outcome.report.Units {
			outcome.report.Units[i].Verdict.Message = fmt.Sprintf("Ready:%d/9", ready)
		}
		_, err := w.write(t.Context(), app, outcome.status(app, metav1.NewTime(clock.Now())))
		clock.SetTime(clock.Now().Add(100 * time.Millisecond))
		return err
	}
	if err := pass(0, outcome{report: of(ill("c1"))}); !errors.As(err, new(*coalescedError)) || *writes != 0 {
		t.Errorf("under way: %v, %d writes: want it told a little later", err, *writes)
	}
	clock.SetTime(clock.Now().Add(firstGather))
	later := 0
	for i := range 9 {
		if err := pass(i, outcome{report: of(ill("c1"))}); errors.As(err, new(*coalescedError)) {
			later++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if *writes != 1 || later != 8 {
		t.Errorf("%d writes and %d put off, want 1 and 8", *writes, later)
	}
	if err := pass(9, outcome{report: of(well("c1"))}); err != nil || *writes != 2 {
		t.Errorf("running: %v, %d writes: want it told at once", err, *writes)
	}
	clock.SetTime(clock.Now().Add(firstGather))
	if err := pass(10, outcome{report: of(well("c1"))}); err != nil || *writes != 3 {
		t.Errorf("details a second later: %v, %d writes", err, *writes)
	}
}

// TestStartIsToldLater checks that a generation that is under way is told after a
// moment, unless there is more to tell by then.
func TestStartIsToldLater(t *testing.T) {
	refused := &delivery.Problem{Reason: delivery.ReasonForeignObject, Message: "it is somebody else's"}
	tests := []struct {
		reason string
		after  time.Duration
		then   outcome
		phases []v1beta1.ApplicationPhase
	}{
		{"it runs a moment later: that alone is told", 100 * time.Millisecond, outcome{report: of(well("c1"))}, []v1beta1.ApplicationPhase{v1beta1.PhaseRunning}},
		{"it is refused: that is told at once", 100 * time.Millisecond, outcome{invalid: refused}, []v1beta1.ApplicationPhase{v1beta1.PhaseRendering}},
		{"it is still under way: nothing yet", firstGather - time.Millisecond, outcome{report: of(ill("c1"))}, nil},
		{"it is still under way after a second", firstGather, outcome{report: of(ill("c1"))}, []v1beta1.ApplicationPhase{v1beta1.PhaseRunningWorkflow}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			var phases []v1beta1.ApplicationPhase
			w, clock, _ := writerOf(t, func(s *v1beta1.ApplicationStatus) error {
				phases = append(phases, s.Phase)
				return nil
			})
			pass := func(outcome outcome) {
				t.Helper()
				app := live(t, w)
				app.Generation = 2 // the status is of an earlier one
				_, err := w.write(t.Context(), app, outcome.status(app, metav1.NewTime(clock.Now())))
				if err != nil && !errors.As(err, new(*coalescedError)) {
					t.Fatal(err)
				}
			}
			pass(outcome{report: of(ill("c1"))})
			clock.SetTime(clock.Now().Add(test.after))
			pass(test.then)
			if diff := cmp.Diff(test.phases, phases); diff != "" {
				t.Errorf("phases told (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStartsAmongManyAreToldLater checks how long it is not told that an application is under way, by how many are.
func TestStartsAmongManyAreToldLater(t *testing.T) {
	for _, test := range []struct {
		reason string
		others int
		want   time.Duration
	}{
		{"it is alone", 0, firstGather},
		{"what runs the workloads has as much more to do", 50, 3 * firstGather},
		{"somebody waits for each of any number", 10000, startGather},
	} {
		w := &statusWriter{clock: clocktesting.NewFakePassiveClock(time.Now()), starts: map[types.UID]start{}}
		for i := range test.others {
			w.starts[types.UID(strconv.Itoa(i))] = start{at: w.clock.Now()}
		}
		app := &v1beta1.Application{ObjectMeta: metav1.ObjectMeta{UID: "u", Generation: 1}}
		wanted := v1beta1.ApplicationStatus{Phase: v1beta1.PhaseRunningWorkflow, ObservedGeneration: 1}
		if got := w.early(app, wanted, false); got != test.want {
			t.Errorf("among %d others: told after %s, want %s: %s", test.others, got, test.want, test.reason)
		}
	}
}

// TestStartsOfGoneApplications checks that an application that went before it was told of holds nobody else up.
func TestStartsOfGoneApplications(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Now())
	w := &statusWriter{clock: clock, starts: map[types.UID]start{}}
	for i := range 400 {
		w.starts[types.UID(strconv.Itoa(i))] = start{at: clock.Now()}
	}
	clock.SetTime(clock.Now().Add(3 * startGather))
	app := &v1beta1.Application{ObjectMeta: metav1.ObjectMeta{UID: "u", Generation: 1}}
	if got := w.early(app, v1beta1.ApplicationStatus{Phase: v1beta1.PhaseRunningWorkflow, ObservedGeneration: 1}, false); got != firstGather {
		t.Errorf("told after %s, want %s", got, firstGather)
	}
}

// TestDetailsOfFleetsAreRarer checks how long details are gathered at last, by the number of places.
func TestDetailsOfFleetsAreRarer(t *testing.T) {
	tests := []struct {
		reason string
		places int32
		want   time.Duration
	}{
		{"a few places are told of as soon as ever", 3, lastGather},
		{"so are as many as a write tells of", gatherPlaces, lastGather},
		{"more take longer, and a write tells of more", 2 * gatherPlaces, 2 * lastGather},
		{"somebody waits for each of any number", 100 * gatherPlaces, fleetGather},
	}
	for _, test := range tests {
		app := &v1beta1.Application{ObjectMeta: metav1.ObjectMeta{UID: "u1"}}
		w := &statusWriter{clock: clocktesting.NewFakePassiveClock(time.Now())}
		status := v1beta1.ApplicationStatus{Summary: &v1beta1.ApplicationSummary{Places: test.places}}
		for range 10 {
			w.remember("u1", statusWrite{wanted: status, result: status}, true)
		}
		if got := w.early(app, status, true); got != test.want {
			t.Errorf("%d places: details are gathered for %s, want %s: %s", test.places, got, test.want, test.reason)
		}
	}
}

func TestStatusThatLost(t *testing.T) {
	resource := schema.GroupResource{Resource: "applications"}
	tests := []struct {
		reason string
		answer error
		want   error
	}{
		{"another write came first", apierrors.NewConflict(resource, "store", errors.New("changed")), errSuperseded},
		{"the application is gone", apierrors.NewNotFound(resource, "store"), errSuperseded},
	}
	for _, test := range tests {
		w, _, _ := writerOf(t, func(*v1beta1.ApplicationStatus) error { return test.answer })
		if written, err := w.write(t.Context(), live(t, w), v1beta1.ApplicationStatus{Phase: "running"}); written || !errors.Is(err, test.want) {
			t.Errorf("got %t, %v, want %v: %s", written, err, test.want, test.reason)
		}
	}
	w, _, _ := writerOf(t, func(*v1beta1.ApplicationStatus) error { return apierrors.NewInternalError(errors.New("no quorum")) })
	_, err := w.write(t.Context(), live(t, w), v1beta1.ApplicationStatus{Phase: "running"})
	if diff := cmp.Diff("write the status of application shop/store: Internal error occurred: no quorum", fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
