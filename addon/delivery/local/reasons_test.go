// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// podOf is a pod of component web with a container that the change brings into a state.
func podOf(name string, change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "init", Image: "busybox:1"}},
			Containers:     []corev1.Container{{Name: "app", Image: "ghcr.io/acme/web:2", Env: []corev1.EnvVar{{Name: "TOKEN", Value: "S3CR3T"}}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "app", Ready: true, State: running()}}},
	}
	if change != nil {
		change(pod)
	}
	return pod
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func ended(code int32, reason string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: "last line of the log: S3CR3T"}}
}

// in puts the container into a state.
func in(state, last corev1.ContainerState, restarts int32) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.ContainerStatuses[0] = corev1.ContainerStatus{Name: "app", State: state, LastTerminationState: last, RestartCount: restarts}
	}
}

func unscheduled(message string, claims ...string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: message},
		}}
		for _, claim := range claims {
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
			}})
		}
	}
}

// warning is an event about an object, at a second.
func warning(kind, name string, uid types.UID, second int, reason, message string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("%s.%d", name, second)},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name, UID: uid, Namespace: "shop"},
		Type:           corev1.EventTypeWarning, Reason: reason, Message: message, LastTimestamp: metav1.NewTime(now.Add(time.Duration(second) * time.Second)),
	}
}

func (h *hub) has(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			t.Fatal(err)
		}
		resource := "pods"
		if _, ok := o.(*corev1.Event); ok {
			resource = "events"
		}
		gvr := schema.GroupVersionResource{Version: "v1", Resource: resource}
		if err := h.tenant.Tracker().Create(gvr, &unstructured.Unstructured{Object: content}, "shop"); err != nil {
			t.Fatal(err)
		}
	}
}

// workload is an observed object of a kind that runs the pods of component web.
func workload(apiVersion, kind string, status object) object {
	return object{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": object{"name": "web", "namespace": "shop", "uid": "o1", "generation": int64(1), "creationTimestamp": now.Add(-time.Hour).Format(time.RFC3339)},
		"spec":     object{"selector": object{"matchLabels": object{"app": "web"}}}, "status": status,
	}
}

func seen(contents ...object) (delivery.Unit, delivery.Observation) {
	observation := delivery.Observation{State: delivery.Delivered, Outputs: map[string]map[string]any{}}
	for i, content := range contents {
		if i == 0 {
			observation.Output = content
			continue
		}
		observation.Outputs[fmt.Sprint("r", i)] = content
	}
	copies := make([]object, len(contents))
	for i := range contents {
		copies[i] = runtime.DeepCopyJSON(contents[i])
	}
	return unitWith(copies...), observation
}

// refusing is a Deployment whose pods are refused.
func refusing(message string) object {
	return workload("apps/v1", "Deployment", object{"conditions": []any{object{
		"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message,
	}}})
}

