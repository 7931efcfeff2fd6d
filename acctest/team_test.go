// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// team has a namespace on the hub and environments, written as by kubectl. All of it goes with the test.
type team struct {
	fleet *fleet
	hub   dynamic.Interface
	// name of the namespace, and the beginning of the names of its environments.
	name string
}

func newTeam(t *testing.T, f *fleet, name string) *team {
	t.Helper()
	w := &team{fleet: f, hub: hubObjects(t, f.env.Hub()), name: name}
	create(t, w.hub, namespaces, "", object(fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, name)))
	return w
}

// environment makes an environment that admits the team, named after it and a stage, and binds it. spec and binding are
// further fields in JSON, without braces; each may be empty. The target namespace is that of the environment's name.
func (w *team) environment(t *testing.T, stage, spec, binding string) string {
	t.Helper()
	name := w.name + "-" + stage
	create(t, w.hub, environments, "", object(fmt.Sprintf(
		`{"apiVersion":"fairlead.dev/v1alpha1","kind":"Environment","metadata":{"name":%q},
		"spec":{"applicationNamespaces":{"names":[%q]},"targetNamespace":{"name":%q}%s}}`, name, w.name, name, more(spec))))
	create(t, w.hub, bindings, "", object(fmt.Sprintf(
		`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":%q},"spec":{"environment":%q%s}}`, name, name, more(binding))))
	return name
}

func more(fields string) string {
	if fields == "" {
		return ""
	}
	return "," + fields
}

// application makes an application of components, in JSON, that goes to the named environments.
func (w *team) application(t *testing.T, name, components string, stages ...string) {
	t.Helper()
	app := object(fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"namespace":%q},
		"spec":{"components":%s,"policies":[]}}`, name, w.name, components))
	var policies []any
	for _, stage := range stages {
		policies = append(policies, map[string]any{"name": "env-" + stage, "type": "environment", "properties": map[string]any{"environment": stage}})
	}
	if err := unstructured.SetNestedSlice(app.Object, policies, "spec", "policies"); err != nil {
		t.Fatal(err)
	}
	create(t, w.hub, applications, w.name, app)
}

// patch changes an application by a JSON patch.
func (w *team) patch(t *testing.T, name, patch string) {
	t.Helper()
	if _, err := w.hub.Resource(applications).Namespace(w.name).Patch(t.Context(), name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatalf("change application %s/%s: %v", w.name, name, err)
	}
}

// isReady waits until an application is ready in its present generation.
func (w *team) isReady(t *testing.T, name string) {
	t.Helper()
	eventually(t, patience, "application "+name+" to be ready", func() error {
		live := w.fleet.get(t, v1alpha1.LocalCluster, applications, w.name, name)
		ready := conditionOf(live, v1alpha1.ConditionReady)
		if observed := nested[int64](live, "status", "observedGeneration"); ready["status"] != "True" || observed != live.GetGeneration() {
			return fmt.Errorf("generation %d of %d, condition Ready %v", observed, live.GetGeneration(), ready)
		}
		return nil
	})
}

// stalls waits until an application is stalled for a reason, and returns what it says.
func (w *team) stalls(t *testing.T, name, reason string) string {
	t.Helper()
	var message string
	eventually(t, patience, fmt.Sprintf("application %s to be stalled: %s", name, reason), func() error {
		live := w.fleet.get(t, v1alpha1.LocalCluster, applications, w.name, name)
		stalled := conditionOf(live, v1alpha1.ConditionStalled)
		message, _ = stalled["message"].(string)
		if stalled["status"] != "True" || stalled["reason"] != reason {
			return fmt.Errorf("condition Stalled is %v", stalled)
		}
		return nil
	})
	return message
}

// drop deletes an application and waits until it is gone.
func (w *team) drop(t *testing.T, name string) {
	t.Helper()
	apps := w.hub.Resource(applications).Namespace(w.name)
	if err := apps.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, destroyLimit, "application "+name+" to be gone", func() error { return isAbsent(apps, name) })
}

// image of the first container of a Deployment.
func imageOf(deployment *unstructured.Unstructured) string {
	containers := nested[[]any](deployment, "spec", "template", "spec", "containers")
	if len(containers) == 0 {
		return ""
	}
	image, _ := containers[0].(map[string]any)["image"].(string)
	return image
}

// asJSON is an object, or a part of one, in the form in which it was read.
func asJSON(t *testing.T, value any) string {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
