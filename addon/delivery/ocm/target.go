// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
)

const (
	// settle is how long a version must have been reported before a manifest of it may
	// be dropped or renamed: the agent records what it applied after it reported it, and
	// what is dropped in between stays on the cluster.
	settle = time.Second
	// coalesce bounds spec writes to one per work in this time.
	coalesce = time.Second
	// firstRepair and maxRepair bound how often the agent is asked to apply a work
	// again: at once the first time, and ever later while somebody keeps undoing it.
	firstRepair = 2 * time.Second
	maxRepair   = 5 * time.Minute
	// heldRepair is how long a repair holds that nobody undoes, and maxAfresh how often
	// the next is then as quick as the first one.
	heldRepair = 3 * time.Second
	maxAfresh  = 20
	// conflictRetry is when it is looked again whether what is somebody else's is
	// free: nothing tells of it.
	conflictRetry = 10 * time.Second
	// refusedRetry is when a work is written again that the hub refused.
	refusedRetry = time.Minute
	// unseenAge is how long a work that no agent has seen is kept before it may be
	// deleted: deleting earlier can race with the agent's first apply and leave
	// objects behind.
	unseenAge = 30 * time.Second
)

// Target delivers to managed clusters by ManifestWorks. It is safe for
// concurrent use.
type Target struct {
	// Reader reads works from the cache, stripped of their payload.
	Reader client.Reader
	// Writer writes works.
	Writer client.Client
	// Live reads from the API server: ClusterRoles by name, and works that the cache does not show.
	Live client.Reader
	// Fleet knows the clusters.
	Fleet *Fleet
	// Digests are those of works, which the cache that Reader reads has too.
	Digests *Digests
	// Clock is the time.
	Clock clock.PassiveClock
	// Written is called after each write of a work, for metrics.
	Written func(cluster string)

	// limit of a work's size; maxWork when zero.
	limit int

	mu sync.Mutex
	// lastWrites are those of works, until the cache shows them.
	lastWrites map[types.NamespacedName]lastWrite
	// lastWritesSwept, createdSwept and claimsSwept are when old notes were dropped.
	lastWritesSwept, createdSwept, claimsSwept time.Time
	// kept are the digests of works whose spec the API server changed: an OCM that
	// does not know a field drops it, and that is nobody's edit.
	kept map[types.NamespacedName]keptSpec
	// unseen are works that were not reported and do not say when they were written.
	unseen map[types.NamespacedName]unseenSpec
	// said is what agents say of works that are there, and since when.
	said map[types.NamespacedName]saidApplied
	// created are works that were created, until the cache shows them.
	created map[types.NamespacedName]createdWork
	// gone are the tenant works that were deleted, until the cache shows it.
	gone map[types.NamespacedName]goneWork
	// proven are the tenants that were written for a hub namespace lately, or in which
	// something of it was removed, and when.
	proven map[tenantOf]time.Time
	// release lets one tenant be released at a time.
	release sync.Mutex
	// claims are objects of works that were written or are about to be, until the
	// cache shows them.
	claims map[string]claim
	// sharing lets one work at a time decide that it drops what others share.
	sharing sync.Mutex
	// partings are the objects that works have dropped, until the cache shows it.
	partings map[string]time.Time
	// dropped are objects that were taken out of works lately.
	dropped map[string]dropping
	// repairs that were asked for lately.
	repairs map[types.NamespacedName]repair
	// roles are those that were read, and noRoles names of which there is none to read.
	roles   map[string]cachedRole
	noRoles map[string]time.Time
	// rolesTold is how often roles have changed that clusters were given.
	rolesTold int
	// called is what clusters call the resources of objects where that is not the usual name.
	called map[string]map[workv1.ResourceIdentifier]calledName
	// known is what needs no second look.
	known known
	// forms are what clusters share of what is written for them.
	forms forms
}

// tenantOf is a tenant of a hub namespace.
type tenantOf struct {
	source string
	key    delivery.TenantKey
}

// claim says which unit holds an object of a cluster.
type claim struct {
	unit string
	name string // for people
	at   time.Time
}

// provenFor is how long a tenant is waited for after it was written or something was removed in it.
const provenFor = 24 * time.Hour

// unseenDeletion is how long it may take until the cache shows that a work was deleted.
const unseenDeletion = time.Minute

// unseenClaim is how long a claim, or a work that was created, stands in for what
// the cache does not show yet.
const unseenClaim = 10 * time.Second

var _ delivery.Target = (*Target)(nil)

// goneWork is a work that was deleted.
type goneWork struct {
	uid types.UID
	at  time.Time
}

// keptSpec is the digest of a spec that was written, and of what was kept of it.
type keptSpec struct{ written, kept string }

// EnsureTenant writes the tenant work, and the work with the cluster's roles. A
// tenant that is as it was when it was found made is not looked at again.
func (t *Target) EnsureTenant(ctx context.Context, tenant delivery.Tenant) (delivery.Observation, error) {
	seen, err := t.tenantSeen(ctx, tenant)
	if err != nil {
		return delivery.Observation{}, err
	}
	if known, ok := t.known.tenant(tenant, seen); ok {
		return known, nil
	}
	observation, err := t.ensureTenant(ctx, tenant)
	t.known.keepTenant(tenant, seen, observation, err)
	return observation, err
}

