// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

const (
	// unhandledAfter is how long the addon may take to look at an application for the first time.
	unhandledAfter = 2 * time.Minute
	// hangsAfter is how long a deletion may take before it is told.
	hangsAfter = 10 * time.Minute
	// workFinalizer is what a cluster's work agent holds works with.
	workFinalizer = "cluster.open-cluster-management.io/manifest-work-cleanup"
)

// handles says whether an application is the addon's, in the way in which its controller decides it.
func (h *Hub) handles(app *Application) bool {
	if requirement := app.Metadata.Annotations[v1beta1.AnnotationControllerRequirement]; requirement != "" {
		return requirement == v1beta1.ControllerName
	}
	return !h.shared()
}

// applications checks that applications get on.
func applications(h *Hub) []Finding {
	var stalled, failed, unhealthy, unhandled, paused []Object
	for i := range h.Applications {
		app := &h.Applications[i]
		if !h.handles(app) || app.Metadata.DeletionTimestamp != nil {
			continue
		}
		name := fullName(app.Metadata)
		stall, ready := conditionOf(app.Status.Conditions, v1alpha1.ConditionStalled), conditionOf(app.Status.Conditions, v1alpha1.ConditionReady)
		pause := conditionOf(app.Status.Conditions, v1alpha1.ConditionPaused)
		if isTrue(pause) {
			paused = append(paused, Object{name, "for " + duration.HumanDuration(h.Now.Sub(pause.LastTransitionTime.Time))})
		}
		switch {
		case isTrue(stall) && stall.Reason == v1alpha1.ReasonPaused:
			// Somebody asked for it.
		case isTrue(stall):
			stalled = append(stalled, Object{name, reasoned(stall)})
		case app.Status.Phase == v1beta1.PhaseWorkflowFailed:
			failed = append(failed, Object{name, reasoned(ready)})
		case app.Status.Phase == v1beta1.PhaseUnhealthy:
			unhealthy = append(unhealthy, Object{name, reasoned(ready)})
		case len(app.Status.Conditions) == 0 && h.Now.Sub(app.Metadata.CreationTimestamp.Time) > unhandledAfter:
			unhandled = append(unhandled, Object{name, "created " + duration.HumanDuration(h.Now.Sub(app.Metadata.CreationTimestamp.Time)) + " ago"})
		}
	}
	const table = "see what the reasons mean in the guide on troubleshooting"
	findings := about(Finding{Severity: Error, What: "applications are stalled: nothing goes on until somebody changes something",
		Cause: "each message names what is wrong, and where", Remedy: table}, stalled)
	findings = append(findings, about(Finding{Severity: Error, What: "the delivery of applications has failed", Remedy: table}, failed)...)
	findings = append(findings, about(Finding{Severity: Error, What: "applications have no status",
		Cause: "no manager has looked at them", Remedy: "see whether one leads, above, and what it prints"}, unhandled)...)
	findings = append(findings, about(Finding{Severity: Warning, What: "applications are delivered and not healthy",
		Cause: "each message names the first places", Remedy: "look at the workloads there"}, unhealthy)...)
	return append(findings, about(Finding{Severity: Note, What: "applications are paused: nothing of them is written, repaired or removed",
		Cause: "their label " + v1beta1.LabelPause, Remedy: "take the label away to resume them"}, paused)...)
}

