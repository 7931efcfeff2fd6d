// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// The conditions that the addon sets after the kstatus contract.
const (
	conditionReady       = "Ready"
	conditionReconciling = "Reconciling"
	conditionStalled     = "Stalled"
)

// reasonClusterAway is the reason of Stalled when everything is healthy but on
// clusters that do not report.
const reasonClusterAway = "ClusterAway"

// Outcome is what can be said of a rollout at a moment.
type Outcome string

// The outcomes of looking at an application.
const (
	// Waiting means that the rollout goes on.
	Waiting Outcome = "Waiting"
	// Healthy means that the revision is healthy in all places.
	Healthy Outcome = "Healthy"
	// Stalled means that waiting cannot help.
	Stalled Outcome = "Stalled"
	// Superseded means that the application carries another revision by now.
	Superseded Outcome = "Superseded"
	// Gone means that the application does not exist or is being deleted.
	Gone Outcome = "Gone"
)

// Progress is what can be said of the rollout of a revision at a moment.
type Progress struct {
	// Outcome in a word.
	Outcome Outcome
	// Waits says in a line what the rollout waits for; empty unless it waits.
	Waits string
	// Live is the revision that the application carries.
	Live string
	// App is the application; nil when it does not exist.
	App *v1beta1.Application
}

// waitsFor says in a line what is waited for now.
func (p Progress) waitsFor() string {
	switch p.Outcome {
	case "":
		return "the hub to tell of the application"
	case Stalled:
		return "a change, since it does not get on: " + waitsFor(p.App)
	default:
		return p.Waits
	}
}

// Judge says how far the rollout of a revision is. The object is nil when the
// application does not exist. An error means that it cannot be read.
func Judge(object *unstructured.Unstructured, revision string) (Progress, error) {
	if object == nil {
		return Progress{Outcome: Gone}, nil
	}
	live, err := RevisionOf(object)
	if err != nil {
		return Progress{}, err
	}
	app := &v1beta1.Application{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, app); err != nil {
		return Progress{}, fmt.Errorf("read the application %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	progress := judge(app, live, revision)
	progress.App, progress.Live = app, live
	return progress, nil
}

func judge(app *v1beta1.Application, live, revision string) Progress {
	if app.DeletionTimestamp != nil {
		return Progress{Outcome: Gone}
	}
	if live != revision {
		return Progress{Outcome: Superseded}
	}
	if !observed(app) {
		return Progress{Outcome: Waiting, Waits: "the addon has not looked at this revision yet"}
	}
	if stalledReason(app) == v1alpha1.ReasonPaused && !app.Paused() {
		return Progress{Outcome: Waiting, Waits: "the addon has not looked at it since it was resumed"}
	}
	if meta.IsStatusConditionTrue(app.Status.Conditions, conditionStalled) {
		return Progress{Outcome: Stalled}
	}
	if healthy(app) {
		return Progress{Outcome: Healthy}
	}
	return Progress{Outcome: Waiting, Waits: waitsFor(app)}
}

// observed says that the status speaks of what the application says now. An
// application that another tool wrote carries no revision to be echoed.
func observed(app *v1beta1.Application) bool {
	if app.Status.ObservedGeneration != app.Generation {
		return false
	}
	annotated := app.Annotations[v1alpha1.AnnotationRevision]
	return annotated == "" || observedRevision(app) == annotated
}

// observedRevision is the revision that the status speaks of. Where the CRD
// belongs to another OAM controller it has no field for that: there the addon
// writes the revision behind the name of the workflow's.
func observedRevision(app *v1beta1.Application) string {
	if app.Status.ObservedRevision != "" || app.Status.Workflow == nil {
		return app.Status.ObservedRevision
	}
	_, revision, _ := strings.Cut(app.Status.Workflow.AppRevision, ":")
	return revision
}

func healthy(app *v1beta1.Application) bool {
	return app.Status.Phase == v1beta1.PhaseRunning && meta.IsStatusConditionTrue(app.Status.Conditions, conditionReady)
}

// waitsFor names the first place that is not healthy, and how many more there are.
func waitsFor(app *v1beta1.Application) string {
	unhealthy := unhealthyPlaces(app)
	if len(unhealthy) == 0 {
		return clean(firstLine(conditionMessage(app, "the addon has not delivered it yet")))
	}
	first := unhealthy[0]
	text := fmt.Sprintf("component %s, %s", first.Name, where(first))
	text += ": " + stateOf(first, firstLine(clean(first.Message)))
	if more := len(unhealthy) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// conditionMessage is what the addon says it does, or the fallback.
func conditionMessage(app *v1beta1.Application, fallback string) string {
	for _, kind := range []string{conditionReconciling, conditionReady} {
		condition := meta.FindStatusCondition(app.Status.Conditions, kind)
		if condition != nil && condition.Message != "" && (kind == conditionReconciling) == (condition.Status == metav1.ConditionTrue) {
			return condition.Message
		}
	}
	return fallback
}

func unhealthyPlaces(app *v1beta1.Application) []v1beta1.ApplicationComponentStatus {
	var out []v1beta1.ApplicationComponentStatus
	for _, service := range app.Status.Services {
		if !service.Healthy {
			out = append(out, service)
		}
	}
	return out
}

// where names a place: the environment, if there is one, and the cluster.
func where(service v1beta1.ApplicationComponentStatus) string {
	var parts []string
	if service.Env != "" {
		parts = append(parts, "environment "+service.Env)
	}
	if service.Cluster != "" {
		parts = append(parts, "cluster "+service.Cluster)
	}
	if len(parts) == 0 {
		return "namespace " + service.Namespace
	}
	return strings.Join(parts, ", ")
}