func (t *Target) ensureTenant(ctx context.Context, tenant delivery.Tenant) (delivery.Observation, error) {
	if taken, err := t.taken(ctx, tenant); taken != nil || err != nil {
		return ptr.Deref(taken, delivery.Observation{}), err
	}
	t.prove(tenantOf{source: tenant.SourceNamespace, key: tenant.TenantKey})
	roles, observation, err := t.ensureRoles(ctx, tenant)
	if err != nil || observation.State != delivery.Delivered {
		return observation, err
	}
	again := observation.RetryAfter
	current, err := t.get(ctx, types.NamespacedName{Namespace: tenant.Cluster, Name: TenantWorkName(tenant.Namespace)})
	if err != nil {
		return delivery.Observation{}, err
	}
	if tenant, err = t.keepHeld(ctx, tenant, current); err != nil {
		return delivery.Observation{}, err
	}
	work, found, err := probedTenant(t.Digests, tenant, current)
	if err != nil {
		return delivery.Observation{}, err
	}
	if observation, err = t.ensure(ctx, work, roles); err != nil {
		return observation, err
	}
	if observation, err = t.unreadyTenant(ctx, tenant, current, found, observation); err == nil {
		observation, err = t.restored(ctx, current, observation, neededByWorks)
	}
	if observation.State == delivery.Delivered {
		observation.RetryAfter = sooner(observation.RetryAfter, again)
	}
	observation.Message = prefixed("namespace "+tenant.Namespace, observation)
	return observation, err
}

// taken says which other hub namespace delivers to the tenant's namespace: two
// would rewrite the tenant work in turn for ever.
func (t *Target) taken(ctx context.Context, tenant delivery.Tenant) (*delivery.Observation, error) {
	current, err := t.get(ctx, types.NamespacedName{Namespace: tenant.Cluster, Name: TenantWorkName(tenant.Namespace)})
	if err != nil || current == nil {
		return nil, err
	}
	source := current.Labels[delivery.LabelSourceNamespace]
	if source == "" || source == tenant.SourceNamespace || isInPlaceOf(current, tenant.SourceNamespace, tenant.Namespace) {
		return nil, nil
	}
	taken := namespaceTaken(tenant.TenantKey, source)
	return &taken, nil
}

// ensureRoles writes the work with the cluster's roles, and returns the digest of the
// tenant's. Those of others are none of its business.
func (t *Target) ensureRoles(ctx context.Context, tenant delivery.Tenant) (string, delivery.Observation, error) {
	current, err := t.get(ctx, types.NamespacedName{Namespace: tenant.Cluster, Name: RolesWorkName})
	if err != nil {
		return "", delivery.Observation{}, err
	}
	roles, err := t.readRoles(ctx, roleNames(tenant, current, t.isRead))
	if err != nil {
		return "", delivery.Observation{}, err
	}
	entries, err := roleEntries(roles, current)
	if err != nil {
		return "", delivery.Observation{}, err
	}
	work, err := rolesWork(t.Digests, tenant.Cluster, entries)
	if err != nil {
		return "", delivery.Observation{}, err
	}
	digest, err := digestOf(roles, tenant.Role)
	if err != nil {
		return "", delivery.Observation{}, err
	}
	observation, err := t.ensure(ctx, work, "")
	if err == nil {
		observation, err = t.unreadyRoles(ctx, entries, current, observation)
	}
	if err == nil {
		observation, err = t.restored(ctx, current, observation, isRoleNamed(tenant.Role))
	}
	observation.Message = prefixed("the deployer's roles", observation)
	return digest, observation, err
}

// digestOf is the digest of what the role of that name allows.
func digestOf(roles []rbacv1.ClusterRole, name string) (string, error) {
	for i := range roles {
		if roles[i].Name != name {
			continue
		}
		rules, err := json.Marshal(roles[i].Rules)
		if err != nil {
			return "", fmt.Errorf("encode the rules of ClusterRole %q: %w", name, err)
		}
		return shortHash(name, string(rules)), nil
	}
	return "", nil
}

func prefixed(subject string, observation delivery.Observation) string {
	if observation.Message == "" || observation.State == delivery.Away {
		return observation.Message
	}
	return subject + ": " + observation.Message
}

// Deliver writes the works of a unit and reads back what its cluster says. A unit
// that is as it was when it was found delivered is not looked at again.
func (t *Target) Deliver(ctx context.Context, unit delivery.Unit) (delivery.Observation, error) {
	seen, err := t.unitSeen(ctx, unit)
	if err != nil {
		return delivery.Observation{}, err
	}
	if known, ok := t.known.unit(unit, seen); ok {
		return known, nil
	}
	observation, err := t.deliver(ctx, unit)
	t.known.keepUnit(unit, seen, observation, err)
	return observation, err
}

