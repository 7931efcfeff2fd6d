// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8stypes "k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

const (
	// annotationInstance says which instance of a resource wrote an object last.
	// With create_before_destroy two of them share one object for a moment, and the
	// one that goes must not take it along.
	annotationInstance = "fairlead.dev/instance"
	// privateInstance is where that is kept.
	privateInstance = "instance"
	// lastApplied is where kubectl keeps what it applied: a copy that nobody configures.
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
)

// applicationObject is an application on the hub.
type applicationObject struct {
	hub       *Hub
	client    *hub.Client
	namespace string
	name      string
	instance  string
}

func (o applicationObject) key() k8stypes.NamespacedName {
	return k8stypes.NamespacedName{Namespace: o.namespace, Name: o.name}
}

func (o applicationObject) id() string { return o.namespace + "/" + o.name }

// desired is the Application that the plan asks for, or errors in diags.
func (o applicationObject) desired(ctx context.Context, plan *applicationModel, diags *diag.Diagnostics) (*unstructured.Unstructured, *applicationSpec) {
	spec := newApplicationSpec(plan)
	appendFindings(diags, plan, spec.findings)
	labels := o.hub.labels(stringMap(ctx, plan.Labels, diags))
	annotations := stringMap(ctx, plan.Annotations, diags)
	if diags.HasError() {
		return nil, spec
	}
	if spec.unknown() {
		diags.AddError("Value not known", "A value of the application is still unknown while it is applied. This is a fault of the provider.")
		return nil, spec
	}
	if err := o.keepIgnored(ctx, plan, spec); err != nil {
		appendError(diags, err)
		return nil, spec
	}
	content := spec.object()
	revision := plan.Revision.ValueString()
	if plan.Revision.IsUnknown() || plan.Revision.IsNull() {
		digest, err := revisionOf(content, digestsOf(plan), previewedRefs(plan.Environments))
		if err != nil {
			appendError(diags, err)
			return nil, spec
		}
		revision = digest
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": content}}
	object.SetGroupVersionKind(rollout.Kind())
	object.SetNamespace(o.namespace)
	object.SetName(o.name)
	object.SetLabels(labels)
	object.SetAnnotations(o.annotations(annotations, revision))
	if err := listSecrets(object, digestsOf(plan)); err != nil {
		appendError(diags, err)
	}
	return object, spec
}

// keepIgnored leaves what is left to others as the hub has it.
func (o applicationObject) keepIgnored(ctx context.Context, plan *applicationModel, spec *applicationSpec) error {
	ignored, _ := newIgnoredFields(plan.IgnoreFields)
	if len(ignored) == 0 {
		return nil
	}
	existing, err := o.client.Get(ctx, rollout.Kind(), o.key())
	if hub.IsNotFound(err) || (err == nil && existing.GetDeletionTimestamp() != nil) {
		return nil
	}
	if err != nil {
		return err
	}
	content, _, err := unstructured.NestedMap(existing.Object, "spec")
	if err != nil {
		return fmt.Errorf("read the spec of application %s: %w", o.id(), err)
	}
	live := newLiveSpec(content, plan)
	spec.components = ignored.keep("components", spec.components, orNil(live.components))
	spec.environments = ignored.keep("environments", spec.environments, orNil(live.environments))
	spec.policies = ignored.keep("policies", spec.policies, orNil(live.policies))
	spec.workflow = ignored.keep("workflow", spec.workflow, live.workflow)
	return nil
}

// takesOver says whether fields of other managers are taken over. The lists of a
// spec have one manager each, so that who leaves a field to another tool meets it
// as a manager of the whole list, and keeps its value.
func takesOver(plan *applicationModel) bool {
	return plan.AdoptExisting.ValueBool() || len(plan.IgnoreFields.Elements()) > 0
}

// revisionOf names what is written: the spec, and the Secrets and what is known of the
// environments where there are some. So a rollout waits for what a platform team changes
// in an environment, too.
func revisionOf(spec map[string]any, secrets map[string]string, refs map[string]any) (string, error) {
	if len(secrets)+len(refs) == 0 {
		return rollout.Revision(spec)
	}
	all := map[string]any{"spec": spec}
	if len(secrets) > 0 {
		all["secrets"] = secrets
	}
	if len(refs) > 0 {
		all["environments"] = refs
	}
	return rollout.Revision(all)
}

// listSecrets makes the Secrets known to the addon.
func listSecrets(object *unstructured.Unstructured, secrets map[string]string) error {
	if len(secrets) == 0 {
		return nil
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return fmt.Errorf("encode the names of secrets: %w", err)
	}
	annotations := object.GetAnnotations()
	annotations[v1alpha1.AnnotationSecrets] = string(text)
	object.SetAnnotations(annotations)
	return nil
}

// annotations adds what the provider says of an application to the configured ones.
func (o applicationObject) annotations(configured map[string]string, revision string) map[string]string {
	out := maps.Clone(configured)
	if out == nil {
		out = map[string]string{}
	}
	out[v1alpha1.AnnotationRevision] = revision
	out[v1beta1.AnnotationControllerRequirement] = v1beta1.ControllerName
	out[annotationInstance] = o.instance
	maps.Copy(out, o.hub.Audit)
	if o.hub.Owner != "" {
		out[v1alpha1.AnnotationOwner] = o.hub.Owner
	}
	return out
}

// written is what the state keeps of a write.
type written struct {
	revision string
	instance string
	uid      k8stypes.UID
}

// written takes from the answer what only the hub knows.
func (o applicationObject) written(live, desired *unstructured.Unstructured) written {
	return written{
		revision: desired.GetAnnotations()[v1alpha1.AnnotationRevision],
		instance: o.instance,
		uid:      live.GetUID(),
	}
}

// prepare makes sure that the application can be created: the hub accepts it,
// and whatever has its name already is ours or is to be adopted. It says whether
// fields are to be taken over, and writes nothing.
func (o applicationObject) prepare(ctx context.Context, desired *unstructured.Unstructured, adopt bool) (force bool, err error) {
	existing, err := o.client.Get(ctx, rollout.Kind(), o.key())
	if err == nil && existing.GetDeletionTimestamp() != nil {
		err = o.waitGone(ctx, existing.GetUID())
		existing = nil
	}
	if err != nil && !hub.IsNotFound(err) {
		return false, err
	}
	if existing == nil {
		_, err := o.client.Apply(ctx, desired, hub.ApplyOptions{DryRun: true})
		return false, hub.ButUntried(err)
	}
	if o.leftByUs(ctx, existing, desired) {
		return false, nil
	}
	if !adopt && !o.owned(existing) {
		return false, o.foreign(existing)
	}
	_, err = o.client.Apply(ctx, desired, hub.ApplyOptions{DryRun: true, Force: true})
	return true, hub.ButUntried(err)
}

// owned says whether the application names us as its owner.
func (o applicationObject) owned(existing *unstructured.Unstructured) bool {
	return o.hub.Owner != "" && existing.GetAnnotations()[v1alpha1.AnnotationOwner] == o.hub.Owner
}

// leftByUs says whether the application is what an apply that was killed has
// left: our field manager wrote it, and writing it again would change nothing
// but the instance, the run, and what follows from values of the same Secrets:
// they may be made anew in each run.
func (o applicationObject) leftByUs(ctx context.Context, existing, desired *unstructured.Unstructured) bool {
	annotations := existing.GetAnnotations()
	if managedKeys(existing, "annotations") == nil || annotations[v1alpha1.AnnotationOwner] != o.hub.Owner {
		return false
	}
	again := desired.DeepCopy()
	wanted := again.GetAnnotations()
	withAuditOf(wanted, annotations)
	if !withSecretsOf(wanted, annotations) {
		return false
	}
	again.SetAnnotations(wanted)
	dry, err := o.client.Apply(ctx, again, hub.ApplyOptions{DryRun: true})
	if hub.ReasonOf(err) == hub.NoDryRun {
		return includes(existing.Object, again.Object)
	}
	return err == nil && sayTheSame(dry, existing)
}

// withSecretsOf puts the digests of the Secrets of an application, and the revision that
// follows from them, in place of those that are wanted. It says whether both are of the
// same Secrets.
func withSecretsOf(wanted, existing map[string]string) bool {
	names, listed := secretNames(wanted[v1alpha1.AnnotationSecrets]), secretNames(existing[v1alpha1.AnnotationSecrets])
	if !slices.Equal(names, listed) {
		return false
	}
	if len(names) > 0 {
		wanted[v1alpha1.AnnotationSecrets] = existing[v1alpha1.AnnotationSecrets]
		wanted[v1alpha1.AnnotationRevision] = existing[v1alpha1.AnnotationRevision]
	}
	return true
}

// secretNames are the names in a list of Secrets as the addon gets it, sorted.
func secretNames(list string) []string {
	var digests map[string]string
	if json.Unmarshal([]byte(list), &digests) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(digests))
}

