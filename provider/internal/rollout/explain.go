// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// maxPlaces is how many places an explanation names; a fleet may have thousands.
const maxPlaces = 20

// Failure says why a rollout did not end well.
type Failure struct {
	// Target that was waited for.
	Target Target
	// Progress when the wait ended.
	Progress Progress
	// Waited is how long.
	Waited time.Duration
	// Limit is how long it would have been waited for.
	Limit time.Duration
	// Interrupted says that the user stopped the wait.
	Interrupted bool
	// Absent says that the hub had no such application when the wait began.
	Absent bool
}

// Summary is the explanation in one line.
func (f *Failure) Summary() string {
	name := fmt.Sprintf("application %q", f.Target.Name)
	switch {
	case f.Progress.Outcome == Gone && f.Absent:
		return name + " does not exist"
	case f.Progress.Outcome == Gone:
		return name + " does not exist any more"
	case f.Progress.Outcome == Superseded:
		return name + " was changed while its rollout was waited for"
	}
	if f.paused() {
		return name + " is paused"
	}
	total, healthy := places(f.Progress.App)
	if total == 0 {
		return name + " was not delivered"
	}
	if total == healthy {
		return name + " was not rolled out completely"
	}
	return fmt.Sprintf("%s is not healthy in %d of %d %s", name, total-healthy, total, plural(total, "place"))
}

// Detail explains place by place what is wrong, why the wait ended, and what to do.
func (f *Failure) Detail() string {
	var lines []string
	if app := f.Progress.App; app != nil && f.speaksOfPlaces() {
		lines = append(lines, conditionLines(app)...)
		lines = append(lines, placeLines(app)...)
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	lines = append(lines, "  "+f.ending(), "  "+f.remedy())
	return strings.Join(lines, "\n")
}

// Error is the explanation as a whole.
func (f *Failure) Error() string {
	return f.Summary() + "\n\n" + f.Detail()
}

// speaksOfPlaces says whether the status is about the revision that was waited for.
func (f *Failure) speaksOfPlaces() bool {
	return f.Progress.Outcome == Stalled || (f.Progress.Outcome == Waiting && observed(f.Progress.App))
}

func (f *Failure) ending() string {
	waited, limit := f.Waited.Round(time.Second), f.Limit.Round(time.Second)
	switch {
	case f.Interrupted:
		return fmt.Sprintf("Stopped waiting after %s: interrupted.", short(waited))
	case f.Progress.Outcome == Gone && f.Absent:
		return fmt.Sprintf("Did not wait: the hub has no Application %q.", f.Target.Namespace+"/"+f.Target.Name)
	case f.Progress.Outcome == Gone:
		return fmt.Sprintf("Stopped waiting after %s: it was deleted, or is being deleted.", short(waited))
	case f.Progress.Outcome == Superseded:
		return fmt.Sprintf("Stopped waiting after %s: it carries revision %s by now, and %s was waited for.", short(waited), f.Progress.Live, f.Target.Revision)
	case f.paused():
		return fmt.Sprintf("Stopped waiting after %s of %s: it is paused%s, and nothing of it is delivered until it is resumed.", short(waited), short(limit), pausedSince(f.Progress.App))
	case f.Progress.Outcome == Stalled && stalledReason(f.Progress.App) == v1alpha1.ReasonNotProgressing:
		return fmt.Sprintf("Stopped waiting after %s of %s: nothing changed for as long as rollout.stall_after of the cluster binding allows (90s when it is not set).",
			short(waited), short(limit))
	case f.Progress.Outcome == Stalled:
		return fmt.Sprintf("Stopped waiting after %s of %s: waiting cannot repair this.", short(waited), short(limit))
	}
	return fmt.Sprintf("Stopped waiting after %s, which is all that timeouts allow. Last seen: %s.", short(waited), f.Progress.Waits)
}

func (f *Failure) remedy() string {
	switch {
	case f.Interrupted:
		return "The application was accepted and is in the state; apply again to go on waiting."
	case f.Progress.Outcome == Gone && f.Absent:
		return "Give application as fairlead_application.x.id, so that it is made before it is waited for, and check that the provider points at the right hub."
	case f.Progress.Outcome == Gone:
		return "Apply again: the plan shows what has to be created."
	case f.Progress.Outcome == Superseded:
		return "Somebody else applies the same application, or this plan was old. Make a new plan."
	case f.paused():
		return "The application was accepted and is in the state. " + f.resume()
	case stalledReason(f.Progress.App) == reasonClusterAway:
		return "The application was accepted and is in the state. Clusters that are away get this revision when they are back; nothing on them is deleted until then. " +
			"Apply again then, or take them out of the binding."
	case stalledReason(f.Progress.App) == v1alpha1.ReasonNotProgressing:
		return "The application was accepted and is in the state; fix what is named above and apply again. " +
			"If it is only slow, give it more time: raise rollout.stall_after of the cluster binding."
	case f.Progress.Outcome == Waiting && !observed(f.Progress.App):
		return "The application was accepted and is in the state. Check that the addon runs: kubectl -n fairlead-system get pods. Then apply again."
	}
	return "The application was accepted and is in the state; fix what is named above and apply again."
}

// paused says that the wait ended since the application is paused.
func (f *Failure) paused() bool {
	return f.Progress.Outcome == Stalled && stalledReason(f.Progress.App) == v1alpha1.ReasonPaused
}

// pausedSince is since when, as the addon saw it.
func pausedSince(app *v1beta1.Application) string {
	condition := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionPaused)
	if condition == nil || condition.LastTransitionTime.IsZero() {
		return ""
	}
	return " since " + condition.LastTransitionTime.UTC().Format(time.RFC3339)
}