func TestExplain(t *testing.T) {
	deployment := workload("apps/v1", "Deployment", object{})
	refused := refusing(`pods "web-7d-x2lq9" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5`)
	claim := object{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": object{"name": "data", "namespace": "shop", "uid": "c1"}, "status": object{"phase": "Pending"}}
	bound := object{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": object{"name": "data", "namespace": "shop", "uid": "c1"}, "status": object{"phase": "Bound"}}
	pull := in(waiting("ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: ghcr.io/acme/web:2: not found`), corev1.ContainerState{}, 0)
	notReady := in(running(), corev1.ContainerState{}, 0)
	tests := []struct {
		name, reason string
		observed     []object
		hub          []client.Object
		want         string
	}{
		{"image", "the image is named", []object{deployment}, []client.Object{podOf("web-1", nil), podOf("web-2", pull)}, `pod web-2, container app: ImagePullBackOff: image "ghcr.io/acme/web:2" was not found`},
		{"image, at the moment of a try", "the text does not change with each try", []object{deployment}, []client.Object{podOf("web-2", in(waiting("ErrImagePull", "not found"), corev1.ContainerState{}, 0))}, `pod web-2, container app: ImagePullBackOff: image "ghcr.io/acme/web:2" was not found`},
		{"registry", "its own text is not shown", []object{deployment}, []client.Object{podOf("web-1", in(waiting("ErrImagePull", "401 Unauthorized token=S3CR3T"), corev1.ContainerState{}, 0))}, `pod web-1, container app: ImagePullBackOff: image "ghcr.io/acme/web:2": the registry denies access`},
		{"image name", "it is no reference of an image", []object{deployment}, []client.Object{podOf("web-1", in(waiting("InvalidImageName", "x"), corev1.ContainerState{}, 0))}, `pod web-1, container app: InvalidImageName: image "ghcr.io/acme/web:2"`},
		{"init container", "it holds up the others", []object{deployment}, []client.Object{podOf("web-1", func(pod *corev1.Pod) {
			pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "init", State: ended(2, "Error")}}
			pod.Status.ContainerStatuses[0] = corev1.ContainerStatus{Name: "app", State: waiting("PodInitializing", "")}
		})}, "pod web-1, container init: crashed: exit code 2"},
		{"crash loop", "exit code and restarts, no line of the log", []object{deployment}, []client.Object{podOf("web-1", in(waiting("CrashLoopBackOff", "back-off 5m0s"), ended(1, "Error"), 7))}, "pod web-1, container app: CrashLoopBackOff: exit code 1, restarts: 7"},
		{"crash loop, between waits", "the text stays while it runs for a moment", []object{deployment}, []client.Object{podOf("web-1", in(running(), ended(1, "Error"), 7))}, "pod web-1, container app: CrashLoopBackOff: exit code 1, restarts: 7"},
		{"crash loop without an end", "what is not known is not told", []object{deployment}, []client.Object{podOf("web-1", in(waiting("CrashLoopBackOff", ""), corev1.ContainerState{}, 3))}, "pod web-1, container app: CrashLoopBackOff: 3 restarts"},
		{"ends at once", "a service that ends without an error", []object{deployment}, []client.Object{podOf("web-1", in(waiting("CrashLoopBackOff", ""), ended(0, "Completed"), 3))}, "pod web-1, container app: CrashLoopBackOff: exit code 0, restarts: 3"},
		{"memory", "the kernel ended it", []object{deployment}, []client.Object{podOf("web-1", in(ended(137, "OOMKilled"), corev1.ContainerState{}, 0))}, "pod web-1, container app: crashed: OOMKilled, exit code 137"},
		{"configuration", "a Secret is missing", []object{deployment}, []client.Object{podOf("web-1", in(waiting("CreateContainerConfigError", `secret "db" not found`), corev1.ContainerState{}, 0))}, `pod web-1, container app: CreateContainerConfigError: secret "db" not found`},
		{"unschedulable", "no node has room", []object{deployment}, []client.Object{podOf("web-1", unscheduled("0/3 nodes are available: 3 Insufficient cpu."))}, "pod web-1: Unschedulable: 0/3 nodes are available: 3 Insufficient cpu."},
		{"claim of a pod", "the claim says more than the scheduler", []object{workload("apps/v1", "StatefulSet", object{})}, []client.Object{
			podOf("web-0", unscheduled("pod has unbound immediate PersistentVolumeClaims.", "cache", "data")),
			warning("PersistentVolumeClaim", "data", "c1", 1, "ProvisioningFailed", `storageclass "fast" not found`),
		}, `pod web-0: Unschedulable: pod has unbound immediate PersistentVolumeClaims.: PersistentVolumeClaim data: ProvisioningFailed: storageclass "fast" not found`},
		{"claim", "it is part of the component", []object{bound, claim}, []client.Object{warning("PersistentVolumeClaim", "data", "c1", 1, "ProvisioningFailed", `storageclass "fast" not found`)}, `PersistentVolumeClaim data: ProvisioningFailed: storageclass "fast" not found`},
		{"claim without an event", "it is pending all the same", []object{claim}, nil, "PersistentVolumeClaim data: Pending"},
		{"evicted", "the pod is over", []object{deployment}, []client.Object{podOf("web-1", func(pod *corev1.Pod) {
			pod.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "S3CR3T"}
		})}, "pod web-1: Failed: Evicted"},
		{"quota", "the name of the refused pod is another each time", []object{refused}, nil, "Deployment web: FailedCreate: forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5"},
		{"quota of a stateful set", "its events tell of it, the last one", []object{workload("apps/v1", "StatefulSet", object{})}, []client.Object{
			warning("StatefulSet", "web", "o1", 1, "FailedCreate", "old"),
			warning("StatefulSet", "web", "o1", 2, "FailedCreate", `create Pod web-0 in StatefulSet web failed error: pods "web-0" is forbidden: exceeded quota: small`),
			warning("StatefulSet", "web", "o0", 3, "FailedCreate", "of an earlier one of the name"),
			warning("StatefulSet", "web", "o1", 4, "Other", "not about pods"),
		}, "StatefulSet web: FailedCreate: forbidden: exceeded quota: small"},
		{"probe", "without what the container answered", []object{deployment}, []client.Object{
			podOf("web-1", notReady), warning("Pod", "web-1", "uid-web-1", 1, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
		}, "pod web-1, container app: not ready: Readiness probe failed: status 503"},
		{"probe by a command", "what it printed is not shown", []object{deployment}, []client.Object{
			podOf("web-1", notReady), warning("Pod", "web-1", "uid-web-1", 1, "Unhealthy", "Liveness probe failed: S3CR3T"),
		}, "pod web-1, container app: not ready: Liveness probe failed"},
		{"probe of nothing", "the port is closed", []object{deployment}, []client.Object{
			podOf("web-1", notReady), warning("Pod", "web-1", "uid-web-1", 1, "Unhealthy", `Readiness probe failed: Get "http://10.0.0.1/?token=S3CR3T": dial tcp 10.0.0.1:80: connect: connection refused`),
		}, "pod web-1, container app: not ready: Readiness probe failed: connection refused"},
		{"no event of a probe", "it is not ready, that is all", []object{deployment}, []client.Object{podOf("web-1", notReady)}, "pod web-1, container app: not ready"},
		{"mount", "the container is being created for ever", []object{deployment}, []client.Object{
			podOf("web-1", in(waiting("ContainerCreating", ""), corev1.ContainerState{}, 0)),
			warning("Pod", "web-1", "uid-web-1", 1, "FailedMount", `MountVolume.SetUp failed for volume "c" : configmap "settings" not found`),
		}, `pod web-1: FailedMount: MountVolume.SetUp failed for volume "c" : configmap "settings" not found`},
		{"several pods", "always the same is named", []object{deployment}, []client.Object{podOf("web-3", pull), podOf("web-2", pull), podOf("web-1", nil), podOf("web-4", pull)}, `pod web-2, container app: ImagePullBackOff: image "ghcr.io/acme/web:2" was not found (and 2 more)`},
		{"pod that goes", "it is no longer the workload's", []object{deployment}, []client.Object{podOf("web-1", func(pod *corev1.Pod) {
			pull(pod)
			pod.DeletionTimestamp, pod.Finalizers = &metav1.Time{Time: now}, []string{"x/y"}
		})}, ""},
		{"others' pods", "they are another workload's", []object{deployment}, []client.Object{podOf("other-1", func(pod *corev1.Pod) {
			pull(pod)
			pod.Labels = map[string]string{"app": "other"}
		})}, ""},
		{"no selector", "it would select all pods", []object{{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "web", "namespace": "shop"}}}, []client.Object{podOf("web-1", pull)}, ""},
		{"hostile", "no control characters, one line, bounded", []object{deployment}, []client.Object{podOf("web-1", unscheduled("a\x1b[31m\nb\u202e"+strings.Repeat("x", 9999)))}, "pod web-1: Unschedulable: a[31m b" + strings.Repeat("x", 512-3-len("pod web-1: Unschedulable: a[31m b")) + "..."},
		{"a pod itself", "it is the component's workload", []object{podObject(t, podOf("web", pull))}, nil, `pod web, container app: ImagePullBackOff: image "ghcr.io/acme/web:2" was not found`},
		{"another kind", "nothing is known of it", []object{{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "web"}}}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			h.has(t, test.hub...)
			unit, observation := seen(test.observed...)
			cause, again := h.Explain(t.Context(), unit, observation)
			got := cause.Text
			if diff := cmp.Diff(test.want, got); diff != "" || again != firstCause {
				t.Errorf("again after %s, want %s (-want +got), since %s:\n%s", again, firstCause, test.reason, diff)
			}
			if strings.Contains(got, "S3CR3T") || len(got) > maxCause {
				t.Errorf("%d bytes, or a secret: %s", len(got), got)
			}
		})
	}
}

