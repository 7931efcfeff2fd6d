// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// stallAfter is how long a place that is not healthy may stay as it is, unless
// a binding says otherwise.
const stallAfter = delivery.DefaultStallAfter

// failAfter is how long a place may stay as it is that does not become healthy by
// waiting. During a rollout what fails may be on its way out, or be refused only
// until something else has made room.
const failAfter = 10 * time.Second

// stallClock knows since when places that are not healthy have not changed.
type stallClock struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	seen map[types.NamespacedName]sightings
}

// stallKey is a unit of an application.
type stallKey struct {
	place     delivery.Place
	component string
}

// sighting is what was observed last of a unit, and since when it is so.
type sighting struct {
	observation string
	since       time.Time
}

// sightings are those of an application.
type sightings struct {
	uid   types.UID
	units map[stallKey]sighting
}

// stall is what an application does not get on with.
type stall struct {
	// units of the report that do not get on, by their index.
	units map[int]bool
	// since is when the first of them changed last.
	since time.Time
	// again is when the next would be one of them; 0 when none is under way.
	again time.Duration
	// failing says that they do not get on by waiting.
	failing bool
}

// look notes what the report says of an application, and finds what did not
// change for longer than it may. What was known before a start is taken from
// the condition as long as that would say the same.
func (s *stallClock) look(app *v1beta1.Application, report *delivery.Report) stall {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[types.NamespacedName]sightings{}
	}
	before := s.seen[app.NamespacedName()]
	known := before.uid == app.UID
	if !known {
		before.units = nil
	}
	now := s.clock.Now()
	if since, told := toldStall(app, now); !known && told {
		found, seen := find(report, nil, since, now)
		condition := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
		if found.since.Equal(since) && found.reason() == condition.Reason && cut(found.message(report)) == condition.Message {
			s.seen[app.NamespacedName()] = sightings{app.UID, seen}
			return found
		}
	}
	found, seen := find(report, before.units, now, now)
	s.seen[app.NamespacedName()] = sightings{app.UID, seen}
	return found
}

// forget drops what is known of an application that is gone.
func (s *stallClock) forget(app types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, app)
}

// find compares a report with what was seen before; what is new is as it is since the given time.
func find(report *delivery.Report, before map[stallKey]sighting, since, now time.Time) (stall, map[stallKey]sighting) {
	found := stall{units: map[int]bool{}}
	seen := map[stallKey]sighting{}
	away := awayClusters(report)
	failing, stuck, pending, busy := map[int]time.Time{}, map[int]time.Time{}, map[int]time.Time{}, false
	for i, unit := range report.Units {
		if !unit.Failed() && !mayStall(unit, away) {
			continue
		}
		key := stallKey{unit.Unit.Place, unit.Unit.Component}
		current := sighting{observation: observationOf(unit), since: since}
		if last, ok := before[key]; ok && last.observation == current.observation {
			current.since = last.since
		}
		seen[key] = current
		isWaiting := unit.Observe.State == delivery.Waiting
		switch left := current.since.Add(limitOf(unit)).Sub(now); {
		case left > 0:
			found.again = sooner(found.again, left)
			busy = true
		case unit.Failed():
			failing[i] = current.since
		case isWaiting:
			pending[i] = current.since
		default:
			stuck[i] = current.since
		}
	}
	// What waits for something else is to blame only when nothing else is.
	if len(stuck) == 0 && !busy {
		stuck = pending
	}
	if found.failing = len(failing) > 0; found.failing {
		stuck = failing
	}
	for i, at := range stuck {
		found.units[i] = true
		if found.since.IsZero() || at.Before(found.since) {
			found.since = at
		}
	}
	return found, seen
}

// limitOf is how long a unit may stay as it is.
func limitOf(unit delivery.UnitReport) time.Duration {
	limit := cmp.Or(unit.Unit.StallAfter, stallAfter)
	if unit.Failed() {
		return min(limit, failAfter)
	}
	return limit
}

func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

func awayClusters(report *delivery.Report) map[string]bool {
	away := map[string]bool{}
	for _, unit := range report.Units {
		if unit.Observe.State == delivery.Away {
			away[unit.Unit.Place.Cluster] = true
		}
	}
	return away
}

// mayStall says that the unit is expected to get on by itself, and soon. A Job
// that runs is left alone: that is what it is for, and it has limits of its own.
func mayStall(unit delivery.UnitReport, away map[string]bool) bool {
	switch {
	case unit.Healthy(), unit.Unjudged, away[unit.Unit.Place.Cluster]:
		return false
	case unit.Observe.State == delivery.Refused, unit.Observe.State == delivery.Away:
		return false
	}
	return !runs(unit.Observe)
}

// runs says that the workload is a Job with pods that run. Feedback does not
// tell those from pods that only exist.
func runs(observation delivery.Observation) bool {
	if observation.Output["kind"] != "Job" || observation.State != delivery.Delivered {
		return false
	}
	status, _ := observation.Output["status"].(map[string]any)
	running := status["ready"]
	if observation.Feedback {
		running = status["active"]
	}
	failed, _ := status["failed"].(int64)
	count, _ := running.(int64)
	return count > 0 && failed == 0
}

// observationOf is a digest of what shows progress of a unit: what is said of
// it and the status of its objects. The cause is left out: a container that
// crashes again and again is no progress.
func observationOf(unit delivery.UnitReport) string {
	statuses := []any{unit.Observe.Output["status"]}
	names := make([]string, 0, len(unit.Observe.Outputs))
	for name := range unit.Observe.Outputs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		statuses = append(statuses, name, unit.Observe.Outputs[name]["status"])
	}
	raw, err := json.Marshal([]any{unit.Unit.Result.Digest, unit.Observe.State, unit.Observe.Message, unit.Verdict, withoutTimes(statuses)})
	if err != nil {
		return "unreadable"
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:16]
}

// withoutTimes is a value without the times in it, which controllers renew.
func withoutTimes(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := make(map[string]any, len(value))
		for key, field := range value {
			if !strings.HasSuffix(key, "Time") {
				kept[key] = withoutTimes(field)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(value))
		for i, item := range value {
			kept[i] = withoutTimes(item)
		}
		return kept
	}
	return value
}

const failText = "waiting does not help: "

// reason is that of the condition.
func (s stall) reason() string {
	if s.failing {
		return delivery.ReasonFailing
	}
	return delivery.ReasonNotProgressing
}

// message says what does not get on, and since when where that is all there is to say.
func (s stall) message(report *delivery.Report) string {
	var texts []string
	for i, unit := range report.Units {
		if s.units[i] {
			texts = append(texts, unitText(unit))
		}
	}
	if s.failing {
		return failText + enumerate(texts)
	}
	return fmt.Sprintf("%s%s: %s", v1alpha1.UnchangedSince, s.since.UTC().Format(time.RFC3339), enumerate(texts))
}

// toldStall is since when, as the condition says, the application as it is now
// does not get on. Of what fails it does not say that, and as long ago as it
// takes to be told will do.
func toldStall(app *v1beta1.Application, now time.Time) (time.Time, bool) {
	condition := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
	if !isTrue(condition) || app.Status.ObservedGeneration != app.Generation {
		return time.Time{}, false
	}
	if condition.Reason == delivery.ReasonFailing {
		return now.Add(-failAfter), true
	}
	if condition.Reason != delivery.ReasonNotProgressing {
		return time.Time{}, false
	}
	return v1alpha1.ReadUnchangedSince(condition.Message)
}
