// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview_test

import (
	"errors"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// refused says that a definition does not take the properties: the provider says
// so before it previews anything.
func refused(err error) bool {
	var e *render.Error
	return errors.As(err, &e) && e.Reason == render.ReasonInvalidProperties
}
