// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package constraint says which constraints of an environment an object breaks. It is
// pure: the addon asks it before a delivery, and the provider at plan.
package constraint

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Constraints are those of an environment, ready to be checked.
type Constraints struct {
	environment string
	spec        v1alpha1.Constraints
	// registries are the allowed ones as runtimes name them.
	registries []string
}

// Breach is a rule that an object breaks.
type Breach struct {
	// Rule is the field below spec.constraints; empty where every environment has it.
	Rule string
	// At is the path of the field in the object; empty for the object itself.
	At string
	// Cause says what is wrong and may quote a value of the object, such as an image.
	Cause string
	// Allowed says what would not be wrong, as far as the rule says it.
	Allowed string
	// Remedy says what to do, and may quote a value of the object.
	Remedy string
}

// Read reads the constraints of an environment, which may be nil. Those that cannot be
// read would protect nothing: they are an error that names the field.
func Read(environment string, spec *v1alpha1.Constraints) (Constraints, error) {
	c := Constraints{environment: environment}
	if spec != nil {
		c.spec = *spec
	}
	for i, registry := range c.spec.AllowedRegistries {
		name, err := registryName(registry)
		if err != nil {
			return c, fmt.Errorf("spec.constraints.allowedRegistries[%d]: %q %w", i, registry, err)
		}
		c.registries = append(c.registries, name)
	}
	for _, list := range []struct {
		field string
		kinds []string
	}{{"allowedKinds", c.spec.AllowedKinds}, {"deniedKinds", c.spec.DeniedKinds}} {
		for i, kind := range list.kinds {
			if !kindName.MatchString(kind) {
				return c, fmt.Errorf("spec.constraints.%s[%d]: %q is no kind: write it as Kind or Kind.group, such as Secret or Deployment.apps", list.field, i, kind)
			}
		}
	}
	return c, nil
}

