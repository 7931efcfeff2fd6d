// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxKnown bounds how many units and how many tenants are known. What is beyond
// is looked at in each pass.
const maxKnown = 4096

// known is what was found of units and tenants, with all that it was concluded
// from: that they are as they are to be, or that nothing is to be done before a
// time. An application is looked at as a whole whenever one of its clusters
// reports: without this, each of a thousand reports would build and compare a
// thousand works. It is safe for concurrent use.
type known struct {
	mu      sync.Mutex
	units   map[string]knownUnit
	tenants map[delivery.TenantKey]knownTenant
}

// seen is what the hub shows of a cluster and of the works that something is concluded from.
type seen struct {
	cluster ClusterState
	// works are their names and versions.
	works string
	// rights is the digest of the tenant work.
	rights string
	// shared says that the works hold objects that works of other applications have too.
	shared bool
	// roles is how often the roles of tenants have changed.
	roles int
	at    time.Time
}

func (s seen) same(other seen) bool {
	return s.cluster == other.cluster && s.works == other.works && s.rights == other.rights && s.roles == other.roles
}

type knownUnit struct {
	seen seen
	// objects are those of the result, which the renderer shares among all that render the same.
	objects     []render.Object
	treatments  []policy.Treatment
	needs       []string
	contested   map[string]bool
	observation delivery.Observation
}

type knownTenant struct {
	seen        seen
	tenant      delivery.Tenant
	observation delivery.Observation
}

// unit is what was found of a unit; ok is false when it is to be looked at again.
func (k *known) unit(unit delivery.Unit, now seen) (observation delivery.Observation, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	last, ok := k.units[knownKey(unit)]
	if !ok || !last.seen.same(now) || !sameObjects(last.objects, unit.Result.Objects) || !reflect.DeepEqual(last.treatments, unit.Treatments) ||
		!slices.Equal(last.needs, unit.Needs) || !maps.Equal(last.contested, unit.Contested) {
		return delivery.Observation{}, false
	}
	return last.seen.still(last.observation, now)
}

// keepUnit keeps what was found of a unit, if it is known when time alone changes
// it. What is left to others, or shared with them, depends on more works than the unit's.
// Secrets that were read are not kept at all.
func (k *known) keepUnit(unit delivery.Unit, now seen, observation delivery.Observation, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := knownKey(unit)
	if err != nil || !holds(observation) || unit.Result.Secret || len(unit.Result.Objects) == 0 || now.works == "" || now.shared ||
		slices.ContainsFunc(unit.Treatments, func(t policy.Treatment) bool { return !dependsOnUnit(t) }) {
		delete(k.units, key)
		return
	}
	put(&k.units, key, knownUnit{seen: now, objects: unit.Result.Objects, treatments: unit.Treatments, needs: unit.Needs, contested: unit.Contested, observation: observation}, maxKnown)
}

// dependsOnUnit says that what becomes of an object so treated shows in the unit's
// works. When it is removed does: a plan says that of every object.
func dependsOnUnit(treatment policy.Treatment) bool {
	treatment.Removal = ""
	return treatment.Usual()
}

// tenant is what was found of a tenant; ok is false when it is to be looked at again.
func (k *known) tenant(tenant delivery.Tenant, now seen) (observation delivery.Observation, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	last, ok := k.tenants[tenant.TenantKey]
	// The roles are not watched; see roleTTL.
	if !ok || !last.seen.same(now) || now.at.Sub(last.seen.at) >= roleTTL || !reflect.DeepEqual(last.tenant, tenant) {
		return delivery.Observation{}, false
	}
	return last.seen.still(last.observation, now)
}

// keepTenant keeps what was found of a tenant, if it is known when time alone changes it.
func (k *known) keepTenant(tenant delivery.Tenant, now seen, observation delivery.Observation, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil || !holds(observation) {
		delete(k.tenants, tenant.TenantKey)
		return
	}
	put(&k.tenants, tenant.TenantKey, knownTenant{seen: now, tenant: tenant, observation: observation}, maxKnown)
}

