// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ReferenceType is the type of component that delivers objects which exist
// already. Whoever renders reads them and sets Component.Objects.
const ReferenceType = "ref-objects"

// Refers says that a component delivers objects which exist already.
func Refers(c Component) bool { return c.Type == ReferenceType && !c.Policy }

const (
	// ReasonInvalidReference is a reference that is not followed.
	ReasonInvalidReference = "InvalidReference"
	// ReasonReferenceNotFound is a reference to an object that is not there.
	ReasonReferenceNotFound = "ReferenceNotFound"

	// maxReferences bounds how many objects a component refers to, and
	// maxReferenced how many bytes of JSON they are together.
	maxReferences = 64
	maxReferenced = 512 << 10
)

// Reference names one object of the hub, in the application's own namespace. It
// names its resource, or in the older way its kind.
type Reference struct {
	// Path of the reference in the user's text.
	Path string
	// Group and Resource of the object, such as apps and deployment.
	Group, Resource string
	// Kind of the object, where there is no resource.
	Kind schema.GroupVersionKind
	// Name of the object.
	Name string
}

// What says for people what is referred to.
func (r Reference) What() string {
	group, word := r.Group, r.Resource
	if word == "" {
		group, word = r.Kind.Group, r.Kind.Kind
	}
	if group != "" {
		word += "." + group
	}
	return fmt.Sprintf("%s %q", word, r.Name)
}

// References are the objects that a component of ReferenceType names. The error
// is an *Error; it names the first reference that is not followed: each is read
// by name, from the hub, in the namespace of the application, and nothing else is.
func References(c Component, namespace string) ([]Reference, error) {
	wrong := func(path, message string) error {
		return &Error{Component: c.Name, Path: path, Reason: ReasonInvalidReference, Message: message}
	}
	at := c.path() + ".properties"
	if urls, _ := c.Properties["urls"].([]any); len(urls) > 0 {
		return nil, wrong(at+".urls", "objects are not fetched from addresses here; write them out in a component of type k8s-objects, or create them on the hub and name them in objects")
	}
	list, _ := c.Properties["objects"].([]any)
	if len(list) > maxReferences {
		return nil, wrong(at+".objects", fmt.Sprintf("has %d items, at most %d are read; spread them over several components", len(list), maxReferences))
	}
	references := make([]Reference, 0, len(list))
	for i, item := range list {
		fields, _ := item.(map[string]any)
		reference := newReference(fields, c.Name, fmt.Sprintf("%s.objects[%d]", at, i))
		if path, message := refuseReference(fields, namespace, reference); message != "" {
			return nil, wrong(path, message)
		}
		references = append(references, reference)
	}
	return references, nil
}

func newReference(fields map[string]any, component, path string) Reference {
	reference := Reference{
		Path: path, Group: text(fields["group"]), Resource: strings.ToLower(text(fields["resource"])), Name: cmp.Or(text(fields["name"]), component),
	}
	if reference.Resource == "" {
		reference.Kind = schema.FromAPIVersionAndKind(text(fields["apiVersion"]), text(fields["kind"]))
	}
	return reference
}

// refuseReference says which field of a reference is not followed, and why.
func refuseReference(fields map[string]any, namespace string, reference Reference) (path, message string) {
	for _, name := range []string{"labelSelector", "selector"} {
		if labels, _ := fields[name].(map[string]any); len(labels) > 0 {
			return reference.Path + "." + name, "objects are read by name only, since nobody may list Secrets and ConfigMaps here; give the name of each object"
		}
	}
	if cluster := text(fields["cluster"]); cluster != "" && cluster != "local" {
		return reference.Path + ".cluster", "objects are read from the hub only; leave the field out, and create the object on the hub"
	}
	if other := text(fields["namespace"]); other != "" && namespace != "" && other != namespace {
		return reference.Path + ".namespace", fmt.Sprintf("an application reads objects of its own namespace %q only; leave the field out, and create the object there", namespace)
	}
	if reference.Resource == "" && (reference.Kind.Kind == "" || reference.Kind.Version == "") {
		return reference.Path + ".resource", "is missing; name the resource, such as configmap, or deployment with the group apps"
	}
	if problems := nameProblems("", reference.Name); len(problems) > 0 {
		return reference.Path + ".name", "is no name of an object: " + problems[0]
	}
	return "", ""
}

// NotReferable is the error of a reference that leads to no object.
func NotReferable(c Component, reference Reference, message string) error {
	return &Error{Component: c.Name, Path: reference.Path, Reason: ReasonReferenceNotFound, Message: message}
}

// Resolve is the component with the objects that it refers to, each as read gives
// it; one that refers to nothing is returned as it is. The error is an *Error, or
// what read returned.
func Resolve(c Component, namespace string, read func(Reference) (map[string]any, error)) (Component, error) {
	if !Refers(c) {
		return c, nil
	}
	references, err := References(c, namespace)
	if err != nil {
		return c, err
	}
	var objects []map[string]any
	for _, reference := range references {
		object, err := read(reference)
		if err != nil {
			return c, err
		}
		objects = append(objects, object)
	}
	return WithReferenced(c, objects)
}

// WithReferenced is the component with the objects that it refers to: without
// what belongs to the place where they were read. The error is an *Error.
func WithReferenced(c Component, objects []map[string]any) (Component, error) {
	c.Objects = make([]map[string]any, len(objects))
	for i, object := range objects {
		c.Objects[i] = portable(object)
	}
	raw, err := json.Marshal(c.Objects)
	if err != nil {
		return c, &Error{Component: c.Name, Path: c.path() + ".properties.objects", Reason: ReasonInvalidReference, Message: "an object has no JSON form"}
	}
	if len(raw) > maxReferenced {
		return c, &Error{Component: c.Name, Path: c.path() + ".properties.objects", Reason: ReasonInvalidReference, Message: fmt.Sprintf(
			"the objects are %d bytes together, at most %d are delivered; spread them over several components", len(raw), maxReferenced)}
	}
	return c, nil
}

// portable is an object without its status and without what an API server, a
// controller or a delivery wrote into its metadata.
func portable(object map[string]any) map[string]any {
	out := maps.Clone(object)
	delete(out, "status")
	metadata, _ := object["metadata"].(map[string]any)
	kept := map[string]any{}
	for _, field := range []string{"name", "labels", "annotations"} {
		value, ok := metadata[field]
		if entries, isMap := value.(map[string]any); isMap {
			value = own(entries)
			ok = len(own(entries)) > 0
		}
		if ok {
			kept[field] = value
		}
	}
	out["metadata"] = kept
	return out
}

// own are the labels or annotations that belong to the object itself.
func own(entries map[string]any) map[string]any {
	out := maps.Clone(entries)
	maps.DeleteFunc(out, func(key string, _ any) bool {
		prefix, _, _ := strings.Cut(key, "/")
		return slices.Contains([]string{"app.oam.dev", "fairlead.dev", "deployment.kubernetes.io"}, prefix) || strings.HasSuffix(prefix, ".oam.dev") ||
			key == "kubectl.kubernetes.io/last-applied-configuration"
	})
	return out
}
