// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/ptr"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
)

// Engine carries plans out.
type Engine struct {
	// Local delivers to the hub itself.
	Local Target
	// OCM delivers to managed clusters.
	OCM Target
	// PullSecrets reads the Secrets that are copied to tenants.
	PullSecrets *PullSecrets
	// TenantsWanted gives what says of each tenant whether an application other than
	// the owner is to be delivered to it, though nothing is there yet.
	TenantsWanted func(ctx context.Context, owner Owner) (func(TenantKey) bool, error)

	memory memory
	lanes  lanes
}

// UnitReport is a unit with what was observed of it.
type UnitReport struct {
	Unit    Unit
	Observe Observation
	// Verdict of the unit's health; only meaningful when Observe.State is Delivered.
	Verdict health.Verdict
	// Unjudged says that the CUE that judges was ended, since it took more than it may.
	Unjudged bool
	// Cause is why it is not healthy, as far as the target could find out.
	Cause Cause
	// again asks for another look at what explains the unit; 0 means none.
	again time.Duration
}

// Healthy says that exactly the wanted content is there and healthy.
func (u UnitReport) Healthy() bool {
	return u.Observe.State == Delivered && !u.Observe.Later && u.Verdict.Healthy
}

// Failed says that it is there, is not healthy, and does not become so by waiting.
func (u UnitReport) Failed() bool {
	return u.Observe.State == Delivered && !u.Healthy() && (u.Verdict.Failed && !u.Cause.Passes || u.Cause.Final)
}

// Removal is something that is on its way out.
type Removal struct {
	Record  Record
	Observe Observation
}

// Report is what carrying out a plan came to.
type Report struct {
	Units []UnitReport
	// Held is what is left as it is for now, and was not looked at.
	Held []UnitReport
	// Removals are the records that are not gone yet.
	Removals []Removal
	// Left are the records that were left on clusters that are away.
	Left []Removal
	// Tenants that are not released yet, but for those on clusters that are away.
	Tenants []TenantKey
	// Unproven are tenants that are not released yet and for which nobody waits.
	Unproven []TenantKey
	// Problems of the plan.
	Problems []Problem
	// RetryAfter asks for another look; 0 means that events suffice.
	RetryAfter time.Duration

	// tenants are as they were found.
	tenants map[TenantKey]Observation
}

// Gone says that nothing is left to be removed.
func (r *Report) Gone() bool {
	return len(r.Removals) == 0 && len(r.Tenants) == 0
}

// unwritten says that the record's unit is wanted and not written yet: what its
// new version drops must not go from under the old one before. So it is of a unit whose
// environment gets another namespace, which may be somebody else's and is then never
// had; but what is to stay in the former namespace is let go of first.
func (r *Report) unwritten(record Record, plan *Plan, all []Record) bool {
	return slices.ContainsFunc(r.Units, func(u UnitReport) bool {
		if u.Unit.Component != record.Component || u.Observe.State == Delivered && !u.Observe.Later {
			return false
		}
		return u.Unit.Place == record.Place || withoutNamespace(u.Unit.Place, "") == withoutNamespace(record.Place, "") &&
			plan.deletions[record.Place.Environment].Policy != orphan && !r.exchanges(u, record, plan, all)
	})
}

// exchanges says that a unit cannot have the namespace that its environment gets, since
// what the application has there waits for the one that the unit leaves: two
// environments that exchange their namespaces would wait for each other.
func (r *Report) exchanges(u UnitReport, record Record, plan *Plan, all []Record) bool {
	tenant := u.Unit.Place.Tenant()
	if u.Observe.Reason != ReasonPlacementConflict || r.tenants[tenant].State != Delivered {
		return false
	}
	return slices.ContainsFunc(all, func(other Record) bool {
		return other.Place.Tenant() == tenant && other.Place.Environment != record.Place.Environment &&
			plan.goesTo(other.Place.Environment, record.Place.Tenant())
	})
}