// sayTheSame says whether two objects are the same in what is configured. The status,
// the finalizers and the version are the addon's and the hub's, and change while the
// application is looked at.
func sayTheSame(a, b *unstructured.Unstructured) bool {
	return equality.Semantic.DeepEqual(a.Object["spec"], b.Object["spec"]) &&
		equality.Semantic.DeepEqual(a.GetLabels(), b.GetLabels()) &&
		equality.Semantic.DeepEqual(a.GetAnnotations(), b.GetAnnotations())
}

// foreign says that an application exists and how to take it over.
func (o applicationObject) foreign(existing *unstructured.Unstructured) error {
	return &hub.ConfigError{
		Field:   "name",
		Summary: "Application exists already",
		Detail: fmt.Sprintf("The hub has Application %q already, and %s. To manage it here, import it:\n\n"+
			"  import {\n    to = fairlead_application.%s\n    id = %q\n  }\n\n"+
			"or set adopt_existing = true, which overwrites it. Otherwise choose another name.",
			o.id(), managedBy(existing), strings.ReplaceAll(o.name, "-", "_"), o.id()),
	}
}

// requireTypes refuses types that neither the provider nor the hub has a
// definition of, before the application is written.
func (o applicationObject) requireTypes(ctx context.Context, foreign []foreignType, diags *diag.Diagnostics) {
	var missing, unsure []string
	for _, use := range foreign {
		found, err := o.defined(ctx, use.err)
		if err != nil && hub.ReasonOf(err) != hub.Forbidden {
			appendError(diags, err)
			return
		}
		switch {
		case found:
		case err != nil:
			unsure = append(unsure, use.line())
		default:
			missing = append(missing, use.among(o.besides(ctx, use.err.Kind)).line())
		}
	}
	where := fmt.Sprintf("namespaces %s, %s and vela-system", o.namespace, v1alpha1.SystemNamespace)
	if len(missing) > 0 {
		diags.AddError("Unknown type", strings.Join(missing, "\n")+
			"\n\nThe hub has no definition of that name in the "+where+". Nothing was written. Correct the type, or create the definition first.")
		return
	}
	if len(unsure) > 0 {
		diags.AddWarning("Type not checked", strings.Join(unsure, "\n")+
			"\n\nThe credential may not read definitions in the "+where+". If there is none of that name, the application stalls.")
	}
}

