// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"time"
)

// Cause is why a unit that is delivered is not healthy.
type Cause struct {
	// Text says it in a line; empty when nothing was found.
	Text string
	// Final says that it does not pass by waiting.
	Final bool
	// Passes says that it passes by waiting, whatever the delivered objects say.
	Passes bool
}

// Explainer is a Target that can find out more of what it delivered than the
// delivered objects themselves say.
type Explainer interface {
	// Explain says why a unit that is delivered is not healthy, and after which time
	// it is worth to ask again. It never fails: what it may not read it does not
	// tell of.
	Explain(ctx context.Context, unit Unit, observation Observation) (cause Cause, again time.Duration)
}

// explain adds the cause to the report of a unit that is there and not healthy.
func (e *Engine) explain(ctx context.Context, unit *UnitReport) (again time.Duration) {
	explainer, ok := e.target(unit.Unit.Place.Cluster).(Explainer)
	if !ok || unit.Observe.State != Delivered || unit.Verdict.Healthy || unit.Unjudged {
		return 0
	}
	unit.Cause, again = explainer.Explain(ctx, unit.Unit, unit.Observe)
	return again
}
