// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// jsonOf returns a Dynamic as JSON, nil when it is null or unknown.
func jsonOf(value types.Dynamic) (any, error) {
	if !isGiven(value) {
		return nil, nil
	}
	return hclvalue.ToJSON(value)
}

// isGiven says that a Dynamic is neither null nor unknown.
func isGiven(value types.Dynamic) bool {
	return !value.IsNull() && !value.IsUnknown() && !value.IsUnderlyingValueNull() && !value.IsUnderlyingValueUnknown()
}

// jsonWithNulls is jsonOf with the nulls that objects hold.
func jsonWithNulls(value types.Dynamic) (any, error) {
	if !isGiven(value) {
		return nil, nil
	}
	return hclvalue.ToJSONWithNulls(value)
}

// expandDefaults converts an environment's defaults, an object keyed by
// component type, into the list of the API, sorted by type. What is not known yet,
// as all input variables are while a configuration is validated, is left out.
func expandDefaults(value types.Dynamic) ([]v1alpha1.ComponentDefaults, error) {
	content, err := jsonWithNulls(value)
	if err != nil {
		return nil, err
	}
	return defaultsFrom(content)
}

// defaultsFrom is expandDefaults of defaults as JSON.
func defaultsFrom(content any) ([]v1alpha1.ComponentDefaults, error) {
	if content == nil {
		return nil, nil
	}
	byType, ok := coercedDefaults(content).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("defaults must be an object keyed by component type, such as { webservice = { traits = { scaler = { replicas = 3 } } } }, not %s", kindOf(content))
	}
	var list []v1alpha1.ComponentDefaults
	for _, name := range sortedKeys(byType) {
		item, err := expandDefault(name, byType[name])
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

// expandDefault converts the defaults of one component type.
func expandDefault(name string, content any) (v1alpha1.ComponentDefaults, error) {
	at := hclvalue.Key("defaults", name)
	fields, err := fieldsOf(at, content, "properties", "traits")
	if err != nil {
		return v1alpha1.ComponentDefaults{}, err
	}
	item := v1alpha1.ComponentDefaults{Type: name}
	if item.Properties, err = expandProperties(at, fields["properties"]); err != nil {
		return item, err
	}
	item.Traits, err = expandTraits(at, fields["traits"])
	return item, err
}

// expandOverrides converts a binding's overrides, a list of objects. What is null, or not
// known yet, is left out.
func expandOverrides(value types.Dynamic) ([]v1alpha1.ClusterOverride, error) {
	content, err := jsonWithNulls(value)
	if err != nil || content == nil {
		return nil, err
	}
	items, ok := content.([]any)
	if !ok {
		return nil, fmt.Errorf("overrides must be a list of objects, such as [{ component = \"web\", traits = { scaler = { replicas = 6 } } }], not %s", kindOf(content))
	}
	var list []v1alpha1.ClusterOverride
	for i, item := range items {
		if item == nil {
			continue
		}
		override, err := expandOverride(hclvalue.Index("overrides", i), coercedOverride(item))
		if err != nil {
			return nil, err
		}
		list = append(list, override)
	}
	return list, nil
}

// expandOverride converts one override.
func expandOverride(at string, content any) (v1alpha1.ClusterOverride, error) {
	var override v1alpha1.ClusterOverride
	fields, err := fieldsOf(at, content, "application", "componentType", "component", "properties", "traits")
	if err != nil {
		return override, err
	}
	for key, target := range map[string]*string{
		"application": &override.Application, "componentType": &override.ComponentType, "component": &override.Component,
	} {
		if *target, err = textOf(hclvalue.Key(at, key), fields[key]); err != nil {
			return override, err
		}
	}
	if override.Properties, err = expandProperties(at, fields["properties"]); err != nil {
		return override, err
	}
	override.Traits, err = expandTraits(at, fields["traits"])
	return override, err
}

// coerced is what an application's properties of a type become. Texts that stand for a
// number or a bool are converted where a built-in type wants one, since conditional
// expressions make HCL turn 1 into "1". Nulls stay where it takes null, as labels do, to
// remove what is below, and are left out elsewhere, also those of parameters that it does
// not have: objects with optional attributes bring them. What is nothing of the kind is
// left for others to refuse.
func coerced(kind definition.Kind, name string, properties any) any {
	fields, ok := properties.(map[string]any)
	if !ok {
		return properties
	}
	base, _, _ := strings.Cut(name, "@")
	found, err := definition.Builtin().Lookup(kind, base)
	if err != nil {
		return hclvalue.Prune(fields)
	}
	return found.KnownNulls(found.Coerce(fields))
}

// coercedDefaults does the same to an environment's defaults by component type.
func coercedDefaults(defaults any) any {
	byType, ok := defaults.(map[string]any)
	if !ok {
		return defaults
	}
	out := make(map[string]any, len(byType))
	for name, content := range byType {
		put(out, name, coercedPatch(name, content))
	}
	return out
}

// normalDefaults is what defaults mean by component type: the same for what stands on
// the hub and for what a configuration makes of it. There "3" is 3, nulls that their type
// does not take are left out, and a trait without properties has empty ones.
func normalDefaults(defaults []v1alpha1.ComponentDefaults) (map[string]any, error) {
	byType := map[string]any{}
	for _, item := range defaults {
		properties, err := decodeRaw(item.Properties)
		if err != nil {
			return nil, err
		}
		traits, err := traitList(item.Traits)
		if err != nil {
			return nil, err
		}
		patch := coercedPatch(item.Type, map[string]any{"properties": properties, "traits": traits})
		put(byType, item.Type, withoutEmpty(patch))
	}
	return byType, nil
}

// withoutEmpty leaves properties and traits out of a patch that are empty, which mean
// no more than none; nil when nothing is left.
func withoutEmpty(patch any) any {
	fields, _ := patch.(map[string]any)
	kept := map[string]any{}
	for key, value := range fields {
		switch value := value.(type) {
		case map[string]any:
			if len(value) > 0 {
				kept[key] = value
			}
		case []any:
			traits := make([]any, len(value))
			for i, trait := range value {
				traits[i] = withoutEmpty(trait)
			}
			if len(traits) > 0 {
				kept[key] = traits
			}
		default:
			kept[key] = value
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// coercedOverride does the same to an override of a binding, as far as it names the type.
func coercedOverride(override any) any {
	fields, _ := override.(map[string]any)
	component, _ := fields["componentType"].(string)
	return coercedPatch(component, override)
}

// coercedPatch does the same to properties and traits of a component type. A field that
// is null is left out.
func coercedPatch(component string, content any) any {
	fields, ok := content.(map[string]any)
	if !ok {
		return content
	}
	kept := givenFields(fields)
	put(kept, "properties", coerced(definition.Component, component, fields["properties"]))
	put(kept, "traits", coercedTraits(fields["traits"]))
	return kept
}

// givenFields is a copy of an object without its fields that are null.
func givenFields(fields map[string]any) map[string]any {
	kept := make(map[string]any, len(fields))
	for key, value := range fields {
		put(kept, key, value)
	}
	return kept
}

// coercedTraits does the same to traits, in either form.
func coercedTraits(traits any) any {
	switch traits := traits.(type) {
	case map[string]any:
		out := make(map[string]any, len(traits))
		for name, properties := range traits {
			if removes(properties) {
				out[name] = map[string]any{"disable": true}
				continue
			}
			put(out, name, coerced(definition.Trait, name, properties))
		}
		return out
	case []any:
		out := make([]any, len(traits))
		for i, item := range traits {
			out[i] = item
			fields, ok := item.(map[string]any)
			if name, named := fields["type"].(string); ok && named {
				kept := givenFields(fields)
				put(kept, "properties", coerced(definition.Trait, name, fields["properties"]))
				out[i] = kept
			}
		}
		return out
	}
	return traits
}

// removes says whether the value of a trait in an object of traits removes it: nothing but
// disable = true is given. Nulls beside it are attributes that are not given.
func removes(properties any) bool {
	fields, _ := properties.(map[string]any)
	return fields["disable"] == true && len(givenFields(fields)) == 1
}

// expandProperties converts the properties of what stands at that path.
func expandProperties(at string, content any) (*runtime.RawExtension, error) {
	if content == nil || notKnown(content) {
		return nil, nil
	}
	if _, ok := content.(map[string]any); !ok {
		return nil, fmt.Errorf("%s must be an object, not %s", hclvalue.Key(at, "properties"), kindOf(content))
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written as JSON: %w", hclvalue.Key(at, "properties"), err)
	}
	return &runtime.RawExtension{Raw: raw}, nil
}

// expandTraits converts traits: an object keyed by type, or a list of
// {type, properties, disable}.
func expandTraits(at string, content any) ([]v1alpha1.TraitPatch, error) {
	at = hclvalue.Key(at, "traits")
	switch traits := content.(type) {
	case nil, definition.Unknown:
		return nil, nil
	case map[string]any:
		return expandTraitObject(at, traits)
	case []any:
		return expandTraitList(at, traits)
	}
	return nil, fmt.Errorf("%s must be an object keyed by trait type, or a list of { type, properties }, not %s", at, kindOf(content))
}

// expandTraitObject converts { scaler = { replicas = 3 } }. An object with
// nothing but disable = true removes the trait.
func expandTraitObject(at string, traits map[string]any) ([]v1alpha1.TraitPatch, error) {
	var list []v1alpha1.TraitPatch
	for _, name := range sortedKeys(traits) {
		if notKnown(traits[name]) {
			continue
		}
		properties, ok := traits[name].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s must be an object with the properties of the trait, not %s", hclvalue.Key(at, name), kindOf(traits[name]))
		}
		patch := v1alpha1.TraitPatch{Type: name}
		if len(properties) == 1 && properties["disable"] == true {
			patch.Disable = true
			list = append(list, patch)
			continue
		}
		raw, err := expandProperties(hclvalue.Key(at, name), properties)
		if err != nil {
			return nil, err
		}
		patch.Properties = raw
		list = append(list, patch)
	}
	return list, nil
}

// expandTraitList converts [{ type = "scaler", properties = { replicas = 3 } }].
func expandTraitList(at string, traits []any) ([]v1alpha1.TraitPatch, error) {
	var list []v1alpha1.TraitPatch
	for i, item := range traits {
		if item == nil {
			continue
		}
		here := hclvalue.Index(at, i)
		fields, err := fieldsOf(here, item, "type", "properties", "disable")
		if err != nil {
			return nil, err
		}
		name, err := textOf(hclvalue.Key(here, "type"), fields["type"])
		if err != nil {
			return nil, err
		}
		if name == "" && !notKnown(item) && !notKnown(fields["type"]) {
			return nil, fmt.Errorf("%s needs a type", here)
		}
		patch := v1alpha1.TraitPatch{Type: name, Disable: fields["disable"] == true}
		if patch.Properties, err = expandProperties(here, fields["properties"]); err != nil {
			return nil, err
		}
		list = append(list, patch)
	}
	return list, nil
}

// flattenDefaults converts the API's list into the form of prior, and keeps
// prior itself where it means the same.
func flattenDefaults(live []v1alpha1.ComponentDefaults, prior types.Dynamic) (types.Dynamic, error) {
	same := func(value types.Dynamic) bool {
		written, err := expandDefaults(value)
		return err == nil && samePatches(written, live, "type")
	}
	if same(prior) {
		return prior, nil
	}
	before, _ := jsonOf(prior)
	byType := map[string]any{}
	for _, item := range live {
		fields := map[string]any{}
		if err := putPatch(fields, item.Properties, item.Traits, traitsBefore(before, item.Type)); err != nil {
			return prior, err
		}
		byType[item.Type] = fields
	}
	return exactDynamic(byType, len(live) == 0, prior, same)
}

// flattenOverrides is flattenDefaults for overrides.
func flattenOverrides(live []v1alpha1.ClusterOverride, prior types.Dynamic) (types.Dynamic, error) {
	same := func(value types.Dynamic) bool {
		written, err := expandOverrides(value)
		return err == nil && samePatches(written, live, "componentType")
	}
	if same(prior) {
		return prior, nil
	}
	before, _ := jsonOf(prior)
	items := make([]any, 0, len(live))
	for i, item := range live {
		fields := map[string]any{}
		for key, text := range map[string]string{"application": item.Application, "componentType": item.ComponentType, "component": item.Component} {
			if text != "" {
				fields[key] = text
			}
		}
		if err := putPatch(fields, item.Properties, item.Traits, traitsBefore(before, i)); err != nil {
			return prior, err
		}
		items = append(items, fields)
	}
	return exactDynamic(items, len(live) == 0, prior, same)
}

// samePatches says whether what is written means what is read, nulls that are written
// included. The component type is in the field of that key.
func samePatches(written, live any, key string) bool {
	return sameJSON(written, live) && reflect.DeepEqual(normalPatches(written, key), normalPatches(live, key))
}

// normalPatches is a list of defaults or overrides as JSON, as it would be written.
func normalPatches(list any, key string) any {
	content, err := canonical(list)
	items, ok := content.([]any)
	if err != nil || !ok {
		return content
	}
	for i, item := range items {
		fields, _ := item.(map[string]any)
		name, _ := fields[key].(string)
		items[i] = coercedPatch(name, item)
	}
	return items
}

// traitsBefore returns the traits at that key or index of prior JSON, nil if there are none.
func traitsBefore(before any, at any) any {
	var item any
	switch content := before.(type) {
	case map[string]any:
		name, _ := at.(string)
		item = content[name]
	case []any:
		if i, ok := at.(int); ok && i < len(content) {
			item = content[i]
		}
	}
	fields, _ := item.(map[string]any)
	return fields["traits"]
}

// putPatch writes properties and traits into fields; the traits as a list where
// they were one before, or where an object cannot have their order or their properties.
func putPatch(fields map[string]any, properties *runtime.RawExtension, traits []v1alpha1.TraitPatch, before any) error {
	content, err := decodeRaw(properties)
	if err != nil {
		return err
	}
	if content != nil {
		fields["properties"] = content
	}
	if len(traits) == 0 {
		return nil
	}
	byName := slices.IsSortedFunc(traits, func(a, b v1alpha1.TraitPatch) int { return strings.Compare(a.Type, b.Type) })
	if _, asList := before.([]any); asList || !byName || slices.ContainsFunc(traits, readsAsRemoval) {
		fields["traits"], err = traitList(traits)
		return err
	}
	fields["traits"], err = traitObject(traits)
	return err
}

// readsAsRemoval says whether a trait that stays would be one to remove in an object of traits.
func readsAsRemoval(trait v1alpha1.TraitPatch) bool {
	properties, err := decodeRaw(trait.Properties)
	return err == nil && !trait.Disable && removes(properties)
}

// traitObject writes traits as an object keyed by type.
func traitObject(traits []v1alpha1.TraitPatch) (any, error) {
	object := map[string]any{}
	for _, trait := range traits {
		content, err := decodeRaw(trait.Properties)
		if err != nil {
			return nil, err
		}
		if content == nil {
			content = map[string]any{}
		}
		if trait.Disable {
			content = map[string]any{"disable": true}
		}
		object[trait.Type] = content
	}
	return object, nil
}

// traitList writes traits as a list.
func traitList(traits []v1alpha1.TraitPatch) (any, error) {
	list := make([]any, 0, len(traits))
	for _, trait := range traits {
		item := map[string]any{"type": trait.Type}
		content, err := decodeRaw(trait.Properties)
		if err != nil {
			return nil, err
		}
		if content != nil {
			item["properties"] = content
		}
		if trait.Disable {
			item["disable"] = true
		}
		list = append(list, item)
	}
	return list, nil
}

// decodeRaw decodes raw JSON, nil when there is none.
func decodeRaw(raw *runtime.RawExtension) (any, error) {
	if raw == nil || len(raw.Raw) == 0 {
		return nil, nil
	}
	var content any
	if err := json.Unmarshal(raw.Raw, &content); err != nil {
		return nil, fmt.Errorf("decode what the hub holds: %w", err)
	}
	return content, nil
}

// dynamicOf converts JSON into a Dynamic after prior; null when there is nothing
// and there was nothing.
func dynamicOf(content any, empty bool, prior types.Dynamic) (types.Dynamic, error) {
	if empty && (prior.IsNull() || prior.IsUnderlyingValueNull()) {
		return prior, nil
	}
	value, err := hclvalue.FromJSON(content, prior)
	if err != nil {
		return prior, fmt.Errorf("convert what the hub holds: %w", err)
	}
	dynamic, ok := value.(types.Dynamic)
	if !ok {
		return types.DynamicValue(value), nil
	}
	return dynamic, nil
}

// exactDynamic is dynamicOf, but built anew where the prior value has other nulls than
// what the hub holds: to the conversion a null is absent.
func exactDynamic(content any, empty bool, prior types.Dynamic, same func(types.Dynamic) bool) (types.Dynamic, error) {
	value, err := dynamicOf(content, empty, prior)
	if err != nil || empty || same(value) {
		return value, err
	}
	return dynamicOf(content, empty, types.DynamicNull())
}

// exactJSON says whether two values are the same JSON, nulls included.
func exactJSON(a, b any) bool {
	left, errLeft := canonical(a)
	right, errRight := canonical(b)
	return errLeft == nil && errRight == nil && reflect.DeepEqual(left, right)
}

// sameJSON says whether two values mean the same as JSON, with a null taken for absent.
func sameJSON(a, b any) bool {
	left, errLeft := canonical(a)
	right, errRight := canonical(b)
	return errLeft == nil && errRight == nil && hclvalue.EqualJSON(left, right)
}

// canonical returns the value as it is after a way through JSON.
func canonical(value any) (any, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var content any
	return content, json.Unmarshal(raw, &content)
}

// fieldsOf returns the fields of an object that may hold only the known ones; none while
// the object is not known yet.
func fieldsOf(at string, content any, known ...string) (map[string]any, error) {
	if notKnown(content) {
		return nil, nil
	}
	fields, ok := content.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s must be an object, not %s", at, kindOf(content))
	}
	for _, name := range sortedKeys(fields) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s is not known%s. Allowed here: %s", hclvalue.Key(at, name), suggestion(name, known), strings.Join(known, ", "))
		}
	}
	return fields, nil
}

// suggestion returns a question about the nearest known name, or nothing.
func suggestion(name string, known []string) string {
	for _, candidate := range known {
		plain := strings.ToLower(strings.ReplaceAll(name, "_", ""))
		if levenshtein.Distance(plain, strings.ToLower(candidate), nil) <= 2 {
			return fmt.Sprintf(" (did you mean %s?)", candidate)
		}
	}
	return ""
}

// textOf returns text, empty when absent or not known yet.
func textOf(at string, content any) (string, error) {
	if content == nil || notKnown(content) {
		return "", nil
	}
	text, ok := content.(string)
	if !ok {
		return "", fmt.Errorf("%s must be a string, not %s", at, kindOf(content))
	}
	return text, nil
}

// kindOf names the kind of a JSON value.
func kindOf(content any) string {
	switch content.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case bool:
		return "a bool"
	case nil:
		return "null"
	}
	return "a number"
}

// sortedKeys returns the keys in order.
func sortedKeys(fields map[string]any) []string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
