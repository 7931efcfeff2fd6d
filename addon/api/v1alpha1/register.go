// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the kinds in this package.
var GroupVersion = schema.GroupVersion{Group: "fairlead.dev", Version: "v1alpha1"}

// The kinds of this package.
const (
	// EnvironmentKind is the kind of Environment.
	EnvironmentKind = "Environment"
	// ClusterBindingKind is the kind of ClusterBinding.
	ClusterBindingKind = "ClusterBinding"
)

// AddToScheme registers the kinds of this package with a scheme. It returns no
// error in practice; the signature is that of runtime.SchemeBuilder.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Environment{}, &EnvironmentList{},
		&ClusterBinding{}, &ClusterBindingList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
