// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// Pause is what the addon says of an application that may be paused.
type Pause struct {
	// Paused says that nothing of it is written.
	Paused bool
	// Since is when that began, after RFC 3339; empty when it is not paused.
	Since string
	// State says in a line how the application is.
	State string
}

// PauseOf reads what the addon says.
func PauseOf(object *unstructured.Unstructured) (Pause, error) {
	app := &v1beta1.Application{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, app); err != nil {
		return Pause{}, fmt.Errorf("read the application %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	pause := Pause{State: stateText(app)}
	condition := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionPaused)
	if condition != nil && condition.Status == metav1.ConditionTrue {
		pause.Paused, pause.Since = true, condition.LastTransitionTime.UTC().Format(time.RFC3339)
	}
	return pause, nil
}

// stateText says in a line how the application is.
func stateText(app *v1beta1.Application) string {
	total, healthy := places(app)
	text := fmt.Sprintf("delivered and healthy in %d of %d %s", healthy, total, plural(total, "place"))
	if stalledReason(app) != v1alpha1.ReasonPaused {
		return text
	}
	return text + ", and something is held back"
}
