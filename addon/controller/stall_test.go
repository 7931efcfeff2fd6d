// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// patient is an application that is looked at as time passes.
type patient struct {
	*testing.T
	clock  *clocktesting.FakePassiveClock
	stalls *stallClock
	writes int
	last   []metav1.Condition
}

func newPatient(t *testing.T) *patient {
	clock := clocktesting.NewFakePassiveClock(now.Time)
	return &patient{T: t, clock: clock, stalls: &stallClock{clock: clock}}
}

// after looks at the units when some time has passed, and returns what is told and when it is looked again.
func (p *patient) after(passed time.Duration, units ...delivery.UnitReport) (string, time.Duration) {
	p.Helper()
	p.clock.SetTime(p.clock.Now().Add(passed))
	app := webApp()
	app.Status.ObservedGeneration, app.Status.Conditions = app.Generation, p.last
	report := of(units...)
	outcome := &outcome{report: report, stall: p.stalls.look(app, report)}
	status := outcome.status(app, metav1.NewTime(p.clock.Now()))
	if !cmp.Equal(p.last, status.Conditions) {
		p.writes++
	}
	p.last = status.Conditions
	condition := meta.FindStatusCondition(p.last, "Stalled")
	if !isTrue(condition) {
		return "", outcome.retryAfter()
	}
	return condition.Reason + ": " + condition.Message, outcome.retryAfter()
}

func (p *patient) want(reason, got string, again time.Duration, want string, wantAgain time.Duration) {
	p.Helper()
	if got != want || again != wantAgain {
		p.Errorf("%s:\ngot  %q, again after %s\nwant %q, again after %s", reason, got, again, want, wantAgain)
	}
}

func counts(unit delivery.UnitReport, message string, ready int64) delivery.UnitReport {
	unit.Verdict.Message = message
	unit.Observe.Output = map[string]any{"kind": "Deployment", "status": map[string]any{
		"readyReplicas": ready, "conditions": []any{map[string]any{"type": "Available", "lastUpdateTime": time.Duration(ready).String()}},
	}}
	return unit
}

func TestNotProgressing(t *testing.T) {
	p := newPatient(t)
	const second = time.Second
	slow := counts(ill("c1"), "Ready:0/2", 0)
	told, again := p.after(0, well("c2"), slow)
	p.want("it has just begun", told, again, "", stallAfter)
	told, again = p.after(60*second, well("c2"), slow)
	p.want("there is time left", told, again, "", 30*second)
	faster := counts(ill("c1"), "Ready:0/2", 1)
	told, again = p.after(20*second, well("c2"), faster)
	p.want("a value changed behind the same message", told, again, "", stallAfter)
	crashing := faster
	crashing.Cause.Text = "pod web-1: crashed"
	told, again = p.after(80*second, well("c2"), crashing)
	p.want("a cause that was found is no progress", told, again, "", 10*second)
	told, again = p.after(10*second, well("c2"), crashing)
	const text = "NotProgressing: nothing has changed since 2026-03-04T05:07:27Z: environment prod, cluster c1: component web: Ready:0/2; pod web-1: crashed"
	p.want("the time is over", told, again, text, 0)
	writes := p.writes
	for range 5 {
		told, again = p.after(time.Hour, well("c2"), crashing)
		p.want("it stays so", told, again, text, 0)
	}
	if p.writes != writes {
		t.Errorf("%d writes while nothing changed", p.writes-writes)
	}
	told, again = p.after(second, well("c2"), counts(ill("c1"), "Ready:1/2", 1))
	p.want("it goes on", told, again, "", stallAfter)
	told, again = p.after(second, well("c2"), well("c1"))
	p.want("it is healthy", told, again, "", 0)
	told, again = p.after(time.Hour, well("c2"), slow)
	p.want("what was seen before it was healthy does not count", told, again, "", stallAfter)
}

// TestNotProgressingSince checks which of several places is told of.
func TestNotProgressingSince(t *testing.T) {
	waits := func(cluster string) delivery.UnitReport {
		return at(cluster, delivery.Waiting, "", "waiting for component db")
	}
	away := at("c9", delivery.Away, "ClusterAway", "cluster is away")
	brisk := ill("c3")
	brisk.Unit.StallAfter = 10 * time.Second
	job := func(ready, failed int64) delivery.UnitReport {
		unit := ill("c4")
		unit.Observe.Output = map[string]any{"kind": "Job", "status": map[string]any{"active": int64(1), "ready": ready, "failed": failed}}
		return unit
	}
	fed := job(0, 0)
	fed.Observe.Feedback = true
	const since = "NotProgressing: nothing has changed since 2026-03-04T05:06:07Z: "
	tests := []struct {
		reason string
		passed time.Duration
		units  []delivery.UnitReport
		want   string
		again  time.Duration
	}{
		{"a binding may want it sooner", 10 * time.Second, []delivery.UnitReport{ill("c1"), brisk}, since + "environment prod, cluster c3: component web: Ready:0/2", 80 * time.Second},
		{"what waits for another is not to blame", stallAfter, []delivery.UnitReport{waits("c1"), ill("c2")}, since + "environment prod, cluster c2: component web: Ready:0/2", 0},
		{"unless nothing else is left", stallAfter, []delivery.UnitReport{waits("c1"), well("c2")}, since + "environment prod, cluster c1: component web: waiting for component db", 0},
		{"a cluster that is away is that", stallAfter, []delivery.UnitReport{away}, "ClusterAway: environment prod, cluster c9: component web: cluster is away", 0},
		{"as is what waits there for something else", stallAfter, []delivery.UnitReport{away, waits("c9")}, "ClusterAway: environment prod, cluster c9: component web: cluster is away; environment prod, cluster c9: component web: waiting for component db", 0},
		{"another place is told of beside a cluster that is away", stallAfter, []delivery.UnitReport{away, ill("c1")}, since + "environment prod, cluster c1: component web: Ready:0/2", 0},
		{"what is refused is told at once", 0, []delivery.UnitReport{ill("c1"), at("c2", delivery.Refused, "Forbidden", "no")}, "Forbidden: environment prod, cluster c2: component web: no", stallAfter},
		{"not confirmed by the cluster", stallAfter, []delivery.UnitReport{at("c1", delivery.Applying, "", "applying")}, since + "environment prod, cluster c1: component web: applying", 0},
		{"a Job that runs does what it is for", stallAfter, []delivery.UnitReport{job(1, 0)}, "", 0},
		{"feedback does not tell whether its pod runs", stallAfter, []delivery.UnitReport{fed}, "", 0},
		{"a Job whose pod does not run", stallAfter, []delivery.UnitReport{job(0, 0)}, since + "environment prod, cluster c4: component web: Ready:0/2", 0},
		{"a Job that fails", stallAfter, []delivery.UnitReport{job(1, 3)}, since + "environment prod, cluster c4: component web: Ready:0/2", 0},
	}
	for _, test := range tests {
		p := newPatient(t)
		p.after(0, test.units...)
		told, again := p.after(test.passed, test.units...)
		p.want(test.reason, told, again, test.want, test.again)
	}
}

