// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

const (
	// maxEntries bounds services and appliedResources, whose number grows with the fleet.
	maxEntries = 100
	// maxStatus bounds the whole status, in bytes of its JSON: every change of it
	// goes to everybody who watches applications.
	maxStatus = 32 << 10
	// maxMessage bounds the message of a service or condition, in bytes.
	maxMessage = 1000
)

// Reasons of conditions.
const (
	reasonDelivered   = "Delivered"
	reasonProgressing = "Progressing"
	reasonBlocked     = "Blocked"
	reasonDeleting    = "Deleting"
	reasonUnhealthy   = "Unhealthy"
)

// outcome is what one pass over an application came to.
type outcome struct {
	// invalid says why the application as a whole cannot be delivered.
	invalid *delivery.Problem
	// report of the delivery; nil when invalid is set.
	report *delivery.Report
	// warnings are unknown parameters.
	warnings []string
	// again is when what the components refer to is read again, or what is given up is
	// looked at; 0 when there is neither.
	again time.Duration
	// stall is what does not get on.
	stall stall
}

func (o *outcome) retryAfter() time.Duration {
	after := sooner(o.again, o.stall.again)
	if o.report != nil {
		after = sooner(after, o.report.RetryAfter)
	}
	if after == 0 {
		return 0
	}
	return max(after, minRetry)
}

// verdict is the outcome in the terms of conditions.
type verdict struct {
	done    bool // everything is there and healthy
	stalled *delivery.Problem
	waiting string // what is waited for, when neither done nor stalled
	reason  string
}

// isPaused says that something is due and held back.
func (v verdict) isPaused() bool {
	return v.stalled != nil && v.stalled.Reason == delivery.ReasonPaused
}

// status is the status that the outcome gives an application. It does not
// change the application.
func (o *outcome) status(app *v1beta1.Application, now metav1.Time) v1beta1.ApplicationStatus {
	status := *app.Status.DeepCopy()
	status.ObservedGeneration = app.Generation
	status.ObservedRevision = app.Annotations[v1alpha1.AnnotationRevision]
	verdict := o.verdict()
	status.Phase = o.phase(app, verdict)
	revision := nextRevision(app)
	// Also of what cannot be delivered: on a shared hub nothing else says which revision this status is about.
	status.Workflow = workflow(app, revision, verdict)
	if o.report != nil {
		status.Services, status.Summary = services(o.report)
	}
	if o.report != nil && o.heldBack() == nil && (!app.Paused() || o.delivered()) {
		// What is held back is in no place: what is there is of the revision before.
		status.LatestRevision = &revision
		status.AppliedResources = appliedResources(o.report)
	}
	setConditions(&status, app.Generation, verdict, now)
	setPaused(&status, app, now)
	setWarnings(&status, app.Generation, o.warnings, now)
	fit(&status)
	return status
}

// delivered says that every place has what the application says now.
func (o *outcome) delivered() bool {
	return len(o.report.Held) == 0 && !slices.ContainsFunc(o.report.Units, func(u delivery.UnitReport) bool { return u.Observe.State != delivery.Delivered })
}

// fit takes entries from the ends of services and appliedResources until the
// status is within maxStatus; services get two thirds of the room.
func fit(status *v1beta1.ApplicationStatus) {
	rest := *status
	rest.Services, rest.AppliedResources = nil, nil
	room := maxStatus - sizeOf(rest) - len(`"services":,"appliedResources":,"omitted":2147483647,`)
	kept, omitted := bounded(status.Services, room*2/3)
	status.Services = kept
	if status.Summary != nil {
		status.Summary.Omitted += int32(omitted)
	}
	status.AppliedResources = status.AppliedResources[:fitting(status.AppliedResources, room-sizeOf(status.Services))]
}

// fitting is how many entries from the first take no more than room bytes.
func fitting[T any](entries []T, room int) int {
	for i := range entries {
		if room -= sizeOf(entries[i]) + len(","); room < len("[]") {
			return i
		}
	}
	return len(entries)
}

func sizeOf(value any) int {
	raw, err := json.Marshal(value)
	if err != nil {
		return maxStatus // what has no JSON has no place
	}
	return len(raw)
}

func (o *outcome) verdict() verdict {
	if o.invalid != nil {
		return verdict{stalled: o.invalid}
	}
	for i := range o.report.Problems {
		if !o.report.Problems[i].Waiting {
			return verdict{stalled: &o.report.Problems[i]}
		}
	}
	return o.unitsVerdict()
}

