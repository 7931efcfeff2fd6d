// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package controller watches the hub and keeps applications, environments and
// cluster bindings as they are described. It orchestrates: what OAM means is
// in the packages that it calls.
package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/local"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// ApplicationReconciler delivers applications.
type ApplicationReconciler struct {
	client client.Client
	// live reads past the cache.
	live      client.Reader
	recorder  events.EventRecorder
	clock     clock.PassiveClock
	world     *worldReader
	ownership *ownership
	// renderer knows the built-in types; definitions has all others.
	renderer    *render.Renderer
	definitions *definitionReader
	engine      *delivery.Engine
	// owners lists the applications of a name, by their UIDs, of which managed clusters have works.
	owners func(context.Context, types.NamespacedName) ([]delivery.Owner, error)
	// referenced reads what components refer to.
	referenced referenceReader
	statuses   *statusWriter
	stalls     *stallClock
	metrics    *metrics
	gatherings gatherings
}

var _ reconcile.Reconciler = (*ApplicationReconciler)(nil)

// Reconcile brings one application nearer to what it describes.
func (r *ApplicationReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	app := &v1beta1.Application{}
	if err := r.client.Get(ctx, request.NamespacedName, app); err != nil {
		r.metrics.forget(request.NamespacedName)
		r.gatherings.note(request.NamespacedName, 0)
		if apierrors.IsNotFound(err) {
			r.stalls.forget(request.NamespacedName) // nothing was delivered, or somebody took the finalizer
			return r.gone(ctx, request.NamespacedName)
		}
		return ctrl.Result{}, err
	}
	if app.Paused() {
		return r.reconcile(ctx, app)
	}
	after, errFormer := r.giveUpFormer(ctx, request.NamespacedName, app.UID)
	next, err := r.reconcile(ctx, app)
	next.RequeueAfter = sooner(next.RequeueAfter, after)
	return next, errors.Join(errFormer, err)
}

// reconcile brings an application that exists nearer to what it describes.
func (r *ApplicationReconciler) reconcile(ctx context.Context, app *v1beta1.Application) (ctrl.Result, error) {
	if !app.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, app)
	}
	ours, err := r.ownership.handles(ctx, app)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !ours {
		r.metrics.forget(app.NamespacedName()) // another controller's is none of ours to count
		return r.handOver(ctx, app)
	}
	outcome, err := r.deliver(ctx, app)
	if err != nil && outcome == nil {
		return again(err)
	}
	r.metrics.deny(app.NamespacedName(), outcome.denied())
	wanted := outcome.status(app, metav1.NewTime(r.clock.Now()))
	if r.ownership.shared(ctx) {
		dropForeign(&wanted)
	}
	return result(outcome.retryAfter(), err, r.writeStatus(ctx, app, wanted))
}

