// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// crashLoop is how many restarts make a loop that does not end by itself.
const crashLoop = 3

// podCause is what a pod's own status says is wrong with it; empty when it says
// nothing, or nothing yet.
func podCause(pod *corev1.Pod) delivery.Cause {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			// A node may be on its way.
			return mayPass("pod " + pod.Name + ": " + because(condition.Reason, condition.Message))
		}
	}
	statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	for i := range statuses {
		if found := containerCause(pod, &statuses[i]); found.Text != "" {
			found.Text = fmt.Sprintf("pod %s, container %s: %s", pod.Name, statuses[i].Name, found.Text)
			return found
		}
	}
	if pod.Status.Phase == corev1.PodFailed {
		// Such as Evicted, and another takes its place. Its message may have what a container printed.
		return mayPass("pod " + pod.Name + ": " + strings.TrimSuffix("Failed: "+pod.Status.Reason, ": "))
	}
	return delivery.Cause{}
}

// containerCause is what is wrong with a container. Messages of what it ended
// with are left out: they may be the end of its log.
func containerCause(pod *corev1.Pod, status *corev1.ContainerStatus) delivery.Cause {
	if waiting := status.State.Waiting; waiting != nil {
		switch waiting.Reason {
		case "", "ContainerCreating", "PodInitializing", "CrashLoopBackOff":
		case "ErrImagePull", "ImagePullBackOff":
			// The two alternate, at each try.
			return final(fmt.Sprintf("ImagePullBackOff: image %q%s", imageOf(pod, status), pullFailure(waiting.Message)))
		case "InvalidImageName", "ErrImageNeverPull":
			return final(fmt.Sprintf("%s: image %q", waiting.Reason, imageOf(pod, status)))
		default:
			// Such as CreateContainerConfigError.
			return delivery.Cause{Text: because(waiting.Reason, waiting.Message), Final: strings.HasSuffix(waiting.Reason, "Error")}
		}
	}
	return delivery.Cause{Text: crash(status), Final: status.RestartCount >= crashLoop}
}

func imageOf(pod *corev1.Pod, status *corev1.ContainerStatus) string {
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if container.Name == status.Name {
			return container.Image
		}
	}
	return status.Image
}

// pullFailure is the kind of a failed pull: registries' own texts have tokens
// and trace numbers in them.
func pullFailure(message string) string {
	switch lower := strings.ToLower(message); {
	case strings.Contains(lower, "not found"), strings.Contains(lower, "manifest unknown"):
		return " was not found"
	case strings.Contains(lower, "unauthorized"), strings.Contains(lower, "denied"), strings.Contains(lower, "forbidden"):
		return ": the registry denies access"
	case strings.Contains(lower, "no such host"), strings.Contains(lower, "timeout"), strings.Contains(lower, "connection refused"):
		return ": the registry cannot be reached"
	}
	return ""
}

// crash is how a container ended that should run.
func crash(status *corev1.ContainerStatus) string {
	ended := status.State.Terminated
	if ended == nil {
		ended = status.LastTerminationState.Terminated
	}
	loops := status.State.Waiting != nil && status.State.Waiting.Reason == "CrashLoopBackOff"
	if ended == nil || status.Ready || !loops && ended.ExitCode == 0 {
		if loops {
			return fmt.Sprintf("CrashLoopBackOff: %d restarts", status.RestartCount)
		}
		return ""
	}
	word := "crashed"
	if loops || status.RestartCount > 1 {
		word = "CrashLoopBackOff" // also while it runs or has just ended, between two waits
	}
	text := fmt.Sprintf("%s: exit code %d", word, ended.ExitCode)
	if ended.Reason != "" && ended.Reason != "Error" && ended.Reason != "Completed" {
		text = fmt.Sprintf("%s: %s, exit code %d", word, ended.Reason, ended.ExitCode)
	}
	if status.RestartCount == 0 {
		return text
	}
	return fmt.Sprintf("%s, restarts: %d", text, status.RestartCount)
}

var (
	probeKind   = regexp.MustCompile(`^(Readiness|Liveness|Startup) probe (failed|errored)`)
	probeStatus = regexp.MustCompile(`HTTP probe failed with statuscode: ([0-9]{3})\b`)
)

// probeFailure says how a probe failed, without what the container answered or
// the probe's command printed.
func probeFailure(message string) string {
	kind := probeKind.FindString(message)
	if kind == "" {
		return "a probe failed"
	}
	if status := probeStatus.FindStringSubmatch(message); status != nil {
		return kind + ": status " + status[1]
	}
	switch {
	case strings.Contains(message, "connection refused"):
		return kind + ": connection refused"
	case strings.Contains(message, "deadline exceeded"), strings.Contains(message, "timed out"), strings.Contains(message, "timeout"):
		return kind + ": timeout"
	}
	return kind
}
