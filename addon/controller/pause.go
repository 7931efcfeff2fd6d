// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// reasonResumed is the reason of the event of an application that is paused no longer.
const reasonResumed = "Resumed"

// pausedBy says what pauses an application.
const pausedBy = "its label " + v1beta1.LabelPause + ` is "` + v1beta1.LabelPauseValue + `"`

// pausedMessage is that of condition Paused.
const pausedMessage = pausedBy + ": nothing is written, repaired or removed on any cluster until the label is gone; a deletion is carried out all the same"

// setPaused says whether the application is paused. When that began is the time of the condition.
func setPaused(status *v1beta1.ApplicationStatus, app *v1beta1.Application, now metav1.Time) {
	if !app.Paused() {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionPaused)
		return
	}
	setCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionPaused, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPaused, Message: pausedMessage,
		ObservedGeneration: app.Generation, LastTransitionTime: now,
	})
}

// heldBack says what of an application is not as it is described and is left so,
// since the application is paused; nil when there is no such thing.
func (o *outcome) heldBack() *delivery.Problem {
	if o.report == nil {
		return nil
	}
	var texts []string
	for _, unit := range o.report.Units {
		if unit.Observe.HeldBack() {
			texts = append(texts, unitText(unit))
		}
	}
	for _, removal := range o.report.Removals {
		if removal.Observe.HeldBack() {
			texts = append(texts, fmt.Sprintf("%s: %s: %s", removal.Record.Place, delivery.Title(removal.Record.Component), removal.Observe.Message))
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return &delivery.Problem{Reason: delivery.ReasonPaused, Message: fmt.Sprintf("%s: %s", pausedBy, enumerate(texts))}
}

// tellPause emits the event of an application that was paused or resumed.
func (r *ApplicationReconciler) tellPause(app *v1beta1.Application, before, after v1beta1.ApplicationStatus) {
	was := meta.IsStatusConditionTrue(before.Conditions, v1alpha1.ConditionPaused)
	is := meta.IsStatusConditionTrue(after.Conditions, v1alpha1.ConditionPaused)
	switch {
	case is && !was:
		r.recorder.Eventf(app, nil, "Normal", v1alpha1.ReasonPaused, "Pause", "%s", pausedMessage)
	case was && !is && after.Phase != v1beta1.PhaseDeleting:
		r.recorder.Eventf(app, nil, "Normal", reasonResumed, "Resume", "what the application says is delivered again")
	}
}
