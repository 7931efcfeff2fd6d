// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"reflect"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// AnyWorkload is the type of a workload that differs by use, which the API asks for
// where nothing is said of it.
const AnyWorkload = "autodetects.core.oam.dev"

// Same says whether two definitions are of one type and make the same of whatever
// uses it. The layout of CUE does not count, nor do descriptions, labels and
// annotations, and comments: but those that begin with "+" say how lists are patched.
func Same(a, b *Definition) bool { return reflect.DeepEqual(a.essence(), b.essence()) }

// essence is what decides what a definition makes.
type essence struct {
	Kind                                          Kind
	Workload                                      v1beta1.WorkloadGVK
	Stage                                         v1beta1.StageType
	AppliesTo, ConflictsWith                      []string
	Name, Version, WorkloadType, Reference        string
	WorkloadRefPath                               string
	Template, HealthPolicy, CustomStatus, Details string
	Deprecated, ManageWorkload, ControlPlaneOnly  bool
	PodDisruptive, ManageHealthCheck              bool
}

func (d *Definition) essence() essence {
	e := essence{
		Kind: d.Kind, Name: d.Name, Version: d.Version, Deprecated: d.Deprecated, Workload: d.Workload, WorkloadType: d.WorkloadType, Reference: d.Reference,
		AppliesTo: slices.Concat(d.AppliesTo), ConflictsWith: slices.Concat(d.ConflictsWith), Stage: d.Stage, ManageWorkload: d.ManageWorkload,
		ControlPlaneOnly: d.ControlPlaneOnly, PodDisruptive: d.PodDisruptive, ManageHealthCheck: d.ManageHealthCheck, WorkloadRefPath: d.WorkloadRefPath,
		Template: bare(d.Template), HealthPolicy: bare(d.HealthPolicy), CustomStatus: bare(d.CustomStatus), Details: bare(d.Details),
	}
	if e.WorkloadType == AnyWorkload && e.Workload.Kind == "" {
		e.WorkloadType = ""
	}
	return e
}

// bare is CUE in one layout, without comments but those that begin with "+". What is no
// CUE stays as it is.
func bare(source string) string {
	file, err := parser.ParseFile("", source, parser.ParseComments)
	if err != nil {
		return source
	}
	ast.Walk(file, func(node ast.Node) bool {
		if _, ok := node.(*ast.CommentGroup); ok {
			return false
		}
		ast.SetComments(node, markers(ast.Comments(node)))
		ast.SetRelPos(node, token.NoRelPos)
		switch node := node.(type) {
		case *ast.BasicLit:
			node.Value = oneForm(node)
		case *ast.StructLit:
			node.Lbrace, node.Rbrace = node.Lbrace.WithRel(token.NoRelPos), node.Rbrace.WithRel(token.NoRelPos)
		case *ast.ListLit:
			node.Lbrack, node.Rbrack = node.Lbrack.WithRel(token.NoRelPos), node.Rbrack.WithRel(token.NoRelPos)
		}
		return true
	}, nil)
	out, err := format.Node(file)
	if err != nil {
		return source
	}
	return string(out)
}

// markers are the comments that begin with "+".
func markers(groups []*ast.CommentGroup) []*ast.CommentGroup {
	var kept []*ast.CommentGroup
	for _, group := range groups {
		said := &ast.CommentGroup{Doc: group.Doc, Line: group.Line, Position: group.Position}
		for _, comment := range group.List {
			if strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(comment.Text, "//")), "+") {
				said.List = append(said.List, &ast.Comment{Text: comment.Text})
			}
		}
		if len(said.List) > 0 {
			kept = append(kept, said)
		}
	}
	return kept
}

// oneForm is a text in the one form of those of its kind: in several lines or not,
// escaped or not.
func oneForm(text *ast.BasicLit) string {
	if text.Kind != token.STRING || strings.HasPrefix(strings.TrimLeft(text.Value, "#"), "'") {
		return text.Value
	}
	content, err := literal.Unquote(text.Value)
	if err != nil {
		return text.Value // a piece of an interpolation
	}
	return literal.String.Quote(content)
}
