// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
)

// onDelete is the update strategy that leaves it to people to replace pods.
const onDelete = "OnDelete"

func deploymentPaths() []Path {
	paths := pathsOf("spec.replicas", "spec.paused", "status.replicas", "status.updatedReplicas", "status.readyReplicas", "status.availableReplicas")
	return append(paths, deploymentReasons()...)
}

// deploymentReasons are what explains a Deployment that is not well. The message
// of Progressing changes with each step of a rollout, and each change of a field
// that is fed back is a write on the hub; that of Available says no more than its
// reason. ReplicaFailure is there only while there is a failure. How many pods
// are terminating says whether that passes; clusters before Kubernetes 1.35 do not
// report it.
func deploymentReasons() []Path {
	paths := append(conditionPaths("Progressing", "reason"), Path{"status", "terminatingReplicas"})
	paths = append(paths, conditionPaths("Available", "status", "reason")...)
	return withConditions(paths, "ReplicaFailure")
}

// whyDeployment names the conditions that say what is wrong. That replicas are
// missing says the least, and is told where nothing else is. Waiting helps
// neither who exceeded the deadline nor whose pods are refused, unless pods that
// are terminating have what the quota allows.
func whyDeployment(f fields) (text string, final bool) {
	var texts []string
	if reason := f.condition("Progressing").reason; reason == deadlineExceeded {
		texts, final = append(texts, reason+": its rollout has not progressed in time"), true
	}
	if c := f.condition("ReplicaFailure"); c.is("True") {
		passes := overQuota(c) && f.number("status.terminatingReplicas") > 0
		texts, final = append(texts, said("ReplicaFailure", forbidden(c).String())), final || c.reason == failedCreate && !passes
	}
	if c := f.condition("Available"); c.is("False") && len(texts) == 0 {
		texts = append(texts, said("Available", c.reason))
	}
	return strings.Join(texts, "; "), final
}

// forbidden leaves out the name of a pod that was refused, and what its refusal quotes.
func forbidden(c condition) condition {
	c.message = refusal.Forbidden(c.message)
	return c
}

// overQuota says that pods are refused for want of room in a quota, in the words
// of the API server.
func overQuota(c condition) bool { return strings.Contains(c.message, "exceeded quota") }

// failedCreate is the reason of ReplicaFailure when pods are refused.
const failedCreate = "FailedCreate"

// deadlineExceeded is the reason of Progressing when a rollout takes too long.
const deadlineExceeded = "ProgressDeadlineExceeded"

// deployment is healthy when all replicas are of the present version and available.
func deployment(f fields) state {
	if _, seen := f.integer("status.observedGeneration"); !seen {
		return progressing("its controller has not looked at it yet")
	}
	why, final := whyDeployment(f)
	if f.condition("Progressing").reason == deadlineExceeded {
		return failed("%s", why)
	}
	want := f.replicas()
	replicas, updated := f.number("status.replicas"), f.number("status.updatedReplicas")
	available := min(f.number("status.availableReplicas"), f.number("status.readyReplicas"))
	if updated >= want && replicas <= updated && available >= want {
		return healthy()
	}
	if f.condition("ReplicaFailure").is("True") {
		return state{failed: final, message: why}
	}
	switch {
	case updated < want && f.flag("spec.paused"):
		return progressing("is paused with %d of %d replicas updated", updated, want)
	case updated < want:
		return progressing("%d of %d replicas are updated", updated, want)
	case replicas > updated:
		return progressing("replicas of an earlier version are still there: %d", replicas-updated)
	}
	return progressing("%d of %d replicas are available", available, want)
}

// replicas are as many as are wanted, one when it is not said.
func (f fields) replicas() int64 {
	if n, ok := f.integer("spec.replicas"); ok {
		return n
	}
	return 1
}

func statefulSetPaths() []Path {
	return pathsOf("spec.replicas", "spec.updateStrategy.type", "spec.updateStrategy.rollingUpdate.partition",
		"status.replicas", "status.readyReplicas", "status.availableReplicas", "status.updatedReplicas",
		"status.currentRevision", "status.updateRevision")
}