// kindName is Kind or Kind.group. A plural or a lower-case name matches nothing,
// so that a kind that was to be denied would be let through.
var kindName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// registryName is a registry, or a part of one, in the form of the names of
// images: a host, or docker.io where the first part is none.
func registryName(registry string) (string, error) {
	name := strings.TrimSuffix(registry, "/")
	host, path, slash := strings.Cut(name, "/")
	if isHost(host) {
		if !slash {
			// A host alone reads as the name of an image; any image on it has the host as runtimes name it.
			path = "any"
		}
		named, err := reference.ParseNormalizedNamed(host + "/" + path)
		if err != nil || !reference.IsNameOnly(named) {
			return "", errRegistry
		}
		if !slash {
			return reference.Domain(named), nil
		}
		if reference.Domain(named) == dockerHub {
			// An organisation of Docker Hub is no image: no "library" goes before it.
			return dockerHub + "/" + path, nil
		}
		return named.Name(), nil
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil || !reference.IsNameOnly(named) {
		return "", errRegistry
	}
	return named.Name(), nil
}

// dockerHub is the registry of images that name none.
const dockerHub = "docker.io"

var errRegistry = errors.New("is no registry: write a host with or without a path, such as ghcr.io/acme, without scheme, tag or wildcard")

// isHost says whether the first part of an image's name is a host, as runtimes tell it.
func isHost(part string) bool {
	return strings.ContainsAny(part, ".:") || part == "localhost"
}

// Check finds the rules that an object breaks, itself and in what it lists as items.
func (c Constraints) Check(object render.Object) []Breach {
	var found []Breach
	for _, nested := range flatten("", object.Content) {
		for _, b := range c.broken(nested.content, object.Namespace() == "") {
			b.At = strings.TrimPrefix(nested.at+b.At, ".")
			found = append(found, b)
		}
	}
	return found
}

// Text says of an object what is wrong with it.
func (c Constraints) Text(object render.Object, b Breach) string {
	where := object.GroupVersionKind().GroupKind().String() + " " + object.Namespace() + "/" + object.Name()
	if b.At != "" {
		where += ": " + b.At
	}
	if b.Rule == "" {
		return fmt.Sprintf("%s: %s: %s", where, b.Cause, b.Remedy)
	}
	rule := fmt.Sprintf("environment %q: spec.constraints.%s", c.environment, b.Rule)
	if b.Allowed != "" {
		rule += " " + b.Allowed
	}
	return fmt.Sprintf("%s: %s (%s): %s", where, b.Cause, rule, b.Remedy)
}

// nested is an object, or one inside of a list.
type nested struct {
	at      string
	content map[string]any
}

// flatten gives an object and those that it lists as items.
func flatten(at string, content map[string]any) []nested {
	out := []nested{{at, content}}
	kind, _ := content["kind"].(string)
	items, ok := content["items"].([]any)
	if !ok || !strings.HasSuffix(kind, "List") {
		return out
	}
	out[0].content = map[string]any{"apiVersion": content["apiVersion"], "kind": kind}
	for i, item := range items {
		if object, ok := item.(map[string]any); ok {
			out = append(out, flatten(fmt.Sprintf("%s.items[%d]", at, i), object)...)
		}
	}
	return out
}

// broken are the rules that one object breaks.
func (c Constraints) broken(content map[string]any, unscoped bool) []Breach {
	apiVersion, _ := content["apiVersion"].(string)
	kind, _ := content["kind"].(string)
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	found := append(c.ofKind(gvk.GroupKind()), accountBreaches(gvk.GroupKind(), content)...)
	if (unscoped || render.IsClusterScoped(gvk)) && !c.spec.AllowClusterScoped {
		found = append(found, Breach{
			Rule: "allowClusterScoped", Cause: fmt.Sprintf("objects of kind %s belong to no namespace", gvk.GroupKind()), Allowed: "is false",
			Remedy: "leave the object out, or ask the platform team to deliver it",
		})
	}
	if most := c.spec.MaxReplicas; most != nil {
		found = append(found, replicaBreaches(gvk.GroupKind(), content, int64(*most))...)
	}
	if len(c.registries) == 0 && !c.spec.RequireImageDigest {
		return found
	}
	for _, image := range images("", content) {
		found = append(found, c.imageBreaches(image)...)
	}
	return found
}

func (c Constraints) ofKind(kind schema.GroupKind) []Breach {
	const remedy = "leave the object out, or ask the platform team to admit the kind"
	if slices.ContainsFunc(c.spec.DeniedKinds, func(denied string) bool { return denied == kind.Kind || denied == kind.String() }) {
		return []Breach{{Rule: "deniedKinds", Cause: fmt.Sprintf("kind %s is denied", kind), Allowed: "denies " + Enumerate(c.spec.DeniedKinds), Remedy: remedy}}
	}
	if len(c.spec.AllowedKinds) == 0 || slices.ContainsFunc(c.spec.AllowedKinds, func(allowed string) bool { return allows(allowed, kind) }) {
		return nil
	}
	return []Breach{{Rule: "allowedKinds", Cause: fmt.Sprintf("kind %s is not allowed", kind), Allowed: "allows " + Enumerate(c.spec.AllowedKinds), Remedy: remedy}}
}

// allows says whether an entry of allowedKinds is a kind. Without a group it is
// Kubernetes' own kind of that name: a Service of somebody's CRD runs pods.
func allows(allowed string, kind schema.GroupKind) bool {
	if strings.Contains(allowed, ".") {
		return allowed == kind.String()
	}
	own := !strings.Contains(kind.Group, ".") || strings.HasSuffix(kind.Group, ".k8s.io")
	return own && allowed == kind.Kind
}

// image is where an object names an image.
type image struct {
	at    string
	value any
}

// containerLists are the fields of a pod's spec that hold containers.
func isContainerList(field string) bool {
	return field == "containers" || field == "initContainers" || field == "ephemeralContainers"
}

// images finds the images of all containers and volumes in an object. Pods are
// made from templates in many places, also of kinds that nobody knows here, so
// every list of containers counts wherever it is.
func images(at string, value any) []image {
	var found []image
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			found = append(found, images(fmt.Sprintf("%s[%d]", at, i), item)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if items, ok := value[key].([]any); ok {
				found = append(found, imagesOf(at+"."+key, key, items)...)
			}
			found = append(found, images(at+"."+key, value[key])...)
		}
	}
	return found
}

// imagesOf are the images that the items of a list of containers or volumes name.
func imagesOf(at, field string, items []any) []image {
	var found []image
	for i, item := range items {
		entry, ok := item.(map[string]any)
		if !ok {
			continue
		}
		here := fmt.Sprintf("%s[%d].image", at, i)
		if name, ok := entry["image"]; ok && isContainerList(field) {
			found = append(found, image{here, name})
		}
		if volume, ok := entry["image"].(map[string]any); ok && field == "volumes" && volume["reference"] != nil {
			found = append(found, image{here + ".reference", volume["reference"]})
		}
	}
	return found
}

