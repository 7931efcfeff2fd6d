// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"errors"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

// definitionRefTypes are the types of what an application may know of a definition.
func definitionRefTypes() map[string]attr.Type {
	return map[string]attr.Type{"kind": types.StringType, "name": types.StringType, "namespace": types.StringType, "cue": types.StringType}
}

// givenDefinitionsSchema are definitions that the plan of an application knows.
func givenDefinitionsSchema() schema.Attribute {
	return schema.ListNestedAttribute{
		Optional:   true,
		Validators: []validator.List{listvalidator.SizeAtMost(64)},
		MarkdownDescription: "Component and trait types that are not built in, for the plan: the `ref` of a `fairlead_definition`, or `{ cue = file(\"cache.cue\") }` of one that somebody else " +
			"puts on the hub. With them properties are checked, and `resources` lists the objects, before the hub exists. They are not written to the hub, which must have them when this is applied. " +
			"A change of them is a change of the application.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			// Required, but engines and framework take that of a definition which is not
			// known yet for missing. So it is looked for here, see rendererOf.
			"cue": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, maxTemplate+maxSource)},
				MarkdownDescription: "The definition as a CUE file. Required.",
			},
			"namespace": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Namespace of the definition on the hub: the application uses those of its own, of `fairlead-system` and of `vela-system`, in this order. " +
					"Default: the application's own.",
			},
			"kind": schema.StringAttribute{Optional: true, MarkdownDescription: "Kind of the type. It follows from `cue`."},
			"name": schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the type. It follows from `cue`."},
		}},
	}
}

// givenFile is a definition that is given to an application.
type givenFile struct {
	cue string
	// index in the configuration.
	index int
	// rank is the place of its namespace among those in which types are looked for, the
	// last one wins.
	rank int
}

// givenFiles are the definitions of an application in ascending order of precedence.
// open says that some are not known yet, or whether the application finds them, so that
// any type may be one of them.
func givenFiles(m *applicationModel) (files []givenFile, open bool) {
	if hclvalue.HasUnknown(m.Definitions) {
		return nil, true
	}
	for i, element := range m.Definitions.Elements() {
		given, _ := element.(types.Object)
		cue, _ := given.Attributes()["cue"].(types.String)
		namespace, _ := given.Attributes()["namespace"].(types.String)
		if m.Namespace.IsUnknown() && !foundFromAnywhere(namespace.ValueString()) {
			return nil, true
		}
		rank := rankOf(namespace.ValueString(), m.Namespace)
		// Those of other namespaces are not for this application.
		if rank > 0 {
			files = append(files, givenFile{cue.ValueString(), i, rank})
		}
	}
	slices.SortStableFunc(files, func(a, b givenFile) int { return cmp.Compare(a.rank, b.rank) })
	return files, false
}

// foundFromAnywhere says whether each application finds a definition of that namespace.
func foundFromAnywhere(namespace string) bool {
	return namespace == "" || namespace == v1alpha1.SystemNamespace || namespace == oamSystemNamespace
}

// rankOf is the place of a definition's namespace among those in which an application
// looks for types; 0 when it is none of them.
func rankOf(namespace string, own types.String) int {
	switch {
	case namespace == v1alpha1.SystemNamespace && own.ValueString() != namespace:
		return 2
	case namespace == oamSystemNamespace && own.ValueString() != namespace:
		return 1
	case namespace == "", own.ValueString() == "", namespace == own.ValueString():
		return 3 // the application's own is not known while it is validated
	}
	return 0
}

// rendererOf is the renderer for an application, with the definitions that are given to it.
func rendererOf(m *applicationModel) (*preview.Renderer, []definition.Finding) {
	files, _ := givenFiles(m)
	texts := make([]string, len(files))
	for i, file := range files {
		if texts[i] = file.cue; file.cue == "" {
			return preview.Shared(), []definition.Finding{{
				Path: hclvalue.Index("definitions", file.index) + ".cue", Reason: definition.MissingParameter, Message: `is required, such as file("cache.cue")`,
			}}
		}
	}
	renderer, err := preview.Shared().With(texts)
	var wrong *preview.GivenError
	if errors.As(err, &wrong) {
		at := hclvalue.Index("definitions", files[wrong.Index].index) + ".cue"
		return preview.Shared(), []definition.Finding{{Path: at, Reason: definition.NotAllowed, Message: wrong.Error()}}
	}
	return renderer, nil
}

// sameDefinitions says whether two lists of definitions are known and the same.
func sameDefinitions(after, before types.List) bool {
	if hclvalue.HasUnknown(after) {
		return false
	}
	return len(after.Elements())+len(before.Elements()) == 0 || after.Equal(before)
}
