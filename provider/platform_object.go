// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

// platformObject is what the life of an environment, of a cluster binding and of a
// definition have in common: one object of the hub.
type platformObject struct {
	gvk      schema.GroupVersionKind
	resource string
	// namespace of the object; empty for one without.
	namespace string
	// importID is the id to import the object by; its name when empty.
	importID string
	// instance of the resource that writes the object.
	instance string
	client   *hub.Client
	hub      *Hub
}

// of returns the life of the object for that instance of its resource.
func (o platformObject) of(instance string) platformObject {
	o.instance = instance
	return o
}

// key is the name of the object.
func (o platformObject) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: o.namespace, Name: name}
}

// desired completes a typed object with our labels, owner and instance.
func (o platformObject) desired(typed runtime.Object) (*unstructured.Unstructured, error) {
	object, err := hub.ToUnstructured(typed)
	if err != nil {
		return nil, err
	}
	if labels := o.hub.labels(object.GetLabels()); len(labels) > 0 {
		object.SetLabels(labels)
	}
	if o.hub.Owner != "" {
		annotate(object, v1alpha1.AnnotationOwner, o.hub.Owner)
	}
	annotate(object, annotationInstance, o.instance)
	return object, nil
}

// annotate sets an annotation, or removes it when it is to be empty.
func annotate(object *unstructured.Unstructured, key, value string) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	if value == "" {
		delete(annotations, key)
	}
	if len(annotations) == 0 {
		annotations = nil
	}
	object.SetAnnotations(annotations)
}

// prepare makes sure that the object can be created: the hub accepts it, and
// whatever has its name already is ours, or is to be adopted. Nothing is written.
func (o platformObject) prepare(ctx context.Context, desired *unstructured.Unstructured, adopt bool) error {
	existing, err := o.client.Get(ctx, o.gvk, o.key(desired.GetName()))
	if hub.IsNotFound(err) {
		_, err = o.client.Apply(ctx, desired, hub.ApplyOptions{DryRun: true})
		return hub.ButUntried(err)
	}
	if err != nil {
		return err
	}
	if existing.GetDeletionTimestamp() != nil {
		return o.waitGone(ctx, existing.GetName(), existing.GetUID())
	}
	if adopt || o.owned(existing) {
		_, err = o.client.Apply(ctx, desired, hub.ApplyOptions{DryRun: true, Force: true})
		return hub.ButUntried(err)
	}
	if o.leftByUs(ctx, existing, desired) {
		return nil
	}
	return o.foreign(existing)
}

// owned says whether the object names us as its owner.
func (o platformObject) owned(existing *unstructured.Unstructured) bool {
	return o.hub.Owner != "" && existing.GetAnnotations()[v1alpha1.AnnotationOwner] == o.hub.Owner
}

// leftByUs says whether the object is what an apply that was killed has left:
// our field manager wrote it, and writing it again would change nothing but the
// instance.
func (o platformObject) leftByUs(ctx context.Context, existing, desired *unstructured.Unstructured) bool {
	ours := slices.ContainsFunc(existing.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == hub.FieldManager
	})
	if !ours || existing.GetAnnotations()[v1alpha1.AnnotationOwner] != o.hub.Owner {
		return false
	}
	again := desired.DeepCopy()
	annotate(again, annotationInstance, existing.GetAnnotations()[annotationInstance])
	dry, err := o.client.Apply(ctx, again, hub.ApplyOptions{DryRun: true})
	if hub.ReasonOf(err) == hub.NoDryRun {
		return includes(existing.Object, again.Object)
	}
	return err == nil && sayTheSame(dry, existing)
}

// includes says whether one value has all of another: what the hub adds to an object by
// default does not count. It stands in for a dry run that a webhook does not allow.
func includes(all, some any) bool {
	switch some := some.(type) {
	case nil:
		return true
	case map[string]any:
		fields, ok := all.(map[string]any)
		for key, value := range some {
			ok = ok && includes(fields[key], value)
		}
		return ok
	case []any:
		list, ok := all.([]any)
		return ok && slices.EqualFunc(list, some, includes)
	}
	return sameJSON(all, some)
}

// foreign says that an object exists and how to take it over.
func (o platformObject) foreign(existing *unstructured.Unstructured) error {
	name, id := existing.GetName(), o.importID
	if id == "" {
		id = name
	}
	return &hub.ConfigError{
		Field:   "name",
		Summary: o.gvk.Kind + " exists already",
		Detail: fmt.Sprintf("The hub has %s %q already, and %s. To manage it here, import it:\n\n"+
			"  import {\n    to = %s.%s\n    id = %q\n  }\n\n"+
			"or set adopt_existing = true, which overwrites it. Otherwise choose another name.",
			o.gvk.Kind, name, managedBy(existing), o.resource, strings.ReplaceAll(name, "-", "_"), id),
	}
}

