// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// expression is a JSON value as CUE source has it. Values that are encoded
// directly count as evaluated, and an item of such a list is empty where a loop
// embeds it: [for v in parameter.volumes {v}].
func expression(value any) (ast.Expr, error) {
	switch v := value.(type) {
	case nil:
		return ast.NewNull(), nil
	case bool:
		return ast.NewBool(v), nil
	case string:
		return ast.NewString(v), nil
	case int64:
		return ast.NewLit(token.INT, strconv.FormatInt(v, 10)), nil
	case int:
		return ast.NewLit(token.INT, strconv.Itoa(v)), nil
	case float64:
		return number(v), nil
	case map[string]any:
		return structOf(v)
	case []any:
		items := make([]ast.Expr, len(v))
		for i, item := range v {
			var err error
			if items[i], err = expression(item); err != nil {
				return nil, err
			}
		}
		return ast.NewList(items...), nil
	}
	return nil, fmt.Errorf("a %T is no JSON value", value)
}

// number is written as JSON has it, where a number without a fraction is an integer.
func number(v float64) ast.Expr {
	format := byte('f')
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	text := strconv.FormatFloat(v, format, -1, 64)
	if strings.ContainsAny(text, ".e") {
		return ast.NewLit(token.FLOAT, text)
	}
	return ast.NewLit(token.INT, text)
}

// structOf has its keys quoted, so that none is a definition or hidden, and sorted.
func structOf(v map[string]any) (ast.Expr, error) {
	fields := make([]ast.Decl, 0, len(v))
	for _, key := range slices.Sorted(maps.Keys(v)) {
		item, err := expression(v[key])
		if err != nil {
			return nil, err
		}
		fields = append(fields, &ast.Field{Label: ast.NewString(key), Value: item})
	}
	return &ast.StructLit{Elts: fields}, nil
}