func (t *Target) deliver(ctx context.Context, unit delivery.Unit) (delivery.Observation, error) {
	all, err := t.unitWorks(ctx, unit)
	if err != nil {
		return delivery.Observation{}, err
	}
	works, former := ofPresent(unit, all)
	if unit, err = t.share(ctx, unit, works); err != nil {
		return delivery.Observation{}, err
	}
	rights, err := t.rights(ctx, unit.Place)
	if err != nil {
		return delivery.Observation{}, err
	}
	t.forms.keep(unit.Result)
	unit, rest, err := t.asWritten(ctx, unit, works, rights)
	if err != nil {
		return orChanged(err)
	}
	entries, observations, err := t.entriesNow(ctx, unit, works)
	if err != nil {
		return orChanged(err)
	}
	if observation, err := t.conflict(ctx, unit, entries); err != nil || observation != nil {
		return ptr.Deref(observation, delivery.Observation{}), err
	}
	parts, problem, err := arrange(entries, works, cmp.Or(t.limit, maxWork), former...)
	if problem != nil || err != nil {
		return ptr.Deref(problem, delivery.Observation{}), err
	}
	for _, part := range parts {
		part.rests = restOf(part.entries, rest)
		observation, err := t.deliverPart(ctx, unit, part, entries, works[part.index], rights)
		if err != nil {
			return observation, err
		}
		observations = append(observations, observation)
	}
	return together(observations), nil
}

// orChanged is an error, or what is said where a work is not as the cache shows it.
func orChanged(err error) (delivery.Observation, error) {
	if errors.Is(err, errChanged) {
		return delivery.Observation{State: delivery.Applying, Message: "the next version follows", RetryAfter: coalesce}, nil
	}
	return delivery.Observation{}, err
}

// entriesNow are the objects that the works of a unit are to have now, those included that
// they cannot drop yet, and what is waited for.
func (t *Target) entriesNow(ctx context.Context, unit delivery.Unit, works map[string]*workv1.ManifestWork) ([]entry, []delivery.Observation, error) {
	wanted := t.entriesOf(unit, works)
	entries, anew, err := t.anew(ctx, unit, wanted, works)
	if err != nil {
		return nil, nil, err
	}
	t.claimAnew(unit, wanted, entries)
	legacy, err := t.legacy(ctx, unit, works)
	if err != nil {
		return nil, nil, err
	}
	shared, handing, err := t.stillShared(ctx, unit, works)
	return slices.Concat(entries, legacy, shared), slices.Concat(anew, handing), err
}

// deliverPart writes one work of a unit, of all whose entries it has a part, and reads
// back what its cluster says.
func (t *Target) deliverPart(ctx context.Context, unit delivery.Unit, part part, all []entry, current *workv1.ManifestWork, rights string) (delivery.Observation, error) {
	if len(part.entries) == 0 {
		// All that was in it is elsewhere, or is to go.
		gone, err := t.deleteWork(ctx, current)
		return delivery.Observation{State: delivery.Delivered, RetryAfter: gone.RetryAfter, Feedback: true}, err
	}
	if part.full {
		return t.awayOr(ctx, unit.Place.Cluster, delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce,
			Message: "waiting until objects that have no room in their work any more are in another one"})
	}
	if part.rests != nil {
		return *part.rests, nil
	}
	entries, waiting, err := t.holdBack(ctx, part.entries, all, current)
	if err != nil {
		return delivery.Observation{}, err
	}
	observation, err := t.deliverWork(ctx, unit, part.index, entries, current, rights)
	if waiting == nil || err != nil {
		return observation, err
	}
	return together([]delivery.Observation{observation, *waiting}), nil
}

// unitWorks are the works of a unit by their indexes, as the cache shows them.
func (t *Target) unitWorks(ctx context.Context, unit delivery.Unit) (map[string]*workv1.ManifestWork, error) {
	var list workv1.ManifestWorkList
	err := t.Reader.List(ctx, &list, client.MatchingFields{indexUnit: unitIndexKey(unit.Place.Cluster, unitLabels(unit))})
	if err != nil {
		return nil, fmt.Errorf("list the works of component %q in %s: %w", unit.Component, unit.Place, err)
	}
	works := map[string]*workv1.ManifestWork{}
	for i := range list.Items {
		if genuine(&list.Items[i]) {
			works[indexOf(list.Items[i].Labels)] = &list.Items[i]
		}
	}
	if works[firstIndex] != nil {
		return works, nil
	}
	// The cluster's agent may have changed the labels by which it is listed.
	first, err := t.get(ctx, types.NamespacedName{Namespace: unit.Place.Cluster, Name: WorkName(unit.Owner, unit.Component, unit.Place.Environment, firstIndex)})
	if first != nil {
		works[firstIndex] = first
	}
	return works, err
}

// rights is the digest of what decides whether works in a place can be applied: the
// tenant, with its quotas, and what its role allows.
func (t *Target) rights(ctx context.Context, place delivery.Place) (string, error) {
	tenant, err := t.get(ctx, types.NamespacedName{Namespace: place.Cluster, Name: TenantWorkName(place.Namespace)})
	if err != nil || tenant == nil {
		return "", err
	}
	digest := shortHash(tenant.Annotations[v1alpha1.AnnotationHash], tenant.Labels[labelRights])
	if again := tenant.Labels[v1alpha1.LabelReapply]; again != "" { // what was refused while something of it was lost can be applied now
		digest = shortHash(digest, again)
	}
	return digest, nil
}

