// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds Fairlead's own kinds: Environment says where
// applications may be delivered and what holds there, ClusterBinding says which
// clusters an environment has.
//
// The package imports neither a client nor controller-runtime: the Terraform
// provider shares it.
//
// +kubebuilder:object:generate=true
// +groupName=fairlead.dev
package v1alpha1