// managedBy names who manages an object, as far as can be seen.
func managedBy(existing *unstructured.Unstructured) string {
	if owner := existing.GetAnnotations()[v1alpha1.AnnotationOwner]; owner != "" {
		return fmt.Sprintf("its owner is %q", owner)
	}
	var managers []string
	for _, entry := range existing.GetManagedFields() {
		if entry.Subresource == "" && !slices.Contains(managers, entry.Manager) {
			managers = append(managers, entry.Manager)
		}
	}
	if len(managers) == 0 {
		return "it was not made here"
	}
	return "it was written by " + strings.Join(managers, ", ")
}

// write creates or updates the object. The plan showed what somebody edited by
// hand, so applying it undoes the edit; fields that another tool sets are a
// conflict unless they are to be adopted.
func (o platformObject) write(ctx context.Context, desired *unstructured.Unstructured, adopt bool) (*unstructured.Unstructured, error) {
	return o.client.ApplyExactly(ctx, desired, hub.ApplyOptions{Force: adopt, TakeFromPeople: true})
}

// waitGone waits until the object is gone; when it takes too long, or finalizers hold it
// that nobody removes, the error says what holds it.
func (o platformObject) waitGone(ctx context.Context, name string, uid types.UID) error {
	last, err := rollout.WaitHeld(ctx, o.client, o.gvk, o.key(name), uid, func(object *unstructured.Unstructured) string {
		return strings.Join(foreignFinalizers(object), ", ")
	})
	return notGone(o.gvk.Kind, name, last, err, func(early bool) string { return held(o.gvk.Kind, last, early) })
}

// notGone is the error of a wait for the end of an object that was seen last as it is here,
// with what holds it: that is asked for as well by somebody who does not wait any longer.
func notGone(kind, name string, last *unstructured.Unstructured, err error, held func(early bool) string) error {
	reason := hub.ReasonOf(err)
	switch {
	case last == nil || err != nil && reason != hub.TimedOut && reason != hub.Canceled:
		return err
	case reason == hub.Canceled:
		return &hub.ConfigError{
			Summary: "Interrupted",
			Detail:  fmt.Sprintf("Interrupted while waiting for the end of %s %q. The deletion goes on.\n%s", kind, name, held(false)),
		}
	}
	return &hub.ConfigError{
		Summary: kind + " is not gone yet",
		Detail:  fmt.Sprintf("%s %q is being deleted and still exists.\n%s", kind, name, held(err == nil)),
	}
}

// foreignFinalizers are those of neither the addon nor Open Cluster Management, which both
// take as long as there is something to remove on clusters.
func foreignFinalizers(object *unstructured.Unstructured) []string {
	return slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(name string) bool {
		return strings.HasPrefix(name, "fairlead.dev/") || strings.Contains(name, "open-cluster-management.io/")
	})
}

// withoutFinalizers is a merge patch that takes finalizers off an object and leaves the others,
// without which what the addon has delivered would stay on clusters.
func withoutFinalizers(object *unstructured.Unstructured, gone []string) string {
	rest := slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(name string) bool { return slices.Contains(gone, name) })
	raw, err := json.Marshal(rest)
	if err != nil || len(rest) == 0 {
		raw = []byte("null")
	}
	return `{"metadata":{"finalizers":` + string(raw) + `}}`
}