// accounts checks that what applications refer to can be read in their namespaces.
// The account is there where something is delivered to; an application that goes to
// managed clusters alone has none unless somebody makes it.
func accounts(h *Hub) []Finding {
	if !h.has(applicationResource, accountResource) {
		return nil
	}
	there := map[string]bool{}
	for _, account := range h.Accounts {
		there[account.Metadata.Namespace] = true
	}
	waiting := map[string][]*Application{}
	for i := range h.Applications {
		app := &h.Applications[i]
		stall := conditionOf(app.Status.Conditions, v1alpha1.ConditionStalled)
		if !h.handles(app) || app.Metadata.DeletionTimestamp != nil || !isTrue(stall) || stall.Reason != render.ReasonReferenceNotFound {
			continue
		}
		if namespace := app.Metadata.Namespace; !there[namespace] {
			waiting[namespace] = append(waiting[namespace], app)
		}
	}
	lacking := make([]Object, 0, len(waiting))
	for namespace, apps := range waiting {
		names := make([]string, len(apps))
		for i, app := range apps {
			names[i] = app.Metadata.Name
		}
		slices.Sort(names)
		lacking = append(lacking, Object{namespace, "applications: " + strings.Join(names[:min(len(names), maxObjects)], ", ")})
	}
	if len(lacking) > maxObjects {
		return accountless(lacking, "for each NAMESPACE: "+delivery.Grant("NAMESPACE", nil)+`; for narrower rights see "Secrets of an application" in the guide on delivery`)
	}
	slices.SortFunc(lacking, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	var findings []Finding
	for _, namespace := range lacking {
		findings = append(findings, accountless([]Object{namespace}, delivery.Grant(namespace.Name, secretsOf(waiting[namespace.Name])))...)
	}
	return findings
}

// accountless tells of namespaces without the account.
func accountless(lacking []Object, remedy string) []Finding {
	return about(Finding{Severity: Error, What: "namespaces have no account " + v1alpha1.DeployerAccount + ", and applications whose Secrets or objects it is to read",
		Cause: "nothing is delivered to them on the hub, which makes the account", Remedy: remedy}, lacking)
}

// secretsOf are the Secrets that applications list, sorted; none where one of them lists
// nothing, and so waits for something else. Who writes applications writes the lists: what
// is no name is left out, since the commands are there to be run.
func secretsOf(apps []*Application) []string {
	var names []string
	for _, app := range apps {
		listed, ok := delivery.SecretNames(app.Metadata.Annotations)
		if !ok {
			return nil
		}
		names = append(names, listed...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// reasoned is the reason of a condition with its message.
func reasoned(condition *metav1.Condition) string {
	if condition == nil {
		return ""
	}
	return condition.Reason + ": " + condition.Message
}

// phases counts the applications of the addon by phase; nil when they were not read.
func (h *Hub) phases() map[string]int {
	if !h.has(applicationResource) {
		return nil
	}
	counts := map[string]int{}
	for i := range h.Applications {
		app := &h.Applications[i]
		if !h.handles(app) {
			continue
		}
		phase := app.Status.Phase
		if phase == "" {
			phase = v1beta1.PhaseStarting
		}
		counts[clean(string(phase))]++
	}
	return counts
}

// environments checks that environments can be used and have clusters.
func environments(h *Hub) []Finding {
	var stalled, needed, empty []Object
	for i := range h.Environments {
		e := &h.Environments[i]
		ready := conditionOf(e.Status.Conditions, v1alpha1.ConditionReady)
		stall := conditionOf(e.Status.Conditions, v1alpha1.ConditionStalled)
		switch {
		case e.DeletionTimestamp != nil:
		case isTrue(stall):
			stalled = append(stalled, Object{e.Name, reasoned(stall)})
		case e.Status.Clusters > 0:
		case e.Status.Applications > 0:
			needed = append(needed, Object{e.Name, fmt.Sprintf("applications: %d; %s", e.Status.Applications, reasoned(ready))})
		default:
			empty = append(empty, Object{e.Name, reasoned(ready)})
		}
	}
	const remedy = "bind clusters: create a ClusterBinding that names the environment, or see why its bindings have none"
	findings := about(Finding{Severity: Error, What: "environments cannot be used as they are", Cause: "each message names the field, or the binding",
		Remedy: "correct what the message names"}, stalled)
	findings = append(findings, about(Finding{Severity: Error, What: "environments have no cluster, and applications that wait for one", Remedy: remedy}, needed)...)
	return append(findings, about(Finding{Severity: Warning, What: "environments have no cluster", Remedy: remedy}, empty)...)
}

// bindings checks that cluster bindings have come to clusters.
func bindings(h *Hub) []Finding {
	var stalled, waiting []Object
	for i := range h.Bindings {
		b := &h.Bindings[i]
		ready := conditionOf(b.Status.Conditions, v1alpha1.ConditionReady)
		stall := conditionOf(b.Status.Conditions, v1alpha1.ConditionStalled)
		switch {
		case b.DeletionTimestamp != nil:
		case isTrue(stall):
			stalled = append(stalled, Object{b.Name, reasoned(stall)})
		case ready == nil && h.Now.Sub(b.CreationTimestamp.Time) > unhandledAfter:
			waiting = append(waiting, Object{b.Name, "it has no status: no manager has looked at it"})
		case ready != nil && !isTrue(ready):
			waiting = append(waiting, Object{b.Name, reasoned(ready)})
		}
	}
	findings := about(Finding{Severity: Error, What: "cluster bindings cannot be resolved", Cause: "each message names the field",
		Remedy: "correct what the message names"}, stalled)
	return append(findings, about(Finding{Severity: Warning, What: "cluster bindings wait for their clusters",
		Cause: "OCM has not decided, nothing matches, or the environment does not exist", Remedy: "see kubectl get managedclusters --show-labels, and kubectl -n fairlead-system describe placements"}, waiting)...)
}

// definitions checks that definitions can be used. On a shared hub they are the other controller's.
func definitions(h *Hub) []Finding {
	if h.shared() {
		return nil
	}
	var refused, ineffective []Object
	for _, plural := range definitionKinds() {
		for i := range h.Definitions[plural] {
			d := &h.Definitions[plural][i]
			stall := conditionOf(d.Status.Conditions, v1alpha1.ConditionStalled)
			object := Object{strings.TrimSuffix(plural, "s") + " " + fullName(d.Metadata), reasoned(stall)}
			switch {
			case d.Metadata.DeletionTimestamp != nil || !isTrue(stall):
			case stall.Reason == delivery.ReasonNotImplemented:
				ineffective = append(ineffective, object)
			default:
				refused = append(refused, object)
			}
		}
	}
	findings := about(Finding{Severity: Error, What: "definitions cannot be used", Cause: "each message names what is wrong",
		Remedy: "correct them; fairlead-addon definition vet names file and line"}, refused)
	return append(findings, about(Finding{Severity: Warning, What: "definitions have no effect", Cause: "this version does not implement their kind",
		Remedy: "remove them, unless another controller uses them"}, ineffective)...)
}

// finalizers finds what is being deleted and does not go.
func finalizers(h *Hub) []Finding {
	var hanging []Object
	look := func(kind string, meta Meta, message string) {
		if meta.DeletionTimestamp == nil || h.Now.Sub(meta.DeletionTimestamp.Time) <= hangsAfter {
			return
		}
		text := fmt.Sprintf("deleted %s ago, held by %s", duration.HumanDuration(h.Now.Sub(meta.DeletionTimestamp.Time)), holders(meta))
		if message != "" {
			text += "; " + message
		}
		hanging = append(hanging, Object{kind + " " + fullName(meta), text})
	}
	for i := range h.Applications {
		look("application", h.Applications[i].Metadata, saying(h.Applications[i].Status.Conditions))
	}
	for i := range h.Environments {
		look("environment", metaOf(&h.Environments[i].ObjectMeta), saying(h.Environments[i].Status.Conditions))
	}
	for i := range h.Bindings {
		look("clusterbinding", metaOf(&h.Bindings[i].ObjectMeta), saying(h.Bindings[i].Status.Conditions))
	}
	for _, plural := range definitionKinds() {
		for i := range h.Definitions[plural] {
			look(strings.TrimSuffix(plural, "s"), h.Definitions[plural][i].Metadata, "")
		}
	}
	for i := range h.Works {
		look("manifestwork", h.Works[i].Metadata, "")
	}
	for i := range h.Clusters {
		c := &h.Clusters[i]
		look("managedcluster", c.Metadata, reasoned(conditionOf(c.Status.Conditions, "Deleting")))
	}
	return about(Finding{Severity: Error, What: "objects are being deleted for more than 10 minutes",
		Cause:  "whoever holds them with a finalizer does not run, or cannot finish",
		Remedy: "see that it runs and reaches what it removes. Take a finalizer away by hand only if its owner is gone for good: what it would have removed stays"}, hanging)
}

// saying is what an object says of itself while it is being deleted.
func saying(conditions []metav1.Condition) string {
	if stall := conditionOf(conditions, v1alpha1.ConditionStalled); isTrue(stall) {
		return reasoned(stall)
	}
	return reasoned(conditionOf(conditions, v1alpha1.ConditionReady))
}

func metaOf(meta *metav1.ObjectMeta) Meta {
	return Meta{Namespace: meta.Namespace, Name: meta.Name, Finalizers: meta.Finalizers, DeletionTimestamp: meta.DeletionTimestamp}
}

// holders names the finalizers of an object, each with who removes it.
func holders(meta Meta) string {
	if len(meta.Finalizers) == 0 {
		return "no finalizer: it goes when what it holds is gone"
	}
	const most = 3
	var texts []string
	for _, finalizer := range meta.Finalizers[:min(len(meta.Finalizers), most)] {
		texts = append(texts, fmt.Sprintf("%s (%s)", finalizer, remover(finalizer, meta.Namespace)))
	}
	text := strings.Join(texts, ", ")
	if n := len(meta.Finalizers) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// remover is who removes a finalizer.
func remover(finalizer, namespace string) string {
	owner, _, hasOwner := strings.Cut(finalizer, "/")
	switch {
	case finalizer == v1alpha1.Finalizer:
		return "the addon"
	case finalizer == workFinalizer:
		return "the work agent of cluster " + namespace
	case finalizer == metav1.FinalizerDeleteDependents || finalizer == metav1.FinalizerOrphanDependents:
		return "Kubernetes' garbage collector"
	case strings.HasSuffix(owner, "open-cluster-management.io"):
		return "OCM's controllers on the hub"
	case hasOwner:
		return "a controller of " + owner
	}
	return "the controller that set it"
}
