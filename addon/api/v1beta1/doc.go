// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package v1beta1 holds the kinds of the Open Application Model (OAM) that
// Fairlead reads: Application and the four X-definitions. They are wire
// compatible with the OAM v1beta1 kinds in use, so that an object written for
// another OAM implementation is accepted unchanged.
//
// The package imports neither a client nor controller-runtime: the Terraform
// provider shares it.
//
// +kubebuilder:object:generate=true
// +groupName=core.oam.dev
package v1beta1
