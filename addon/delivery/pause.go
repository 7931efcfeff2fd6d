// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"errors"
	"net/http"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// ReasonPaused is the reason of what is held back, since the application is paused.
const ReasonPaused = v1alpha1.ReasonPaused

// ErrPaused is the error of a write for an application that is paused.
var ErrPaused = errors.New("the application is paused: nothing is written")

type pausedKey struct{}

// Paused makes what is carried out with the context write nothing: all is looked
// at, and what would be written is reported as held back.
func Paused(ctx context.Context) context.Context {
	return context.WithValue(ctx, pausedKey{}, true)
}

func isPaused(ctx context.Context) bool {
	return ctx.Value(pausedKey{}) != nil
}

// Guard refuses with ErrPaused each request that could change something and whose
// context is of Paused. It is the last thing that a write passes, so that no
// target has to know of it, and none can forget it.
func Guard(next http.RoundTripper) http.RoundTripper { return guard{next} }

type guard struct{ next http.RoundTripper }

// RoundTrip sends a request that is allowed.
func (g guard) RoundTrip(request *http.Request) (*http.Response, error) {
	reads := request.Method == http.MethodGet || request.Method == http.MethodHead
	if reads || !isPaused(request.Context()) {
		return g.next.RoundTrip(request)
	}
	if request.Body != nil {
		_ = request.Body.Close() // which is a RoundTripper's to do, whatever comes of the request
	}
	return nil, ErrPaused
}

// heldByPause is what is said of what differs from what the application says, and is left so.
func heldByPause(message string) Observation {
	return Observation{State: Refused, Reason: ReasonPaused, Message: message}
}

// HeldBack says that the application is paused, and that something of this is to be written or removed.
func (o Observation) HeldBack() bool { return o.State == Refused && o.Reason == ReasonPaused }

const (
	heldUnit    = v1alpha1.HeldByPause + "what is there is left as it is, and differs from what the application says"
	heldTenant  = v1alpha1.HeldByPause + "its namespace is not prepared as the environment says"
	heldRemoval = v1alpha1.HeldByPause + "it is not removed"
)