// handOver looks after what was delivered of an application that is another
// controller's by now: it stays, but holds no environment or binding that goes.
//
// That it has not the finalizer does not say that nothing was delivered: whoever can
// change an application can take it.
func (r *ApplicationReconciler) handOver(ctx context.Context, app *v1beta1.Application) (ctrl.Result, error) {
	world, err := r.world.read(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	found := &outcome{}
	err = r.giveUp(ctx, app, world, found)
	return ctrl.Result{RequeueAfter: found.retryAfter()}, err
}

// result asks for a new pass soon when the status lost against another write,
// which is no error that anybody needs to see.
func result(after time.Duration, err, writeErr error) (ctrl.Result, error) {
	if errors.Is(writeErr, errSuperseded) {
		return ctrl.Result{RequeueAfter: minRetry}, err
	}
	var coalesced *coalescedError
	if errors.As(writeErr, &coalesced) {
		return ctrl.Result{RequeueAfter: sooner(after, coalesced.after)}, err
	}
	return ctrl.Result{RequeueAfter: after}, errors.Join(err, writeErr)
}

func ownerOf(app *v1beta1.Application) delivery.Owner {
	return delivery.Owner{Namespace: app.Namespace, Name: app.Name, UID: app.UID}
}

// deliver carries the application's plan out. An application that cannot be
// rendered gets an outcome that says why, and what is delivered stays as it is
// where it is not given up.
func (r *ApplicationReconciler) deliver(ctx context.Context, app *v1beta1.Application) (*outcome, error) {
	scene, err := r.scene(ctx, app)
	if err != nil {
		return nil, err
	}
	plan, found, err := r.plan(ctx, app, scene)
	if err != nil {
		return nil, err
	}
	if found.invalid != nil {
		return found, r.giveUp(ctx, app, scene.world, found)
	}
	r.gatherings.note(app.NamespacedName(), len(plan.Units))
	found.report, err = r.carry(ctx, app, plan)
	r.tellLeft(ctx, app, found.report)
	if isUnavailable(err) || found.report == nil {
		// The status says what was found last, until the health can be judged.
		return nil, err
	}
	found.stall = r.stalls.look(app, found.report)
	return found, err
}

// plan decides what of the application goes where. The outcome has what is known
// before it is carried out; there is no plan where it says that the application is invalid.
func (r *ApplicationReconciler) plan(ctx context.Context, app *v1beta1.Application, scene scene) (*delivery.Plan, *outcome, error) {
	request, warnings, problem := prepare(app, scene)
	if problem != nil {
		return nil, &outcome{invalid: problem, warnings: warnings}, nil
	}
	if err := r.world.label(ctx, scene.world, request.Uses); err != nil {
		return nil, nil, err
	}
	var err error
	if delivery.HasTopology(request.Uses) {
		if request.Delivered, err = r.engine.Delivered(ctx, request.Owner); err != nil {
			return nil, nil, err
		}
	}
	request.Passing = passing
	renderer := newReferring(ctx, scene.renderer, r.referenced, app)
	if request.Secrets, err = delivery.NewSecrets(app.Annotations, renderer.secret); err != nil {
		return nil, &outcome{invalid: malformedSecrets(err), warnings: warnings}, nil
	}
	began := r.clock.Now()
	plan, err := delivery.MakePlan(scene.world, renderer, request, r.world.away(ctx))
	r.metrics.render.Observe(r.clock.Since(began).Seconds())
	if err == nil {
		err = inspected(plan)
	}
	if passing(err) {
		return nil, nil, fmt.Errorf("render application %s: %w", ownerOf(app), err)
	}
	again := renderer.retryAfter(local.CompareEvery(ownerOf(app)))
	if err != nil {
		return nil, &outcome{invalid: unrenderable(err), warnings: warnings, again: again}, nil
	}
	return plan, &outcome{warnings: ignored(warnings, plan), again: again}, nil
}

// giveUp removes what an application that is not delivered any more, such as one
// that cannot be rendered, has in environments and through bindings that are being
// deleted: they wait for it, and whoever can change an application must not be able
// to hold them.
func (r *ApplicationReconciler) giveUp(ctx context.Context, app *v1beta1.Application, world delivery.World, found *outcome) error {
	if !world.GivesUp() {
		return r.releaseTenants(ctx, app, found) // the last of it may have gone with a binding that is gone too
	}
	plan := delivery.KeepingPlan(world, ownerOf(app), r.world.away(ctx)).Ordered(policy.RemovalOrder(app.Spec))
	report, err := r.carry(ctx, app, plan)
	r.tellLeft(ctx, app, report)
	found.again = sooner(found.again, report.RetryAfter)
	return errors.Join(err, r.releaseTenants(ctx, app, found))
}

// releaseTenants removes what nobody uses of the tenants of an application's
// namespace, when it is not delivered. Its plan does not say which it would use, so
// that no tenant goes by that; what the environments deliver to says it.
func (r *ApplicationReconciler) releaseTenants(ctx context.Context, app *v1beta1.Application, found *outcome) error {
	if app.Paused() {
		return nil
	}
	tenants, unproven, err := r.engine.ReleaseTenants(ctx, app.Namespace)
	if len(tenants)+len(unproven) > 0 {
		found.again = sooner(found.again, removalCheck)
	}
	return err
}

// carry carries a plan out, or only looks at what there is while the application is paused.
func (r *ApplicationReconciler) carry(ctx context.Context, app *v1beta1.Application, plan *delivery.Plan) (*delivery.Report, error) {
	// Of what is paused from the start there is nothing that a deletion would have to find.
	if len(plan.Units) > 0 && (!app.Paused() || app.Status.LatestRevision != nil) {
		if err := hold(ctx, r.client, app); err != nil {
			return nil, err
		}
	}
	if app.Paused() {
		ctx = delivery.Paused(ctx)
	}
	return r.engine.Carry(ctx, plan)
}

// passing says that rendering failed for what the application cannot change.
func passing(err error) bool {
	var unread *unreadError
	return isUnavailable(err) || errors.As(err, &unread)
}

func malformedSecrets(err error) *delivery.Problem {
	return &delivery.Problem{Reason: render.ReasonInvalidReference, Message: fmt.Sprintf("metadata.annotations[%s]: %v", v1alpha1.AnnotationSecrets, err)}
}

func unrenderable(err error) *delivery.Problem {
	return &delivery.Problem{Reason: delivery.ReasonOf(err), Message: err.Error()}
}

// finalize removes what was delivered and then lets the application go. It acts
// on the finalizer alone, so that an application that is no longer ours to
// deliver is still cleaned up. One without it that is held by another's stays as it
// is, but holds nothing.
func (r *ApplicationReconciler) finalize(ctx context.Context, app *v1beta1.Application) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(app, v1alpha1.Finalizer) {
		return r.handOver(ctx, app)
	}
	world, err := r.world.read(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	report, err := r.engine.Carry(ctx, delivery.RemovalPlan(ownerOf(app)).In(world).Ordered(policy.RemovalOrder(app.Spec)))
	r.tellLeft(ctx, app, report)
	if err == nil && report.Gone() {
		return ctrl.Result{}, r.release(ctx, app)
	}
	wanted := removalStatus(app, report, metav1.NewTime(r.clock.Now()))
	if r.ownership.shared(ctx) {
		dropForeign(&wanted)
	}
	return result(cmp.Or(report.RetryAfter, removalCheck), err, r.writeStatus(ctx, app, wanted))
}

func (r *ApplicationReconciler) release(ctx context.Context, app *v1beta1.Application) error {
	if err := letGo(ctx, r.client, app); err != nil {
		return err
	}
	r.metrics.forget(types.NamespacedName{Namespace: app.Namespace, Name: app.Name})
	r.statuses.forget(app.UID)
	r.stalls.forget(app.NamespacedName())
	return nil
}

// writeStatus writes the status when it differs, and then tells of the change.
func (r *ApplicationReconciler) writeStatus(ctx context.Context, app *v1beta1.Application, wanted v1beta1.ApplicationStatus) error {
	r.metrics.observe(types.NamespacedName{Namespace: app.Namespace, Name: app.Name}, string(wanted.Phase))
	before := app.Status
	written, err := r.statuses.write(ctx, app, wanted)
	if err != nil || !written {
		return err
	}
	r.tell(app, before, wanted)
	return nil
}

// tell emits events for changes of phase and of what stalls, after the status was
// written. An application that runs before anything else was told of it has not changed.
func (r *ApplicationReconciler) tell(app *v1beta1.Application, before, after v1beta1.ApplicationStatus) {
	r.tellPause(app, before, after)
	stalled := meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionStalled)
	earlier := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionStalled)
	if isTrue(stalled) && (!isTrue(earlier) || earlier.Reason != stalled.Reason) && stalled.Reason != delivery.ReasonPaused {
		r.recorder.Eventf(app, nil, "Warning", stalled.Reason, "Deliver", "%s", shorten(stalled.Message))
	}
	if after.Phase != before.Phase && before.Phase != "" && after.Phase == v1beta1.PhaseRunning {
		r.recorder.Eventf(app, nil, "Normal", "Running", "Deliver", "delivered and healthy in %s", counted(places(after.Summary), "place"))
	}
}

func isTrue(condition *metav1.Condition) bool {
	return condition != nil && condition.Status == metav1.ConditionTrue
}

// shorten cuts a text to what an event may hold.
func shorten(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// removalCheck is how often an application that is being removed is looked at
// when no event tells of progress.
const removalCheck = 10 * time.Second

// minRetry keeps a request for another look from becoming a hot loop.
const minRetry = 50 * time.Millisecond

func places(summary *v1beta1.ApplicationSummary) int32 {
	if summary == nil {
		return 0
	}
	return summary.Places
}
