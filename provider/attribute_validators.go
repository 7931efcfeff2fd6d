// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
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
	return strings.HasPrefix(name, "kube-") || name == v1alpha1.SystemNamespace || name == oamSystemNamespace ||
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

// withoutNulls makes the lists and sets among the attributes, also nested ones, refuse
// null as an element: a hub has nothing that would stand for it.
func withoutNulls(attributes map[string]schema.Attribute) map[string]schema.Attribute {
	for name, attribute := range attributes {
		switch a := attribute.(type) {
		case schema.SetAttribute:
			a.Validators = append(a.Validators, noNulls{})
			attributes[name] = a
		case schema.ListAttribute:
			a.Validators = append(a.Validators, noNulls{})
			attributes[name] = a
		case schema.ListNestedAttribute:
			a.Validators = append(a.Validators, noNulls{})
			attributes[name] = a
			withoutNulls(a.NestedObject.Attributes)
		case schema.SingleNestedAttribute:
			withoutNulls(a.Attributes)
		}
	}
	return attributes
}

// noNulls refuses null as an element.
type noNulls struct{}

// Description says what is refused.
func (noNulls) Description(context.Context) string { return "no element may be null" }

// MarkdownDescription says what is refused.
func (n noNulls) MarkdownDescription(ctx context.Context) string { return n.Description(ctx) }

// ValidateSet checks the elements of a set.
func (n noNulls) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	n.check(req.Path, req.ConfigValue.Elements(), &resp.Diagnostics)
}

// ValidateList checks the elements of a list.
func (n noNulls) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	n.check(req.Path, req.ConfigValue.Elements(), &resp.Diagnostics)
}

// check adds an error if an element is null.
func (noNulls) check(at path.Path, elements []attr.Value, diags *diag.Diagnostics) {
	if slices.ContainsFunc(elements, attr.Value.IsNull) {
		diags.AddAttributeError(at, "Invalid "+lastName(at),
			fmt.Sprintf("%s: an element is null. Leave it out, such as with [for e in all : e if e != null].", at))
	}
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
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid "+lastName(req.Path),
			fmt.Sprintf("%s: %s. Allowed: %s.", req.Path, err, c.description))
	}
}

// lastName returns the attribute at the end of a path.
func lastName(at path.Path) string {
	name := ""
	for _, step := range at.Steps() {
		if attribute, ok := step.(path.PathStepAttributeName); ok {
			name = string(attribute)
		}
	}
	return name
}