// defined says whether the hub has a definition of a type where the application
// would find it. An error is one that left the question open.
func (o applicationObject) defined(ctx context.Context, unknown *definition.UnknownTypeError) (bool, error) {
	var open error
	for _, namespace := range o.definitionNamespaces() {
		_, err := o.client.Get(ctx, definitionObjectKind(unknown.Kind), k8stypes.NamespacedName{Namespace: namespace, Name: unknown.Name})
		if err == nil {
			return true, nil
		}
		if !hub.IsNotFound(err) {
			open = err
		}
	}
	return false, open
}

// definitionNamespaces are those in which types of the application are looked for.
func (o applicationObject) definitionNamespaces() []string {
	return []string{o.namespace, v1alpha1.SystemNamespace, oamSystemNamespace}
}

// besides are the types of a kind that the hub has beside the embedded ones, as
// far as the credential may list them: they only help to correct a name.
func (o applicationObject) besides(ctx context.Context, kind definition.Kind) []string {
	var names []string
	for _, namespace := range o.definitionNamespaces() {
		found, err := o.client.List(ctx, definitionObjectKind(kind), namespace, "")
		if err != nil {
			return names
		}
		for i := range found {
			names = append(names, found[i].GetName())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// read puts what the hub holds into the model.
func (o applicationObject) read(live *unstructured.Unstructured, m *applicationModel, importing bool, diags *diag.Diagnostics) error {
	spec, _, err := unstructured.NestedMap(live.Object, "spec")
	if err != nil {
		return fmt.Errorf("read the spec of application %s: %w", o.id(), err)
	}
	if err := newLiveSpec(spec, m).into(m); err != nil {
		return fmt.Errorf("application %s: %w", o.id(), err)
	}
	revision, err := rollout.RevisionOf(live)
	if err != nil {
		return err
	}
	m.Revision = types.StringValue(revision)
	m.ID = applicationID(m)
	m.Secrets = readDigests(live.GetAnnotations(), m.Secrets)
	m.Labels = readStrings(m.Labels, live.GetLabels(), o.imported(live, "labels", importing), diags)
	m.Annotations = readStrings(m.Annotations, live.GetAnnotations(), o.imported(live, "annotations", importing), diags)
	return nil
}

// imported are the labels or annotations that an import takes over: those that
// this provider wrote, or all of an application that another tool wrote.
func (o applicationObject) imported(live *unstructured.Unstructured, field string, importing bool) []string {
	if !importing {
		return nil
	}
	all := live.GetLabels()
	if field == "annotations" {
		all = live.GetAnnotations()
	}
	managed := managedKeys(live, field)
	var keys []string
	for key, value := range all {
		standard := o.hub.DefaultLabels[key] == value && field == "labels"
		if standard || reservedAnnotation(key) || key == lastApplied {
			continue
		}
		if managed == nil || slices.Contains(managed, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// readStrings are the values of the keys in prior, and of those given besides.
// What others put on an application is theirs and not shown.
func readStrings(prior types.Map, live map[string]string, besides []string, diags *diag.Diagnostics) types.Map {
	elements := map[string]attr.Value{}
	for key, value := range prior.Elements() {
		if text, ok := live[key]; ok {
			elements[key] = types.StringValue(text)
		} else if value.IsNull() {
			elements[key] = value
		}
	}
	for _, key := range besides {
		elements[key] = types.StringValue(live[key])
	}
	if len(elements) == 0 && prior.IsNull() {
		return types.MapNull(types.StringType)
	}
	out, d := types.MapValue(types.StringType, elements)
	diags.Append(d...)
	return out
}

// warnPaused says that what was written waits, where somebody else paused the application.
func (o applicationObject) warnPaused(live, desired *unstructured.Unstructured, diags *diag.Diagnostics) {
	_, configured := desired.GetLabels()[v1beta1.LabelPause]
	if configured || live.GetLabels()[v1beta1.LabelPause] != v1beta1.LabelPauseValue {
		return
	}
	diags.AddWarning("Application is paused", fmt.Sprintf(
		"Application %q was written, and nothing of it is delivered until its label %s is removed: kubectl -n %s label applications.core.oam.dev %s %s-",
		o.id(), v1beta1.LabelPause, o.namespace, o.name, v1beta1.LabelPause))
}

// managedKeys are the keys of labels or annotations that this provider's field
// manager owns; nil when it never wrote the object.
func managedKeys(object *unstructured.Unstructured, field string) []string {
	entries, _, _ := unstructured.NestedSlice(object.Object, "metadata", "managedFields")
	for _, item := range entries {
		entry, _ := item.(map[string]any)
		if entry["manager"] != hub.FieldManager || entry["operation"] != "Apply" {
			continue
		}
		fields, _, _ := unstructured.NestedMap(entry, "fieldsV1", "f:metadata", "f:"+field)
		keys := []string{}
		for key := range fields {
			keys = append(keys, strings.TrimPrefix(key, "f:"))
		}
		return keys
	}
	return nil
}

// takenOver says whether another instance of the resource has written the application since.
func (o applicationObject) takenOver(ctx context.Context) (bool, error) {
	live, err := o.client.Get(ctx, rollout.Kind(), o.key())
	if hub.IsNotFound(err) {
		return false, nil
	}
	return err == nil && byAnother(live, o.instance), err
}

// byAnother says whether another instance than that one wrote the object last.
func byAnother(live *unstructured.Unstructured, instance string) bool {
	current := live.GetAnnotations()[annotationInstance]
	return instance != "" && current != "" && current != instance
}

// refuseProtected refuses to delete the protected application. One that another instance
// has taken over stays whatever happens to this one, so that nothing is refused.
func (o applicationObject) refuseProtected(ctx context.Context, diags *diag.Diagnostics) {
	stays, err := o.takenOver(ctx)
	if err != nil {
		appendError(diags, err)
		return
	}
	if !stays {
		o.appendProtected(diags)
	}
}

// appendProtected says that the application is protected and how to destroy it.
func (o applicationObject) appendProtected(diags *diag.Diagnostics) {
	diags.AddError("Application is protected", fmt.Sprintf(
		"Application %q has deletion = { protection = true }, and would be destroyed. To destroy it, apply deletion = { protection = false } first.", o.id()))
}

// remove deletes the application with its Secrets and waits until it is gone. One
// that another instance has taken over, or that is another object of the same
// name, stays.
func (o applicationObject) remove(ctx context.Context, uid k8stypes.UID, secrets map[string]string) error {
	live, err := o.client.Get(ctx, rollout.Kind(), o.key())
	if hub.IsNotFound(err) {
		return o.removeSecrets(ctx, secrets, nil)
	}
	if err != nil {
		return err
	}
	if byAnother(live, o.instance) {
		tflog.Info(ctx, "the application belongs to another instance of its resource by now and stays", map[string]any{"application": o.id()})
		return nil
	}
	if uid == "" {
		uid = live.GetUID()
	}
	if err := o.client.Delete(ctx, rollout.Kind(), o.key(), uid); err != nil {
		return maskError(err, maskOf(live))
	}
	if err := o.waitGone(ctx, uid); err != nil {
		return err
	}
	if live.GetUID() != uid {
		return nil // the Secrets are those of the other object of this name
	}
	return o.removeSecrets(ctx, secrets, nil)
}

// waitGone waits until the application is gone; when it takes too long, or
// finalizers hold it that nobody removes, the error says what holds it.
func (o applicationObject) waitGone(ctx context.Context, uid k8stypes.UID) error {
	last, err := rollout.WaitGone(ctx, o.client, o.key(), uid)
	return notGone("Application", o.id(), last, err, func(early bool) string { return "\n" + rollout.Held(last, early) })
}

// storeInstance keeps the instance that wrote the application.
func storeInstance(ctx context.Context, private privateWriter, instance string) diag.Diagnostics {
	if instance == "" {
		return nil
	}
	encoded, err := json.Marshal(instance)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Private state not writable", err.Error())}
	}
	return private.SetKey(ctx, privateInstance, encoded)
}

// loadInstance returns the instance that was kept, empty when none was.
func loadInstance(ctx context.Context, private privateStore) string {
	encoded, diags := private.GetKey(ctx, privateInstance)
	var instance string
	if diags.HasError() || len(encoded) == 0 || json.Unmarshal(encoded, &instance) != nil {
		return ""
	}
	return instance
}

// appendApplicationError adds err, without values of the application that was sent.
func appendApplicationError(diags *diag.Diagnostics, err error, sent *unstructured.Unstructured) {
	var failure *hub.Error
	if !errors.As(err, &failure) {
		appendError(diags, err)
		return
	}
	failure = failure.Masked(maskOf(sent))
	var midway midwayError
	if errors.As(err, &midway) {
		diags.AddError(failure.Summary, failure.Detail)
		return
	}
	switch failure.Reason {
	case hub.Invalid, hub.Outdated, hub.Exhausted, hub.Terminating:
		diags.AddError(failure.Summary, failure.Detail+"\nNothing was written.")
	default:
		diags.AddError(failure.Summary, failure.Detail)
	}
}