// unitsVerdict looks at the places. What is refused stalls at once; a cluster
// that is away stalls only when nothing else is under way, so that it never
// hides the progress of the others. What waits there for something else waits for the cluster.
func (o *outcome) unitsVerdict() verdict {
	var away, waiting, unhealthy []string
	isAway := awayClusters(o.report)
	for _, unit := range o.report.Units {
		text := unitText(unit)
		switch {
		case unit.Healthy():
		case unit.Unjudged:
			return verdict{stalled: &delivery.Problem{Reason: delivery.ReasonHealthFailed, Message: text}}
		case unit.Observe.HeldBack():
		case unit.Observe.State == delivery.Refused:
			return verdict{stalled: &delivery.Problem{Reason: unit.Observe.Reason, Message: text}}
		case isAway[unit.Unit.Place.Cluster]:
			away = append(away, text)
		case unit.Observe.State == delivery.Delivered:
			unhealthy = append(unhealthy, text)
		default:
			waiting = append(waiting, text)
		}
	}
	if held := o.heldBack(); held != nil {
		return verdict{stalled: held}
	}
	if len(o.stall.units) > 0 {
		return verdict{stalled: &delivery.Problem{Reason: o.stall.reason(), Message: o.stall.message(o.report)}}
	}
	for _, problem := range o.report.Problems {
		waiting = append(waiting, problem.Message)
	}
	for _, removal := range o.report.Removals {
		waiting = append(waiting, removalText(removal))
	}
	return summarize(away, waiting, unhealthy)
}

func unitText(unit delivery.UnitReport) string {
	return fmt.Sprintf("%s: %s: %s", unit.Unit.Place, delivery.Title(unit.Unit.Component), messageOf(unit))
}

func summarize(away, waiting, unhealthy []string) verdict {
	if len(waiting) == 0 && len(unhealthy) == 0 && len(away) == 0 {
		return verdict{done: true}
	}
	if len(waiting) == 0 && len(unhealthy) == 0 {
		return verdict{stalled: &delivery.Problem{Reason: delivery.ReasonClusterAway, Message: enumerate(away)}}
	}
	reason := reasonProgressing
	if len(waiting) == 0 {
		reason = reasonUnhealthy
	}
	return verdict{reason: reason, waiting: enumerate(slices.Concat(unhealthy, waiting, away))}
}

func removalText(removal delivery.Removal) string {
	return fmt.Sprintf("%s: %s: being removed: %s", removal.Record.Place, delivery.Title(removal.Record.Component),
		cmp.Or(removal.Observe.Message, "tried again")+lastReport(removal.Observe))
}