// asWritten is the unit with its objects as works are to have them now: without the
// fields that are left to others. rest is what is said of those whose works stay as they are.
func (t *Target) asWritten(
	ctx context.Context, unit delivery.Unit, works map[string]*workv1.ManifestWork, rights string,
) (written delivery.Unit, rest map[workv1.ResourceIdentifier]*delivery.Observation, err error) {
	if isPlain(unit, works) {
		_, err := t.handOver(ctx, unit, nil, works, rights)
		return unit, nil, err
	}
	result := *unit.Result
	result.Objects = slices.Clone(result.Objects)
	held, treatments := make([]heldObject, len(result.Objects)), make([]policy.Treatment, len(result.Objects))
	var pending []handover
	for i, object := range result.Objects {
		treatment := unit.Treatment(i)
		object.Content = marked(unit, noted(unit, object.Content, treatment, works), treatment, works)
		if held[i], err = t.withheld(ctx, object, treatment, works); err != nil {
			return unit, nil, err
		}
		treatments[i], pending = treatment, append(pending, held[i].pending...)
	}
	answers, err := t.handOver(ctx, unit, pending, works, rights)
	if err != nil {
		return unit, nil, err
	}
	for i := range held {
		treatments[i].Once = treatments[i].Once || held[i].rests && held[i].waits(answers)
		result.Objects[i] = held[i].letGo(answers)
	}
	unit.Result, unit.Treatments = &result, treatments
	return unit, resting(pending, answers), nil
}

// isPlain says that works have the objects of a unit as they were rendered.
func isPlain(unit delivery.Unit, works map[string]*workv1.ManifestWork) bool {
	for _, work := range works {
		if hasShared(work) || notesHeld(work) {
			return false
		}
	}
	return len(unit.Needs) == 0 && !slices.ContainsFunc(unit.Treatments, func(t policy.Treatment) bool {
		return t.Shared || len(t.Held) > 0 || t.Removal == policy.RemoveOnDelete || len(t.RecreateFields) > 0
	})
}

// entriesOf are the objects of a unit as its works are to have them now.
func (t *Target) entriesOf(unit delivery.Unit, works map[string]*workv1.ManifestWork) []entry {
	entries := make([]entry, 0, len(unit.Result.Objects))
	for i, form := range t.forms.of(unit.Result) {
		e := entry{content: form.content, feedback: form.feedback, form: form}
		treatment := unit.Treatment(i)
		e.asks, e.waits, e.shared = treatment.Shared, waits(treatment), annotation(e.content, delivery.AnnotationSharedBy) != ""
		e.phase = phaseOf(unit, e, treatment, works)
		switch {
		case e.shared && (e.phase == phaseObserve || e.phase == phaseProbe):
			e.feedback, e.form = slices.Concat(e.feedback, sharedIdentity()), nil
		case e.phase == phaseObserve:
			e.feedback, e.form = slices.Concat(e.feedback, observedPaths()), nil
		}
		if e.phase == phaseProbe && remakes(treatment) {
			e.feedback, e.form = slices.Concat(e.feedback, []health.Path{endingPath}), nil
		}
		e.orphan = treatment.ReadOnly || stays(treatment)
		entries = append(entries, e)
	}
	return entries
}

// propagationOrphan is the propagation by which what an object owns stays. An
// agent deletes nothing in that way, so that the object stays too.
const propagationOrphan = "orphan"

// phaseOf is how an object is to be treated now.
func phaseOf(unit delivery.Unit, e entry, treatment policy.Treatment, works map[string]*workv1.ManifestWork) phase {
	id := e.id()
	work := holding(works, id)
	switch {
	case waits(treatment) && isOwned(work, id):
		return phaseApply // until it is let go of
	case treatment.ReadOnly && isOwned(work, id):
		return phaseKeep // until it is let go of, which needs no write of what is only read from now on
	case treatment.ReadOnly:
		return phaseObserve
	case !takesOver(treatment, work, id) && !isKnown(id, works, owns(unit, e.shared)):
		return phaseProbe
	case treatment.Once && work != nil:
		return phaseKeep
	case treatment.LeaveDrift && isWrittenAs(work, e.content) && (phases(work)[id] == phaseKeep || arrived(work, id)):
		return phaseKeep // this version was written once
	}
	return phaseApply
}

// isOwned says that a cluster may still delete an object with its work.
func isOwned(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	if work == nil {
		return false
	}
	switch phases(work)[id] {
	case phaseObserve:
		return false
	case phaseProbe:
		return arrived(work, id) // what was there already is not the work's
	}
	return !isOrphaning(work, id) || !arrived(work, id)
}

// isKnown says that an object was found to be the unit's. One that is only read
// may be anybody's.
func isKnown(id workv1.ResourceIdentifier, works map[string]*workv1.ManifestWork, isOurs func(map[string]string) bool) bool {
	for _, work := range works {
		at, held := phases(work)[id]
		switch {
		case !held || at == phaseObserve:
		case at != phaseProbe || findingOf(work, id, applicationIdentity, isOurs) == findOurs:
			return true
		}
	}
	return false
}

// deliverWork writes one work of a unit and reads back what its cluster says.
func (t *Target) deliverWork(ctx context.Context, unit delivery.Unit, index string, entries []entry, current *workv1.ManifestWork, rights string) (delivery.Observation, error) {
	work, err := unitWork(t.Digests, unit, index, entries)
	if err != nil {
		return delivery.Observation{}, err
	}
	observation, err := t.ensure(ctx, work, rights)
	if err != nil {
		return observation, err
	}
	if observation.Reason == delivery.ReasonApplyFailed && current != nil {
		return t.refusedProbe(ctx, unit, entries, current, observation)
	}
	if observation.State != delivery.Delivered {
		return observation, nil
	}
	if slices.ContainsFunc(entries, func(e entry) bool { return e.phase == phaseProbe && !e.leaves }) {
		// It was made just now; that it is ours shows in the next look at the work.
		return delivery.Observation{State: delivery.Applying, Message: "the next version follows", RetryAfter: coalesce}, nil
	}
	if current, err = t.get(ctx, client.ObjectKeyFromObject(work)); err != nil || current == nil {
		return delivery.Observation{State: delivery.Applying, Message: "written"}, err
	}
	return t.observe(ctx, unit, current)
}

