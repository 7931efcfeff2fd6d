// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// The kinds of files that are read, by their extension.
const (
	cueFile  = ".cue"
	yamlFile = ".yaml"
	ymlFile  = ".yml"
	jsonFile = ".json"
)

// Document is one object out of a file, or one CUE file.
type Document struct {
	// File that holds the document.
	File string
	// Line at which the document begins, from 1.
	Line int
	// Number of the document in its file, from 1.
	Number int
	// Object is the content; nil for a CUE file.
	Object map[string]any
	// Definition is what the document defines; nil for an object of another kind.
	Definition *Definition
}

// Place says where the document is, for messages.
func (d Document) Place() string {
	return fmt.Sprintf("%s:%d (document %d)", d.File, d.Line, d.Number)
}

// ReadFiles reads definition files in CUE, and YAML or JSON with any number of
// objects. A path may be a folder, which is read with all below it but what is
// hidden, in the order of names. The error names all that is wrong, with file and line.
func ReadFiles(paths ...string) ([]Document, error) {
	var out []Document
	var problems []error
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			problems = append(problems, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file) //nolint:gosec // the user names the files to read
			if err != nil {
				problems = append(problems, fmt.Errorf("read documents: %w", err))
				continue
			}
			found, err := ReadDocuments(file, source)
			out = append(out, found...)
			problems = append(problems, err)
		}
	}
	return out, errors.Join(problems...)
}

// filesOf are the files that a path stands for.
func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var out []string
	err = filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := at != path && strings.HasPrefix(entry.Name(), ".")
		if entry.IsDir() && (hidden || entry.Name() == "cue.mod") {
			return fs.SkipDir
		}
		if !entry.IsDir() && !hidden && isKnownFile(at) {
			out = append(out, at)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read documents in %s: %w", path, err)
	}
	return out, nil
}

func isKnownFile(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case cueFile, yamlFile, ymlFile, jsonFile:
		return true
	}
	return false
}

// ReadDocuments reads the content of a file: CUE if its name ends in .cue, else
// YAML or JSON. What can be read is returned beside the error.
func ReadDocuments(file string, source []byte) ([]Document, error) {
	if strings.EqualFold(filepath.Ext(file), cueFile) {
		d, err := Parse(file, source)
		if err != nil {
			return nil, err
		}
		return []Document{{File: file, Line: 1, Number: 1, Definition: d}}, nil
	}
	var out []Document
	var problems []error
	for i, p := range split(source) {
		d := Document{File: file, Line: p.line, Number: i + 1}
		objects, err := p.objects()
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", d.Place(), err))
			continue
		}
		for _, o := range objects {
			d.Object, d.Definition = o, nil
			if IsObject(o) {
				if d.Definition, err = FromObject(o); err != nil {
					problems = append(problems, fmt.Errorf("%s: %w", d.Place(), err))
					continue
				}
			}
			out = append(out, d)
		}
	}
	return out, errors.Join(problems...)
}

// Definitions are the definitions of documents that hold nothing else.
func Definitions(documents []Document) ([]*Definition, error) {
	var out []*Definition
	var problems []error
	for _, d := range documents {
		if d.Definition == nil {
			problems = append(problems, fmt.Errorf("%s: %s %q is no definition; only definitions can be read here", d.Place(), text(d.Object["kind"]), nameOf(d.Object)))
			continue
		}
		out = append(out, d.Definition)
	}
	return out, errors.Join(problems...)
}

// piece is the text of one document.
type piece struct {
	line int
	text []byte
}

// split takes a file apart at the lines that end a YAML document. Pieces with
// nothing but comments are left out.
func split(source []byte) []piece {
	var out []piece
	current := piece{line: 1}
	flush := func(next int) {
		if !isBlank(current.text) {
			out = append(out, current)
		}
		current = piece{line: next}
	}
	for i, line := range bytes.SplitAfter(source, []byte("\n")) {
		if rest, ok := separator(line); ok {
			flush(i + 1)
			line = rest
		}
		current.text = append(current.text, line...)
	}
	flush(0)
	for i := range out {
		out[i] = out[i].trim()
	}
	return out
}

// separator recognises "---", with what else stands on its line.
func separator(line []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok || len(rest) > 0 && !bytes.ContainsAny(rest[:1], " \t\r\n") {
		return nil, false
	}
	return rest, true
}

func isBlank(text []byte) bool {
	for _, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' && !bytes.Equal(line, []byte("...")) {
			return false
		}
	}
	return true
}

// trim lets a piece begin at its first line that is neither blank nor a comment.
func (p piece) trim() piece {
	for {
		line, rest, ok := bytes.Cut(p.text, []byte("\n"))
		if !ok || !isBlank(line) {
			return p
		}
		p.line, p.text = p.line+1, rest
	}
}

// objects are the objects of a document: one, several JSON objects in a row, or
// the items of a List.
func (p piece) objects() ([]map[string]any, error) {
	if bytes.HasPrefix(bytes.TrimSpace(p.text), []byte("{")) {
		if objects, err := p.fromJSON(); err == nil {
			return objects, nil
		}
	}
	// Blank lines before the text let the lines in errors count from the begin of the file.
	padded := append(bytes.Repeat([]byte("\n"), p.line-1), p.text...)
	raw, err := yaml.YAMLToJSONStrict(padded)
	if err != nil {
		return nil, fmt.Errorf("no valid YAML: %w", err)
	}
	return flatten(raw)
}

func (p piece) fromJSON() ([]map[string]any, error) {
	var out []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(p.text))
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("no valid JSON: %w", err)
		}
		objects, err := flatten(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, objects...)
	}
}

// flatten decodes an object, or the items of a List.
func flatten(raw []byte) ([]map[string]any, error) {
	var value any
	if err := utiljson.Unmarshal(raw, &value); err != nil {
		return nil, fmt.Errorf("decode the document: %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the document is no object; write apiVersion, kind and metadata")
	}
	items, ok := object["items"].([]any)
	if !ok || !strings.HasSuffix(text(object["kind"]), "List") {
		return []map[string]any{object}, checkObject(object)
	}
	var out []map[string]any
	for i, item := range items {
		o, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("item %d of the list is no object", i+1)
		}
		if err := checkObject(o); err != nil {
			return nil, fmt.Errorf("item %d of the list: %w", i+1, err)
		}
		out = append(out, o)
	}
	return out, nil
}

func checkObject(object map[string]any) error {
	if text(object["apiVersion"]) == "" || text(object["kind"]) == "" {
		return fmt.Errorf("the document has no apiVersion or no kind, which every Kubernetes object has")
	}
	return nil
}
