// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// appendError adds err as one error. Failures of the hub keep their summary,
// which is constant for each class.
func appendError(diags *diag.Diagnostics, err error) {
	var failure *hub.Error
	var config *hub.ConfigError
	switch {
	case err == nil:
	case errors.As(err, &failure):
		diags.AddError(failure.Summary, failure.Detail)
	case errors.As(err, &config):
		diags.AddError(config.Summary, config.Detail)
	default:
		diags.AddError("Request failed", err.Error())
	}
}

// appendKept warns that the state is kept as it is because the hub could not be
// asked. The summary is constant, so that engines fold the warnings of many
// resources into one.
func appendKept(diags *diag.Diagnostics, err error) {
	var failure *hub.Error
	if !errors.As(err, &failure) {
		diags.AddWarning("Hub not asked", err.Error()+"\n\nThe state is kept as it is.")
		return
	}
	diags.AddWarning(failure.Summary, failure.Detail+"\n\nThe state is kept as it is; the plan does not show what changed on the hub.")
}

// appendDropped warns, if that is why an object does not exist, that the hub does not serve
// its kind: the address may be that of another cluster, and the next apply makes anew what
// the state does not have any more. The summary is constant as in appendKept.
func appendDropped(diags *diag.Diagnostics, err error, host string) {
	var failure *hub.Error
	if !errors.As(err, &failure) || failure.Reason != hub.KindMissing {
		return
	}
	diags.AddWarning(failure.Summary, failure.Detail+"\n\nWhat is of a kind that does not exist on the hub does not exist either, so it is dropped from the state. "+
		"Check that "+host+" is the right hub before you apply: what is dropped is planned to be made anew there.")
}

// appendConfigError adds a mistake in the provider block at its attribute.
func appendConfigError(diags *diag.Diagnostics, err error) {
	var config *hub.ConfigError
	if !errors.As(err, &config) || config.Field == "" {
		appendError(diags, err)
		return
	}
	at := path.Root("hub")
	for _, name := range strings.Split(config.Field, ".") {
		at = at.AtName(name)
	}
	diags.AddAttributeError(at, config.Summary, config.Detail)
}