// refusedProbe is why an object of a work could not be made: what was said,
// unless somebody else's is in its place.
func (t *Target) refusedProbe(ctx context.Context, unit delivery.Unit, entries []entry, work *workv1.ManifestWork, said delivery.Observation) (delivery.Observation, error) {
	for _, e := range entries {
		if e.phase != phaseProbe || e.leaves {
			continue
		}
		switch findingOf(work, e.id(), applicationIdentity, owns(unit, e.shared)) {
		case findForeign:
			if wait := t.siblingLeaves(unit, e, work); wait > 0 {
				return delivery.Observation{State: delivery.Applying, RetryAfter: wait, Message: describe(e.content) +
					": waiting until the cluster has removed the one of another component of the application"}, nil
			}
			return foreignObject(work.Namespace, e.content), nil
		case findEnding:
			return delivery.Observation{State: delivery.Waiting, Message: describe(e.content) + ": an earlier version is still being removed"}, nil
		case findFreed:
			return t.freed(ctx, work, describe(e.content))
		}
	}
	if manifest := firstFailed(work); manifest != nil && isConflict(manifest.Message) {
		return delivery.Observation{State: delivery.Applying, Message: "waiting for the cluster to say whose the objects are that it has already"}, nil
	}
	return said, nil
}

// conflict says who else delivers one of the unit's objects to the cluster: two
// works with one object would overwrite each other for ever. Whoever comes first
// claims the object, so that of two works that are new at once only one is written.
// Who is refused claims nothing: of two that each came first to some of the objects
// of both, neither would ever get the others.
func (t *Target) conflict(ctx context.Context, unit delivery.Unit, entries []entry) (*delivery.Observation, error) {
	var claimed []string
	said, err := t.contest(ctx, unit, entries, &claimed)
	if err != nil || said != nil && said.State == delivery.Refused {
		t.giveUp(unit, claimed)
	}
	return said, err
}

func (t *Target) contest(ctx context.Context, unit delivery.Unit, entries []entry, claimed *[]string) (*delivery.Observation, error) {
	cluster := unit.Place.Cluster
	var onTheWay []moved
	for _, e := range entries {
		if e.phase == phaseObserve || e.waits {
			continue // who only reads an object is in nobody's way
		}
		key := manifestKey(cluster, e.id())
		holder, err := t.holder(ctx, unit, e.id())
		if err != nil {
			return nil, fmt.Errorf("look for other works with %s: %w", describe(e.content), err)
		}
		if holder.claimed {
			*claimed = append(*claimed, key)
		}
		if holder.name == "" {
			continue
		}
		if first, err := t.cameFirst(ctx, unit, e, holder.name, holder.work != nil); err != nil || first != nil {
			return first, err
		}
		if holder.moving(unit, e) {
			onTheWay = append(onTheWay, moved{e, holder})
			continue
		}
		if !holder.yields(e.id()) {
			return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonPlacementConflict, RetryAfter: conflictRetry, Message: fmt.Sprintf(
				"%s on cluster %q belongs to %s already: rename the component or use another target namespace",
				describe(e.content), cluster, holder.name)}, nil
		}
	}
	if waiting, err := t.releaseMoved(ctx, onTheWay); waiting != nil || err != nil {
		return waiting, err
	}
	return t.leaving(ctx, unit, entries)
}

// holder is the other unit that holds the object; else this unit claims it.
func (t *Target) holder(ctx context.Context, unit delivery.Unit, id workv1.ResourceIdentifier) (holder, error) {
	key := manifestKey(unit.Place.Cluster, id)
	var works workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &works, client.MatchingFields{indexManifest: key}); err != nil {
		return holder{}, err
	}
	if len(works.Items) > 0 {
		t.unclaim(key)
		return holderAmong(unit, works.Items, id), nil
	}
	index := unitIndexKey(unit.Place.Cluster, unitLabels(unit))
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.claims[key]
	claimed := ok && t.Clock.Since(last.at) < unseenClaim
	if claimed && last.unit != index {
		return holder{name: last.name}, nil
	}
	t.claim(key, index, unitOf(unitLabels(unit)))
	return holder{claimed: !claimed}, nil
}

// isWorkOf says by its name that a work is one of the unit's.
func isWorkOf(unit delivery.Unit, work *workv1.ManifestWork) bool {
	name := func(index string) string {
		return WorkName(unit.Owner, unit.Component, unit.Place.Environment, index)
	}
	return work.Name == name(firstIndex) || work.Name == name(indexOf(work.Labels))
}

