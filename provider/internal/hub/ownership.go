// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// takeoverAttempts is how often the ownership of fields is moved again when the
// object changes meanwhile.
const takeoverAttempts = 5

// ApplyExactly is Apply for an object whose whole spec is given: what the spec
// does not name is removed. Server-side apply alone leaves fields of other
// managers, so their ownership is moved first: of everybody's fields with Force,
// of those edited by hand with TakeFromPeople. Fields of others that would stay
// are a conflict; where a webhook keeps the hub from telling by a dry run which ones
// would, that is said after the write.
func (c *Client) ApplyExactly(ctx context.Context, obj *unstructured.Unstructured, opts ApplyOptions) (*unstructured.Unstructured, error) {
	others, err := c.takeOver(ctx, obj, opts)
	if err != nil {
		return nil, err
	}
	if !others {
		return c.Apply(ctx, obj, opts)
	}
	err = c.checkLeftovers(ctx, obj, opts)
	if ButUntried(err) != nil {
		return nil, err
	}
	untried := err != nil
	applied, err := c.Apply(ctx, obj, opts)
	if err == nil && untried {
		err = leftovers(applied, obj, opts)
	}
	if err != nil {
		return nil, err
	}
	return applied, nil
}

// Going refuses a write of an object that is being deleted: it would go with the object.
func Going(live *unstructured.Unstructured) error {
	since := live.GetDeletionTimestamp()
	if since == nil {
		return nil
	}
	return &Error{
		Reason:  Terminating,
		Summary: live.GetKind() + " is being deleted",
		Detail: fmt.Sprintf("%s %q is being deleted since %s, and was left as it is. Apply again, without -refresh=false: then it is made anew when it is gone.",
			live.GetKind(), NameOf(live), since.UTC().Format(time.RFC3339)),
	}
}

// NameOf names an object, with its namespace if it has one.
func NameOf(object *unstructured.Unstructured) string {
	return strings.TrimPrefix(object.GetNamespace()+"/"+object.GetName(), "/")
}

// takeOver moves the ownership of spec fields to us, and says whether anybody
// else keeps some.
func (c *Client) takeOver(ctx context.Context, obj *unstructured.Unstructured, opts ApplyOptions) (bool, error) {
	gvk := obj.GroupVersionKind()
	key := types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
	for attempts := 1; ; attempts++ {
		live, err := c.Get(ctx, gvk, key)
		if IsNotFound(err) {
			return false, nil
		}
		if err == nil {
			err = Going(live)
		}
		if err != nil {
			return false, err
		}
		moved, others, err := moveOwnership(live.GetManagedFields(), opts.takes)
		if err != nil {
			return false, fmt.Errorf("read who manages %s %q: %w", gvk.Kind, key.Name, err)
		}
		if moved == nil || opts.DryRun {
			return others, nil
		}
		err = c.setManagers(ctx, live, moved)
		if err == nil || !apierrors.IsConflict(err) || attempts == takeoverAttempts {
			return others, err
		}
	}
}

// takes says whether fields of a manager are taken over.
func (o ApplyOptions) takes(manager string) bool {
	return o.Force || (o.TakeFromPeople && isPerson(manager))
}

// moveOwnership moves the spec fields of the managers that taken selects to us.
// It returns nil when there is nothing to move, and whether other managers keep
// spec fields.
func moveOwnership(entries []metav1.ManagedFieldsEntry, taken func(manager string) bool) (moved []metav1.ManagedFieldsEntry, others bool, err error) {
	ours := fieldpath.NewSet()
	var rest []metav1.ManagedFieldsEntry
	var version string
	for _, entry := range entries {
		fields, err := fieldsOf(entry)
		if err != nil {
			return nil, false, err
		}
		spec, remaining := splitSpec(fields)
		if entry.Subresource != "" || entry.Manager == FieldManager || spec.Empty() || !taken(entry.Manager) {
			others = others || (entry.Subresource == "" && entry.Manager != FieldManager && !spec.Empty())
			rest = append(rest, entry)
			continue
		}
		ours, version = ours.Union(spec), entry.APIVersion
		if remaining.Empty() {
			continue
		}
		if entry, err = withFields(entry, remaining); err != nil {
			return nil, false, err
		}
		rest = append(rest, entry)
	}
	if ours.Empty() {
		return nil, others, nil
	}
	moved, err = addToOurs(rest, ours, version)
	return moved, others, err
}