// maxPatience is how long what is waited for is known, since an event elsewhere may
// end it: the works of another component, or of another application.
const maxPatience = time.Second

// put adds an entry. A map that has as many as it may loses any other: to miss one costs a look.
func put[K comparable, V any](entries *map[K]V, key K, value V, limit int) {
	if *entries == nil {
		*entries = map[K]V{}
	}
	if _, replaces := (*entries)[key]; !replaces && len(*entries) >= limit {
		for other := range *entries {
			delete(*entries, other)
			break
		}
	}
	(*entries)[key] = value
}

// holds says that an observation stays as it is until an event comes, or until its
// RetryAfter has passed.
func holds(observation delivery.Observation) bool {
	if observation.Later || observation.Left {
		return false
	}
	return observation.State == delivery.Delivered || observation.State == delivery.Applying && observation.RetryAfter > 0
}

// still is what was observed, at a later time; ok is false when it is to be looked at again.
func (s seen) still(observation delivery.Observation, now seen) (delivery.Observation, bool) {
	if observation.RetryAfter == 0 {
		return observation, true
	}
	age := now.at.Sub(s.at)
	observation.RetryAfter -= age
	return observation, age >= 0 && age < maxPatience && observation.RetryAfter > 0
}

// sameObjects says that two results hold the same objects of one render.
func sameObjects(a, b []render.Object) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

func knownKey(unit delivery.Unit) string {
	return string(unit.Owner.UID) + "/" + unitIndexKey(unit.Place.Cluster, unitLabels(unit))
}

// unitSeen is what the hub shows of a unit.
func (t *Target) unitSeen(ctx context.Context, unit delivery.Unit) (seen, error) {
	var list workv1.ManifestWorkList
	err := t.Reader.List(ctx, &list, client.MatchingFields{indexUnit: unitIndexKey(unit.Place.Cluster, unitLabels(unit))})
	if err != nil {
		return seen{}, fmt.Errorf("list the works of component %q in %s: %w", unit.Component, unit.Place, err)
	}
	rights, err := t.rights(ctx, unit.Place)
	if err != nil {
		return seen{}, err
	}
	works := make([]*workv1.ManifestWork, len(list.Items))
	for i := range list.Items {
		works[i] = &list.Items[i]
	}
	return t.seenOn(ctx, unit.Place.Cluster, works, rights)
}

// tenantSeen is what the hub shows of a tenant.
func (t *Target) tenantSeen(ctx context.Context, tenant delivery.Tenant) (seen, error) {
	var works []*workv1.ManifestWork
	for _, name := range []string{TenantWorkName(tenant.Namespace), RolesWorkName} {
		work, err := t.get(ctx, types.NamespacedName{Namespace: tenant.Cluster, Name: name})
		if err != nil {
			return seen{}, err
		}
		if work != nil {
			works = append(works, work)
		}
	}
	roles := t.timesTold()
	now, err := t.seenOn(ctx, tenant.Cluster, works, "")
	now.roles = roles
	return now, err
}

func (t *Target) seenOn(ctx context.Context, cluster string, works []*workv1.ManifestWork, rights string) (seen, error) {
	now := seen{rights: rights, at: t.Clock.Now(), shared: slices.ContainsFunc(works, hasShared)}
	state, err := t.Fleet.Cluster(ctx, cluster)
	if err != nil {
		return seen{}, err
	}
	if state != nil {
		now.cluster = *state
	}
	slices.SortFunc(works, func(a, b *workv1.ManifestWork) int { return cmp.Compare(a.Name, b.Name) })
	var text strings.Builder
	for _, work := range works {
		text.WriteString(work.Name + "@" + string(work.UID) + "/" + work.ResourceVersion + " ")
	}
	now.works = text.String()
	return now, nil
}