// claim notes that the unit holds the object, and forgets claims that the cache
// shows by now. The caller holds the lock.
func (t *Target) claim(key, unit, name string) {
	now := t.Clock.Now()
	if t.claims == nil {
		t.claims = map[string]claim{}
	}
	sweep(t.claims, &t.claimsSwept, now, func(last claim) time.Time { return last.at })
	t.claims[key] = claim{unit: unit, name: name, at: now}
}

// unclaim forgets a claim that the cache shows by now.
func (t *Target) unclaim(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.claims, key)
}

// giveUp forgets claims of a unit that made them in vain.
func (t *Target) giveUp(unit delivery.Unit, claimed []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range claimed {
		if t.claims[key].unit == unitIndexKey(unit.Place.Cluster, unitLabels(unit)) {
			delete(t.claims, key)
		}
	}
}

// unitOf names the unit of a work for people.
func unitOf(labels map[string]string) string {
	return fmt.Sprintf("application %s/%s in environment %q", labels[v1beta1.LabelAppNamespace], labels[v1beta1.LabelAppName], labels[v1alpha1.LabelEnvironment])
}

func (t *Target) get(ctx context.Context, key types.NamespacedName) (*workv1.ManifestWork, error) {
	var work workv1.ManifestWork
	if err := t.Reader.Get(ctx, key, &work); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get work %s: %w", key, err)
	}
	return &work, nil
}

// labelRights is the digest of the rights that a work was last written with: when they
// change, a work that could not be applied is tried again at once. Its agent would do
// that after a minute, and later still where a quota was in the way. A work that was
// applied is left alone: a change of the tenant is none of it. On the work of a tenant
// it is the digest of its role.
const labelRights = "fairlead.dev/rights"

// ensure writes the work where it differs. Delivered means that the agent
// applied exactly this content.
func (t *Target) ensure(ctx context.Context, wanted *workv1.ManifestWork, rights string) (delivery.Observation, error) {
	if rights != "" {
		wanted.Labels[labelRights] = rights
	}
	if departed, err := t.departed(ctx, wanted.Namespace); departed != nil || err != nil {
		return ptr.Deref(departed, delivery.Observation{}), err
	}
	current, err := t.get(ctx, client.ObjectKeyFromObject(wanted))
	if err != nil {
		return delivery.Observation{}, err
	}
	if err := t.named(wanted, current); err != nil {
		return delivery.Observation{}, err
	}
	if current == nil {
		return t.create(ctx, wanted)
	}
	if problem := collision(wanted, current); problem != nil {
		return *problem, nil
	}
	if !current.DeletionTimestamp.IsZero() {
		// An apply onto a work that is being deleted is answered with success and lost.
		return delivery.Observation{State: delivery.Waiting, Message: "an earlier version is still being removed"}, nil
	}
	if wait := t.lagsFor(current); wait > 0 { // its event brings us back before
		return delivery.Observation{State: delivery.Applying, Message: "the next version follows", RetryAfter: wait}, nil
	}
	if !sameWork(wanted, current, t.keptOf(wanted)) {
		return t.update(ctx, wanted, current)
	}
	if other := t.otherName(current); other != nil {
		return *other, nil
	}
	observation, err := t.applied(ctx, current)
	if err != nil || rights == "" {
		return observation, err
	}
	return t.untilRightsAreKnown(ctx, current, observation)
}

// departed says that nothing may be written for the cluster any more. OCM
// deletes the works of a cluster that is being deleted: one that is written
// again would keep it for ever, and one that is written after it would be
// applied to the next cluster of that name.
func (t *Target) departed(ctx context.Context, cluster string) (*delivery.Observation, error) {
	state, err := t.Fleet.Cluster(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if state == nil {
		return t.away(ctx, cluster)
	}
	if state.Deleting {
		return &delivery.Observation{State: delivery.Away, Reason: delivery.ReasonClusterAway,
			Message: fmt.Sprintf("cluster is away: ManagedCluster %q is being deleted", cluster)}, nil
	}
	return nil, nil
}

// collision says that a work of that name is another unit's: names end with a
// short hash, and whoever finds one that is equal must not get the other's work.
// That of a tenant may have been made by another hub namespace a moment ago: the
// cluster may have made the namespace for that one.
func collision(wanted, current *workv1.ManifestWork) *delivery.Observation {
	if other := current.Labels[delivery.LabelSourceNamespace]; wanted.Labels[LabelPurpose] == PurposeTenant && other != "" {
		source, namespace := wanted.Labels[delivery.LabelSourceNamespace], wanted.Labels[LabelTargetNamespace]
		if other != source && !isInPlaceOf(current, source, namespace) {
			taken := namespaceTaken(delivery.TenantKey{Cluster: wanted.Namespace, Namespace: namespace}, other)
			return &taken
		}
	}
	if sameWorkByLabels(wanted.Labels, current.Labels) || !genuine(current) {
		return nil
	}
	return &delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonPlacementConflict, RetryAfter: conflictRetry, Message: fmt.Sprintf(
		"work %s/%s belongs to something else, since both names make the same hash: rename the component", current.Namespace, current.Name)}
}

// keptOf is the digest that the cache shows for a work that is as wanted.
func (t *Target) keptOf(wanted *workv1.ManifestWork) string {
	digest := wanted.Annotations[v1alpha1.AnnotationHash]
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.kept[client.ObjectKeyFromObject(wanted)]; ok && last.written == digest {
		return last.kept
	}
	return digest
}

