// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

const (
	// shortestMasked is from which length on a value is masked, in bytes: less is part
	// of too many words, and no secret.
	shortestMasked = 4
	// longestTold is how much is shown of what the hub says, in bytes.
	longestTold = 2000
)

// configuredValue is a value of an application, as a text, with its path.
type configuredValue struct{ text, path string }

// maskOf makes texts of the hub fit to be shown: what policies and webhooks quote of
// an application may be sensitive, which a provider is never told, so each value
// gives way to its path.
func maskOf(sent *unstructured.Unstructured) func(string) string {
	return func(told string) string {
		for _, value := range configuredValues(sent) {
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
	found := slices.DeleteFunc(c.found, func(v configuredValue) bool { return slices.Contains(c.names, v.text) })
	slices.SortFunc(found, func(a, b configuredValue) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text), cmp.Compare(a.path, b.path))
	})
	return found
}

// valueCollector collects the values of an application.
type valueCollector struct {
	names []string
	found []configuredValue
}

// walk collects what is below properties; the names of components, traits and the
// like are not.
func (c *valueCollector) walk(value any, at string, inside bool) {
	switch value := value.(type) {
	case map[string]any:
		if !inside {
			c.note(value)
		}
		for _, key := range sortedKeys(value) {
			c.walk(value[key], hclvalue.Key(at, key), inside || key == "properties")
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

// note keeps what names a component, a policy or the environment of one.
func (c *valueCollector) note(fields map[string]any) {
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

// addLines adds a text and, since a message may quote a part of it, each of its lines.
func (c *valueCollector) addLines(text, at string) {
	c.add(text, at)
	if quoted := strings.Trim(strconv.Quote(text), `"`); quoted != text {
		c.add(quoted, at)
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