// resume says how an application is resumed.
func (f *Failure) resume() string {
	return fmt.Sprintf("To resume it: kubectl -n %s label applications.core.oam.dev %s %s-\n"+
		"  With Terraform 1.14 or newer the action fairlead_rollout_control with command = \"resume\" does the same. "+
		"Where labels of fairlead_application has %s, remove it there. Then apply again.",
		f.Target.Namespace, f.Target.Name, v1beta1.LabelPause, v1beta1.LabelPause)
}

func stalledReason(app *v1beta1.Application) string {
	condition := meta.FindStatusCondition(app.Status.Conditions, conditionStalled)
	if condition == nil || condition.Status != metav1.ConditionTrue {
		return ""
	}
	return condition.Reason
}

// conditionLines is what the addon says about the application as a whole.
func conditionLines(app *v1beta1.Application) []string {
	stalled := meta.FindStatusCondition(app.Status.Conditions, conditionStalled)
	if stalled != nil && stalled.Status == metav1.ConditionTrue {
		return messageLines(stalled.Reason, withoutPlaces(stalled.Message, app))
	}
	if len(app.Status.Services) > 0 {
		return nil
	}
	ready := meta.FindStatusCondition(app.Status.Conditions, conditionReady)
	if ready == nil {
		return nil
	}
	return messageLines(ready.Reason, ready.Message)
}

// withoutPlaces is a message without what it says of places: each of those is
// told of below.
func withoutPlaces(message string, app *v1beta1.Application) string {
	cut := len(message)
	for _, service := range unhealthyPlaces(app) {
		if at := strings.Index(message, fmt.Sprintf("%s: component %s: ", where(service), service.Name)); at >= 0 {
			cut = min(cut, at)
		}
	}
	return strings.TrimSuffix(message[:cut], ": ")
}

func messageLines(reason, message string) []string {
	message = clean(message)
	if message == "" {
		return []string{"  " + clean(reason)}
	}
	first := fmt.Sprintf("  %s: %s", clean(reason), firstLine(message))
	return append([]string{first}, restLines(message, "    ")...)
}

// placeLines tells of each place, those that are not healthy before the others
// where there is not room for all.
func placeLines(app *v1beta1.Application) []string {
	// What the addon leaves out is counted by an entry without a cluster; it is counted below.
	services := slices.DeleteFunc(slices.Clone(app.Status.Services), isSum)
	slices.SortStableFunc(services, func(a, b v1beta1.ApplicationComponentStatus) int {
		return cmp.Compare(rank(a), rank(b))
	})
	shown := services[:min(len(services), maxPlaces)]
	slices.SortStableFunc(shown, byPlace)
	var lines []string
	for _, service := range shown {
		lines = append(lines, serviceLines(service, workloadName(app, service))...)
	}
	total, healthy := places(app)
	if left := total - len(shown); left > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more %s (%d of all %d are healthy)", left, plural(left, "place"), healthy, total))
	}
	return lines
}

