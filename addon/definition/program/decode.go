// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"encoding/base64"
	"fmt"

	"cuelang.org/go/cue"
)

// decode turns a concrete CUE value into a JSON value with the types of
// unstructured Kubernetes objects.
func decode(v cue.Value) (any, error) {
	v, _ = v.Default()
	switch v.Kind() {
	case cue.StructKind:
		return decodeStruct(v)
	case cue.ListKind:
		return decodeList(v)
	case cue.StringKind:
		return v.String()
	case cue.IntKind:
		return decodeInt(v)
	case cue.FloatKind, cue.NumberKind:
		return v.Float64()
	case cue.BoolKind:
		return v.Bool()
	case cue.NullKind:
		return nil, nil
	case cue.BytesKind:
		b, err := v.Bytes()
		return base64.StdEncoding.EncodeToString(b), err
	default:
		return nil, undecodable(v)
	}
}

func decodeStruct(v cue.Value) (any, error) {
	fields, err := v.Fields()
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	for fields.Next() {
		value, err := decode(fields.Value())
		if err != nil {
			return nil, err
		}
		object[fields.Selector().Unquoted()] = value
	}
	return object, nil
}

func decodeList(v cue.Value) (any, error) {
	items, err := v.List()
	if err != nil {
		return nil, err
	}
	list := []any{}
	for items.Next() {
		value, err := decode(items.Value())
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// decodeInt refuses what does not fit: Kubernetes knows no larger integers.
func decodeInt(v cue.Value) (any, error) {
	n, err := v.Int64()
	if err != nil {
		return nil, &Failure{Path: pathOf(v), Message: "the integer does not fit into 64 bits"}
	}
	return n, nil
}

// undecodable says why a value is not concrete. A value that would pass if it
// need not be concrete lacks something; any other is wrong.
func undecodable(v cue.Value) error {
	err := v.Validate(cue.Concrete(true))
	if err == nil {
		err = v.Err()
	}
	if err == nil {
		return &Failure{Path: pathOf(v), Message: "no concrete value, only " + v.IncompleteKind().String(), Incomplete: true}
	}
	return &evaluationError{cause: err, incomplete: v.Validate() == nil}
}

// evaluationError is an error of CUE, with what CUE's errors do not tell.
type evaluationError struct {
	cause      error
	incomplete bool
}

// Error is CUE's own text, which may hold values.
func (e *evaluationError) Error() string { return e.cause.Error() }

// Unwrap is CUE's error.
func (e *evaluationError) Unwrap() error { return e.cause }

// pathOf is the path of a value by its keys.
func pathOf(v cue.Value) []string {
	var path []string
	for _, s := range v.Path().Selectors() {
		if s.Type() == cue.IndexLabel {
			path = append(path, fmt.Sprint(s.Index()))
			continue
		}
		path = append(path, s.Unquoted())
	}
	return path
}
