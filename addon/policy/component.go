// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package policy says what the policies of an application mean, and merges
// what they change into components.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// The bounds of free-form properties, which the API server cannot check.
const (
	// MaxBytes is the size of the properties of a component and its traits together, as JSON.
	MaxBytes = 512 << 10
	// MaxDepth is how deep properties may be nested.
	MaxDepth = 32
)

// TooLargeError says that the properties of a component exceed a bound.
type TooLargeError struct {
	// Path of the field.
	Path string
	// Message says which bound, and what to do.
	Message string
}

// Error is the path and the message.
func (e *TooLargeError) Error() string {
	return e.Path + ": " + e.Message
}

// InvalidError says that a field of an application cannot be used as it is.
type InvalidError struct {
	// Path of the field.
	Path string
	// Message says what is wrong, and what to do.
	Message string
}

// Error is the path and the message.
func (e *InvalidError) Error() string {
	return e.Path + ": " + e.Message
}

// Components decodes the components of an application, with the paths of their
// fields. The error is a *TooLargeError or an *InvalidError.
func Components(spec v1beta1.ApplicationSpec) ([]render.Component, error) {
	out := make([]render.Component, 0, len(spec.Components))
	seen := map[string]bool{}
	for i, c := range spec.Components {
		path := fmt.Sprintf("spec.components[%d]", i)
		if seen[c.Name] {
			return nil, &InvalidError{Path: path + ".name", Message: fmt.Sprintf("another component is called %q too; give each its own name", c.Name)}
		}
		seen[c.Name] = true
		decoded, err := component(c, path)
		if err != nil {
			return nil, err
		}
		out = append(out, decoded)
	}
	return out, checkOrder(out)
}

func component(c v1beta1.ApplicationComponent, path string) (render.Component, error) {
	if size := sizeOf(c); size > MaxBytes {
		return render.Component{}, &TooLargeError{Path: path, Message: fmt.Sprintf("the properties of the component and its traits have %d bytes, at most %d are allowed; keep large data in a ConfigMap or an image", size, MaxBytes)}
	}
	properties, err := decode(c.Properties, path+".properties")
	if err != nil {
		return render.Component{}, err
	}
	out := render.Component{Name: c.Name, Type: c.Type, Properties: properties, DependsOn: c.DependsOn, Path: path}
	for i, t := range c.Traits {
		at := fmt.Sprintf("%s.traits[%d]", path, i)
		properties, err := decode(t.Properties, at+".properties")
		if err != nil {
			return render.Component{}, err
		}
		out.Traits = append(out.Traits, render.Trait{Type: t.Type, Properties: properties, Path: at})
	}
	return out, nil
}

func sizeOf(c v1beta1.ApplicationComponent) int {
	size := bytesOf(c.Properties)
	for _, t := range c.Traits {
		size += bytesOf(t.Properties)
	}
	return size
}

func bytesOf(raw *runtime.RawExtension) int {
	if raw == nil {
		return 0
	}
	return len(raw.Raw)
}

// decode reads properties as JSON with int64 for integers, within the bounds.
func decode(raw *runtime.RawExtension, path string) (map[string]any, error) {
	if raw == nil || len(raw.Raw) == 0 {
		return map[string]any{}, nil
	}
	if len(raw.Raw) > MaxBytes {
		return nil, &TooLargeError{Path: path, Message: fmt.Sprintf("there are %d bytes, at most %d are allowed", len(raw.Raw), MaxBytes)}
	}
	if depth := depthOf(raw.Raw); depth > MaxDepth {
		return nil, &TooLargeError{Path: path, Message: fmt.Sprintf("the nesting is deeper than %d levels; make it flatter", MaxDepth)}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw.Raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, &InvalidError{Path: path, Message: "an object is wanted here, such as {...}"}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &InvalidError{Path: path, Message: "there is something behind the object; remove it"}
	}
	out, err := numbers(object, path)
	if err != nil || object == nil {
		return map[string]any{}, err
	}
	return out.(map[string]any), nil //nolint:forcetypeassert // an object stays one
}

// depthOf counts how deep brackets nest, before anything is built from them.
func depthOf(raw []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch b := raw[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
			deepest = max(deepest, depth)
		case b == '}' || b == ']':
			depth--
		}
	}
	return deepest
}

// numbers turns the numbers of JSON into int64 where they are integers, else float64.
func numbers(value any, path string) (any, error) {
	var err error
	switch v := value.(type) {
	case map[string]any:
		for k, item := range v {
			if v[k], err = numbers(item, path+"."+k); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, item := range v {
			if v[i], err = numbers(item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return nil, err
			}
		}
	case json.Number:
		return decodeNumber(v, path)
	}
	return value, nil
}

func decodeNumber(n json.Number, path string) (any, error) {
	if !strings.ContainsAny(n.String(), ".eE") {
		i, err := n.Int64()
		if err != nil {
			return nil, &InvalidError{Path: path, Message: "the integer does not fit into 64 bits; write it as a string where the definition takes one"}
		}
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, &InvalidError{Path: path, Message: "the number is too large; change it"}
	}
	return f, nil
}
