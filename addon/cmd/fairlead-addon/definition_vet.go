// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
)

func newDefinitionVetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "vet FILE...",
		Short: "Say what is wrong with definitions",
		Long: `Say what is wrong with definitions, by file and line.

A file is a CUE file, or YAML or JSON with any number of X-definition objects; -
is standard input; a folder stands for all files in it.

Errors are what keeps a definition from being used: CUE that does not compile,
templates in other languages than CUE, packages that are not there, HTTP while
objects are rendered. Warnings are what is probably not meant: fields and
parameters that nothing uses, names that do not exist, and health or status
that reads what does not come back from managed clusters.

Findings go to standard error. The exit status is 1 when there is an error.`,
		Example: `  fairlead-addon definition vet definitions/
  kubectl get traitdefinition -A -o yaml | fairlead-addon definition vet -`,
		Args: cobra.MinimumNArgs(1),
		RunE: runDefinitionVet,
	}
}

// vet is one run over some files.
type vet struct {
	sources          map[string][]byte
	out              io.Writer
	errors, warnings int
}

func runDefinitionVet(command *cobra.Command, files []string) error {
	v := vet{sources: map[string][]byte{}, out: command.ErrOrStderr()}
	var documents []definition.Document
	for _, file := range files {
		found, err := v.read(file, command.InOrStdin())
		documents = append(documents, found...)
		v.problems(err)
	}
	checked := v.documents(documents)
	if checked == 0 && v.errors == 0 {
		return errors.New("the files hold no definition")
	}
	if v.errors > 0 {
		return fmt.Errorf("%s found, %s", count(v.errors, "error"), count(v.warnings, "warning"))
	}
	return writeAll(command.OutOrStdout(), fmt.Sprintf("%s checked: no errors, %s\n", count(checked, "definition"), count(v.warnings, "warning")))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (v *vet) read(file string, stdin io.Reader) ([]definition.Document, error) {
	if file != "-" {
		return definition.ReadFiles(file)
	}
	source, err := io.ReadAll(io.LimitReader(stdin, maxStandardInput))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	const name = "standard input"
	v.sources[name] = source
	return definition.ReadDocuments(name, source)
}

// problems prints each error of a joined one.
func (v *vet) problems(err error) {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			v.problems(e)
		}
		return
	}
	if err != nil {
		v.errors++
		fmt.Fprintln(v.out, "Error:", err)
	}
}

// documents checks all definitions, each with the others known, and returns how many there were.
func (v *vet) documents(documents []definition.Document) int {
	var all []*definition.Definition
	for _, d := range documents {
		if d.Definition != nil {
			all = append(all, d.Definition)
		}
	}
	known := definition.NewLibrary(all...).Over(definition.Builtin())
	for _, d := range documents {
		if d.Definition == nil {
			v.warnings++
			fmt.Fprintf(v.out, "Warning: %s: this is no definition; it is passed over\n", d.Place())
			continue
		}
		remarks := definition.Vet(d.Definition, known)
		for _, f := range health.Observability(d.Definition) {
			remarks = append(remarks, definition.Remark{Part: f.Part, Message: fmt.Sprintf("%s: %s; %s", f.Path, f.Message, f.Remedy)})
		}
		v.remarks(d, remarks)
	}
	return len(all)
}

func (v *vet) remarks(d definition.Document, remarks []definition.Remark) {
	for _, r := range remarks {
		word := "Warning:"
		if v.warnings++; r.Fatal {
			word = "Error:"
			v.warnings--
			v.errors++
		}
		part := ""
		if r.Part != "" {
			part = string(r.Part) + ": "
		}
		fmt.Fprintf(v.out, "%s %s:%d: %s %q: %s%s\n", word, d.File, v.line(d, r), d.Definition.Kind, d.Definition.Name, part, r.Message)
	}
}

// line is the line in the file where the line of a part stands, else the one at
// which the document begins.
func (v *vet) line(d definition.Document, r definition.Remark) int {
	source, known := v.sources[d.File]
	if !known {
		source, _ = os.ReadFile(d.File) // which was read before; without it there is no line
		v.sources[d.File] = source
	}
	lines := strings.Split(string(source), "\n")
	part := strings.Split(partSource(d.Definition, r.Part), "\n")
	if r.Line < 1 || r.Line > len(part) {
		return d.Line
	}
	best, most := d.Line, 0
	for at := d.Line - 1; at < len(lines); at++ {
		if n := alike(lines, at, part, r.Line-1); n > most {
			best, most = at+1, n
		}
	}
	return best
}

// near is how many lines around one are compared.
const near = 8

// alike says how many lines around two lines are the same, whatever their
// indentation: a part stands in a file indented, and not always in one piece.
// It is zero when the lines themselves differ.
func alike(a []string, i int, b []string, j int) int {
	n := 0
	for k := -near; k <= near; k++ {
		x, y := i+k, j+k
		same := x >= 0 && x < len(a) && y >= 0 && y < len(b) && strings.TrimSpace(a[x]) == strings.TrimSpace(b[y])
		if k == 0 && !same {
			return 0
		}
		if same {
			n++
		}
	}
	return n
}

func partSource(d *definition.Definition, part definition.Part) string {
	switch part {
	case definition.TemplatePart:
		return d.Template
	case definition.HealthPart:
		return d.HealthPolicy
	case definition.StatusPart:
		return d.CustomStatus
	case definition.DetailsPart:
		return d.Details
	}
	return ""
}
