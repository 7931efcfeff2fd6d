// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
)

const (
	// maxPods, maxEvents and maxInquiries bound what is read for one answer:
	// pods of a workload, events of an object, and objects whose events are read.
	maxPods      = 50
	maxEvents    = 20
	maxInquiries = 3
	// maxNeighbours bounds the pods of a namespace among which those are looked for that
	// are terminating.
	maxNeighbours = 500
	// maxCause bounds an answer, in bytes.
	maxCause = 512
)

// inquiry finds out, as the tenant of a namespace, why objects are not healthy.
type inquiry struct {
	target    *Target
	namespace string
	// asked is how many objects' events were read.
	asked int
}

// cause is the first that is found, in the order of the objects.
func (q *inquiry) cause(ctx context.Context, objects []*unstructured.Unstructured) delivery.Cause {
	for _, object := range objects {
		if found := q.causeOf(ctx, object); found.Text != "" {
			found.Text = oneLine(found.Text)
			return found
		}
	}
	return delivery.Cause{}
}

func (q *inquiry) causeOf(ctx context.Context, object *unstructured.Unstructured) delivery.Cause {
	switch object.GroupVersionKind().GroupKind().String() {
	case "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "Job.batch":
		return q.causeOfWorkload(ctx, object)
	case "Pod":
		var pod corev1.Pod
		if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &pod) != nil {
			return delivery.Cause{}
		}
		return q.causeOfPods(ctx, []corev1.Pod{pod})
	case "PersistentVolumeClaim":
		if phase, _, _ := unstructured.NestedString(object.Object, "status", "phase"); phase != string(corev1.ClaimPending) {
			return delivery.Cause{}
		}
		return mayPass("PersistentVolumeClaim " + object.GetName() + ": " + cmp.Or(q.event(ctx, "PersistentVolumeClaim", object, anyReason), "Pending"))
	}
	return delivery.Cause{}
}

// mayPass is a cause that may pass by waiting.
func mayPass(text string) delivery.Cause { return delivery.Cause{Text: text} }

// final is a cause that does not pass by waiting.
func final(text string) delivery.Cause { return delivery.Cause{Text: text, Final: true} }

// causeOfWorkload looks at the pods, and where they say nothing at why there are too few.
func (q *inquiry) causeOfWorkload(ctx context.Context, workload *unstructured.Unstructured) delivery.Cause {
	if text := replicaFailure(workload); text != "" {
		return q.refused(ctx, text)
	}
	pods := q.pods(ctx, workload)
	if found := q.causeOfPods(ctx, ofNewest(workload, pods)); found.Text != "" {
		return found
	}
	if workload.GetKind() == "Deployment" {
		return delivery.Cause{} // its ReplicaSets make the pods, and their failure is a condition of it
	}
	refused := func(reason string) bool { return strings.HasPrefix(reason, "FailedCreate") }
	text := q.event(ctx, workload.GetKind(), workload, refused)
	if text == "" {
		return delivery.Cause{}
	}
	text = workload.GetKind() + " " + workload.GetName() + ": " + text
	if len(pods) > 0 {
		return mayPass(text) // events outlast what they tell of
	}
	found := q.refused(ctx, text)
	found.Passes = false // what the object itself says of its end holds
	return found
}

// refused is why pods are not admitted. What is over a quota passes when pods that
// are terminating have the room, whosever they are.
func (q *inquiry) refused(ctx context.Context, text string) delivery.Cause {
	if !strings.Contains(text, "exceeded quota") {
		return final(text)
	}
	terminating := slices.ContainsFunc(q.list(ctx, "pods", metav1.ListOptions{Limit: maxNeighbours}), func(pod unstructured.Unstructured) bool {
		return pod.GetDeletionTimestamp() != nil
	})
	return delivery.Cause{Text: text, Final: !terminating, Passes: terminating}
}

// ofNewest are the pods of the workload's present version: those of an earlier
// one are on their way out, and what is wrong with them is mended already. Pods
// carry the name of their version, and those of the present one were made last.
// A StatefulSet is held up by a pod of an earlier version that fails.
func ofNewest(workload *unstructured.Unstructured, pods []corev1.Pod) []corev1.Pod {
	label := map[string]string{"Deployment": "pod-template-hash", "DaemonSet": "controller-revision-hash"}[workload.GetKind()]
	if label == "" || len(pods) == 0 {
		return pods
	}
	newest := slices.MaxFunc(pods, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return slices.DeleteFunc(pods, func(pod corev1.Pod) bool { return pod.Labels[label] != newest.Labels[label] })
}

// replicaFailure is why the pods of a workload cannot be made, such as a quota.
func replicaFailure(workload *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(workload.Object, "status", "conditions")
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if condition["type"] != "ReplicaFailure" || condition["status"] != string(metav1.ConditionTrue) {
			continue
		}
		reason, _ := condition["reason"].(string)
		message, _ := condition["message"].(string)
		return fmt.Sprintf("%s %s: %s", workload.GetKind(), workload.GetName(), because(reason, message))
	}
	return ""
}

// because joins a reason and a message.
func because(reason, message string) string {
	return strings.TrimSuffix(reason+": "+refusal.Forbidden(message), ": ")
}

