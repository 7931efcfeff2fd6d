// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	exactjson "k8s.io/apimachinery/pkg/util/json" // keeps integers as int64
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// namespaceObjects are the objects that an environment wants in its target
// namespaces, checked: what cannot be applied would hold every application there.
func namespaceObjects(options *v1alpha1.NamespaceOptions) ([]map[string]any, error) {
	if options == nil {
		return nil, nil
	}
	for i, name := range options.ImagePullSecrets {
		if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
			return nil, fmt.Errorf("spec.namespaceOptions.imagePullSecrets[%d]: no name of a Secret: %s", i, wrong[0])
		}
	}
	taken := map[string]int{}
	objects := make([]map[string]any, 0, len(options.Objects))
	for i, raw := range options.Objects {
		object, err := namespaceObject(raw)
		if err != nil {
			return nil, fmt.Errorf("spec.namespaceOptions.objects[%d]%w", i, err)
		}
		id := objectID(object)
		if other, ok := taken[id]; ok {
			return nil, fmt.Errorf("spec.namespaceOptions.objects[%d]: is the same %s as objects[%d]: remove one", i, id, other)
		}
		taken[id] = i
		objects = append(objects, object)
	}
	return objects, nil
}

// namespaceObject reads one object. Its errors begin with the rest of the path.
func namespaceObject(raw runtime.RawExtension) (map[string]any, error) {
	var content map[string]any
	if err := exactjson.Unmarshal(raw.Raw, &content); err != nil || content == nil {
		return nil, fmt.Errorf(": is no object")
	}
	apiVersion, _ := content["apiVersion"].(string)
	kind, _ := content["kind"].(string)
	typed := typedNamespaceObject(apiVersion, kind)
	if typed == nil {
		return nil, fmt.Errorf(": %s %q is not taken: only ResourceQuota and LimitRange of v1 and NetworkPolicy of networking.k8s.io/v1 are", apiVersion, kind)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw.Raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(typed); err != nil {
		return nil, fmt.Errorf(": is no %s: %w", kind, err)
	}
	metadata, _ := content["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return nil, fmt.Errorf(".metadata.name: %s", wrong[0])
	}
	if metadata["namespace"] != nil {
		return nil, fmt.Errorf(".metadata.namespace: is set to the target namespace: leave it out")
	}
	kept := map[string]any{"name": name}
	for _, field := range []string{"labels", "annotations"} {
		if metadata[field] != nil {
			kept[field] = metadata[field]
		}
	}
	spec, err := canonicalSpec(typed)
	if err != nil {
		return nil, fmt.Errorf(".spec: %w", err)
	}
	return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": kept, "spec": spec}, nil
}

// canonicalSpec is the spec as the API server writes it, quantities above all, so
// that what is read is what was wanted.
func canonicalSpec(typed any) (map[string]any, error) {
	raw, err := json.Marshal(typed)
	if err != nil {
		return nil, err
	}
	var content struct {
		Spec map[string]any `json:"spec"`
	}
	if err := exactjson.Unmarshal(raw, &content); err != nil {
		return nil, err
	}
	return cloneOrMake(content.Spec), nil
}

func typedNamespaceObject(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "v1 ResourceQuota":
		return &corev1.ResourceQuota{}
	case "v1 LimitRange":
		return &corev1.LimitRange{}
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	}
	return nil
}

func objectID(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	return fmt.Sprintf("%v %v", object["kind"], metadata["name"])
}

// tenantMerge puts together what several environments want of one namespace.
type tenantMerge struct {
	tenant  *Tenant
	objects map[string]map[string]any
	// from are the environments that said each thing first.
	from map[string]string
	// values are what they said.
	values map[string]any
}

// say notes what an environment says of a field, and returns the environment that
// said something else: to let the last by name win would take from the other what
// it asked for.
func (m *tenantMerge) say(environment, field string, value any) (string, bool) {
	if other, ok := m.from[field]; ok {
		return other, !reflect.DeepEqual(m.values[field], value)
	}
	m.from[field], m.values[field] = environment, value
	return "", false
}

