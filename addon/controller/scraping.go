// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// maxReviews bounds how many scrapes the API server is asked about at once: whoever
	// reaches the port can send requests.
	maxReviews = 4
	// reviewPatience is how long it may take to find out about one scrape.
	reviewPatience = 10 * time.Second
)

// scrapers asks the API server, at each scrape, who it is and whether they may read
// metrics: whether they have the verb "get" for the URL. controller-runtime has a
// filter that does so and brings the library of API servers along, which takes a tenth
// of the memory of an addon that is idle.
type scrapers struct {
	tokens authentication.TokenReviewInterface
	access authorization.SubjectAccessReviewInterface
	// asking holds an entry for each scrape that is being asked about.
	asking chan struct{}
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
	s := &scrapers{tokens: tokens.TokenReviews(), access: access.SubjectAccessReviews(), asking: make(chan struct{}, maxReviews)}
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
	if token == "" {
		return http.StatusUnauthorized, nil
	}
	ctx, cancel := context.WithTimeout(request.Context(), reviewPatience)
	defer cancel()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return http.StatusTooManyRequests, nil
	}
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

// bearerToken is the token that a request carries; empty for none.
func bearerToken(request *http.Request) string {
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