// held explains what holds an object that is being deleted. early says that waiting ended
// before its limit.
func held(kind string, object *unstructured.Unstructured, early bool) string {
	var lines []string
	for _, finalizer := range object.GetFinalizers() {
		lines = append(lines, fmt.Sprintf("  finalizer %s%s", finalizer, finalizerOwner(finalizer)))
	}
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, item := range conditions {
		condition, ok := item.(map[string]any)
		if !ok || condition["message"] == nil || condition["message"] == "" {
			continue
		}
		lines = append(lines, fmt.Sprintf("  condition %v=%v (%v): %v", condition["type"], condition["status"], condition["reason"], condition["message"]))
	}
	kubectl, named := "kubectl ", strings.ToLower(kind)+" "+object.GetName()
	if object.GetNamespace() != "" {
		kubectl += "-n " + object.GetNamespace() + " "
	}
	if foreign := foreignFinalizers(object); len(foreign) > 0 {
		lines = append(lines, "", rollout.OwnersOf(strings.Join(foreign, ", ")),
			"See its state: "+kubectl+"describe "+named,
			"Only if that controller is gone for good: "+kubectl+"patch "+named+" --type=merge -p '"+withoutFinalizers(object, foreign)+"'")
	}
	again := "Then apply again, if need be with a longer timeouts.delete."
	if early {
		again = "Stopped waiting before timeouts.delete is over: nobody removes what holds it. The deletion goes on; apply again when that is mended."
	}
	lines = append(lines, "", fmt.Sprintf("Remove what still uses it, and check that the addon runs: kubectl -n %s get pods. %s See also: %sget %s -o yaml.",
		v1alpha1.SystemNamespace, again, kubectl, named))
	return strings.Join(lines, "\n")
}

// finalizerOwner says who removes a finalizer, if that is known.
func finalizerOwner(finalizer string) string {
	if strings.HasPrefix(finalizer, "fairlead.dev/") {
		return ": the addon removes it when nothing is delivered through it any more"
	}
	return ": another controller removes it"
}

// takenOver says whether another instance of the resource has written the object
// since: with create_before_destroy two of them share it for a moment, and the one
// that goes must not take it along.
func (o platformObject) takenOver(ctx context.Context, name string) (bool, error) {
	if o.instance == "" {
		return false, nil
	}
	live, err := o.client.Get(ctx, o.gvk, o.key(name))
	if hub.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !byAnother(live, o.instance) {
		return false, nil
	}
	tflog.Info(ctx, "the object belongs to another instance of its resource by now and stays", map[string]any{"kind": o.gvk.Kind, "name": name})
	return true, nil
}

// remove deletes the object with that UID and waits until it is gone. Without a
// UID it is the object that has the name now.
func (o platformObject) remove(ctx context.Context, name string, uid types.UID) error {
	if uid == "" {
		existing, err := o.client.Get(ctx, o.gvk, o.key(name))
		if hub.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		uid = existing.GetUID()
	}
	if err := o.client.Delete(ctx, o.gvk, o.key(name), uid); err != nil {
		return err
	}
	return o.waitGone(ctx, name, uid)
}

// privateStore is the private state of a request or response.
type privateStore interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// privateWriter is the private state of a response.
type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// privateUID is where the UID of the object is kept.
const privateUID = "uid"

// readObject reads the object of that name. Without one, known says whether it
// does not exist; otherwise the state is to be kept, and the diagnostics say why.
func readObject(ctx context.Context, configured *Hub, of func(*hub.Client) platformObject, name string, importing bool, diags *diag.Diagnostics) (live *unstructured.Unstructured, known bool) {
	client, cause := configured.Client(ctx)
	if client == nil {
		keepUnread(diags, cause, importing, fmt.Sprintf("%s %q", of(nil).resource, name))
		return nil, false
	}
	object := of(client)
	live, err := client.Get(ctx, object.gvk, object.key(name))
	switch {
	case err == nil:
		return live, true
	case hub.IsNotFound(err):
		appendDropped(diags, err, client.Host())
		return nil, true
	case hub.IsAway(err) && !importing:
		appendKept(diags, err)
	default:
		appendError(diags, err)
	}
	return nil, false
}

// keepUnread says that an object was not read because there is no client: its
// state stays, but an import needs the hub.
func keepUnread(diags *diag.Diagnostics, cause diag.Diagnostics, importing bool, address string) {
	if cause.HasError() {
		diags.Append(cause...)
		return
	}
	if importing {
		diags.AddError(hubNotKnown, fmt.Sprintf("%s cannot be imported: the provider's hub depends on values that are known only after apply. "+
			"Apply what they come from first (terraform apply -target=...), then import. Or leave the import out, and let the resource take over what exists "+
			"when it is applied, after the hub: adopt_existing = true and depends_on = [what the hub comes from].", address))
		return
	}
	diags.AddWarning(hubNotKnown, "The provider's hub depends on values that are known only after apply. "+
		"The state is kept as it is; the plan does not show what changed on the hub.")
}

