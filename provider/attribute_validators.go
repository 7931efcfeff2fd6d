// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"k8s.io/apimachinery/pkg/util/validation"
)

// nameValidators check the name of an environment, a binding or a cluster.
func nameValidators() []validator.String {
	return []validator.String{checked{
		description: "at most 63 characters of a-z, 0-9 and '-', beginning and ending with a letter or digit",
		check: func(text string) error {
			if problems := validation.IsDNS1123Label(text); len(problems) > 0 {
				return fmt.Errorf("%q is not a valid name", text)
			}
			return nil
		},
	}}
}

// sourceNamespaceValidators check the name of a namespace that applications may
// come from, or be delivered to: the namespaces of the systems are refused.
func sourceNamespaceValidators() []validator.String {
	return append(nameValidators(), checked{
		description: "not kube-*, fairlead-system, vela-system or open-cluster-management*",
		check: func(text string) error {
			if reservedNamespace(text) {
				return fmt.Errorf("the namespace %q is reserved", text)
			}
			return nil
		},
	})
}

// reservedNamespace says whether nothing may be delivered from or to the namespace.
func reservedNamespace(name string) bool {
	return strings.HasPrefix(name, "kube-") || name == "fairlead-system" || name == "vela-system" ||
		strings.HasPrefix(name, "open-cluster-management")
}

// durationValidators check a duration that is longer than nothing.
func durationValidators() []validator.String {
	return []validator.String{checked{
		description: "a duration of more than zero in h, m and s, such as 90s, 10m or 24h",
		check: func(text string) error {
			parsed, err := time.ParseDuration(text)
			if err != nil || parsed <= 0 {
				return fmt.Errorf("%q is not such a duration", text)
			}
			return nil
		},
	}}
}

// wholeSeconds checks a duration that is kept in seconds.
func wholeSeconds() validator.String {
	return checked{
		description: "whole seconds, at most 24h",
		check: func(text string) error {
			if parsed, err := time.ParseDuration(text); err == nil && (parsed%time.Second != 0 || parsed > 24*time.Hour) {
				return fmt.Errorf("%q is not", text)
			}
			return nil
		},
	}
}

// refuseOwnTaint refuses the key of a taint that Open Cluster Management sets itself.
func refuseOwnTaint(key string) error {
	if strings.HasPrefix(key, "cluster.open-cluster-management.io/") {
		return fmt.Errorf("the taint %q is set by the hub itself", key)
	}
	return nil
}

// countValidators check a number or a percentage.
func countValidators() []validator.String {
	return []validator.String{stringvalidator.RegexMatches(
		regexp.MustCompile("^(0|[1-9][0-9]{0,8}|100%|[1-9]?[0-9]%)$"),
		"must be a number such as 2, or a percentage such as \"25%\"")}
}

// nonEmptySet refuses a set without elements and empty elements.
func nonEmptySet() []validator.Set {
	return []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1))}
}

// checked validates text with a function.
type checked struct {
	description string
	check       func(text string) error
}

// Description says what is allowed.
func (c checked) Description(context.Context) string { return "must be " + c.description }

// MarkdownDescription says what is allowed.
func (c checked) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

// ValidateString checks a known text.
func (c checked) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := c.check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid "+lastStep(req.Path.String()),
			fmt.Sprintf("%s: %s. Allowed: %s.", req.Path, err, c.description))
	}
}

// lastStep returns the attribute at the end of a path.
func lastStep(path string) string {
	text, _, _ := strings.Cut(path, "[")
	return text[strings.LastIndex(text, ".")+1:]
}
