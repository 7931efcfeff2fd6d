// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hclvalue

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// checked turns the diagnostics of a framework constructor into an error. They
// name types only, never values.
func checked[T attr.Value](v T, diags diag.Diagnostics) (attr.Value, error) {
	if diags.HasError() {
		return nil, fmt.Errorf("building a value: %s", diags.Errors()[0].Summary())
	}
	return v, nil
}