// keep remembers what the API server made of a work, where that is not what was written.
func (t *Target) keep(answer *workv1.ManifestWork, written string) error {
	kept, err := t.Digests.of(answer.Spec)
	if err != nil {
		return fmt.Errorf("digest of work %s/%s: %w", answer.Namespace, answer.Name, err)
	}
	key := client.ObjectKeyFromObject(answer)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.kept, key)
	if kept == written {
		return nil
	}
	if t.kept == nil {
		t.kept = map[types.NamespacedName]keptSpec{}
	}
	t.kept[key] = keptSpec{written: written, kept: kept}
	return nil
}

func sameWork(wanted, current *workv1.ManifestWork, kept string) bool {
	if kept != current.Annotations[observedDigest] ||
		wanted.Annotations[v1alpha1.AnnotationHash] != current.Annotations[v1alpha1.AnnotationHash] ||
		current.Annotations[annotationLeaving] != "" || len(current.OwnerReferences) > 0 {
		return false
	}
	for key, value := range wanted.Labels {
		if current.Labels[key] != value && (key != labelRights || dependsOnRights(wanted, current)) {
			return false
		}
	}
	return true
}

// dependsOnRights says that other rights are a reason to write a work. The work of a
// tenant tells of them.
func dependsOnRights(wanted, current *workv1.ManifestWork) bool {
	return wanted.Labels[LabelPurpose] == PurposeTenant || fetched(current) && appliedCondition(current).Status == metav1.ConditionFalse
}

func (t *Target) create(ctx context.Context, wanted *workv1.ManifestWork) (delivery.Observation, error) {
	key := client.ObjectKeyFromObject(wanted)
	if wait := t.tooEarly(key); wait > 0 {
		return delivery.Observation{State: delivery.Applying, Message: "written", RetryAfter: wait}, nil
	}
	if wait := t.unseenFor(key); wait > 0 { // the cache lags behind, and its event brings us back before
		return delivery.Observation{State: delivery.Applying, Message: "written", RetryAfter: wait}, nil
	}
	digest := wanted.Annotations[v1alpha1.AnnotationHash]
	t.stamp(wanted, nil)
	if err := t.Writer.Create(ctx, wanted); err != nil {
		if apierrors.IsAlreadyExists(err) {
			return t.reclaim(ctx, wanted)
		}
		if ending := namespaceEnds(key, err); ending != nil {
			return *ending, nil
		}
		return refusedOrError("create", key, err)
	}
	t.wrote(wanted)
	t.remember(wanted)
	if err := t.keep(wanted, digest); err != nil {
		return delivery.Observation{}, err
	}
	return t.awayOr(ctx, wanted.Namespace, delivery.Observation{State: delivery.Applying, Message: "waiting for the cluster to fetch it"})
}

// reclaim takes back a work that exists and that the cache does not show: the
// cluster's agent, or somebody by hand, took the label from it by which it is
// cached. What it holds stays, since it says whose the objects are.
func (t *Target) reclaim(ctx context.Context, wanted *workv1.ManifestWork) (delivery.Observation, error) {
	key := client.ObjectKeyFromObject(wanted)
	var current workv1.ManifestWork
	if err := t.Live.Get(ctx, key, &current); client.IgnoreNotFound(err) != nil {
		return delivery.Observation{}, fmt.Errorf("get work %s: %w", key, err)
	}
	ours := current.Labels[v1alpha1.LabelManagedBy] == v1alpha1.LabelManagedByValue
	if ours || current.Name == "" || !current.DeletionTimestamp.IsZero() {
		// The cache lags behind, and its event brings us back.
		return delivery.Observation{State: delivery.Applying, Message: "written", RetryAfter: coalesce}, nil
	}
	if problem := collision(wanted, &current); problem != nil {
		return *problem, nil
	}
	maps.Copy(orEmpty(&current.Labels), wanted.Labels)
	if err := t.Writer.Update(ctx, &current); err != nil && !apierrors.IsConflict(err) {
		return delivery.Observation{}, fmt.Errorf("label work %s: %w", key, err)
	}
	// What is in it is looked at, and written where it differs, when the cache shows it.
	return delivery.Observation{State: delivery.Applying, Message: "the next version follows", RetryAfter: coalesce}, nil
}

func orEmpty(labels *map[string]string) map[string]string {
	if *labels == nil {
		*labels = map[string]string{}
	}
	return *labels
}

func (t *Target) update(ctx context.Context, wanted, current *workv1.ManifestWork) (delivery.Observation, error) {
	key := client.ObjectKeyFromObject(wanted)
	if err := t.named(wanted, current); err != nil {
		return delivery.Observation{}, err
	}
	if wait := t.tooEarly(key); wait > 0 && !promotes(wanted, current) {
		return delivery.Observation{State: delivery.Applying, Message: "the next version follows", RetryAfter: wait}, nil
	}
	leaving := dropped(wanted, current)
	if waiting, err := t.gate(ctx, current, leaving); waiting != nil || err != nil {
		return ptr.Deref(waiting, delivery.Observation{}), err
	}
	t.stamp(wanted, current)
	update := current.DeepCopy()
	update.Spec, update.Annotations = wanted.Spec, wanted.Annotations
	// The cluster's agent may change its own works; a foreign owner would have the work garbage collected.
	update.OwnerReferences = nil
	maps.Copy(orEmpty(&update.Labels), wanted.Labels)
	if err := t.write(ctx, update, len(leaving) > 0); err != nil {
		if apierrors.IsConflict(err) {
			return delivery.Observation{State: delivery.Applying, Message: "the next version follows", RetryAfter: 100 * time.Millisecond}, nil
		}
		return refusedOrError("update", key, err)
	}
	t.wrote(update)
	t.noteDropped(current, update)
	if err := t.keep(update, wanted.Annotations[v1alpha1.AnnotationHash]); err != nil {
		return delivery.Observation{}, err
	}
	return t.awayOr(ctx, wanted.Namespace, delivery.Observation{State: delivery.Applying, Message: "waiting for the cluster to fetch it"})
}