func (c Constraints) imageBreaches(at image) []Breach {
	text, ok := at.value.(string)
	if text == "" && (ok || at.value == nil) {
		return nil // nothing is pulled
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		rule := "requireImageDigest"
		if len(c.registries) > 0 {
			rule = "allowedRegistries"
		}
		// What the text is, is not said: it may be anything.
		return []Breach{{Rule: rule, At: at.at, Cause: "is no name of an image", Allowed: c.allowedRegistries(), Remedy: "write host/path:tag or host/path@sha256:digest"}}
	}
	var found []Breach
	if len(c.registries) > 0 && !slices.ContainsFunc(c.registries, func(registry string) bool { return within(named.Name(), registry) }) {
		found = append(found, Breach{
			Rule: "allowedRegistries", At: at.at, Cause: fmt.Sprintf("image %s is of no allowed registry", named.Name()), Allowed: c.allowedRegistries(),
			Remedy: "use an image of one of these, or ask the platform team to admit its registry",
		})
	}
	if _, ok := named.(reference.Digested); !ok && c.spec.RequireImageDigest {
		found = append(found, Breach{
			Rule: "requireImageDigest", At: at.at, Cause: fmt.Sprintf("image %s is named without a digest", named.Name()), Allowed: "is true",
			Remedy: "name it as " + named.Name() + "@sha256:...",
		})
	}
	return found
}

func (c Constraints) allowedRegistries() string {
	if len(c.registries) == 0 {
		return ""
	}
	return "allows " + Enumerate(c.registries)
}

// within says that the name of an image is at or below a registry's path.
func within(name, registry string) bool {
	return name == registry || strings.HasPrefix(name, registry+"/")
}

// replicaBreaches are the numbers of replicas above the bound, whoever sets them:
// the object itself, a template of jobs, or an autoscaler.
func replicaBreaches(kind schema.GroupKind, content map[string]any, most int64) []Breach {
	var found []Breach
	for _, field := range replicaFields(kind) {
		value, set := lookUp(content, field.path)
		if !set {
			value = field.unset
		}
		if value == nil {
			continue
		}
		count, ok := integer(value)
		if ok && count <= most {
			continue
		}
		cause := fmt.Sprintf("%d is more than %d", count, most)
		if !set {
			cause = fmt.Sprintf("is not set and so %d, which is more than %d", count, most)
		}
		if !ok {
			cause = "is no whole number"
		}
		found = append(found, Breach{
			Rule: "maxReplicas", At: "." + field.path, Cause: cause, Allowed: fmt.Sprintf("is %d", most),
			Remedy: fmt.Sprintf("set it to %d or less, or ask the platform team to raise the limit", most),
		})
	}
	return found
}

// replicaField is a field that says how many pods there may be, and what it means unset.
type replicaField struct {
	path  string
	unset any
}

func replicaFields(kind schema.GroupKind) []replicaField {
	const one, usual = int64(1), int64(100) // KEDA scales to 100 unless told otherwise
	switch kind.String() {
	case "HorizontalPodAutoscaler.autoscaling":
		return []replicaField{{"spec.maxReplicas", nil}}
	case "ScaledObject.keda.sh":
		return []replicaField{{"spec.maxReplicaCount", usual}}
	case "ScaledJob.keda.sh":
		return []replicaField{{"spec.maxReplicaCount", usual}, {"spec.jobTargetRef.parallelism", one}}
	case "Job.batch":
		return []replicaField{{"spec.parallelism", one}}
	case "CronJob.batch":
		return []replicaField{{"spec.jobTemplate.spec.parallelism", one}}
	case "Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps", "ReplicationController":
		return []replicaField{{"spec.replicas", one}}
	}
	return []replicaField{{"spec.replicas", nil}, {"spec.maxReplicas", nil}}
}

func lookUp(content map[string]any, path string) (any, bool) {
	var value any = content
	for _, key := range strings.Split(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		value = object[key]
	}
	return value, value != nil
}

func integer(value any) (int64, bool) {
	switch value := value.(type) {
	case int64:
		return value, true
	case int:
		return int64(value), true
	case float64:
		return int64(value), value == float64(int64(value))
	}
	return 0, false
}

// Enumerate lists names for a message: the first 10 of many, and "(none)" of none.
func Enumerate(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
