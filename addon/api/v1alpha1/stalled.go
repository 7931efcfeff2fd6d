// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"strings"
	"time"
)

const (
	// ReasonNotProgressing is the reason of condition Stalled when something is not
	// healthy, and nothing about it has changed for longer than its binding allows.
	ReasonNotProgressing = "NotProgressing"
	// ReasonFailing is the reason of condition Stalled when something is not healthy
	// and does not become so by waiting.
	ReasonFailing = "Failing"
	// ReasonPaused is the reason of condition Stalled when an application is paused, and
	// something of it is to be written, repaired or removed.
	ReasonPaused = "Paused"
	// HeldByPause begins the message of a place where something is held back, since the
	// application is paused.
	HeldByPause = "paused: "
	// UnchangedSince begins the message of condition Stalled with
	// ReasonNotProgressing; a time after RFC 3339 follows, and a colon.
	UnchangedSince = "nothing has changed since "
	// HeldByFinalizer is what the message of a place that is being removed says of an
	// object that is deleted and held by finalizers; their names follow.
	HeldByFinalizer = "finalizer "
)

// ReadUnchangedSince reads the time in the message of condition Stalled with
// ReasonNotProgressing; false when it has none.
func ReadUnchangedSince(message string) (time.Time, bool) {
	const form = len("2006-01-02T15:04:05Z")
	text, found := strings.CutPrefix(message, UnchangedSince)
	if !found || len(text) < form {
		return time.Time{}, false
	}
	since, err := time.Parse(time.RFC3339, text[:form])
	return since, err == nil
}