// write updates a work. Its agent reports on it all the time: when nothing but the
// status changed since it was read, it is written over what there is. What an object
// is dropped for was read in the status, and must still be so.
func (t *Target) write(ctx context.Context, update *workv1.ManifestWork, dropping bool) error {
	err := t.Writer.Update(ctx, update)
	if !apierrors.IsConflict(err) || dropping {
		return err
	}
	var live workv1.ManifestWork
	if t.Live.Get(ctx, client.ObjectKeyFromObject(update), &live) != nil || live.UID != update.UID || live.Generation != update.Generation {
		return err
	}
	update.ResourceVersion, update.Finalizers = live.ResourceVersion, live.Finalizers
	return t.Writer.Update(ctx, update)
}

// refusedOrError tells an answer that the same request would get again from one
// that may pass. It is asked for again all the same, since it may depend on others,
// such as on an admission policy.
func refusedOrError(verb string, key types.NamespacedName, err error) (delivery.Observation, error) {
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) {
		return delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonApplyFailed, RetryAfter: refusedRetry,
			Message: fmt.Sprintf("the hub refuses work %s: %s", key, bounded(refusal.WithoutValues(err.Error())))}, nil
	}
	return delivery.Observation{}, fmt.Errorf("%s work %s: %w", verb, key, err)
}

// touch changes a label of the work, which makes the agent apply it at once and
// forget its back-off; a change of an annotation would not.
//
// It returns when it may be done again: no event comes while nothing changes.
func (t *Target) touch(ctx context.Context, work *workv1.ManifestWork) (time.Duration, error) {
	now := t.Clock.Now()
	if wait := t.tooSoon(work, now); wait > 0 {
		return wait, nil
	}
	patch := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q,"labels":{%q:"%d"}}}`, work.ResourceVersion, v1alpha1.LabelReapply, now.Unix())
	target := &workv1.ManifestWork{}
	target.Namespace, target.Name = work.Namespace, work.Name
	err := t.Writer.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return 0, nil // it changed meanwhile; the event brings us back
	}
	if err != nil {
		return 0, fmt.Errorf("ask the agent to apply work %s/%s again: %w", work.Namespace, work.Name, err)
	}
	return t.touched(client.ObjectKeyFromObject(work), now), nil
}

// repair is how often a work had to be applied again lately.
type repair struct {
	last     time.Time
	interval time.Duration // until it may be asked for again
	// good is since when all of it is as it was delivered, zero while it is not.
	good time.Time
	// afresh is how often a repair that had held was no reason to wait longer.
	afresh int
}

// tooSoon is how long to wait before the work may be touched again. The label
// says when it was last, also by a manager that ran before this one.
func (t *Target) tooSoon(work *workv1.ManifestWork, now time.Time) time.Duration {
	interval := max(firstRepair, t.undone(client.ObjectKeyFromObject(work), now))
	last, err := strconv.ParseInt(work.Labels[v1alpha1.LabelReapply], 10, 64)
	if err != nil {
		return 0
	}
	// The cluster may change the label: a time that lies ahead holds nothing up.
	age := now.Sub(time.Unix(last, 0))
	if age < 0 {
		return 0
	}
	return max(0, interval-age)
}

// mended notes that all of a work is as it was delivered.
func (t *Target) mended(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.repairs[key]; ok && last.good.IsZero() {
		last.good = t.Clock.Now()
		t.repairs[key] = last
	}
}

// undone notes that a work is not as it was delivered, and returns the time until it may
// be repaired again. A repair that held for a while was undone by somebody else than the
// one before, as by a person who edits one object after the other; a controller that
// undoes each is repaired less and less often.
func (t *Target) undone(key types.NamespacedName, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.repairs[key]
	if !ok || last.good.IsZero() {
		return last.interval
	}
	if now.Sub(last.good) >= heldRepair && last.afresh < maxAfresh {
		last.interval = 0
		last.afresh++
	}
	last.good = time.Time{}
	t.repairs[key] = last
	return last.interval
}

// touched notes a repair and returns when the next may come: after twice the
// time of the last. Works that have been quiet are forgotten.
func (t *Target) touched(key types.NamespacedName, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.repairs == nil {
		t.repairs = map[types.NamespacedName]repair{}
	}
	for other, last := range t.repairs {
		if now.Sub(last.last) > 2*maxRepair {
			delete(t.repairs, other)
		}
	}
	before := t.repairs[key]
	interval := min(max(firstRepair, 2*before.interval), maxRepair)
	t.repairs[key] = repair{last: now, interval: interval, afresh: before.afresh}
	return interval
}

func sorted(names map[string]bool) []string {
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