// successor is a cluster on which the record's component is not healthy yet;
// empty when it is on all.
func (r *Report) successor(record Record, clusters []string) string {
	at := slices.IndexFunc(r.Units, func(u UnitReport) bool {
		return u.Unit.Component == record.Component && u.Unit.Place.Environment == record.Place.Environment &&
			slices.Contains(clusters, u.Unit.Place.Cluster) && !u.Healthy()
	})
	if at < 0 {
		return ""
	}
	return r.Units[at].Unit.Place.Cluster
}

func (r *Report) retry(after time.Duration) {
	if after > 0 && (r.RetryAfter == 0 || after < r.RetryAfter) {
		r.RetryAfter = after
	}
}

func (e *Engine) target(cluster string) Target {
	if cluster == v1alpha1.LocalCluster {
		return e.Local
	}
	return e.OCM
}

// Carry writes what the plan wants and removes what it does not. One place that
// fails does not keep the others: the errors of all are joined, and the report
// holds what was reached.
func (e *Engine) Carry(ctx context.Context, plan *Plan) (*Report, error) {
	report := &Report{Problems: plan.Problems, Held: plan.Held}
	tenants, errTenants := e.ensureTenants(ctx, plan, report)
	errUnits := e.deliverUnits(ctx, plan, tenants, report)
	errRemove := e.removeUnwanted(ctx, plan, report)
	errRelease := e.releaseTenants(ctx, plan, report)
	e.memory.keep(plan)
	return report, errors.Join(errTenants, errUnits, errRemove, errRelease)
}

// RemoveOwnerless removes from managed clusters what the plan of an application that
// does not exist gives up. On the hub itself such objects are nobody's: they hold
// nothing and stay.
func (e *Engine) RemoveOwnerless(ctx context.Context, plan *Plan) (*Report, error) {
	report := &Report{}
	records, err := e.OCM.Records(ctx, plan.Owner)
	if err != nil {
		return report, fmt.Errorf("list what application %s delivered: %w", plan.Owner, err)
	}
	return report, removeRecords(ctx, e.OCM, plan, records, report)
}

func (e *Engine) ensureTenants(ctx context.Context, plan *Plan, report *Report) (map[TenantKey]Observation, error) {
	keys := sortedTenants(plan.Tenants)
	observations := make([]Observation, len(keys))
	errs := e.lanes.perCluster(ctx, clustersOf(keys, func(key TenantKey) string { return key.Cluster }), func(i int) (err error) {
		observations[i], err = e.ensureTenant(ctx, plan.Tenants[keys[i]])
		return err
	})
	observed := make(map[TenantKey]Observation, len(keys))
	for i, key := range keys {
		observation := observations[i]
		if errors.Is(errs[i], ErrPaused) {
			observation, errs[i] = heldByPause(heldTenant), nil
		}
		if err := errs[i]; err != nil {
			errs[i] = fmt.Errorf("prepare namespace %q on cluster %q: %w", key.Namespace, key.Cluster, err)
			observation = Observation{State: Waiting, Message: fmt.Sprintf("namespace %q is not prepared yet: %s", key.Namespace, Bounded(err))}
		}
		observed[key] = observation
		report.retry(observation.RetryAfter)
	}
	report.tenants = observed
	return observed, errors.Join(errs...)
}

func (e *Engine) ensureTenant(ctx context.Context, tenant Tenant) (Observation, error) {
	again := time.Duration(0)
	if len(tenant.PullSecrets) > 0 {
		completed, observation, err := e.PullSecrets.complete(ctx, tenant)
		if err != nil || observation.State != Delivered {
			return observation, err
		}
		tenant, again = completed, observation.RetryAfter
	}
	observation, err := e.target(tenant.Cluster).EnsureTenant(ctx, tenant)
	if again > 0 && (observation.RetryAfter == 0 || again < observation.RetryAfter) {
		observation.RetryAfter = again
	}
	return observation, err
}

// clustersOf are the clusters of items.
func clustersOf[T any](items []T, cluster func(T) string) []string {
	clusters := make([]string, len(items))
	for i, item := range items {
		clusters[i] = cluster(item)
	}
	return clusters
}

