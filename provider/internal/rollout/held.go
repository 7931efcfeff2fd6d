// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// Held explains what holds an Application that is being deleted and does not go:
// its finalizers, what the addon says of it, and where something of it is left.
func Held(object *unstructured.Unstructured) string {
	var lines []string
	for _, finalizer := range object.GetFinalizers() {
		lines = append(lines, fmt.Sprintf("  finalizer %s: %s", finalizer, finalizerRemover(finalizer)))
	}
	app := &v1beta1.Application{}
	// A status that cannot be read has nothing to add.
	if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, app) == nil {
		lines = append(lines, sayingLines(app)...)
		lines = append(lines, placeLines(app)...)
	}
	return strings.Join(append(lines, "",
		"  Check that the addon runs: kubectl -n "+v1alpha1.SystemNamespace+" get pods.",
		fmt.Sprintf("  See also: kubectl -n %s get applications.core.oam.dev %s -o yaml.", object.GetNamespace(), object.GetName()),
		"  Then destroy again, if need be with a longer timeouts.delete."), "\n")
}

// finalizerRemover says who removes a finalizer.
func finalizerRemover(finalizer string) string {
	if finalizer == v1alpha1.Finalizer {
		return "the addon removes it when nothing of the application is left on any cluster"
	}
	return "another controller removes it"
}

// sayingLines are the conditions that are true or say why they are not.
func sayingLines(app *v1beta1.Application) []string {
	var lines []string
	for _, condition := range app.Status.Conditions {
		if condition.Message == "" || (condition.Type != conditionReady && condition.Status != metav1.ConditionTrue) {
			continue
		}
		lines = append(lines, messageLines(condition.Type+" ("+condition.Reason+")", condition.Message)...)
	}
	return lines
}
