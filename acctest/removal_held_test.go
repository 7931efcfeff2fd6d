// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestPain11HangingFinalizerIsNamed destroys an application of which a finalizer that nobody removes holds an object. Long
// before the time is over the error names the object, the finalizer, whose it is and the command that helps, and the next
// destroy finds its way.
func TestPain11HangingFinalizerIsNamed(t *testing.T) {
	f := sharedFleet(t)
	w := failing{fleet: f, name: "pain11"}
	const namespace, application = "pain11-local", "fairlead_application.web_local"
	settings := objectHCL("v1", "ConfigMap", "settings", `data = { a = "b" }`)
	config := func(limit string) string {
		text := w.environments() + w.application("web-local", "web", "local", settings)
		text = strings.Replace(text, "components   =", fmt.Sprintf("timeouts = { delete = %q }\n  components   =", limit), 1)
		return withProvider(f.env.Hub(), text)
	}
	e := newWorkspace(t, config("90s"))
	e.destroyAtTheEnd(t)
	e.mustApply(t)
	hold := func(finalizers string) {
		t.Helper()
		patch := fmt.Appendf(nil, `{"metadata":{"finalizers":%s}}`, finalizers)
		if _, err := f.on(t, v1alpha1.LocalCluster, configMaps).Namespace(namespace).Patch(context.Background(), "settings", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatalf("set the finalizers of the ConfigMap: %v", err)
		}
	}
	hold(`["example.com/hold"]`)
	code, found := e.apply(t, "-destroy", "-target="+application)
	const summary = "Application is not gone yet"
	got, ok := found[summary]
	if code != 1 || !ok {
		t.Fatalf("the destroy ended with %d: %s", code, jsonOf(found))
	}
	for _, want := range []string{
		"environment pain11-local, cluster local: component web, being removed: ConfigMap pain11-local/settings: waiting for its end: finalizer example.com/hold",
		"Finalizer example.com/hold is removed by the controller of example.com that set it: check that it runs.",
		"kubectl -n pain11-local describe configmap settings",
		`kubectl -n pain11-local patch configmap settings --type=merge -p '{"metadata":{"finalizers":null}}'`,
		"Stopped waiting before timeouts.delete is over: nobody removes what holds it.",
	} {
		if !strings.Contains(got.Detail, want) {
			t.Errorf("the error lacks %q:\n%s", want, got.Detail)
		}
	}
	if state := e.state(t); state[application].Attributes == nil {
		t.Error("the application is not in the state any more")
	}
	hold("null")
	if code, found := e.apply(t, "-destroy"); code != 0 {
		t.Errorf("the next destroy ended with %d: %s", code, jsonOf(found))
	}
}
