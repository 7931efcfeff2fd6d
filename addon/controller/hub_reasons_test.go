// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// says waits until the message of the application's first place contains a text.
func (h *hub) says(t *testing.T, app *v1beta1.Application, text string) {
	t.Helper()
	h.application(t, app.NamespacedName(), func(app *v1beta1.Application) string {
		if len(app.Status.Services) == 0 {
			return "no place"
		}
		if message := app.Status.Services[0].Message; !strings.Contains(message, text) {
			return message
		}
		return ""
	})
}

// testCrash checks that the pods of a component that fails are read as the
// tenant, and that the message loses the reason when they run again.
func testCrash(t *testing.T, h *hub) {
	h.newTenant(t, "crash")
	app := appIn("crash", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.running(t, app)
	var pod corev1.Pod
	set := func(state, last corev1.ContainerState, ready corev1.ConditionStatus) {
		t.Helper()
		h.waitFor(t, "the status of a pod", func(ctx context.Context) (string, error) {
			var pods corev1.PodList
			if err := h.List(ctx, &pods, client.InNamespace("crash")); err != nil || len(pods.Items) != 1 {
				return "not one pod", err
			}
			pod = pods.Items[0]
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
				Name: pod.Spec.Containers[0].Name, Image: "nginx:1", RestartCount: 4, Ready: ready == corev1.ConditionTrue, State: state, LastTerminationState: last,
			}}
			for i := range pod.Status.Conditions {
				if kind := pod.Status.Conditions[i].Type; kind == corev1.PodReady || kind == corev1.ContainersReady {
					pod.Status.Conditions[i].Status = ready
				}
			}
			err := h.Status().Update(ctx, &pod)
			if apierrors.IsConflict(err) {
				return "somebody else has written the pod", nil
			}
			return "", err
		})
	}
	set(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}}, corev1.ConditionFalse)
	h.says(t, app, "; pod "+pod.Name+", container web: CrashLoopBackOff: OOMKilled, exit code 137, restarts: 4")
	set(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, corev1.ContainerState{}, corev1.ConditionTrue)
	h.running(t, app)
	h.says(t, app, "Ready:1/1")
}

// testQuota checks that pods that cannot be made at all are explained.
func testQuota(t *testing.T, h *hub) {
	h.newTenant(t, "quota")
	h.create(t, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "quota", Name: "none"}, Spec: corev1.ResourceQuotaSpec{
		Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")},
	}})
	app := appIn("quota", "store", component("web", "nginx:1", ""))
	h.create(t, app)
	h.says(t, app, "; ReplicaFailure: FailedCreate: forbidden: ")
}
