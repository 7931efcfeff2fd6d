// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// Object is one rendered Kubernetes object.
type Object struct {
	// Content of the object, in the types of unstructured objects.
	Content map[string]any
	// Trait is the type of the trait that made the object; empty for the component.
	Trait string
	// Resource is the name of the output; empty for the workload.
	Resource string
	// Stage says when the object is delivered: before the workload, with it, or when it is healthy.
	Stage v1beta1.StageType
}

// Digest identifies the content of the object: the first 16 hex digits of the
// SHA-256 of its JSON with sorted keys.
func (o Object) Digest() string {
	return digest(o.Content)
}

// digest is computed from JSON, which sorts keys. A value without JSON cannot
// get here: all come from CUE or were checked.
func digest(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// TraitType is the type that OAM's labels give to a further object: that of the
// trait that made it, or the one of what components make themselves.
func (o Object) TraitType() string {
	return cmp.Or(o.Trait, auxiliary)
}

// GroupVersionKind of the object.
func (o Object) GroupVersionKind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(text(o.Content["apiVersion"]), text(o.Content["kind"]))
}

// IsSecret says that the object is a Secret of Kubernetes, whose values are shown to nobody.
func (o Object) IsSecret() bool {
	gvk := o.GroupVersionKind()
	return gvk.Group == "" && gvk.Kind == "Secret"
}

// Name of the object.
func (o Object) Name() string {
	return text(o.metadata()["name"])
}

// Namespace of the object; empty for an object without one.
func (o Object) Namespace() string {
	return text(o.metadata()["namespace"])
}

func (o Object) metadata() map[string]any {
	m, _ := o.Content["metadata"].(map[string]any)
	return m
}

// key tells objects apart on a cluster.
func (o Object) key() string {
	gvk := o.GroupVersionKind()
	return strings.Join([]string{gvk.Group, gvk.Kind, o.Namespace(), o.Name()}, "/")
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
