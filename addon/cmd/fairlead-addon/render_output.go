// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"
)

// write prints groups in the wanted form, in one go: half an output would look
// like a whole one.
func write(out io.Writer, groups []group, flags renderFlags) error {
	var b bytes.Buffer
	form := writeYAML
	if flags.output == "json" {
		form = writeJSON
	}
	if err := form(&b, groups, flags); err != nil {
		return err
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the objects: %w", err)
	}
	return nil
}

// writeYAML writes documents that are separated by ---. Comments before a
// document say where a group begins, if there are several.
func writeYAML(b *bytes.Buffer, groups []group, flags renderFlags) error {
	first := true
	for _, g := range groups {
		var comment bytes.Buffer
		if len(groups) > 1 {
			comment.WriteString(commentLine(fmt.Sprintf("Application %s, environment %s, cluster %s, namespace %s", g.application, g.place.Environment, g.place.Cluster, g.place.Namespace)))
		}
		for _, u := range g.units {
			if flags.explain {
				explain(&comment, u)
			}
			for _, o := range u.Result.Objects {
				if !first {
					b.WriteString("---\n")
				}
				first = false
				raw, err := yaml.Marshal(o.Content)
				if err != nil {
					return fmt.Errorf("write %s %q as YAML: %w", o.GroupVersionKind().Kind, o.Name(), err)
				}
				_, _ = comment.WriteTo(b)
				b.Write(raw)
			}
		}
	}
	return nil
}

// commentLine is a comment on one line, whatever is in the text: the names of
// clusters and the like have been checked by nobody here.
func commentLine(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	return "# " + text + "\n"
}

// writeJSON writes one List, as kubectl does for several objects.
func writeJSON(b *bytes.Buffer, groups []group, _ renderFlags) error {
	items := []any{}
	for _, g := range groups {
		for _, u := range g.units {
			for _, o := range u.Result.Objects {
				items = append(items, o.Content)
			}
		}
	}
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}); err != nil {
		return fmt.Errorf("write the objects as JSON: %w", err)
	}
	return nil
}
