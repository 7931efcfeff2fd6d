// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/version"
)

// identitySpan is how long it is remembered what answers at the address of the hub:
// hundreds of objects of a kind that is missing ask once, and an outage that begins
// later is noticed.
const identitySpan = 10 * time.Second

// errNoVersion says that the answer to the question for the version names none.
var errNoVersion = errors.New("something else than a version of Kubernetes")

// identity remembers whether a Kubernetes API server answers at the address of the hub.
// Whoever has the turn may ask, and see and change what is remembered.
type identity struct {
	turn  chan struct{}
	until time.Time
	err   error
}

// newIdentity knows nothing yet.
func newIdentity() *identity { return &identity{turn: make(chan struct{}, 1)} }

// impostor is the error of a request that was answered as if the hub did not serve the
// kind, where no Kubernetes API server has answered; nil where one has. A load balancer
// without a backend and a wrong path are answered with 404 as well, and they say nothing
// of what exists on the hub.
func (c *Client) impostor(ctx context.Context, what attempt) error {
	err := c.identify(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return stopped(ctx, what)
	}
	var known *Error
	if errors.As(c.explain(err, what), &known) && tellsWhy(known.Reason) {
		return known
	}
	// Without its cause, a 404 for which an object that does not exist would be taken.
	return &Error{
		Reason:  Unreachable,
		Summary: "Hub unreachable",
		Detail: fmt.Sprintf("Could not %s: no Kubernetes API server answers at %s: the request was answered with 404, and GET /version with %s. "+
			"The address comes from %s. Check the address and its path, the proxy, and that the API server runs: "+
			"a load balancer without a backend answers like this.", what, c.Host(), answerOf(err), c.origin),
		strict: c.strict,
	}
}

// tellsWhy says whether a failure of that class tells by itself why the hub cannot be asked.
func tellsWhy(reason Reason) bool {
	return reason == Unreachable || reason == Untrusted || reason == Unauthorized
}

// identify returns nil if a Kubernetes API server answers, and why not otherwise.
func (c *Client) identify(ctx context.Context) error {
	select {
	case c.identity.turn <- struct{}{}:
		defer func() { <-c.identity.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Now().Before(c.identity.until) {
		return c.identity.err
	}
	err := c.askVersion(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.identity.until, c.identity.err = time.Now().Add(identitySpan), err
	return err
}

// askVersion asks for the version, which every Kubernetes API server tells. One that
// keeps it from the credential says so in words of its own.
func (c *Client) askVersion(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	result := c.discovery.RESTClient().Get().AbsPath("/version").Do(bounded)
	err := result.Error()
	var status apierrors.APIStatus
	if apierrors.IsForbidden(err) && errors.As(err, &status) && !unexpectedAnswer(status.Status()) {
		return nil
	}
	if err != nil {
		return err
	}
	body, err := result.Raw()
	var told version.Info
	if err != nil || json.Unmarshal(body, &told) != nil || told.GitVersion == "" {
		return errNoVersion
	}
	return nil
}

// answerOf says what the question for the version was answered with, not in the words of
// whoever answered: they may be a whole page.
func answerOf(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return fmt.Sprint(status.Status().Code)
	}
	return errNoVersion.Error()
}
