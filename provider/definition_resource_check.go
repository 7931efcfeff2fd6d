// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

const (
	// judgeTimeout bounds the wait for what the addon says of a definition.
	judgeTimeout = 30 * time.Second
	// restoreTimeout bounds putting back what was there before.
	restoreTimeout = 30 * time.Second
	// maxRemarks is how many remarks a message has.
	maxRemarks = 50
	// reasonNotImplemented is said of definitions that have no effect.
	reasonNotImplemented = "NotImplemented"
)

// known says whether all that is needed to check the definition is known.
func (m *definitionModel) known() bool {
	for _, value := range []attr.Value{
		m.CUE, m.Kind, m.Name, m.Description, m.Version, m.Labels, m.Workload, m.AppliesTo, m.ConflictsWith, m.Stage, m.PodDisruptive,
		m.ManageWorkload, m.ManageHealthCheck, m.WorkloadRefPath, m.Template, m.HealthPolicy, m.CustomStatus, m.Details,
	} {
		if hclvalue.HasUnknown(value) {
			return false
		}
	}
	return true
}

// vetting is what is to be said of a definition.
type vetting struct {
	wrong, remarks []string
	diags          diag.Diagnostics
}

// vet returns what is wrong with the definition, and what is to be said of it
// beside that. It needs no hub.
func (m *definitionModel) vet(ctx context.Context, diags *diag.Diagnostics) (wrong, remarks []string) {
	model := *m
	found, err := preview.Within(ctx, func() (vetting, error) { return model.vetted(ctx) })
	if err != nil {
		return []string{err.Error()}, nil
	}
	diags.Append(found.diags...)
	return found.wrong, found.remarks
}

// vetted is what vet finds, however long it takes.
func (m *definitionModel) vetted(ctx context.Context) (found vetting, err error) {
	d, err := m.definition(ctx, &found.diags)
	if err != nil {
		return found, err
	}
	if d.Kind == definition.Policy && policy.IsBuiltin(d.Name) {
		return found, fmt.Errorf("policies of the type %q are part of the addon: give the definition another name", d.Name)
	}
	object, err := objectOfDefinition(d, m.Namespace.ValueString())
	if err != nil {
		return found, err
	}
	read, err := definition.FromObject(object.Object)
	if err != nil {
		return found, err
	}
	for _, remark := range definition.Vet(read, definition.Builtin()) {
		if remark.Fatal {
			found.wrong = append(found.wrong, remarkText(remark))
			continue
		}
		found.remarks = append(found.remarks, remarkText(remark))
	}
	return found, nil
}

// remarkText is a remark in a line.
func remarkText(remark definition.Remark) string {
	where := ""
	if remark.Part != "" {
		where = string(remark.Part) + ": "
	}
	if remark.Line > 0 {
		where = fmt.Sprintf("%s, line %d: ", remark.Part, remark.Line)
	}
	return where + remark.Message
}

// inLines joins remarks, the first ones of many.
func inLines(texts []string) string {
	if len(texts) > maxRemarks {
		texts = append(texts[:maxRemarks:maxRemarks], fmt.Sprintf("and %d more", len(texts)-maxRemarks))
	}
	return strings.Join(texts, "\n")
}

// judgement is what the addon says of a definition.
type judgement struct {
	// Done says that it has looked at this version.
	Done bool
	// Refused says that it cannot be used.
	Refused bool
	// NoEffect says that it is kept, and not used.
	NoEffect bool
	// Message says why.
	Message string
}

// judgementOf reads the conditions.
func judgementOf(live *unstructured.Unstructured) judgement {
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, item := range conditions {
		condition, ok := item.(map[string]any)
		if !ok || condition["status"] != "True" || condition["observedGeneration"] != live.GetGeneration() {
			continue
		}
		message, _ := condition["message"].(string)
		switch condition["type"] {
		case v1alpha1.ConditionReady:
			return judgement{Done: true}
		case v1alpha1.ConditionStalled:
			none := condition["reason"] == reasonNotImplemented
			return judgement{Done: true, Refused: !none, NoEffect: none, Message: bounded(message)}
		}
	}
	return judgement{}
}

// judge waits for what the addon says of the definition. It returns an error when
// the addon refuses it, and warns when it says nothing.
func judge(ctx context.Context, object platformObject, name string, diags *diag.Diagnostics) error {
	ctx, cancel := context.WithTimeout(ctx, judgeTimeout)
	defer cancel()
	var last judgement
	err := object.client.WaitFor(ctx, object.gvk, object.key(name), func(live *unstructured.Unstructured) (bool, error) {
		if live == nil {
			return true, nil
		}
		last = judgementOf(live)
		return last.Done, nil
	})
	switch {
	case last.Refused:
		return &hub.ConfigError{Summary: "The addon refuses the definition", Detail: fmt.Sprintf("%s %q: %s", object.gvk.Kind, name, last.Message)}
	case last.NoEffect:
		diags.AddWarning("The definition has no effect", fmt.Sprintf("%s %q: %s", object.gvk.Kind, name, last.Message))
	case err != nil && errors.Is(err, context.Canceled):
		return err
	case err != nil:
		diags.AddWarning("The addon has not checked the definition", fmt.Sprintf(
			"%s %q was written, and the addon has not said within %s whether it can be used. Check that the addon runs: kubectl -n %s get pods. Or set wait = false.",
			object.gvk.Kind, name, judgeTimeout, v1alpha1.SystemNamespace))
	}
	return nil
}

// restore puts the hub back to what it held before a definition that was refused:
// before, or nothing where nothing was.
func restore(ctx context.Context, object platformObject, written, before *unstructured.Unstructured, refusal error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	var err error
	done := "It was deleted again."
	if before == nil {
		err = object.client.Delete(ctx, object.gvk, object.key(written.GetName()), written.GetUID())
	} else {
		done = "The hub holds the version before it again."
		_, err = object.write(ctx, before, true)
	}
	if err != nil {
		done = "The hub still holds it: " + err.Error()
	}
	var config *hub.ConfigError
	if !errors.As(refusal, &config) {
		return refusal
	}
	return &hub.ConfigError{Summary: config.Summary, Detail: config.Detail + "\n\n" + done}
}

// asBefore is an object as it can be put back after desired was written over it:
// what it is, with those of its labels and annotations that desired has changed or
// that we had written. Those of others need no putting back.
func asBefore(live, desired *unstructured.Unstructured) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": live.Object["spec"]}}
	object.SetGroupVersionKind(live.GroupVersionKind())
	object.SetNamespace(live.GetNamespace())
	object.SetName(live.GetName())
	if labels := ofKeys(live.GetLabels(), desired.GetLabels(), managedKeys(live, "labels")); len(labels) > 0 {
		object.SetLabels(labels)
	}
	annotations := ofKeys(live.GetAnnotations(), desired.GetAnnotations(), append(managedKeys(live, "annotations"), annotationDescription))
	if len(annotations) > 0 {
		object.SetAnnotations(annotations)
	}
	return object
}

// ofKeys returns those of all whose key is one of some, or one of more.
func ofKeys(all, some map[string]string, more []string) map[string]string {
	kept := map[string]string{}
	for key, value := range all {
		if _, ok := some[key]; ok || slices.Contains(more, key) {
			kept[key] = value
		}
	}
	return kept
}
