// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// reasonFolders are where reasons of conditions are, as constants or written out.
func reasonFolders() []string {
	return []string{".", "../delivery", "../delivery/local", "../delivery/ocm", "../render", "../policy", "../definition"}
}

// TestReasonsAreDocumented checks that the guide says of each reason that a
// condition can have what it means and what to do.
func TestReasonsAreDocumented(t *testing.T) {
	guide, err := os.ReadFile("../../docs/guides/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(guide)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			rows = append(rows, cells[1])
		}
	}
	reasons := map[string]string{}
	for _, folder := range reasonFolders() {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				collectReasons(t, file, reasons)
			}
		}
	}
	if len(reasons) < 40 {
		t.Fatalf("only %d reasons were found: %v", len(reasons), reasons)
	}
	for reason, where := range reasons {
		if !slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, "`"+reason+"`") }) {
			t.Errorf("docs/guides/troubleshooting.md has no row for reason %s (%s)", reason, where)
		}
	}
}

// collectReasons finds constants named Reason..., and texts that are the value of a field Reason.
func collectReasons(t *testing.T, path string, reasons map[string]string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(value ast.Expr) {
		literal, ok := value.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return
		}
		if text, err := strconv.Unquote(literal.Value); err == nil && text != "" {
			reasons[text] = files.Position(literal.Pos()).String()
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ValueSpec:
			for i, name := range node.Names {
				if i < len(node.Values) && strings.HasPrefix(strings.ToLower(name.Name), "reason") {
					add(node.Values[i])
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := node.Key.(*ast.Ident); ok && key.Name == "Reason" {
				add(node.Value)
			}
		}
		return true
	})
}
