// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// reviewPatience is how long it may take to find out about one scrape.
	reviewPatience = 10 * time.Second
	// maxToken bounds a token, in bytes.
	maxToken = 16 << 10
)

// tokenForm is that of a bearer token. API servers take whatever has no spaces, also what RFC 6750 does not admit.
var tokenForm = regexp.MustCompile(`^[\x21-\x7e]+$`)

// scrapers asks the API server, at each scrape, who it is and whether they may read
// metrics: whether they have the verb "get" for the URL. controller-runtime has a
// filter that does so and brings the library of API servers along, which takes a tenth
// of the memory of an addon that is idle.
type scrapers struct {
	tokens authentication.TokenReviewInterface
	access authorization.SubjectAccessReviewInterface
	gate   *scrapeGate
}

func newScrapers(config *rest.Config, httpClient *http.Client) (metricsserver.Filter, error) {
	tokens, err := authentication.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make the client that asks whose a token is: %w", err)
	}
	access, err := authorization.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make the client that asks who may read metrics: %w", err)
	}
	s := &scrapers{tokens: tokens.TokenReviews(), access: access.SubjectAccessReviews(), gate: newScrapeGate(clock.RealClock{})}
	return s.filter, nil
}

// filter lets through to a handler who may use it.
func (s *scrapers) filter(log logr.Logger, handler http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		status, err := s.admit(request)
		if err != nil {
			log.Error(err, "a request for metrics is refused, since it cannot be found out whether it is allowed")
		}
		if status != http.StatusOK {
			http.Error(answer, http.StatusText(status), status)
			return
		}
		handler.ServeHTTP(answer, request)
	}), nil
}

// admit is the status that answers a request: StatusOK for one that is allowed.
func (s *scrapers) admit(request *http.Request) (int, error) {
	token := bearerToken(request)
	digest := tokenDigest(sha256.Sum256([]byte(token)))
	if token == "" || s.gate.isRefused(digest) {
		return http.StatusUnauthorized, nil
	}
	ctx, cancel := context.WithTimeout(request.Context(), reviewPatience)
	defer cancel()
	leave, ok := s.gate.enter(ctx, digest, addressOf(request))
	if !ok {
		return http.StatusTooManyRequests, nil
	}
	defer leave()
	if s.gate.isRefused(digest) { // while it waited
		return http.StatusUnauthorized, nil
	}
	status, err := s.ask(ctx, token, request)
	switch {
	case err != nil:
	case status == http.StatusOK:
		s.gate.admit(digest)
	case status == http.StatusUnauthorized:
		s.gate.refuse(digest)
	}
	return status, err
}

// ask asks the API server what answers a request with a token.
func (s *scrapers) ask(ctx context.Context, token string, request *http.Request) (int, error) {
	review, err := s.tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return http.StatusInternalServerError, fmt.Errorf("ask whose the token is: %w", err)
	}
	if !review.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	allowed, err := s.allows(ctx, review.Status.User, request)
	if err != nil {
		return http.StatusInternalServerError, fmt.Errorf("ask whether %s may read metrics: %w", review.Status.User.Username, err)
	}
	if !allowed {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}

func (s *scrapers) allows(ctx context.Context, user authenticationv1.UserInfo, request *http.Request) (bool, error) {
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	review, err := s.access.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: request.URL.Path, Verb: strings.ToLower(request.Method)},
	}}, metav1.CreateOptions{})
	return err == nil && review.Status.Allowed && !review.Status.Denied, err
}

// addressOf is the address that a request came from. What a proxy says of it
// anybody may say.
func addressOf(request *http.Request) string {
	host, _, err := net.SplitHostPort(request.RemoteAddr)
	if err != nil {
		return request.RemoteAddr
	}
	return host
}

// bearerToken is the token that a request carries; empty for none, and for what no
// API server takes for one.
func bearerToken(request *http.Request) string {
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	if token = strings.TrimSpace(token); len(token) > maxToken || !tokenForm.MatchString(token) {
		return ""
	}
	return token
}
