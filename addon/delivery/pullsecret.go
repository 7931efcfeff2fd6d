// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

const (
	// secretEvery is how often a Secret is read again, and a change of its content
	// found; secretRetry how often one that is missing or wrong is looked for.
	secretEvery = 10 * time.Minute
	secretRetry = 30 * time.Second
	// maxPullSecrets bounds the Secrets of a tenant, in bytes: they share a work
	// with its other objects.
	maxPullSecrets = 128 << 10
)

// PullSecrets reads the Secrets of the system namespace that environments hand
// out, by name alone. What was read is kept in memory until it is read again.
type PullSecrets struct {
	// Read reads one Secret of the system namespace from the API server.
	Read func(ctx context.Context, name string) (*corev1.Secret, error)
	// Clock is the time.
	Clock clock.PassiveClock

	mu   sync.Mutex
	seen map[secretKey]seenSecret
}

// secretKey is a Secret as it was read for a version of the environments, so that
// a change of these reads it again.
type secretKey struct{ name, version string }

type seenSecret struct {
	secret *corev1.Secret
	// problem says why there is none.
	problem *Observation
	until   time.Time
}

// complete adds the copies of the Secrets to the objects of a tenant. The
// observation says why they are not known, or when to look again.
func (p *PullSecrets) complete(ctx context.Context, tenant Tenant) (Tenant, Observation, error) {
	ready := Observation{State: Delivered}
	if len(tenant.PullSecrets) == 0 {
		return tenant, ready, nil
	}
	tenant.Objects = slices.Clone(tenant.Objects)
	size := 0
	for _, name := range tenant.PullSecrets {
		seen, err := p.get(ctx, secretKey{name, tenant.Version})
		if err != nil {
			return tenant, ready, err
		}
		if after := seen.until.Sub(p.Clock.Now()); ready.RetryAfter == 0 || after < ready.RetryAfter {
			ready.RetryAfter = max(after, time.Second)
		}
		if seen.problem != nil {
			problem := *seen.problem
			problem.RetryAfter = ready.RetryAfter
			return tenant, problem, nil
		}
		object, err := tenant.pullSecret(seen.secret)
		if err != nil {
			return tenant, refusedSecret(name, err.Error(), ready.RetryAfter), nil
		}
		for _, data := range seen.secret.Data {
			size += len(data)
		}
		tenant.Objects = append(tenant.Objects, object)
	}
	if size > maxPullSecrets {
		return tenant, Observation{State: Refused, Reason: ReasonInvalidEnvironment, RetryAfter: ready.RetryAfter, Message: fmt.Sprintf(
			"spec.namespaceOptions.imagePullSecrets: the Secrets for namespace %q have %d bytes, more than %d: name fewer", tenant.Namespace, size, maxPullSecrets)}, nil
	}
	sortTenantObjects(tenant.Objects)
	return tenant, ready, nil
}

func (p *PullSecrets) get(ctx context.Context, key secretKey) (seenSecret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Clock.Now()
	if seen, ok := p.seen[key]; ok && now.Before(seen.until) {
		return seen, nil
	}
	seen := seenSecret{until: now.Add(jittered(secretEvery, key.name))}
	secret, err := p.Read(ctx, key.name)
	switch {
	case apierrors.IsNotFound(err):
		seen.problem = &Observation{State: Waiting, Message: fmt.Sprintf(
			"spec.namespaceOptions.imagePullSecrets: Secret %s/%s does not exist: waiting for somebody to create it", v1alpha1.SystemNamespace, key.name)}
	case apierrors.IsForbidden(err):
		refused := refusedSecret(key.name, "may not be read by the addon: add it to imagePullSecretNames of the chart", 0)
		seen.problem = &refused
	case err != nil:
		return seen, fmt.Errorf("read Secret %s/%s, which an environment names: %w", v1alpha1.SystemNamespace, key.name, err)
	default:
		seen.secret = secret
	}
	if seen.problem != nil || !isCredential(secret) {
		seen.until = now.Add(secretRetry)
	}
	p.keep(key, seen, now)
	return seen, nil
}

// keep notes what was seen and forgets what is out of date.
func (p *PullSecrets) keep(key secretKey, seen seenSecret, now time.Time) {
	if p.seen == nil {
		p.seen = map[secretKey]seenSecret{}
	}
	for other, earlier := range p.seen {
		if !now.Before(earlier.until) {
			delete(p.seen, other)
		}
	}
	p.seen[key] = seen
}

func isCredential(secret *corev1.Secret) bool {
	_, err := Tenant{}.pullSecret(secret)
	return err == nil
}

func refusedSecret(name, why string, after time.Duration) Observation {
	return Observation{State: Refused, Reason: ReasonInvalidEnvironment, RetryAfter: after, Message: fmt.Sprintf(
		"spec.namespaceOptions.imagePullSecrets: Secret %s/%s %s", v1alpha1.SystemNamespace, name, why)}
}

// jittered is a time around a mean, always the same for a name.
func jittered(mean time.Duration, name string) time.Duration {
	hash := fnv.New32a()
	hash.Write([]byte(name)) //nolint:errcheck // a hash never fails
	return mean*4/5 + time.Duration(hash.Sum32()%1000)*mean*2/5/1000
}

func encoded(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