// pods are those that a workload selects, by name; none when they may not be read.
func (q *inquiry) pods(ctx context.Context, workload *unstructured.Unstructured) []corev1.Pod {
	content, _, _ := unstructured.NestedMap(workload.Object, "spec", "selector")
	var selector metav1.LabelSelector
	if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &selector) != nil {
		return nil
	}
	labels, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil || labels.Empty() {
		return nil // an empty one selects the pods of all others too
	}
	var pods []corev1.Pod
	for _, item := range q.list(ctx, "pods", metav1.ListOptions{LabelSelector: labels.String(), Limit: maxPods}) {
		var pod corev1.Pod
		if runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &pod) == nil && pod.DeletionTimestamp.IsZero() {
			pods = append(pods, pod)
		}
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods
}

func (q *inquiry) list(ctx context.Context, resource string, options metav1.ListOptions) []unstructured.Unstructured {
	gvr := schema.GroupVersionResource{Version: "v1", Resource: resource}
	list, err := q.target.Tenant.Resource(gvr).Namespace(q.namespace).List(asTenant(ctx, q.namespace), options)
	if err != nil {
		return nil // a role of the platform's own may not allow it; the next look tries again
	}
	return list.Items
}

// causeOfPods is what the first pod says that has something to say, and how many
// others do; where none does, what the events of the first that is not ready
// say. What does not pass comes before what may.
func (q *inquiry) causeOfPods(ctx context.Context, pods []corev1.Pod) delivery.Cause {
	var first delivery.Cause
	var pod *corev1.Pod
	more := -1
	for i := range pods {
		found := podCause(&pods[i])
		if found.Text == "" {
			continue
		}
		more++
		if first.Text == "" || found.Final && !first.Final {
			first, pod = found, &pods[i]
		}
	}
	if pod == nil {
		return q.causeOfEvents(ctx, pods)
	}
	if claims := q.claims(ctx, pod, first.Text); claims != "" {
		first.Text += ": " + claims
	}
	if more > 0 {
		first.Text = fmt.Sprintf("%s (and %d more)", first.Text, more)
	}
	return first
}

// causeOfEvents is what the events say of the first pod that is not ready.
func (q *inquiry) causeOfEvents(ctx context.Context, pods []corev1.Pod) delivery.Cause {
	for i := range pods {
		if text := q.events(ctx, &pods[i]); text != "" {
			return mayPass(text)
		}
	}
	return delivery.Cause{}
}

// claims is why a pod that cannot be scheduled has no volume yet.
func (q *inquiry) claims(ctx context.Context, pod *corev1.Pod, text string) string {
	if !strings.Contains(text, "PersistentVolumeClaim") {
		return ""
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		claim := &unstructured.Unstructured{}
		claim.SetName(volume.PersistentVolumeClaim.ClaimName)
		if text := q.event(ctx, "PersistentVolumeClaim", claim, anyReason); text != "" {
			return "PersistentVolumeClaim " + claim.GetName() + ": " + text
		}
	}
	return ""
}

// events says of a pod that is neither ready nor in trouble what holds it up.
func (q *inquiry) events(ctx context.Context, pod *corev1.Pod) string {
	if pod.Status.Phase == corev1.PodSucceeded || podReady(pod) {
		return ""
	}
	object := &unstructured.Unstructured{}
	object.SetName(pod.Name)
	object.SetUID(pod.UID)
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.State.Running == nil || status.Ready {
			continue
		}
		text := fmt.Sprintf("pod %s, container %s: not ready", pod.Name, status.Name)
		if probe := q.event(ctx, "Pod", object, func(reason string) bool { return reason == "Unhealthy" }); probe != "" {
			text += ": " + probe
		}
		return text
	}
	if text := q.event(ctx, "Pod", object, func(reason string) bool { return strings.HasPrefix(reason, "Failed") }); text != "" {
		return "pod " + pod.Name + ": " + text
	}
	return ""
}

func podReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func anyReason(string) bool { return true }

// event is the latest warning about an object whose reason is wanted.
func (q *inquiry) event(ctx context.Context, kind string, about *unstructured.Unstructured, wanted func(reason string) bool) string {
	if q.asked == maxInquiries {
		return ""
	}
	q.asked++
	var latest corev1.Event
	selector := fmt.Sprintf("involvedObject.kind=%s,involvedObject.name=%s,type=%s", kind, about.GetName(), corev1.EventTypeWarning)
	for _, item := range q.list(ctx, "events", metav1.ListOptions{FieldSelector: selector, Limit: maxEvents}) {
		var event corev1.Event
		if runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &event) != nil || !concerns(&event, kind, about) || !wanted(event.Reason) {
			continue
		}
		if latest.Name == "" || cmp.Or(eventTime(&event).Compare(eventTime(&latest)), cmp.Compare(event.Name, latest.Name)) > 0 {
			latest = event
		}
	}
	if latest.Name == "" {
		return ""
	}
	if latest.Reason == "Unhealthy" {
		return probeFailure(latest.Message)
	}
	return because(latest.Reason, latest.Message)
}

func concerns(event *corev1.Event, kind string, about *unstructured.Unstructured) bool {
	object := event.InvolvedObject
	if event.Type != corev1.EventTypeWarning || object.Kind != kind || object.Name != about.GetName() {
		return false
	}
	// A pod of that name may have been there before.
	return about.GetUID() == "" || object.UID == about.GetUID()
}

func eventTime(event *corev1.Event) time.Time {
	if !event.LastTimestamp.IsZero() {
		return event.LastTimestamp.Time
	}
	return event.EventTime.Time
}

// oneLine cleans a text of what is not to be printed, and bounds it.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxCause {
		return text
	}
	return strings.ToValidUTF8(text[:maxCause-len("...")], "") + "..."
}
