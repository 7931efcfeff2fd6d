// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"errors"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// served is how the hub serves a kind.
type served struct {
	resource   schema.GroupVersionResource
	namespaced bool
}

// kinds answers how the hub serves a kind with one request per group and
// version, because asking for all groups costs a large hub dozens of requests
// in every plan. Resources are planned in parallel: those that ask at once get
// the same answer. Only answers that hold the kind are kept.
type kinds struct {
	discovery discovery.DiscoveryInterfaceWithContext
	asked     singleflight.Group
	mutex     sync.Mutex
	known     map[schema.GroupVersionKind]served
}

// newKinds returns an empty cache.
func newKinds(client discovery.DiscoveryInterfaceWithContext) *kinds {
	return &kinds{discovery: client, known: map[schema.GroupVersionKind]served{}}
}

// errGaveUp says that whoever asked has gone: others who wait for the answer ask themselves.
var errGaveUp = errors.New("gave up")

// lookup returns how the kind is served, a NoKindMatchError if it is not.
func (k *kinds) lookup(ctx context.Context, gvk schema.GroupVersionKind) (served, error) {
	for {
		if found, ok := k.get(gvk); ok {
			return found, nil
		}
		answer := k.asked.DoChan(gvk.GroupVersion().String(), func() (any, error) { return nil, k.ask(ctx, gvk) })
		select {
		case <-ctx.Done():
			return served{}, ctx.Err()
		case result := <-answer:
			if errors.Is(result.Err, errGaveUp) {
				continue
			}
			if result.Err != nil && !apierrors.IsNotFound(result.Err) {
				return served{}, result.Err
			}
		}
		found, ok := k.get(gvk)
		if !ok {
			return served{}, noMatch(gvk)
		}
		return found, nil
	}
}

// ask asks the hub for the group and version, unless the kind is known by now.
func (k *kinds) ask(ctx context.Context, gvk schema.GroupVersionKind) error {
	if _, ok := k.get(gvk); ok {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := k.discovery.ServerResourcesForGroupVersionWithContext(bounded, gvk.GroupVersion().String())
	if ctx.Err() != nil {
		return errGaveUp
	}
	if err == nil {
		k.remember(gvk.GroupVersion(), list)
	}
	return err
}

// get returns what is known of the kind.
func (k *kinds) get(gvk schema.GroupVersionKind) (served, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	found, ok := k.known[gvk]
	return found, ok
}

// remember keeps the kinds of the list; names with a slash are subresources.
func (k *kinds) remember(version schema.GroupVersion, list *metav1.APIResourceList) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for _, resource := range list.APIResources {
		if strings.Contains(resource.Name, "/") {
			continue
		}
		k.known[version.WithKind(resource.Kind)] = served{
			resource:   version.WithResource(resource.Name),
			namespaced: resource.Namespaced,
		}
	}
}

// forget makes the next lookup ask again, after the hub stopped serving a kind.
func (k *kinds) forget(gvk schema.GroupVersionKind) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	delete(k.known, gvk)
}

// noMatch is the error for a kind that is not served.
func noMatch(gvk schema.GroupVersionKind) error {
	return &meta.NoKindMatchError{GroupKind: gvk.GroupKind(), SearchedVersions: []string{gvk.Version}}
}