func podObject(t *testing.T, pod *corev1.Pod) object {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		t.Fatal(err)
	}
	content["apiVersion"], content["kind"] = "v1", "Pod"
	return content
}

// TestExplainWithoutRights checks that a role that does not allow to list pods
// or events is no failure.
func TestExplainWithoutRights(t *testing.T) {
	h := newTenantHub(t)
	h.tenant.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(action.GetResource().GroupResource(), "", nil)
	})
	unit, observation := seen(workload("apps/v1", "StatefulSet", object{}))
	if got, again := h.Explain(t.Context(), unit, observation); got.Text != "" || got.Final || again != firstCause {
		t.Errorf("got %q, again after %s", got.Text, again)
	}
}

// TestFinalCauses checks which causes end a wait, and that pods of an earlier
// version, which are on their way out, do not.
func TestFinalCauses(t *testing.T) {
	pull := in(waiting("ImagePullBackOff", "not found"), corev1.ContainerState{}, 0)
	of := func(hash string, age time.Duration, more func(*corev1.Pod)) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Labels["pod-template-hash"] = hash
			pod.CreationTimestamp = metav1.NewTime(now.Add(-age))
			if more != nil {
				more(pod)
			}
		}
	}
	deployment, set := workload("apps/v1", "Deployment", object{}), workload("apps/v1", "StatefulSet", object{})
	refused := warning("StatefulSet", "web", "o1", 1, "FailedCreate", `pods "web-0" is forbidden: exceeded quota: small`)
	over, denied := refusing(`pods "web-7d-x" is forbidden: exceeded quota: small`), refusing(`pods "web-7d-x" is forbidden: denied by a policy`)
	terminating := podOf("other-1", func(pod *corev1.Pod) {
		pod.Labels = map[string]string{"app": "other"}
		pod.DeletionTimestamp, pod.Finalizers = &metav1.Time{Time: now}, []string{"x/y"}
	})
	tests := []struct {
		reason   string
		workload object
		hub      []client.Object
		want     bool
		text     string
	}{
		{"an image that cannot be pulled", deployment, []client.Object{podOf("web-1", pull)}, true, "ImagePullBackOff"},
		{"two restarts may be a start that takes a moment", deployment, []client.Object{podOf("web-1", in(waiting("CrashLoopBackOff", ""), ended(1, "Error"), 2))}, false, "restarts: 2"},
		{"three are a loop", deployment, []client.Object{podOf("web-1", in(waiting("CrashLoopBackOff", ""), ended(1, "Error"), 3))}, true, "restarts: 3"},
		{"a configuration that is not there", deployment, []client.Object{podOf("web-1", in(waiting("CreateContainerConfigError", "x"), corev1.ContainerState{}, 0))}, true, "CreateContainerConfigError"},
		{"a node may be on its way", deployment, []client.Object{podOf("web-1", unscheduled("no room"))}, false, "Unschedulable"},
		{"what is final is told first", deployment, []client.Object{podOf("web-1", unscheduled("no room")), podOf("web-2", pull)}, true, "web-2, container app: ImagePullBackOff"},
		{"an earlier version fails, and the present one has just begun", deployment,
			[]client.Object{podOf("web-1", of("old", time.Hour, pull)), podOf("web-2", of("new", time.Second, in(waiting("ContainerCreating", ""), corev1.ContainerState{}, 0)))}, false, ""},
		{"the present version fails beside an earlier one that runs", deployment,
			[]client.Object{podOf("web-1", of("new", time.Second, pull)), podOf("web-2", of("old", time.Hour, nil))}, true, "web-1, container app: ImagePullBackOff"},
		{"no pod is admitted", set, []client.Object{refused}, true, "FailedCreate"},
		{"the quota's room is that of pods that are on their way out", set, []client.Object{refused, terminating}, false, "FailedCreate"},
		{"and so it is for a Deployment, where their own are not counted", over, []client.Object{terminating}, false, "FailedCreate"},
		{"others run", over, []client.Object{podOf("other-1", nil)}, true, "FailedCreate"},
		{"no room is made for what a policy refuses", denied, []client.Object{terminating}, true, "FailedCreate"},
		{"one was refused, but another is there by now", set, []client.Object{refused, podOf("web-0", nil)}, false, "FailedCreate"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			h := newTenantHub(t)
			h.has(t, test.hub...)
			unit, observation := seen(test.workload)
			got, _ := h.Explain(t.Context(), unit, observation)
			if got.Final != test.want || got.Final && got.Passes || !strings.Contains(got.Text, test.text) || (test.text == "") != (got.Text == "") {
				t.Errorf("got %+v, want final %t with %q", got, test.want, test.text)
			}
		})
	}
}

