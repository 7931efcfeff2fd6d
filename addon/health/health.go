// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package health judges observed objects by the CUE of the definitions that made them.
package health

import "github.com/fairlead-io/terraform-provider-fairlead/addon/render"

// Input is what a verdict is made from.
type Input struct {
	// Result that was delivered.
	Result *render.Result
	// Output is the observed workload; nil when it does not exist.
	Output map[string]any
	// Outputs are the other observed objects by Resource name.
	Outputs map[string]map[string]any
}

// Verdict is the state of a component in one place.
type Verdict struct {
	// Healthy says that the workload and all traits are healthy.
	Healthy bool
	// Message says in a line what is going on.
	Message string
	// Details are the fields that the definition's status gives.
	Details map[string]string
	// Traits are the verdicts of the traits, in evaluation order.
	Traits []TraitVerdict
}

// TraitVerdict is the state of a trait in one place.
type TraitVerdict struct {
	// Type of the trait.
	Type string
	// Healthy says that the trait's objects are healthy.
	Healthy bool
	// Message says in a line what is going on.
	Message string
}

// Evaluate judges observed objects.
func Evaluate(in Input) (Verdict, error) {
	return Verdict{}, nil
}
