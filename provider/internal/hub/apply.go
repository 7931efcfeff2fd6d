// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// ApplyOptions change how Apply behaves.
type ApplyOptions struct {
	// Force takes fields over from whoever manages them.
	Force bool
	// TakeFromPeople takes fields over that somebody edited by hand (with
	// kubectl edit, patch, scale and the like): the plan showed the
	// difference, and applying it means to undo the edit. So it is with a label
	// that the action has set. Other managers, such as a GitOps tool, would set
	// the field again and stay a conflict.
	TakeFromPeople bool
	// DryRun changes nothing on the hub.
	DryRun bool
}

// Apply writes the object by server-side apply as FieldManager and returns what
// the hub holds then. A kind or namespace that is missing is waited for, for up
// to two minutes within ctx, because it may come from the same run. A conflict
// names the other managers, their fields and what to do.
func (c *Client) Apply(ctx context.Context, obj *unstructured.Unstructured, opts ApplyOptions) (*unstructured.Unstructured, error) {
	body, err := applyBody(obj)
	if err != nil {
		return nil, err
	}
	var applied *unstructured.Unstructured
	err = c.waitForPrerequisites(ctx, func() error {
		applied, err = c.applyOnce(ctx, obj, body, opts)
		return err
	})
	if opts.TakeFromPeople && !opts.Force && onlyPeople(err) {
		opts.Force = true
		return c.applyOnce(ctx, obj, body, opts)
	}
	return applied, err
}

// Try asks the hub what it would make of the object, without writing it and
// without waiting for anything: a kind or namespace that is missing is an error at
// once. Like ApplyExactly it finds fields of others that would stay.
func (c *Client) Try(ctx context.Context, obj *unstructured.Unstructured, opts ApplyOptions) (*unstructured.Unstructured, error) {
	body, err := applyBody(obj)
	if err != nil {
		return nil, err
	}
	opts.DryRun = true
	var tried *unstructured.Unstructured
	err = c.unlessSilent(ctx, func() error {
		tried, err = c.applyOnce(ctx, obj, body, opts)
		if opts.TakeFromPeople && !opts.Force && onlyPeople(err) {
			opts.Force = true
			tried, err = c.applyOnce(ctx, obj, body, opts)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return tried, leftovers(tried, obj, opts)
}

// applyBody returns the object as JSON without what only the server writes.
func applyBody(obj *unstructured.Unstructured) ([]byte, error) {
	clean := obj.DeepCopy()
	unstructured.RemoveNestedField(clean.Object, "metadata", "managedFields")
	unstructured.RemoveNestedField(clean.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(clean.Object, "metadata", "resourceVersion")
	unstructured.RemoveNestedField(clean.Object, "status")
	body, err := json.Marshal(clean.Object)
	if err != nil {
		return nil, fmt.Errorf("encode %s %q: %w", obj.GetKind(), obj.GetName(), err)
	}
	return body, nil
}

// applyOnce sends the object once.
func (c *Client) applyOnce(ctx context.Context, obj *unstructured.Unstructured, body []byte, opts ApplyOptions) (*unstructured.Unstructured, error) {
	gvk := obj.GroupVersionKind()
	what := attempt{verb: "write", kind: gvk, namespace: obj.GetNamespace(), name: obj.GetName()}
	objects, err := c.objects(ctx, gvk, obj.GetNamespace())
	if err != nil {
		return nil, c.failed(ctx, err, what)
	}
	options := metav1.PatchOptions{FieldManager: FieldManager, Force: &opts.Force, FieldValidation: metav1.FieldValidationStrict}
	if opts.DryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	applied, err := objects.Patch(bounded, obj.GetName(), types.ApplyPatchType, body, options)
	if err != nil {
		return nil, c.failed(ctx, err, what)
	}
	return applied, nil
}

// waitForPrerequisites repeats attempt while what it needs is missing, for as
// long as the client is patient and ctx allows.
func (c *Client) waitForPrerequisites(ctx context.Context, attempt func() error) error {
	patient, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	for waited := time.Duration(0); ; waited += pollInterval {
		err := attempt()
		if !prerequisiteMissing(err) {
			return err
		}
		if waited%(10*time.Second) == 0 {
			tflog.Info(ctx, "waiting for the hub", map[string]any{"reason": string(ReasonOf(err)), "waited": waited.String()})
		}
		if !pause(patient, pollInterval) {
			return gaveUp(ctx, err, c.patience)
		}
	}
}

// prerequisiteMissing says whether waiting may help.
func prerequisiteMissing(err error) bool {
	reason := ReasonOf(err)
	return reason == KindMissing || reason == NamespaceMissing
}

// gaveUp adds to err how long it was waited for.
func gaveUp(ctx context.Context, err error, patience time.Duration) error {
	var failure *Error
	if !errors.As(err, &failure) {
		return err
	}
	told := *failure
	told.Detail += fmt.Sprintf("\nWaited %s for it to appear.", patience)
	if ctx.Err() != nil {
		told.Detail = failure.Detail + "\nStopped waiting for it to appear: " + endOf(ctx) + "."
	}
	return &told
}

// endOf says why ctx is over.
func endOf(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.Canceled) {
		return "interrupted"
	}
	return "the time is over that timeouts allow"
}

// pause waits for the duration and says whether ctx is still alive.
func pause(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// onlyPeople says whether err is a conflict with nobody but people at a terminal.
func onlyPeople(err error) bool {
	var failure *Error
	if !errors.As(err, &failure) || failure.Reason != Conflict {
		return false
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	managers := conflicts(status.Status())
	for manager := range managers {
		if !isPerson(manager) {
			return false
		}
	}
	return len(managers) > 0
}

// isPerson says whether the manager is an imperative command of kubectl, or the
// action, which is one as well. Kubectl's "kubectl" and "kubectl-client-side-apply"
// are left out: pipelines apply files.
func isPerson(manager string) bool {
	if manager == ControlManager {
		return true
	}
	verb, ok := strings.CutPrefix(manager, "kubectl-")
	return ok && verb != "client-side-apply" && verb != "last-applied"
}

// ToUnstructured converts a typed object into what Apply takes. Fields that
// only the server writes are left out.
func ToUnstructured(obj runtime.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("convert %T: %w", obj, err)
	}
	converted := &unstructured.Unstructured{Object: content}
	unstructured.RemoveNestedField(converted.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(converted.Object, "status")
	return converted, nil
}
