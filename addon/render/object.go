// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import "k8s.io/apimachinery/pkg/runtime/schema"

// Object is one rendered Kubernetes object.
type Object struct {
	// Content of the object, in the types of unstructured objects.
	Content map[string]any
	// Trait is the type of the trait that made the object; empty for the component.
	Trait string
	// Resource is the name of the output; empty for the workload.
	Resource string
}

// Digest identifies the content of the object: 16 hex digits.
func (o Object) Digest() string {
	return ""
}

// GroupVersionKind of the object.
func (o Object) GroupVersionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{}
}

// Name of the object.
func (o Object) Name() string {
	return ""
}

// Namespace of the object; empty for an object without one.
func (o Object) Namespace() string {
	return ""
}