func sortedTenants[V any](tenants map[TenantKey]V) []TenantKey {
	keys := make([]TenantKey, 0, len(tenants))
	for key := range tenants {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareTenants)
	return keys
}

func compareTenants(a, b TenantKey) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace))
}

// before is what units wait for that no other unit of the plan brings.
type before struct {
	tenants map[TenantKey]Observation
	// former are the namespaces that units leave and in which their objects are to stay.
	former func() (map[unitKey]string, error)
}

// of is what is said of a unit that has to wait; nil when it may be written.
func (b before) of(unit Unit) (*Observation, error) {
	tenant := b.tenants[unit.Place.Tenant()]
	if tenant.State != Delivered {
		return &tenant, nil
	}
	former, err := b.former()
	if err != nil {
		return nil, err
	}
	namespace, ok := former[unitKey{unit.Place, unit.Component}]
	if !ok {
		return nil, nil
	}
	return &Observation{State: Waiting, Message: fmt.Sprintf(
		"waiting until the cluster has let go of what is in namespace %q, which stays there", namespace)}, nil
}

func (e *Engine) deliverUnits(ctx context.Context, plan *Plan, tenants map[TenantKey]Observation, report *Report) error {
	needed := before{tenants: tenants, former: sync.OnceValues(func() (map[unitKey]string, error) { return e.formerNamespaces(ctx, plan) })}
	report.Units = make([]UnitReport, len(plan.Units))
	for i, unit := range plan.Units {
		report.Units[i].Unit = unit // which others read while this one is worked at
	}
	order := inOrder(plan.Units)
	errs := e.lanes.perCluster(ctx, clustersOf(order, func(i int) string { return plan.Units[i].Place.Cluster }), func(at int) error {
		return e.reportUnit(ctx, &report.Units[order[at]], needed, report.Units)
	})
	for i := range report.Units {
		report.retry(report.Units[i].Observe.RetryAfter)
		report.retry(report.Units[i].again)
	}
	return errors.Join(errs...)
}

// reportUnit delivers a unit and judges its health. all are the reports of the
// plan: of those in the same place, what comes before is complete.
func (e *Engine) reportUnit(ctx context.Context, report *UnitReport, needed before, all []UnitReport) error {
	unit := report.Unit
	errDeliver := guarded(ctx, func() (err error) {
		report.Observe, err = e.deliverUnit(ctx, unit, needed, all)
		return err
	})
	if errors.Is(errDeliver, ErrPaused) {
		report.Observe, errDeliver = heldByPause(heldUnit), nil
	}
	if errDeliver != nil {
		report.Observe = Observation{State: Waiting, Message: "the last write did not succeed and is tried again: " + Bounded(errDeliver)}
		errDeliver = fmt.Errorf("deliver %s to %s: %w", Title(unit.Component), unit.Place, errDeliver)
	}
	var err error
	report.Verdict, err = judge(unit, report.Observe)
	if report.Unjudged = isEnded(err); report.Unjudged {
		// To try again would take as much, and end alike.
		report.Verdict.Message = Bounded(err)
		return errDeliver
	}
	if err != nil {
		err = fmt.Errorf("health of %s in %s: %w", Title(unit.Component), unit.Place, err)
	}
	report.again = e.explain(ctx, report)
	return errors.Join(errDeliver, err)
}

func (e *Engine) deliverUnit(ctx context.Context, unit Unit, needed before, reports []UnitReport) (Observation, error) {
	if waiting, err := needed.of(unit); waiting != nil || err != nil {
		return ptr.Deref(waiting, Observation{}), err
	}
	if waiting := e.heldBack(unit, reports); waiting != nil {
		return *waiting, nil
	}
	observation, err := e.deliverStaged(ctx, unit)
	if err == nil && observation.State == Delivered && !observation.Later {
		e.memory.finish(unit)
	}
	return observation, err
}

