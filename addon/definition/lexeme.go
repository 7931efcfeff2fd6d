// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// maxSource and maxNesting bound the CUE that is parsed: the parser calls itself
// for each level, without a bound of its own for fields in a row.
const (
	maxSource  = 512 << 10
	maxNesting = 1000
)

// checkSource refuses source that is not safe to parse.
func checkSource(source string) error {
	if len(source) > maxSource {
		return fmt.Errorf("the source has %d bytes, but at most %d are read; make it shorter", len(source), maxSource)
	}
	level, row := 0, 0
	var rows []int
	for _, t := range tokens(source) {
		switch t.token {
		case token.COLON:
			row++
			level++
		case token.COMMA:
			level -= row
			row = 0
		case token.LBRACE, token.LBRACK, token.LPAREN:
			rows = append(rows, row)
			row = 0
			level++
		case token.RBRACE, token.RBRACK, token.RPAREN:
			if len(rows) == 0 {
				continue
			}
			level -= row + 1
			row, rows = rows[len(rows)-1], rows[:len(rows)-1]
		}
		if level > maxNesting {
			return fmt.Errorf("line %d of the source is nested deeper than %d levels; make it flatter", t.line, maxNesting)
		}
	}
	return nil
}

// lexeme is one token with its place.
type lexeme struct {
	token        token.Token
	text         string
	offset, line int
}

// tokens takes source apart, without comments. What stands in the texts around
// interpolations is no token.
func tokens(source string) []lexeme {
	var s scanner.Scanner
	file := token.NewFile("", -1, len(source))
	s.Init(file, []byte(source), nil, 0)
	var out []lexeme
	var open []bool
	interpolates := false
	for {
		pos, t, text := s.Scan()
		switch t {
		case token.EOF:
			return out
		case token.INTERPOLATION:
			interpolates = true
		case token.LPAREN:
			open = append(open, interpolates)
			interpolates = false
		case token.RPAREN:
			if len(open) == 0 {
				break
			}
			if open[len(open)-1] {
				interpolates = strings.HasSuffix(s.ResumeInterpolation(), "(")
			}
			open = open[:len(open)-1]
		}
		if t.IsKeyword() && text == "" {
			text = t.String()
		}
		out = append(out, lexeme{token: t, text: text, offset: pos.Offset(), line: pos.Line()})
	}
}