// add merges an environment in. It returns the path on which two differ, and the other one.
func (m *tenantMerge) add(env *Environment) (path, other string, err error) {
	options := env.Spec.NamespaceOptions
	if options == nil {
		options = &v1alpha1.NamespaceOptions{}
	}
	create := options.Create == nil || *options.Create
	said := []struct {
		field string
		value any
	}{{"spec.permissions", env.role()}, {"spec.namespaceOptions.create", create}, {"spec.namespaceOptions.adopt", options.Adopt}}
	for _, key := range slices.Sorted(maps.Keys(options.Labels)) {
		said = append(said, struct {
			field string
			value any
		}{fmt.Sprintf("spec.namespaceOptions.labels[%q]", key), options.Labels[key]})
	}
	for _, key := range slices.Sorted(maps.Keys(options.Annotations)) {
		said = append(said, struct {
			field string
			value any
		}{fmt.Sprintf("spec.namespaceOptions.annotations[%q]", key), options.Annotations[key]})
	}
	objects, err := namespaceObjects(options)
	if err != nil {
		return "", "", err
	}
	for _, object := range objects {
		said = append(said, struct {
			field string
			value any
		}{"spec.namespaceOptions.objects: " + objectID(object), object})
		m.objects[objectID(object)] = object
	}
	for _, s := range said {
		if other, differs := m.say(env.Name, s.field, s.value); differs {
			return s.field, other, nil
		}
	}
	m.tenant.Role, m.tenant.Create, m.tenant.Adopt = env.role(), create, options.Adopt
	m.tenant.Labels = mergeStrings(m.tenant.Labels, options.Labels)
	m.tenant.Annotations = mergeStrings(m.tenant.Annotations, options.Annotations)
	m.tenant.PullSecrets = append(m.tenant.PullSecrets, options.ImagePullSecrets...)
	m.tenant.Version += fmt.Sprintf("%s@%d ", env.Name, env.Generation)
	return "", "", nil
}

// finish puts what was merged into the tenant, in a stable order.
func (m *tenantMerge) finish() {
	slices.Sort(m.tenant.PullSecrets)
	m.tenant.PullSecrets = slices.Compact(m.tenant.PullSecrets)
	if len(m.tenant.PullSecrets) == 0 {
		m.tenant.Version = "" // only Secrets are read anew for a change
	}
	m.finishHeld()
	for _, id := range slices.Sorted(maps.Keys(m.objects)) {
		m.tenant.Objects = append(m.tenant.Objects, m.tenant.inNamespace(m.objects[id]))
	}
}

// TenantHeld is what stays of a tenant where it is there.
type TenantHeld struct {
	// Labels and Annotations of the namespace.
	Labels      map[string]string
	Annotations map[string]string
	// PullSecrets are names of copied Secrets.
	PullSecrets []string
	// Objects of the namespace, with their labels.
	Objects []map[string]any
}

// Any says that there is something that may stay.
func (h TenantHeld) Any() bool {
	return len(h.Labels)+len(h.Annotations)+len(h.PullSecrets)+len(h.Objects) > 0
}

// hold notes what an environment wants that may deliver there. One that cannot be read
// holds nothing: it is told of when it delivers.
func (m *tenantMerge) hold(env *Environment) {
	options := env.Spec.NamespaceOptions
	if options == nil {
		return
	}
	objects, err := namespaceObjects(options)
	if err != nil {
		return
	}
	held := &m.tenant.Held
	held.Labels, held.Annotations = mergeStrings(held.Labels, options.Labels), mergeStrings(held.Annotations, options.Annotations)
	held.PullSecrets = append(held.PullSecrets, options.ImagePullSecrets...)
	for _, object := range objects {
		held.Objects = append(held.Objects, m.tenant.inNamespace(object))
	}
}

// finishHeld leaves of what is held what the tenant does not have anyhow.
func (m *tenantMerge) finishHeld() {
	held, tenant := &m.tenant.Held, m.tenant
	held.Labels, held.Annotations = without(held.Labels, tenant.Labels), without(held.Annotations, tenant.Annotations)
	held.PullSecrets = slices.DeleteFunc(held.PullSecrets, func(name string) bool { return slices.Contains(tenant.PullSecrets, name) })
	slices.Sort(held.PullSecrets)
	held.PullSecrets = slices.Compact(held.PullSecrets)
	taken := map[string]bool{}
	held.Objects = slices.DeleteFunc(held.Objects, func(object map[string]any) bool {
		id := objectID(object)
		skip := taken[id] || m.objects[id] != nil
		taken[id] = true
		return skip
	})
}

func without(all, others map[string]string) map[string]string {
	kept := maps.Clone(all)
	maps.DeleteFunc(kept, func(key, _ string) bool {
		_, ok := others[key]
		return ok
	})
	return kept
}

