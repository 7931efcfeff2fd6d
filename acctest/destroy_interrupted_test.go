// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// goingPair is an environment and an application, with a word in both.
const goingPair = `
resource "fairlead_environment" "this" {
  name     = "going"
  defaults = { webservice = { properties = { labels = { word = %[1]q } } } }
}
resource "fairlead_application" "this" {
  namespace  = "default"
  name       = "going"
  labels     = { word = %[1]q }
  components = { web = { type = "webservice", properties = { image = "nginx:1" } } }
}
`

// heldPair is the pair on the hub, which a finalizer holds when it is deleted.
type heldPair []dynamic.ResourceInterface

// newHeldPair returns the pair.
func newHeldPair(t *testing.T, plane *cluster.ControlPlane) heldPair {
	t.Helper()
	objects := hubObjects(t, plane)
	return heldPair{objects.Resource(environments), objects.Resource(applications).Namespace("default")}
}

// hold sets the finalizers of both.
func (p heldPair) hold(t *testing.T, finalizers string) {
	t.Helper()
	for _, objects := range p {
		patch := fmt.Appendf(nil, `{"metadata":{"finalizers":%s}}`, finalizers)
		if _, err := objects.Patch(t.Context(), "going", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// get reads both.
func (p heldPair) get(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	var pair []*unstructured.Unstructured
	for _, objects := range p {
		live, err := objects.Get(t.Context(), "going", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pair = append(pair, live)
	}
	return pair
}

// going says what is not being deleted.
func (p heldPair) going(t *testing.T) error {
	t.Helper()
	for _, live := range p.get(t) {
		if live.GetDeletionTimestamp() == nil {
			return fmt.Errorf("%s is not being deleted", live.GetKind())
		}
	}
	return nil
}

// waits returns when the engine waits for the end of both, to destroy them or to make them anew.
func (p heldPair) waits(t *testing.T, run *engineRun, todo string) {
	t.Helper()
	eventually(t, patience, "the engine to wait for the end of what goes", func() error {
		for _, address := range []string{"fairlead_environment.this", "fairlead_application.this"} {
			if !strings.Contains(run.String(), address+": Still "+todo) {
				return errors.New(run.String())
			}
		}
		return p.going(t)
	})
}

// TestApplyAfterInterruptedDestroy ends a destroy while finalizers hold an environment and an application. An apply makes both
// anew when they are gone, and does not pass over what goes; another destroy waits for their end.
func TestApplyAfterInterruptedDestroy(t *testing.T) {
	plane := sharedHub(t)
	env := []string{"KUBE_CONFIG_PATH=" + plane.KubeconfigPath}
	pair := newHeldPair(t, plane)
	w := newWorkspace(t, fmt.Sprintf(goingPair, "one"))
	w.run(t, env, "apply", "-auto-approve")
	old := pair.get(t)
	pair.hold(t, `["example.com/held"]`)

	destroy := w.start(t, env, "destroy", "-auto-approve")
	pair.waits(t, destroy, "destroying")
	if err := everybody.kill(destroy); err != nil {
		t.Fatal(err)
	}
	if err := destroy.wait(t); err == nil {
		t.Fatalf("a destroy that was killed succeeded:\n%s", destroy)
	}
	w.write(t, fmt.Sprintf(goingPair, "two"))
	if told := oneLine(w.fails(t, env, "apply", "-auto-approve", "-refresh=false")); strings.Count(told, "is being deleted") < 2 {
		t.Errorf("without a refresh, want it said that both are being deleted:\n%s", told)
	}
	apply := w.start(t, env, "apply", "-auto-approve")
	pair.waits(t, apply, "modifying")
	pair.hold(t, "null")
	if err := apply.wait(t); err != nil {
		t.Fatalf("apply: %v\n%s", err, apply)
	}
	for i, live := range pair.get(t) {
		text, err := live.MarshalJSON()
		if err != nil || live.GetUID() == old[i].GetUID() || live.GetDeletionTimestamp() != nil || !strings.Contains(string(text), `"two"`) {
			t.Errorf("%s was not made anew: %s, %v", live.GetKind(), text, err)
		}
	}
	if told := w.run(t, env, "plan", "-input=false"); !strings.Contains(told, "No changes") {
		t.Errorf("the plan after it:\n%s", told)
	}

	pair.hold(t, `["example.com/held"]`)
	told := interrupt(t, w.start(t, env, "destroy", "-auto-approve"), "Still destroying", func() error { return pair.going(t) })
	if held := strings.Count(told, "finalizer example.com/held"); held != len(pair) {
		t.Errorf("the interrupted destroy names the finalizer of %d objects, want %d:\n%s", held, len(pair), told)
	}
	destroy = w.start(t, env, "destroy", "-auto-approve")
	pair.waits(t, destroy, "destroying")
	pair.hold(t, "null")
	if err := destroy.wait(t); err != nil {
		t.Fatalf("destroy: %v\n%s", err, destroy)
	}
	for _, objects := range pair {
		if live, err := objects.Get(t.Context(), "going", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("left over: %v, %v", live, err)
		}
	}
}

// TestApplyChangesWhatHoldsADestroy applies a change of an environment while an application that depends on it is held on its way
// out: what would let it go may be in that change, so that it must come first.
func TestApplyChangesWhatHoldsADestroy(t *testing.T) {
	plane := sharedHub(t)
	env := []string{"KUBE_CONFIG_PATH=" + plane.KubeconfigPath}
	config := func(word string) string {
		return strings.Replace(fmt.Sprintf(goingPair, word), `name       = "going"`, `name       = "going"
  depends_on = [fairlead_environment.this]`, 1)
	}
	pair := newHeldPair(t, plane)
	w := newWorkspace(t, config("one"))
	w.run(t, env, "apply", "-auto-approve")
	old := pair.get(t)
	application := pair[1:]
	application.hold(t, `["example.com/held"]`)
	interrupt(t, w.start(t, env, "destroy", "-auto-approve"), "Still destroying", func() error { return application.going(t) })

	w.write(t, config("two"))
	apply := w.start(t, env, "apply", "-auto-approve")
	eventually(t, patience, "the environment to be changed while the application is held", func() error {
		text, err := pair.get(t)[0].MarshalJSON()
		if err == nil && !strings.Contains(string(text), `"two"`) {
			err = fmt.Errorf("it is %s; the engine says %s", text, apply)
		}
		return err
	})
	if err := application.going(t); err != nil {
		t.Fatal(err)
	}
	application.hold(t, "null")
	if err := apply.wait(t); err != nil {
		t.Fatalf("apply: %v\n%s", err, apply)
	}
	now := pair.get(t)
	if now[0].GetUID() != old[0].GetUID() || now[1].GetUID() == old[1].GetUID() {
		t.Error("want the environment to be the same, and the application to be made anew")
	}
	w.run(t, env, "destroy", "-auto-approve")
}
