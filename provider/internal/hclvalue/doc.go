// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package hclvalue converts between the value of a Dynamic attribute and JSON
// as the hub keeps it.
//
// JSON has one kind of object, one kind of list and one kind of number, HCL has
// several. Terraform refuses a value that comes back as another kind than it was
// configured with, so the way back to HCL takes the prior value along and
// returns it, or the parts of it that still hold, unchanged.
package hclvalue