// Keeping is the tenant with what it holds and what is there: labels and annotations of
// the namespace with the same value, and objects. secrets are the copies that are there.
func (t Tenant) Keeping(labels, annotations map[string]string, isThere func(object map[string]any) bool, secrets []map[string]any) Tenant {
	t.Labels = mergeStrings(t.Labels, inBoth(t.Held.Labels, labels))
	t.Annotations = mergeStrings(t.Annotations, inBoth(t.Held.Annotations, annotations))
	t.Objects = slices.Clone(t.Objects)
	for _, object := range t.Held.Objects {
		if isThere(object) {
			t.Objects = append(t.Objects, object)
		}
	}
	t.Objects = append(t.Objects, secrets...)
	sortTenantObjects(t.Objects)
	return t
}

func inBoth(wanted, there map[string]string) map[string]string {
	both := maps.Clone(wanted)
	maps.DeleteFunc(both, func(key, value string) bool {
		is, ok := there[key]
		return !ok || is != value
	})
	return both
}

// inNamespace is an object in the tenant's namespace, with the labels by which it
// is known as the tenant's.
func (t Tenant) inNamespace(object map[string]any) map[string]any {
	object = cloneOrMake(object)
	metadata, _ := object["metadata"].(map[string]any)
	metadata = cloneOrMake(metadata)
	labels, _ := metadata["labels"].(map[string]any)
	labels = cloneOrMake(labels)
	for key, value := range t.ownLabels() {
		labels[key] = value
	}
	metadata["namespace"], metadata["labels"] = t.Namespace, labels
	object["metadata"] = metadata
	return object
}

// Tenant is what must exist in a target namespace on a cluster for the
// environments that deliver there from the source namespace. It depends on the
// environments alone, so that two applications never ask for different tenants.
func (w World) Tenant(source SourceNamespace, key TenantKey) (Tenant, *Problem) {
	tenant := Tenant{TenantKey: key, SourceNamespace: source.Name}
	merge := &tenantMerge{tenant: &tenant, objects: map[string]map[string]any{}, from: map[string]string{}, values: map[string]any{}}
	for _, name := range w.Names() {
		env := w[name]
		if !env.Delivers(source, key) {
			if env.mayStillDeliver(source, key) {
				merge.hold(env)
			}
			continue
		}
		path, other, err := merge.add(env)
		if err != nil {
			// Without what it asks for, a quota of the namespace would be taken away.
			return tenant, &Problem{Reason: ReasonInvalidEnvironment, Message: fmt.Sprintf(
				"environment %q: %v; nothing is delivered to namespace %q of cluster %q until it is corrected", name, err, key.Namespace, key.Cluster)}
		}
		if path != "" {
			return tenant, &Problem{Reason: ReasonPlacementConflict, Message: fmt.Sprintf(
				"environments %q and %q differ in %s, and both deliver to namespace %q of cluster %q: make them agree, or give one of them another target namespace",
				other, name, path, key.Namespace, key.Cluster)}
		}
	}
	merge.finish()
	return tenant, nil
}

// pullSecret is the copy of a Secret in the tenant's namespace: the credentials
// alone, whatever else the Secret holds.
func (t Tenant) pullSecret(secret *corev1.Secret) (map[string]any, error) {
	key := corev1.DockerConfigJsonKey
	switch secret.Type {
	case corev1.SecretTypeDockerConfigJson:
	case corev1.SecretTypeDockercfg:
		key = corev1.DockerConfigKey
	default:
		return nil, fmt.Errorf("has another type than %s and %s", corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg)
	}
	return t.inNamespace(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": secret.Name}, "type": string(secret.Type),
		"data": map[string]any{key: encoded(secret.Data[key])},
	}), nil
}

// isPullSecret says that an object of a tenant is a copy of a Secret.
func isPullSecret(object map[string]any) bool { return object["kind"] == "Secret" }

// OfTenant says that labels are those of an object of the tenant.
func (t Tenant) OfTenant(labels map[string]string) bool {
	for key, value := range t.ownLabels() {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// sortTenantObjects puts Secrets behind the objects of the environments.
func sortTenantObjects(objects []map[string]any) {
	slices.SortStableFunc(objects, func(a, b map[string]any) int {
		return cmp.Or(compareBool(!isPullSecret(a), !isPullSecret(b)), strings.Compare(objectID(a), objectID(b)))
	})
}