// keepDynamic plans the value of the state where a Dynamic attribute means the
// same as before: expand is what it is written as on the hub. So a change of
// types alone, or of one form of traits to the other, changes nothing.
func keepDynamic[T any](ctx context.Context, at path.Path, expand func(fwtypes.Dynamic) (T, error), req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.State.Raw.IsNull() {
		return
	}
	var before, planned fwtypes.Dynamic
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, at, &before)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, at, &planned)...)
	// Core accepts the prior value only in place of another value.
	if resp.Diagnostics.HasError() || before.IsNull() || planned.IsNull() || before.Equal(planned) || hclvalue.HasUnknown(planned) {
		return
	}
	written, errBefore := expand(before)
	wanted, errPlanned := expand(planned)
	if errBefore == nil && errPlanned == nil && exactJSON(written, wanted) {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, before)...)
	}
}

// storeUID keeps the UID, so that a delete concerns this very object.
func storeUID(ctx context.Context, private privateWriter, uid types.UID) diag.Diagnostics {
	encoded, err := json.Marshal(string(uid))
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Private state not writable", err.Error())}
	}
	return private.SetKey(ctx, privateUID, encoded)
}

// keepWritten keeps what tells the object that was written from any other.
func (o platformObject) keepWritten(ctx context.Context, private privateWriter, live *unstructured.Unstructured) diag.Diagnostics {
	diags := storeUID(ctx, private, live.GetUID())
	diags.Append(storeInstance(ctx, private, o.instance)...)
	diags.Append(storeImported(ctx, private, false)...)
	diags.Append(private.SetKey(ctx, privateGoing, nil)...)
	diags.Append(storeProtected(ctx, private, "")...)
	return diags
}

// keepRead keeps what tells the object that was read from any other, and whether that
// was an import and it is being deleted. The instance that wrote it is kept where none was kept before.
func keepRead(ctx context.Context, before privateStore, private privateWriter, live *unstructured.Unstructured, importing bool) diag.Diagnostics {
	diags := storeUID(ctx, private, live.GetUID())
	diags.Append(keepGoing(ctx, private, live)...)
	if loadInstance(ctx, before) == "" {
		diags.Append(storeInstance(ctx, private, live.GetAnnotations()[annotationInstance])...)
	}
	if importing {
		diags.Append(storeImported(ctx, private, true)...)
	}
	return diags
}

// instanceOf returns the instance that was kept, or a new one.
func instanceOf(ctx context.Context, private privateStore) string {
	return cmp.Or(loadInstance(ctx, private), rand.Text())
}

// privateImported marks an object that was imported and not written since.
const privateImported = "imported"

// storeImported sets or clears the mark of an import.
func storeImported(ctx context.Context, private privateWriter, imported bool) diag.Diagnostics {
	if imported {
		return private.SetKey(ctx, privateImported, []byte("true"))
	}
	return private.SetKey(ctx, privateImported, nil)
}

// wasImported says whether the object was imported and not written since. Who
// imports an object says that it is managed here from then on: the first write
// takes its fields over.
func wasImported(ctx context.Context, private privateStore) bool {
	mark, diags := private.GetKey(ctx, privateImported)
	return !diags.HasError() && len(mark) > 0
}

// loadUID returns the UID that was kept, empty when none was.
func loadUID(ctx context.Context, private privateStore) types.UID {
	encoded, diags := private.GetKey(ctx, privateUID)
	if diags.HasError() || len(encoded) == 0 {
		return ""
	}
	var uid string
	if err := json.Unmarshal(encoded, &uid); err != nil {
		return ""
	}
	return types.UID(uid)
}

// decode converts what the hub holds into a typed object.
func decode(live *unstructured.Unstructured, typed runtime.Object) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, typed); err != nil {
		return fmt.Errorf("read %s %q as the hub holds it: %w", live.GetKind(), live.GetName(), err)
	}
	return nil
}

// appendObjectError adds err with the fields of the object named as attributes, without
// values of the object that was sent.
func appendObjectError(diags *diag.Diagnostics, err error, sent *unstructured.Unstructured) {
	err = maskError(err, maskOf(sent))
	var failure *hub.Error
	if !errors.As(err, &failure) || len(failure.Fields) == 0 {
		appendError(diags, err)
		return
	}
	detail := failure.Detail
	for _, field := range failure.Fields {
		detail = strings.ReplaceAll(detail, field, attributeName(field))
	}
	diags.AddError(failure.Summary, detail)
}

// attributeName converts spec.targetNamespace.suffix to target_namespace.suffix.
func attributeName(field string) string { return snakeCase(strings.TrimPrefix(field, "spec.")) }

// snakeCase spells a field of the API as an attribute.
func snakeCase(name string) string {
	var out strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			out.WriteByte('_')
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return out.String()
}