// statefulSet is healthy when all replicas are ready and those above the
// partition are of the present version.
func statefulSet(f fields) state {
	if _, seen := f.integer("status.observedGeneration"); !seen {
		return progressing("its controller has not looked at it yet")
	}
	want := f.replicas()
	ready := f.number("status.readyReplicas")
	if available, ok := f.integer("status.availableReplicas"); ok {
		ready = min(ready, available)
	}
	if ready < want {
		return progressing("%d of %d replicas are available", ready, want)
	}
	if replicas := f.number("status.replicas"); replicas > want {
		return progressing("replicas that are too many are still there: %d", replicas-want)
	}
	if f.text("spec.updateStrategy.type") == onDelete {
		return healthy()
	}
	updated, partition := f.number("status.updatedReplicas"), f.number("spec.updateStrategy.rollingUpdate.partition")
	if due := max(want-partition, 0); partition > 0 {
		if updated < due {
			return progressing("%d of %d replicas above the partition are updated", updated, due)
		}
		return healthy()
	}
	if f.text("status.currentRevision") != f.text("status.updateRevision") {
		return progressing("%d of %d replicas are updated", updated, want)
	}
	return healthy()
}

func daemonSetPaths() []Path {
	return pathsOf("spec.updateStrategy.type", "status.desiredNumberScheduled", "status.updatedNumberScheduled",
		"status.numberAvailable", "status.numberReady")
}

// daemonSet is healthy when each node that is to run a pod has an available one
// of the present version.
func daemonSet(f fields) state {
	if _, seen := f.integer("status.observedGeneration"); !seen {
		return progressing("its controller has not looked at it yet")
	}
	want := f.number("status.desiredNumberScheduled")
	if updated := f.number("status.updatedNumberScheduled"); updated < want && f.text("spec.updateStrategy.type") != onDelete {
		return progressing("the pods of %d of %d nodes are updated", updated, want)
	}
	if available := min(f.number("status.numberAvailable"), f.number("status.numberReady")); available < want {
		return progressing("the pods of %d of %d nodes are available", available, want)
	}
	return healthy()
}

func jobPaths() []Path {
	paths := pathsOf("spec.suspend", "status.active", "status.succeeded", "status.failed")
	return append(withConditions(paths, "Complete"), jobReasons()...)
}

// jobReasons are what explains a Job that failed; they are there only then.
func jobReasons() []Path { return withConditions(nil, "Failed", "FailureTarget") }

// whyJob is the condition by which the Job failed, for good.
func whyJob(f fields) (text string, final bool) {
	for _, of := range []string{"Failed", "FailureTarget"} {
		if c := f.condition(of); c.is("True") {
			return said(of, c.String()), true
		}
	}
	return "", false
}

// job is healthy when it has completed: what waits for a job waits for its result.
func job(f fields) state {
	if f.condition("Complete").is("True") {
		return healthy()
	}
	if why, final := whyJob(f); final {
		return failed("%s", why)
	}
	if f.flag("spec.suspend") {
		return progressing("is suspended")
	}
	return progressing("has not completed yet (pods active: %d, succeeded: %d, failed: %d)",
		f.number("status.active"), f.number("status.succeeded"), f.number("status.failed"))
}

func podPaths() []Path {
	paths := pathsOf("status.phase", "status.reason", "status.message")
	for _, list := range containerLists() {
		paths = append(paths, Path{"status", list, "0", "state", "waiting", "reason"}, Path{"status", list, "0", "state", "waiting", "message"})
	}
	return withConditions(paths, "Ready", "PodScheduled")
}

func containerLists() []string {
	return []string{"initContainerStatuses", "containerStatuses"}
}

// pod is healthy when it is ready or has succeeded. Of its containers the first
// one is looked at, since feedback carries no lists.
func pod(f fields) state {
	switch f.text("status.phase") {
	case "Succeeded":
		return healthy()
	case "Failed":
		return failed("%s", said(or(f.text("status.reason"), "has failed"), f.text("status.message")))
	}
	if f.condition("Ready").is("True") {
		return healthy()
	}
	for _, list := range containerLists() {
		reason := f.text("status." + list + ".0.state.waiting.reason")
		if isStuck(reason) {
			return failed("%s", said(reason, f.text("status."+list+".0.state.waiting.message")))
		}
	}
	if c := f.condition("PodScheduled"); c.is("False") {
		return progressing("%s", c)
	}
	return progressing("is not ready yet: %s", or(f.condition("Ready").String(), "it has not started"))
}

// isStuck says that a container waits for something that does not come by itself.
func isStuck(reason string) bool {
	ends := []string{"BackOff", "Error"}
	return strings.HasPrefix(reason, "Err") || reason == "InvalidImageName" ||
		slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(reason, end) })
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
