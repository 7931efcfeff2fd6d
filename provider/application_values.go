// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

const (
	// shortestMasked is from which length on a value is masked, in bytes: less is part
	// of too many words, and no secret.
	shortestMasked = 4
	// longestTold is how much is shown of what the hub says, in bytes.
	longestTold = 2000
)

// configuredValue is a value of an object, as a text, with its path.
type configuredValue struct{ text, path string }

// maskOf makes texts of the hub fit to be shown: what policies and webhooks quote of
// an object may be sensitive, which a provider is never told, so each value
// gives way to its path.
func maskOf(sent *unstructured.Unstructured) func(string) string {
	return func(told string) string { return withoutValues(told, configuredValues(sent)) }
}

// maskOfSecret is maskOf for a Secret, whose values are told plain or encoded.
func maskOfSecret(secret *unstructured.Unstructured) func(string) string {
	return func(told string) string { return withoutValues(told, valuesOfSecret(secret)) }
}

// maskError is err without what the hub quotes in it.
func maskError(err error, mask func(string) string) error {
	var failure *hub.Error
	if errors.As(err, &failure) {
		return failure.Masked(mask)
	}
	return err
}

// withoutValues has the paths of values in place of them.
func withoutValues(told string, values []configuredValue) string {
	for _, value := range values {
		told = replaceWord(told, value.text, "(the value of "+value.path+")")
	}
	if len(told) <= longestTold {
		return told
	}
	cut := longestTold
	for !utf8.RuneStart(told[cut]) {
		cut--
	}
	return told[:cut] + "..."
}

// valuesOfSecret are the values of a Secret.
func valuesOfSecret(secret *unstructured.Unstructured) []configuredValue {
	var c valueCollector
	data, _, _ := unstructured.NestedStringMap(secret.Object, "data")
	for key, encoded := range data {
		at := hclvalue.Key("data", key)
		c.add(encoded, at)
		if plain, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			c.addLines(string(plain), at)
		}
	}
	return c.longestFirst()
}

// configuredValues are the values that may be sensitive, the longest first, since one
// may be part of another. Names and types are in paths and plans anyhow.
func configuredValues(sent *unstructured.Unstructured) []configuredValue {
	if sent == nil {
		return nil
	}
	c := valueCollector{names: []string{sent.GetName(), sent.GetNamespace()}}
	for key, text := range sent.GetLabels() {
		c.add(text, hclvalue.Key("labels", key))
	}
	for key, text := range sent.GetAnnotations() {
		if !reservedAnnotation(key) {
			c.add(text, hclvalue.Key("annotations", key))
		}
	}
	spec, _ := sent.Object["spec"].(map[string]any)
	c.walk(spec, "", false)
	return c.longestFirst()
}

// valueCollector collects the values of an application.
type valueCollector struct {
	names []string
	found []configuredValue
}

// longestFirst are the values in the order in which they are masked, without names.
func (c *valueCollector) longestFirst() []configuredValue {
	found := slices.DeleteFunc(c.found, func(v configuredValue) bool { return slices.Contains(c.names, v.text) })
	slices.SortFunc(found, func(a, b configuredValue) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text), cmp.Compare(a.path, b.path))
	})
	return found
}

// walk collects what is below properties, and what an environment holds of
// their kind; the names of components, traits and the like are not.
func (c *valueCollector) walk(value any, at string, inside bool) {
	switch value := value.(type) {
	case map[string]any:
		if !inside {
			c.note(value)
		}
		for _, key := range sortedKeys(value) {
			c.walk(value[key], hclvalue.Key(at, attributeKey(at, key)), inside || slices.Contains(holders(), key))
		}
	case []any:
		for i, item := range value {
			c.walk(item, itemPath(at, i, item, inside), inside)
		}
	case string:
		if inside {
			c.addLines(value, at)
		}
	case int64, float64, json.Number:
		if inside {
			c.add(fmt.Sprint(value), at)
		}
	}
}

// holders are the fields that hold values of users: parameters, and of an environment
// the objects, labels and annotations of its namespaces.
func holders() []string { return []string{"properties", "objects", "labels", "annotations"} }

// attributeKey is a field as configurations spell it: those of a spec are attributes.
func attributeKey(at, key string) string {
	if at == "" {
		return snakeCase(key)
	}
	return key
}

// note keeps what names a component, a policy or the environment of one, and the objects
// of an environment's namespaces.
func (c *valueCollector) note(fields map[string]any) {
	objects, _ := fields["objects"].([]any)
	for _, object := range objects {
		for _, field := range [][]string{{"apiVersion"}, {"kind"}, {"metadata", "name"}} {
			fields, _ := object.(map[string]any)
			if name, found, err := unstructured.NestedString(fields, field...); found && err == nil {
				c.names = append(c.names, name)
			}
		}
	}
	if name, ok := fields["name"].(string); ok {
		c.names = append(c.names, name)
	}
	properties, _ := fields["properties"].(map[string]any)
	if name, ok := properties["environment"].(string); ok && fields["type"] == environmentPolicy {
		c.names = append(c.names, name)
	}
}

// itemPath is the path of an item: components and traits are known by what names them.
func itemPath(at string, i int, item any, inside bool) string {
	fields, _ := item.(map[string]any)
	name, _ := fields["name"].(string)
	if name == "" {
		name, _ = fields["type"].(string)
	}
	if inside || name == "" {
		return hclvalue.Index(at, i)
	}
	return hclvalue.Key(at, name)
}

// addLines adds a text, as it is and as messages quote it, and, since they may quote
// a part of it, each of its lines.
func (c *valueCollector) addLines(text, at string) {
	c.add(text, at)
	forms := []string{strconv.Quote(text)}
	if raw, err := json.Marshal(text); err == nil {
		forms = append(forms, string(raw))
	}
	for _, form := range forms {
		// A quote next to the outer ones belongs to the text.
		if inner := form[1 : len(form)-1]; inner != text {
			c.add(inner, at)
		}
	}
	if !strings.Contains(text, "\n") {
		return
	}
	for line := range strings.Lines(text) {
		c.add(strings.TrimSpace(line), at)
	}
}

func (c *valueCollector) add(text, at string) {
	if len(text) >= shortestMasked {
		c.found = append(c.found, configuredValue{text, at})
	}
}

// replaceWord replaces a word that stands on its own.
func replaceWord(text, word, by string) string {
	var out strings.Builder
	rest := text
	for {
		at := strings.Index(rest, word)
		if at < 0 {
			out.WriteString(rest)
			return out.String()
		}
		before, _ := utf8.DecodeLastRuneInString(rest[:at])
		after, _ := utf8.DecodeRuneInString(rest[at+len(word):])
		out.WriteString(rest[:at])
		if inWord(before) || inWord(after) {
			out.WriteString(word)
		} else {
			out.WriteString(by)
		}
		rest = rest[at+len(word):]
	}
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