// TestNotProgressingAfterStart checks that a restart neither changes what is
// told nor forgets since when.
func TestNotProgressingAfterStart(t *testing.T) {
	p := newPatient(t)
	p.after(0, ill("c1"))
	before, _ := p.after(stallAfter, ill("c1"))
	restart := func() { p.stalls = &stallClock{clock: p.clock} }
	restart()
	told, again := p.after(time.Minute, ill("c1"))
	p.want("the same as before", told, again, before, 0)
	restart()
	told, again = p.after(time.Minute, counts(ill("c1"), "Ready:1/2", 1))
	p.want("it went on meanwhile", told, again, "", stallAfter)
	restart()
	p.last = []metav1.Condition{{Type: "Stalled", Status: "True", Reason: "NotProgressing", Message: "nothing has changed since when: x"}}
	told, again = p.after(time.Minute, ill("c1"))
	p.want("a condition that says no time", told, again, "", stallAfter)
	p.stalls.forget(webApp().NamespacedName())
	if len(p.stalls.seen) != 0 {
		t.Errorf("%d applications are remembered, want none", len(p.stalls.seen))
	}
}

// TestStallOfAnother checks that an application is not taken for one that had its name before.
func TestStallOfAnother(t *testing.T) {
	p := newPatient(t)
	report := of(ill("c1"))
	p.stalls.look(webApp(), report)
	p.clock.SetTime(p.clock.Now().Add(stallAfter))
	another := webApp()
	another.UID = "u2"
	if found := p.stalls.look(another, report); len(found.units) > 0 || found.again != stallAfter {
		t.Errorf("it does not get on from the start: %v, again after %s", found.units, found.again)
	}
	if len(p.stalls.seen) != 1 {
		t.Errorf("%d applications are remembered, want one", len(p.stalls.seen))
	}
}

// TestFailing checks that what does not pass by waiting is told soon, but not at
// once, and that neither a restart nor another place hides it.
func TestFailing(t *testing.T) {
	p := newPatient(t)
	crashing := ill("c1")
	crashing.Cause = delivery.Cause{Text: "pod web-1: crash loop", Final: true}
	const text = "Failing: waiting does not help: environment prod, cluster c1: component web: Ready:0/2; pod web-1: crash loop"
	told, again := p.after(0, crashing, ill("c2"))
	p.want("it may be on its way out", told, again, "", failAfter)
	told, again = p.after(failAfter, crashing, ill("c2"))
	p.want("it stays", told, again, text, stallAfter-failAfter)
	told, _ = p.after(stallAfter, crashing, ill("c2"))
	p.want("what is only slow is not told beside it", told, 0, text, 0)
	p.stalls = &stallClock{clock: p.clock}
	told, _ = p.after(time.Second, crashing, ill("c2"))
	p.want("a restart changes nothing", told, 0, text, 0)
	p.stalls = &stallClock{clock: p.clock}
	told, again = p.after(time.Second, ill("c1"), well("c2"))
	p.want("it was mended meanwhile", told, again, "", stallAfter)

	passing := ill("c1")
	passing.Verdict.Failed, passing.Cause = true, delivery.Cause{Text: "Deployment web: FailedCreate: exceeded quota", Passes: true}
	p = newPatient(t)
	p.after(0, passing)
	told, again = p.after(failAfter, passing)
	p.want("pods that are terminating make room", told, again, "", stallAfter-failAfter)

	judged := ill("c1")
	judged.Verdict.Failed = true
	judged.Observe.Output = map[string]any{"kind": "Job", "status": map[string]any{"active": int64(1), "ready": int64(1)}}
	p = newPatient(t)
	p.after(0, judged)
	told, _ = p.after(failAfter, judged)
	p.want("a Job that is said to have failed, though pods run", told, 0, "Failing: waiting does not help: environment prod, cluster c1: component web: Ready:0/2", 0)
}

// TestCauseIsToldOnce checks that what a condition says is not told again as the cause.
func TestCauseIsToldOnce(t *testing.T) {
	unit := ill("c1")
	unit.Verdict.Message = "Ready:0/2; ReplicaFailure: FailedCreate: no room"
	unit.Cause.Text = "Deployment web: FailedCreate: no room"
	if got := messageOf(unit); got != unit.Verdict.Message {
		t.Errorf("got %q", got)
	}
}
