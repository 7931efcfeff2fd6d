// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// state is what the built-in health of a kind says of an object.
type state struct {
	healthy bool
	failed  bool
	message string
}

func healthy() state { return state{healthy: true} }

func progressing(format string, args ...any) state {
	return state{message: fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) state {
	return state{failed: true, message: fmt.Sprintf(format, args...)}
}

// worse says that a state is to be told rather than another one.
func (s state) worse(than state) bool {
	if s.failed != than.failed {
		return s.failed
	}
	return !s.healthy && than.healthy
}

// kind is the built-in health of a kind of objects. It sees no more than its
// paths, all of which feedback carries, so that the verdict is the same over an
// object and over what is fed back of it.
type kind struct {
	paths []Path
	// pods says that objects of the kind run pods.
	pods    bool
	verdict func(fields) state
	// because are the paths of what explains a failure, and why says it, empty when
	// nothing does: that is told beside what a definition's own CUE says. final says
	// that waiting does not help.
	because []Path
	why     func(fields) (text string, final bool)
}

// judge is the verdict on an observed object.
func (k kind) judge(object map[string]any) state {
	seen := seen(object, k.paths)
	if seen.text("metadata.deletionTimestamp") != "" {
		return progressing("is being deleted")
	}
	observed, reported := seen.integer("status.observedGeneration")
	if generation, _ := seen.integer("metadata.generation"); reported && observed < generation {
		return progressing("its controller has not seen the change yet")
	}
	return k.verdict(seen)
}

// reason is what explains why an observed object is not well, empty when nothing
// does, and whether that does not pass by waiting.
func (k kind) reason(object map[string]any) (text string, final bool) {
	if k.why == nil || object == nil {
		return "", false
	}
	return k.why(seen(object, k.because))
}

// seen are the fields of an object that feedback would carry.
func seen(object map[string]any, paths []Path) fields {
	out := make(fields, len(paths))
	for _, p := range paths {
		if value, ok := At(object, p); ok {
			if leaf, ok := leafOf(value); ok {
				out[p.JSONPath()] = leaf
			}
		}
	}
	return out
}

// kindOf is the built-in health of an object's kind. Kinds without one of their
// own are judged by the conditions that are usual for controllers.
func kindOf(o render.Object) kind {
	gvk := o.GroupVersionKind()
	switch gvk.Group + "/" + gvk.Kind {
	case "apps/Deployment":
		return kind{paths: deploymentPaths(), pods: true, verdict: deployment, because: deploymentReasons(), why: whyDeployment}
	case "apps/StatefulSet":
		return kind{paths: statefulSetPaths(), pods: true, verdict: statefulSet}
	case "apps/DaemonSet":
		return kind{paths: daemonSetPaths(), pods: true, verdict: daemonSet}
	case "batch/Job":
		return kind{paths: jobPaths(), pods: true, verdict: job, because: jobReasons(), why: whyJob}
	case "batch/CronJob":
		return kind{paths: pathsOf(), pods: true, verdict: always}
	case "/Pod":
		return kind{paths: podPaths(), pods: true, verdict: pod}
	case "/Service":
		return kind{paths: pathsOf("spec.type", "status.loadBalancer.ingress.0.ip", "status.loadBalancer.ingress.0.hostname"), verdict: service}
	case "networking.k8s.io/Ingress":
		return kind{paths: pathsOf("status.loadBalancer.ingress.0.ip", "status.loadBalancer.ingress.0.hostname"), verdict: ingress}
	case "/PersistentVolumeClaim":
		return kind{paths: pathsOf("status.phase"), verdict: claim}
	case "autoscaling/HorizontalPodAutoscaler":
		return kind{paths: withConditions(pathsOf(), "AbleToScale", "ScalingActive"), verdict: autoscaler}
	case "apiextensions.k8s.io/CustomResourceDefinition":
		return kind{paths: withConditions(pathsOf(), "Established", "NamesAccepted", "Terminating"), verdict: customResourceDefinition}
	}
	return kind{paths: withConditions(pathsOf(), "Stalled", "Reconciling", "Ready"), verdict: general}
}

// pathsOf are the paths that all kinds need and those given by their keys.
func pathsOf(texts ...string) []Path {
	out := []Path{{"metadata", "deletionTimestamp"}, {"metadata", "generation"}, {"status", "observedGeneration"}}
	for _, text := range texts {
		out = append(out, strings.Split(text, "."))
	}
	return out
}

func withConditions(paths []Path, types ...string) []Path {
	for _, t := range types {
		paths = append(paths, conditionPaths(t, "status", "reason", "message")...)
	}
	return paths
}

func conditionPaths(of string, names ...string) []Path {
	out := make([]Path, 0, len(names))
	for _, name := range names {
		out = append(out, Path{"status", conditions, Where("type", of), name})
	}
	return out
}

// fields are what is known of an object, by the text of their paths.
type fields map[string]any

func (f fields) at(keys string) any {
	return f[Path(strings.Split(keys, ".")).JSONPath()]
}

func (f fields) integer(keys string) (int64, bool) {
	n, ok := f.at(keys).(int64)
	return n, ok
}

func (f fields) number(keys string) int64 {
	n, _ := f.integer(keys)
	return n
}

func (f fields) text(keys string) string {
	s, _ := f.at(keys).(string)
	return s
}

func (f fields) flag(keys string) bool {
	b, _ := f.at(keys).(bool)
	return b
}

// condition is a condition of an object; its fields are empty when there is none.
type condition struct{ status, reason, message string }

func (f fields) condition(of string) condition {
	field := func(name string) string {
		s, _ := f[Path{"status", conditions, Where("type", of), name}.JSONPath()].(string)
		return s
	}
	return condition{status: field("status"), reason: field("reason"), message: field("message")}
}

func (c condition) is(status string) bool { return c.status == status }

// String is the reason and message of a condition.
func (c condition) String() string {
	return said(c.reason, c.message)
}

// said is a reason with its message, as far as either is given.
func said(reason, message string) string {
	switch {
	case message == "":
		return reason
	case reason == "":
		return message
	}
	return reason + ": " + message
}

func always(fields) state { return healthy() }

// general judges by the conditions that most controllers give: Stalled and
// Reconciling say what is wrong or under way, Ready that all is well. An object
// that has none of them is healthy when it exists.
func general(f fields) state {
	if c := f.condition("Stalled"); c.is("True") {
		return failed("%s", c)
	}
	if c := f.condition("Reconciling"); c.is("True") {
		return progressing("%s", c)
	}
	if c := f.condition("Ready"); c.status != "" && !c.is("True") {
		return progressing("is not ready: %s", c)
	}
	return healthy()
}

func service(f fields) state {
	if f.text("spec.type") != "LoadBalancer" {
		return healthy()
	}
	return ingress(f)
}

func ingress(f fields) state {
	if f.text("status.loadBalancer.ingress.0.ip")+f.text("status.loadBalancer.ingress.0.hostname") == "" {
		return progressing("has no address of a load balancer yet")
	}
	return healthy()
}

func claim(f fields) state {
	switch phase := f.text("status.phase"); phase {
	case "Bound":
		return healthy()
	case "Lost":
		return failed("has lost its volume")
	default:
		return progressing("is not bound to a volume yet")
	}
}

// autoscaler is healthy also while it is switched off by zero replicas.
func autoscaler(f fields) state {
	able, active := f.condition("AbleToScale"), f.condition("ScalingActive")
	switch {
	case able.is("False"):
		return failed("cannot scale: %s", able)
	case active.is("False") && active.reason != "ScalingDisabled":
		return progressing("does not scale: %s", active)
	case able.status == "":
		return progressing("its controller has not looked at it yet")
	}
	return healthy()
}

func customResourceDefinition(f fields) state {
	if c := f.condition("NamesAccepted"); c.is("False") {
		return failed("its names are not accepted: %s", c)
	}
	if c := f.condition("Terminating"); c.is("True") {
		return progressing("is being deleted: %s", c)
	}
	if c := f.condition("Established"); !c.is("True") {
		return progressing("is not established yet")
	}
	return healthy()
}