// enumerate joins the first texts and counts the rest.
func enumerate(texts []string) string {
	const most = 3
	if len(texts) <= most {
		return strings.Join(texts, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(texts[:most], "; "), len(texts)-most)
}

// phase is the state in the words that existing OAM clients read.
func (o *outcome) phase(app *v1beta1.Application, verdict verdict) v1beta1.ApplicationPhase {
	if verdict.done {
		return v1beta1.PhaseRunning
	}
	if o.invalid != nil {
		return v1beta1.PhaseRendering
	}
	if verdict.isPaused() {
		return v1beta1.PhaseWorkflowSuspending
	}
	ran := app.Status.Phase == v1beta1.PhaseRunning || app.Status.Phase == v1beta1.PhaseUnhealthy
	if ran && app.Status.ObservedGeneration == app.Generation {
		return v1beta1.PhaseUnhealthy
	}
	if verdict.stalled != nil && verdict.stalled.Reason != delivery.ReasonClusterAway {
		return v1beta1.PhaseWorkflowFailed
	}
	return v1beta1.PhaseRunningWorkflow
}

func messageOf(unit delivery.UnitReport) string {
	message := unit.Verdict.Message
	if unit.Observe.State != delivery.Delivered {
		message = unit.Observe.Message
	}
	if unit.Healthy() {
		return message
	}
	if unit.Observe.State == delivery.Delivered && !tells(message, unit.Cause.Text) {
		message = strings.TrimPrefix(message+"; "+unit.Cause.Text, "; ")
	}
	return message + lastReport(unit.Observe)
}

// tells says that a message has the cause already: of what a condition says both
// the health and the target know. There is nothing to tell where there is no cause.
func tells(message, cause string) bool {
	_, why, _ := strings.Cut(cause, ": ")
	return cause == "" || why != "" && strings.Contains(message, why)
}

// lastReport says when the cluster last reported: a time and no age, which
// would change the status every second.
func lastReport(observation delivery.Observation) string {
	if observation.Reported.IsZero() {
		return ""
	}
	return "; last report " + observation.Reported.UTC().Format(time.RFC3339)
}

// services are the places with the unhealthy first, and their counts.
func services(report *delivery.Report) ([]v1beta1.ApplicationComponentStatus, *v1beta1.ApplicationSummary) {
	summary := &v1beta1.ApplicationSummary{}
	list := make([]v1beta1.ApplicationComponentStatus, 0, len(report.Units)+len(report.Held))
	for _, unit := range slices.Concat(report.Units, report.Held) {
		if delivery.IsPolicy(unit.Unit.Component) {
			continue // which is no service; the conditions speak of it
		}
		summary.Places++
		if unit.Healthy() {
			summary.Healthy++
		}
		list = append(list, service(unit))
	}
	slices.SortStableFunc(list, func(a, b v1beta1.ApplicationComponentStatus) int {
		return cmp.Compare(rank(a.Healthy), rank(b.Healthy))
	})
	return list, summary
}

func rank(healthy bool) int {
	if healthy {
		return 1
	}
	return 0
}

func service(unit delivery.UnitReport) v1beta1.ApplicationComponentStatus {
	entry := v1beta1.ApplicationComponentStatus{
		Name: unit.Unit.Component, Namespace: unit.Unit.Place.Namespace, Cluster: unit.Unit.Place.Cluster, Env: unit.Unit.Place.Environment,
		Healthy: unit.Healthy(), WorkloadHealthy: unit.Observe.State == delivery.Delivered && unit.Verdict.WorkloadHealthy, Message: cut(messageOf(unit)), Details: unit.Verdict.Details,
		Endpoints: unit.Verdict.Endpoints,
	}
	if objects := unit.Unit.Result.Objects; len(objects) > 0 {
		entry.WorkloadDefinition = workloadOf(objects[0])
	}
	for _, trait := range unit.Verdict.Traits {
		entry.Traits = append(entry.Traits, v1beta1.ApplicationTraitStatus{
			Type: trait.Type, Healthy: trait.Healthy, Message: cut(trait.Message), Details: trait.Details,
		})
	}
	return entry
}

func workloadOf(object render.Object) v1beta1.WorkloadGVK {
	apiVersion, kind := object.GroupVersionKind().ToAPIVersionAndKind()
	return v1beta1.WorkloadGVK{APIVersion: apiVersion, Kind: kind}
}

// appliedResources are the objects of the places that have them, bounded.
func appliedResources(report *delivery.Report) []v1beta1.ClusterObjectReference {
	var list []v1beta1.ClusterObjectReference
	for _, unit := range report.Units {
		if unit.Observe.State != delivery.Delivered && unit.Observe.State != delivery.Applying {
			continue
		}
		for _, object := range unit.Unit.Result.Objects {
			if len(list) == maxEntries {
				return list
			}
			workload := workloadOf(object)
			list = append(list, v1beta1.ClusterObjectReference{
				Cluster: unit.Unit.Place.Cluster, Creator: v1beta1.ControllerName,
				ObjectReference: corev1.ObjectReference{
					APIVersion: workload.APIVersion, Kind: workload.Kind, Namespace: object.Namespace(), Name: object.Name(),
				},
			})
		}
	}
	return list
}

// nextRevision is the revision that the application's spec stands for: the
// latest, or one more when the spec differs from it.
func nextRevision(app *v1beta1.Application) v1beta1.Revision {
	hash := specHash(app)
	number := int64(1)
	if latest := app.Status.LatestRevision; latest != nil {
		if latest.RevisionHash == hash {
			return *latest
		}
		number = latest.Revision + 1
	}
	return v1beta1.Revision{Name: fmt.Sprintf("%s-v%d", app.Name, number), Revision: number, RevisionHash: hash}
}

// workflow is the state of the delivery as existing OAM clients read it. Its
// appRevision ends with the revision that the application's writer gave, the
// one place for it in the Application CRD of another OAM controller.
func workflow(app *v1beta1.Application, revision v1beta1.Revision, verdict verdict) *v1beta1.WorkflowStatus {
	status := &v1beta1.WorkflowStatus{
		AppRevision: revision.Name + ":" + cmp.Or(app.Annotations[v1alpha1.AnnotationRevision], revision.RevisionHash),
		Mode:        "StepByStep-DAG", Phase: "executing",
	}
	if verdict.done {
		status.Phase, status.Finished = "succeeded", true
	}
	if verdict.isPaused() {
		status.Phase, status.Suspend, status.Message = "suspending", true, cut(verdict.stalled.Message)
		return status
	}
	if verdict.stalled != nil && verdict.stalled.Reason != delivery.ReasonClusterAway {
		status.Phase, status.Finished, status.Message = "failed", true, cut(verdict.stalled.Message)
	}
	return status
}

// specHash identifies the spec.
func specHash(app *v1beta1.Application) string {
	raw, err := json.Marshal(app.Spec)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:12]
}