// TestOpenCauses checks that what is not final is asked about often as long as
// the version is new.
func TestOpenCauses(t *testing.T) {
	h := newTenantHub(t)
	h.has(t, podOf("web-1", unscheduled("no room")))
	unit, observation := seen(workload("apps/v1", "Deployment", object{}))
	longest := func(rounds int) (longest time.Duration) {
		for range rounds {
			_, again := h.Explain(t.Context(), unit, observation)
			longest = max(longest, again)
			h.clock.SetTime(h.clock.Now().Add(again))
		}
		return longest
	}
	if got := longest(10); got != openCause {
		t.Errorf("asked every %s while it is open, want %s", got, openCause)
	}
	h.clock.SetTime(h.clock.Now().Add(openFor))
	if got := longest(10); got != lastCause {
		t.Errorf("asked every %s in the end, want %s", got, lastCause)
	}
}

// TestExplainIsBounded counts the requests for answers over time.
func TestExplainIsBounded(t *testing.T) {
	h := newTenantHub(t)
	h.has(t, podOf("web-1", in(waiting("CrashLoopBackOff", ""), ended(1, "Error"), 7)))
	content := workload("apps/v1", "Deployment", object{})
	content["metadata"].(object)["creationTimestamp"] = now.Format(time.RFC3339)
	unit, observation := seen(content)
	ask := func(reason, want string, again time.Duration, requests ...string) {
		t.Helper()
		got, after := h.Explain(t.Context(), unit, observation)
		if got.Text != want || after != again {
			t.Errorf("%s: got %q, again after %s, want %q after %s", reason, got.Text, after, want, again)
		}
		h.want(t, reason, slices.Clone(requests)...)
	}
	pass := func(d time.Duration) { h.clock.SetTime(h.clock.Now().Add(d)) }
	const crashing = "pod web-1, container app: CrashLoopBackOff: exit code 1, restarts: 7"

	ask("it is new, and may become healthy by itself", "", settleCause)
	pass(settleCause)
	ask("it did not", crashing, firstCause, "list pods")
	pass(time.Second)
	ask("an event a second later", crashing, firstCause-time.Second)
	pass(firstCause)
	ask("the same again", crashing, 2*firstCause, "list pods")
	for range 9 {
		pass(lastCause)
		h.Explain(t.Context(), unit, observation)
	}
	h.requests()
	pass(lastCause)
	ask("at last once a minute", crashing, lastCause, "list pods")
	content["metadata"].(object)["generation"] = int64(2)
	ask("of a new version nothing is known", "", settleCause)
	pass(settleCause)
	ask("the new version", crashing, firstCause, "list pods")

	for i := range 100 {
		other := unit
		other.Component = fmt.Sprint("c", i)
		pass(time.Hour)
		h.Explain(t.Context(), other, observation)
	}
	if len(h.causes) > 2 {
		t.Errorf("%d units are remembered that nobody asks about", len(h.causes))
	}
}