// formerNamespaces finds the units whose objects are to stay in the namespace that
// their environment had before. What a target keeps for a unit as a whole is one
// thing: to write the unit would delete them.
func (e *Engine) formerNamespaces(ctx context.Context, plan *Plan) (map[unitKey]string, error) {
	wanted := map[unitKey]Place{}
	for _, unit := range plan.Units {
		if plan.deletions[unit.Place.Environment].Policy == orphan {
			wanted[withoutNamespace(unit.Place, unit.Component)] = unit.Place
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	former := map[unitKey]string{}
	for _, target := range []Target{e.Local, e.OCM} {
		records, err := target.Records(ctx, plan.Owner)
		if err != nil {
			return nil, fmt.Errorf("list what application %s delivered: %w", plan.Owner, err)
		}
		for _, record := range records {
			place, ok := wanted[withoutNamespace(record.Place, record.Component)]
			if ok && record.Object == "" && place.Namespace != record.Place.Namespace {
				former[unitKey{place, record.Component}] = record.Place.Namespace
			}
		}
	}
	return former, nil
}

func withoutNamespace(place Place, component string) unitKey {
	place.Namespace = ""
	return unitKey{place, component}
}

func judge(unit Unit, observation Observation) (health.Verdict, error) {
	if observation.State != Delivered {
		return health.Verdict{Message: observation.Message}, nil
	}
	return health.Evaluate(health.Input{
		Result: unit.Result, Output: observation.Output, Outputs: observation.Outputs, Feedback: observation.Feedback,
	})
}

// isEnded says that CUE was ended while it judged, since it took more than it may.
func isEnded(err error) bool {
	var failure *program.Failure
	return errors.As(err, &failure) && failure.Ended
}

func (e *Engine) removeUnwanted(ctx context.Context, plan *Plan, report *Report) error {
	var errs []error
	for _, target := range []Target{e.Local, e.OCM} {
		records, err := target.Records(ctx, plan.Owner)
		if err != nil {
			errs = append(errs, fmt.Errorf("list what application %s delivered: %w", plan.Owner, err))
			continue
		}
		errs = append(errs, removeRecords(ctx, target, plan, records, report))
	}
	return errors.Join(errs...)
}

// removeRecords removes what the plan does not want. A place is on one target, so
// that all that a component waits for is among its records.
func removeRecords(ctx context.Context, target Target, plan *Plan, records []Record, report *Report) error {
	order, err := plan.removalOrder(ctx, target, records, report)
	if err != nil {
		return err
	}
	var errs []error
	for _, record := range order.sorted(records) {
		if plan.Wants(record) || report.unwritten(record, plan, records) && !plan.moves(record) {
			continue
		}
		if isPaused(ctx) {
			report.Removals = append(report.Removals, Removal{Record: record, Observe: heldByPause(heldRemoval)})
			continue
		}
		if waiting := reasonToKeep(plan, record, order, report); waiting != nil {
			report.Removals = append(report.Removals, Removal{Record: record, Observe: *waiting})
			report.retry(waiting.RetryAfter)
			continue
		}
		done, err := remove(ctx, target, record, plan.removeOptions(record), report)
		if done {
			order.done(record)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// reasonToKeep says why a record that is not wanted must not go yet; nil for no reason.
func reasonToKeep(plan *Plan, record Record, order *removalOrder, report *Report) *Observation {
	if waiting := report.successor(record, plan.successors(record)); waiting != "" {
		return &Observation{State: Waiting, Message: fmt.Sprintf(
			"cluster %s left environment %q and keeps %s until it is healthy on cluster %s", record.Place.Cluster, record.Place.Environment, Title(record.Component), waiting)}
	}
	return order.turn(record)
}

// remove takes the next step of a record on its way out. It is done when the
// record is gone, or stays for good.
func remove(ctx context.Context, target Target, record Record, options RemoveOptions, report *Report) (done bool, err error) {
	observation, err := target.Remove(ctx, record, options)
	if err != nil {
		report.Removals = append(report.Removals, Removal{Record: record})
		return false, fmt.Errorf("remove %s from %s: %w", record.ID, record.Place, err)
	}
	report.retry(observation.RetryAfter)
	if observation.Left {
		report.Left = append(report.Left, Removal{Record: record, Observe: observation})
	}
	if observation.State != Delivered {
		report.Removals = append(report.Removals, Removal{Record: record, Observe: observation})
		return false, nil
	}
	return true, nil
}

// releaseTenants removes tenants of the owner's namespace that nobody uses. Its
// own plan's tenants are in use even where nothing was written yet.
func (e *Engine) releaseTenants(ctx context.Context, plan *Plan, report *Report) error {
	if plan.uncertain() || isPaused(ctx) {
		return nil // a tenant may belong to an environment that cannot be read now, or be left alone
	}
	// An application may be the first on a thousand clusters, so that one read serves them all.
	wanted := sync.OnceValues(func() (func(TenantKey) bool, error) { return e.TenantsWanted(ctx, plan.Owner) })
	var errs []error
	for _, target := range []Target{e.Local, e.OCM} {
		keys, err := target.IdleTenants(ctx, plan.Owner.Namespace)
		if err != nil {
			errs = append(errs, fmt.Errorf("list the tenants of namespace %q: %w", plan.Owner.Namespace, err))
			continue
		}
		for _, key := range keys {
			if err := e.releaseTenant(ctx, target, plan, key, wanted, report); err != nil {
				errs = append(errs, fmt.Errorf("release namespace %q on cluster %q: %w", key.Namespace, key.Cluster, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) releaseTenant(ctx context.Context, target Target, plan *Plan, key TenantKey, wanted func() (func(TenantKey) bool, error), report *Report) error {
	if _, planned := plan.Tenants[key]; planned {
		return nil
	}
	byOthers, err := wanted()
	if err != nil || byOthers(key) {
		return err
	}
	observation, err := target.ReleaseTenant(ctx, key)
	report.retry(observation.RetryAfter)
	if err == nil && observation.State == Away {
		return nil // it is released when the cluster returns, by whoever looks after it then
	}
	switch {
	case err == nil && observation.State == Delivered:
	case observation.Unproven:
		report.Unproven = append(report.Unproven, key)
	default:
		report.Tenants = append(report.Tenants, key)
	}
	return err
}

// ReleaseTenants removes the tenants of a hub namespace that nobody uses, and
// returns those that are not gone yet, and those of them for which nobody is to wait.
func (e *Engine) ReleaseTenants(ctx context.Context, namespace string) (left, unproven []TenantKey, err error) {
	report := &Report{}
	err = e.releaseTenants(ctx, RemovalPlan(Owner{Namespace: namespace}), report)
	return report.Tenants, report.Unproven, err
}

// Delivered lists where something of an application is.
func (e *Engine) Delivered(ctx context.Context, owner Owner) ([]Place, error) {
	found := map[Place]bool{}
	for _, target := range []Target{e.Local, e.OCM} {
		records, err := target.Records(ctx, owner)
		if err != nil {
			return nil, fmt.Errorf("list what application %s delivered: %w", owner, err)
		}
		for _, record := range records {
			found[record.Place] = true
		}
	}
	places := make([]Place, 0, len(found))
	for place := range found {
		places = append(places, place)
	}
	slices.SortFunc(places, comparePlaces)
	return places, nil
}

func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Environment, b.Environment))
}

// Places lists where something is delivered for an environment.
func (e *Engine) Places(ctx context.Context, environment string) ([]Place, error) {
	var places []Place
	for _, target := range []Target{e.Local, e.OCM} {
		found, err := target.Places(ctx, environment)
		if err != nil {
			return nil, err
		}
		places = append(places, found...)
	}
	slices.SortFunc(places, comparePlaces)
	return places, nil
}

func anyTrue(values map[string]bool) bool {
	for _, value := range values {
		if value {
			return true
		}
	}
	return false
}

// Bounded is the text of an error, cut to what fits a condition.
func Bounded(err error) string {
	const most = 512
	text := err.Error()
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