func setConditions(status *v1beta1.ApplicationStatus, generation int64, verdict verdict, now metav1.Time) {
	set := func(kind string, value bool, reason, message string) {
		setCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: asStatus(value), Reason: reason, Message: cut(message), ObservedGeneration: generation, LastTransitionTime: now,
		})
	}
	switch {
	case verdict.done:
		message := "delivered and healthy in " + counted(places(status.Summary), "place")
		set(v1alpha1.ConditionReady, true, reasonDelivered, message)
		set(v1alpha1.ConditionReconciling, false, reasonDelivered, message)
		set(v1alpha1.ConditionStalled, false, reasonDelivered, message)
	case verdict.stalled != nil:
		set(v1alpha1.ConditionReady, false, verdict.stalled.Reason, verdict.stalled.Message)
		set(v1alpha1.ConditionReconciling, false, reasonBlocked, "nothing goes on without a change; see condition Stalled")
		set(v1alpha1.ConditionStalled, true, verdict.stalled.Reason, verdict.stalled.Message)
	default:
		set(v1alpha1.ConditionReady, false, verdict.reason, verdict.waiting)
		set(v1alpha1.ConditionReconciling, true, verdict.reason, verdict.waiting)
		set(v1alpha1.ConditionStalled, false, verdict.reason, "")
	}
}

func setCondition(conditions *[]metav1.Condition, condition metav1.Condition) {
	meta.SetStatusCondition(conditions, condition)
	slices.SortFunc(*conditions, func(a, b metav1.Condition) int { return cmp.Compare(a.Type, b.Type) })
}

func setWarnings(status *v1beta1.ApplicationStatus, generation int64, warnings []string, now metav1.Time) {
	if len(warnings) == 0 {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionUnknownParameters)
		return
	}
	setCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionUnknownParameters, Status: metav1.ConditionTrue, Reason: "Ignored", LastTransitionTime: now,
		Message: cut("these have no effect: " + enumerate(warnings)), ObservedGeneration: generation,
	})
}

// counted is a number with its noun.
func counted(n int32, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func asStatus(value bool) metav1.ConditionStatus {
	if value {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}

func cut(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "..."
}

// removalStatus is the status of an application that is being removed.
func removalStatus(app *v1beta1.Application, report *delivery.Report, now metav1.Time) v1beta1.ApplicationStatus {
	status := *app.Status.DeepCopy()
	status.ObservedGeneration = app.Generation
	status.Phase = v1beta1.PhaseDeleting
	status.Services, status.AppliedResources = nil, nil
	var waiting []string
	for _, removal := range report.Removals {
		waiting = append(waiting, removalText(removal))
		if !delivery.IsPolicy(removal.Record.Component) {
			status.Services = append(status.Services, leaving(removal))
		}
	}
	for _, tenant := range report.Tenants {
		waiting = append(waiting, fmt.Sprintf("cluster %s: the deployer account of namespace %s is being removed", tenant.Cluster, tenant.Namespace))
	}
	status.Summary = &v1beta1.ApplicationSummary{Places: int32(len(report.Removals))}
	meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionPaused) // which a deletion is not
	setConditions(&status, app.Generation, verdict{reason: reasonDeleting, waiting: "being removed: " + enumerate(waiting)}, now)
	fit(&status)
	return status
}

func leaving(removal delivery.Removal) v1beta1.ApplicationComponentStatus {
	place := removal.Record.Place
	return v1beta1.ApplicationComponentStatus{
		Name: removal.Record.Component, Namespace: place.Namespace, Cluster: place.Cluster, Env: place.Environment,
		Message: cut("being removed: " + cmp.Or(removal.Observe.Message, "tried again")),
	}
}

// dropForeign takes out of a status what the Application CRD of another OAM
// controller does not have: there the API server would drop it, and it would
// be written again for ever.
func dropForeign(status *v1beta1.ApplicationStatus) {
	status.ObservedRevision = ""
	status.Summary = nil
	for i := range status.Services {
		status.Services[i].Endpoints = nil
	}
	for i := range status.Conditions {
		status.Conditions[i].ObservedGeneration = 0
	}
}
