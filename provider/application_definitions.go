// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"context"
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
		namespace := textIn(given, "namespace").ValueString()
		if m.Namespace.IsUnknown() && !foundFromAnywhere(namespace) {
			return nil, true
		}
		rank := rankOf(namespace, m.Namespace)
		// Those of other namespaces are not for this application.
		if rank > 0 {
			files = append(files, givenFile{cueIn(element).ValueString(), i, rank})
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

// keepDefinitions plans the text of the state for each definition that means the same:
// one that was imported is written in another layout than the file it is from.
func keepDefinitions(plan, state *applicationModel) {
	before := state.Definitions.Elements()
	if plan.Definitions.IsUnknown() || len(plan.Definitions.Elements()) == 0 || len(before) == 0 {
		return
	}
	kept := slices.Clone(plan.Definitions.Elements())
	for i, element := range kept[:min(len(kept), len(before))] {
		given, ok := element.(types.Object)
		text, had := cueIn(element), cueIn(before[i])
		if !ok || text.IsNull() || text.IsUnknown() || had.IsNull() || text.Equal(had) || !sameFile(text.ValueString(), had.ValueString()) {
			continue
		}
		fields := given.Attributes()
		fields["cue"] = had
		kept[i] = types.ObjectValueMust(definitionRefTypes(), fields)
	}
	plan.Definitions = types.ListValueMust(types.ObjectType{AttrTypes: definitionRefTypes()}, kept)
}

// cueIn is the file of a definition that is given, null where it has none.
func cueIn(element attr.Value) types.String {
	given, _ := element.(types.Object)
	return textIn(given, "cue")
}

// textIn is a text in an object, null where it has none.
func textIn(object types.Object, name string) types.String {
	text, ok := object.Attributes()[name].(types.String)
	if !ok {
		return types.StringNull()
	}
	return text
}

// sameFile says whether two CUE files are of the same definition. One that cannot be
// read is another than any.
func sameFile(after, before string) bool {
	ctx := context.Background() // the files are small, and their reading is bounded
	wanted, err := parseCUE(ctx, after)
	if err != nil {
		return false
	}
	had, err := parseCUE(ctx, before)
	return err == nil && definition.Same(wanted, had)
}

// sameDefinitions says whether the definitions that are planned, after keepDefinitions,
// are known and the same as those of the state. Their kind and name follow from the file.
func sameDefinitions(plan, state *applicationModel) bool {
	if hclvalue.HasUnknown(plan.Definitions) {
		return false
	}
	return slices.EqualFunc(plan.Definitions.Elements(), state.Definitions.Elements(), func(after, before attr.Value) bool {
		return cueIn(after).Equal(cueIn(before)) && namespaceIn(after, plan) == namespaceIn(before, state)
	})
}

// namespaceIn is the namespace of a definition that is given to an application.
func namespaceIn(element attr.Value, m *applicationModel) string {
	given, _ := element.(types.Object)
	return cmp.Or(textIn(given, "namespace").ValueString(), m.Namespace.ValueString())
}
