// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

var (
	deploymentKind = appsv1.SchemeGroupVersion.WithKind("Deployment")
	podKind        = corev1.SchemeGroupVersion.WithKind("Pod")
)

const (
	// podSelector selects the manager's pods.
	podSelector = "app.kubernetes.io/name=fairlead-addon,app.kubernetes.io/instance=" + Name
	// tooManyRestarts of a container are a crash loop that waiting does not end.
	tooManyRestarts = 3
)

// waitAvailable waits until the manager is available. It gives up early on what
// waiting cannot repair, and says what the pods are waiting for.
func (i *Installer) waitAvailable(ctx context.Context) error {
	key := types.NamespacedName{Namespace: i.namespace, Name: addonchart.Deployment}
	for {
		done, err := i.look(ctx, key)
		if done || err != nil {
			return err
		}
		if !pause(ctx, i.patience.Poll) {
			return i.gaveUp(ctx, key)
		}
	}
}

// look reads the Deployment and its pods once.
func (i *Installer) look(ctx context.Context, key types.NamespacedName) (bool, error) {
	live, err := i.hub.Get(ctx, deploymentKind, key)
	if err != nil {
		return false, err
	}
	deployment, err := typed[appsv1.Deployment](live)
	if err != nil || available(deployment) {
		return err == nil, err
	}
	problems, fatal, err := i.podProblems(ctx)
	if err != nil {
		return false, err
	}
	tflog.Info(ctx, "waiting for the addon", map[string]any{
		"available": deployment.Status.AvailableReplicas, "wanted": replicas(deployment), "pods": problems})
	if fatal {
		return false, failed("The addon does not start", "Deployment %s: %d of %d available.\n%s\nWaiting cannot repair this. The release is installed; fix the cause and apply again.",
			key, deployment.Status.AvailableReplicas, replicas(deployment), strings.Join(problems, "\n"))
	}
	return false, nil
}

// gaveUp is the error of a wait that ctx ended, with what the pods show.
func (i *Installer) gaveUp(ctx context.Context, key types.NamespacedName) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &hub.Error{Reason: hub.Canceled, Summary: "Interrupted", Detail: "Interrupted while waiting for the addon. Apply again to go on."}
	}
	fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	problems, _, err := i.podProblems(fresh)
	if err != nil {
		problems = []string{err.Error()}
	}
	return failed("The addon is not available in time", "Deployment %s is not available.\n%s\n"+
		"The release is installed; fix the cause or give it more time (timeouts), and apply again.", key, strings.Join(problems, "\n"))
}

// available says whether all replicas of the current revision are.
func available(deployment *appsv1.Deployment) bool {
	status := deployment.Status
	return status.ObservedGeneration >= deployment.Generation &&
		status.UpdatedReplicas >= replicas(deployment) && status.AvailableReplicas >= replicas(deployment)
}

// replicas that the Deployment asks for.
func replicas(deployment *appsv1.Deployment) int32 {
	if deployment.Spec.Replicas == nil {
		return 1
	}
	return *deployment.Spec.Replicas
}

// podProblems says what each pod waits for, and whether any of it is fatal.
func (i *Installer) podProblems(ctx context.Context) ([]string, bool, error) {
	pods, err := i.hub.List(ctx, podKind, i.namespace, podSelector)
	if err != nil {
		return nil, false, err
	}
	if len(pods) == 0 {
		return []string{"  no pod exists yet: quota or admission may refuse it, see the events of the namespace " + i.namespace}, false, nil
	}
	var problems []string
	fatal := false
	for n := range pods {
		pod, err := typed[corev1.Pod](&pods[n])
		if err != nil {
			return nil, false, err
		}
		told, bad := podProblem(pod)
		problems = append(problems, told...)
		fatal = fatal || bad
	}
	return problems, fatal, nil
}

// podProblem says what one pod waits for.
func podProblem(pod *corev1.Pod) ([]string, bool) {
	var problems []string
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			problems = append(problems, fmt.Sprintf("  pod %s: %s: %s", pod.Name, condition.Reason, condition.Message))
		}
	}
	fatal := false
	for _, status := range pod.Status.ContainerStatuses {
		waiting := status.State.Waiting
		if waiting == nil {
			continue
		}
		problems = append(problems, fmt.Sprintf("  pod %s, container %s: %s %s", pod.Name, status.Name, waiting.Reason, waiting.Message))
		fatal = fatal || hopeless(waiting.Reason, status.RestartCount)
	}
	return problems, fatal
}

// hopeless says whether waiting cannot repair the state of a container.
func hopeless(reason string, restarts int32) bool {
	switch reason {
	case "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError":
		return true
	case "CrashLoopBackOff":
		return restarts >= tooManyRestarts
	}
	return false
}

// typed converts an object that was read.
func typed[T any](object *unstructured.Unstructured) (*T, error) {
	converted := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, converted); err != nil {
		return nil, fmt.Errorf("convert %s %q: %w", object.GetKind(), object.GetName(), err)
	}
	return converted, nil
}