// isSum says that an entry stands for several places, those of an environment
// for which the status has no room.
func isSum(service v1beta1.ApplicationComponentStatus) bool {
	return service.Cluster == "" && service.Env != ""
}

func rank(service v1beta1.ApplicationComponentStatus) int {
	if service.Healthy {
		return 1
	}
	return 0
}

func byPlace(a, b v1beta1.ApplicationComponentStatus) int {
	return cmp.Or(cmp.Compare(a.Env, b.Env), cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Name, b.Name))
}

func serviceLines(service v1beta1.ApplicationComponentStatus, workload string) []string {
	message := clean(service.Message)
	parts := []string{"component " + service.Name}
	if !service.Healthy {
		// The addon joins what it knows; each of that gets a line of its own.
		message = strings.ReplaceAll(message, "; ", "\n")
		if workload != "" {
			parts = append(parts, fmt.Sprintf("%s %s/%s", service.WorkloadDefinition.Kind, service.Namespace, workload))
		}
	}
	parts = append(parts, stateOf(service, firstLine(message)))
	lines := []string{fmt.Sprintf("  %s: %s", where(service), strings.Join(parts, ", "))}
	lines = append(lines, restLines(message, "    ")...)
	for _, trait := range service.Traits {
		if !trait.Healthy {
			lines = append(lines, traitLines(trait)...)
		}
	}
	if line := lookCloser(service, workload); line != "" {
		lines = append(lines, "    "+line)
	}
	return lines
}

// lookCloser has the command that shows more of a workload on a managed cluster,
// whose agent reports no pods; empty where it would show nothing. Where pods could
// not be made the workload has the whole reason, and otherwise its pods have it.
func lookCloser(service v1beta1.ApplicationComponentStatus, workload string) string {
	onHub := service.Cluster == "" || service.Cluster == v1alpha1.LocalCluster
	if service.Healthy || workload == "" || onHub || strings.HasPrefix(service.Message, "cluster is away") ||
		strings.HasPrefix(service.Message, v1alpha1.HeldByPause) {
		return ""
	}
	if !strings.Contains(service.Message, string(appsv1.DeploymentReplicaFailure)) {
		return fmt.Sprintf("the agent reports no pods; they say why: kubectl --context %s -n %s get pods,events", service.Cluster, service.Namespace)
	}
	return fmt.Sprintf("look closer: kubectl --context %s -n %s describe %s %s", service.Cluster, service.Namespace, strings.ToLower(service.WorkloadDefinition.Kind), workload)
}

// workloadName is the name of the workload of a component in a place: that of
// what was delivered there, if only one object can be it, and else that of the
// component where its kind is one that the built-in types make, which call it
// so. It is empty when it is not known.
func workloadName(app *v1beta1.Application, service v1beta1.ApplicationComponentStatus) string {
	kind := service.WorkloadDefinition.Kind
	var names []string
	for _, object := range app.Status.AppliedResources {
		if object.Cluster == service.Cluster && object.Namespace == service.Namespace && object.Kind == kind {
			names = append(names, object.Name)
		}
	}
	switch {
	case slices.Contains(names, service.Name):
		return service.Name
	case len(names) == 1:
		return names[0]
	case len(names) == 0 && slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, kind):
		return service.Name
	}
	return ""
}

func traitLines(trait v1beta1.ApplicationTraitStatus) []string {
	message := clean(trait.Message)
	first := fmt.Sprintf("    trait %s: %s", trait.Type, cmp.Or(firstLine(message), "not healthy"))
	return append([]string{first}, restLines(message, "      ")...)
}

func stateOf(service v1beta1.ApplicationComponentStatus, message string) string {
	if message != "" {
		return message
	}
	if service.Healthy {
		return "healthy"
	}
	return "not healthy"
}

// places counts all places and the healthy ones, also those that the status leaves out.
func places(app *v1beta1.Application) (total, healthy int) {
	if app == nil {
		return 0, 0
	}
	if s := app.Status.Summary; s != nil {
		return int(s.Places), int(s.Healthy)
	}
	total = len(app.Status.Services)
	return total, total - len(unhealthyPlaces(app))
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// short writes a duration without its zero parts: 20m, not 20m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
