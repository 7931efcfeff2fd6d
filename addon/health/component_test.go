// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// TestComponentHealth judges the workloads of the built-in types other than webservice.
func TestComponentHealth(t *testing.T) {
	counts := func(observed, replicas, updated, ready int64) object {
		return object{"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready}
	}
	nodes := func(observed, desired, current, updated, ready int64) object {
		return object{"observedGeneration": observed, "desiredNumberScheduled": desired, "currentNumberScheduled": current, "updatedNumberScheduled": updated, "numberReady": ready}
	}
	cases := map[string]struct {
		reason  string
		kind    string
		spec    object
		status  object
		healthy bool
		message string
	}{
		"Worker":              {"All replicas are new and ready.", "worker", object{"replicas": int64(2)}, counts(2, 2, 2, 2), true, "Ready:2/2"},
		"WorkerFresh":         {"Kubernetes has not looked at it yet.", "worker", object{"replicas": int64(1)}, nil, false, "Ready:0/1"},
		"WorkerOld":           {"The counters are those of the generation before.", "worker", object{"replicas": int64(1)}, counts(1, 1, 1, 1), false, "Ready:1/1"},
		"WorkerRolling":       {"A replica of the old version is still there.", "worker", object{"replicas": int64(1)}, counts(2, 2, 1, 1), false, "Ready:1/1"},
		"StatefulSet":         {"All replicas are new and ready.", "statefulset", object{"replicas": int64(3)}, counts(2, 3, 3, 3), true, "Ready:3/3"},
		"StatefulSetUpdating": {"One replica is old.", "statefulset", object{"replicas": int64(3)}, counts(2, 3, 2, 3), false, "Ready:3/3"},
		"StatefulSetStarting": {"Replicas start one after the other.", "statefulset", object{"replicas": int64(3)}, counts(2, 2, 2, 1), false, "Ready:1/3"},
		"Daemon":              {"Every node runs the new version.", "daemon", nil, nodes(2, 3, 3, 3, 3), true, "Ready:3/3"},
		"DaemonNoNodes":       {"No node is to run it.", "daemon", nil, nodes(2, 0, 0, 0, 0), true, "Ready:0/0"},
		"DaemonFresh":         {"Kubernetes has not looked at it yet.", "daemon", nil, nil, false, "Ready:0/0"},
		"DaemonUpdating":      {"One node runs the old version.", "daemon", nil, nodes(2, 3, 3, 2, 3), false, "Ready:3/3"},
		"DaemonMissing":       {"One node does not run it yet.", "daemon", nil, nodes(2, 3, 2, 2, 2), false, "Ready:2/3"},
		"DaemonOld":           {"The counters are those of the generation before.", "daemon", nil, nodes(1, 1, 1, 1, 1), false, "Ready:1/1"},
		"Task":                {"As many pods as wanted have succeeded.", "task", object{"parallelism": int64(2)}, object{"succeeded": int64(2)}, true, "Active/Failed/Succeeded:0/0/2"},
		"TaskRunning":         {"One of two has succeeded.", "task", object{"parallelism": int64(2)}, object{"active": int64(1), "succeeded": int64(1)}, false, "Active/Failed/Succeeded:1/0/1"},
		"TaskFailed":          {"The Job has failed.", "task", object{"parallelism": int64(1)}, object{"failed": int64(7)}, false, "Active/Failed/Succeeded:0/7/0"},
		"CronTask":            {"A schedule that exists is healthy.", "cron-task", nil, nil, true, ""},
		"Referenced":          {"A referenced Deployment is judged.", "ref-objects", object{"replicas": int64(1)}, counts(2, 1, 1, 1), true, "Ready:1/1"},
		"ReferencedNotReady":  {"It is not ready.", "ref-objects", object{"replicas": int64(2)}, counts(2, 2, 2, 1), false, "Ready:1/2"},
		"ReferencedOtherKind": {"Any other kind is healthy when it exists.", "ref-objects/ConfigMap", nil, nil, true, ""},
		"ObjectsAreNotJudged": {"Objects as they are written are healthy when they exist.", "k8s-objects", nil, nil, true, ""},
		"StatefulSetDefault":  {"Without a number of replicas one is wanted.", "statefulset", object{"replicas": nil}, counts(2, 1, 1, 1), true, "Ready:1/1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := rendered(t, definition.Builtin(), component(tc.kind))
			observed := runtime.DeepCopyJSON(r.Objects[0].Content)
			observed["metadata"].(object)["generation"] = int64(2)
			for k, v := range tc.spec {
				observed["spec"].(object)[k] = v
				if v == nil {
					delete(observed["spec"].(object), k)
				}
			}
			if tc.status != nil {
				observed["status"] = tc.status
			}
			got, err := health.Evaluate(health.Input{Result: r, Output: observed})
			if err != nil {
				t.Fatal(err)
			}
			if got.Healthy != tc.healthy || got.Message != tc.message {
				t.Errorf("%s healthy = %t, message %q, want %t, %q", tc.reason, got.Healthy, got.Message, tc.healthy, tc.message)
			}
		})
	}
}

// component is a component of a type with what the type needs.
func component(kind string) render.Component {
	c := render.Component{Name: "x", Type: kind, Properties: object{"image": "nginx"}}
	settings := object{"apiVersion": "v1", "kind": "ConfigMap"}
	switch kind {
	case "cron-task":
		c.Properties["schedule"] = "0 3 * * *"
	case "k8s-objects":
		c.Properties = object{"objects": list{settings}}
	case "ref-objects":
		c.Properties = nil
		c.Objects = []map[string]any{{"apiVersion": "apps/v1", "kind": "Deployment", "spec": object{}}}
	case "ref-objects/ConfigMap":
		c.Type, c.Properties, c.Objects = "ref-objects", nil, []map[string]any{settings}
	}
	return c
}

func TestDisabledComponentHealthCheck(t *testing.T) {
	r := rendered(t, definition.Builtin(), component("statefulset"))
	observed := runtime.DeepCopyJSON(r.Objects[0].Content)
	observed["metadata"].(object)["annotations"] = object{"app.oam.dev/disable-health-check": "true"}
	got, err := health.Evaluate(health.Input{Result: r, Output: observed})
	if err != nil || !got.Healthy {
		t.Errorf("the annotation switches the check off: %+v, %v", got, err)
	}
}