// addToOurs adds fields to our own entry, which is made if there is none.
func addToOurs(entries []metav1.ManagedFieldsEntry, fields *fieldpath.Set, version string) ([]metav1.ManagedFieldsEntry, error) {
	index := slices.IndexFunc(entries, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
	})
	if index < 0 {
		entry, err := withFields(metav1.ManagedFieldsEntry{
			Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: version, FieldsType: "FieldsV1",
		}, fields)
		return append(entries, entry), err
	}
	own, err := fieldsOf(entries[index])
	if err != nil {
		return nil, err
	}
	entries[index], err = withFields(entries[index], own.Union(fields))
	return entries, err
}

// fieldsOf decodes the fields of an entry.
func fieldsOf(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if entry.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())); err != nil {
		return nil, fmt.Errorf("decode the fields of manager %q: %w", entry.Manager, err)
	}
	return set, nil
}

// withFields returns the entry with other fields.
func withFields(entry metav1.ManagedFieldsEntry, fields *fieldpath.Set) (metav1.ManagedFieldsEntry, error) {
	raw, err := fields.ToJSON()
	if err != nil {
		return entry, fmt.Errorf("encode the fields of manager %q: %w", entry.Manager, err)
	}
	entry.FieldsV1 = metav1.NewFieldsV1(string(raw))
	return entry, nil
}

// splitSpec tells the fields under spec from the rest.
func splitSpec(fields *fieldpath.Set) (spec, rest *fieldpath.Set) {
	spec, rest = fieldpath.NewSet(), fieldpath.NewSet()
	for path := range fields.All() {
		target := rest
		if len(path) > 0 && path[0].FieldName != nil && *path[0].FieldName == "spec" {
			target = spec
		}
		target.Insert(path.Copy())
	}
	return spec, rest
}

// setManagers writes the managed fields of an object that has not changed since it was read.
func (c *Client) setManagers(ctx context.Context, live *unstructured.Unstructured, entries []metav1.ManagedFieldsEntry) error {
	gvk := live.GroupVersionKind()
	what := attempt{verb: "take over fields of", kind: gvk, namespace: live.GetNamespace(), name: live.GetName()}
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": entries},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
	})
	if err != nil {
		return fmt.Errorf("encode the managed fields of %s %q: %w", gvk.Kind, live.GetName(), err)
	}
	objects, err := c.objects(ctx, gvk, live.GetNamespace())
	if err != nil {
		return c.failed(ctx, err, what)
	}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err = objects.Patch(bounded, live.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	return c.failed(ctx, err, what)
}

// checkLeftovers fails when others own spec fields that the object does not name:
// they would stay, and every plan would show them again.
func (c *Client) checkLeftovers(ctx context.Context, obj *unstructured.Unstructured, opts ApplyOptions) error {
	opts.DryRun = true
	preview, err := c.Apply(ctx, obj, opts)
	if err != nil {
		return err
	}
	return leftovers(preview, obj, opts)
}

// leftovers finds in the answer to a dry run, or to a write, the spec fields that others
// own and the object does not name.
func leftovers(preview, obj *unstructured.Unstructured, opts ApplyOptions) error {
	ours := fieldpath.NewSet()
	foreign := map[string]*fieldpath.Set{}
	for _, entry := range preview.GetManagedFields() {
		fields, err := fieldsOf(entry)
		if err != nil {
			return err
		}
		spec, _ := splitSpec(fields)
		switch {
		case entry.Subresource != "":
		case entry.Manager == FieldManager:
			ours = ours.Union(spec)
		case opts.takes(entry.Manager):
			// A dry run has not moved what a write moves first.
		default:
			foreign[entry.Manager] = spec.Leaves()
		}
	}
	left := map[string][]string{}
	for manager, fields := range foreign {
		for path := range fields.Difference(ours).All() {
			left[manager] = append(left[manager], path.String()[1:])
		}
	}
	if len(left) == 0 {
		return nil
	}
	what := attempt{verb: "write", kind: obj.GroupVersionKind(), namespace: obj.GetNamespace(), name: obj.GetName()}
	return conflictWith(left, what, "because another manager has set these fields, which the configuration does not have")
}
