// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runIO runs the command line with its input and outputs apart.
func runIO(t *testing.T, stdin string, args ...string) (out, errOut string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	command := newCommand()
	command.SetArgs(args)
	command.SetIn(strings.NewReader(stdin))
	command.SetOut(&o)
	command.SetErr(&e)
	err = command.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

// files writes files into a folder of their own.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

const scalerOfTeam = `scaler: {
	type:        "trait"
	description: "Our own scaler."
	attributes: version: "2.0.0"
}
template: {
	patch: spec: replicas: parameter.count
	parameter: count: int
}
`

const componentOfTeam = `apiVersion: core.oam.dev/v1beta1
kind: ComponentDefinition
metadata: {name: labels, annotations: {definition.oam.dev/description: Two kinds have this name.}}
spec: {workload: {type: deployments.apps}, schematic: {cue: {template: "output: {}"}}}
`

func TestDefinitionList(t *testing.T) {
	folder := files(t, map[string]string{"scaler.cue": scalerOfTeam, "labels.yaml": componentOfTeam})
	out, _, err := runIO(t, "", "definition", "list", "--kind", "trait", "-d", folder)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out, "\n")
	if want := []string{"KIND", "TYPE", "VERSION", "BUILTIN", "DESCRIPTION"}; cmp.Diff(want, strings.Fields(lines[0])) != "" {
		t.Errorf("got head %q", lines[0])
	}
	var scaler []string
	for _, l := range lines {
		if fields := strings.Fields(l); len(fields) > 1 && fields[1] == "scaler" {
			scaler = append(scaler, strings.Join(fields, " "))
		}
	}
	if diff := cmp.Diff([]string{"trait scaler 2.0.0 no Our own scaler."}, scaler); diff != "" {
		t.Errorf("the type of the files hides the built-in one: -want +got:\n%s", diff)
	}
	out, _, err = runIO(t, "", "definition", "list", "-d", folder, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var all []typeEntry
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Kind == "component" && e.Type == "labels" {
			want := typeEntry{Kind: "component", Type: "labels", Workload: "deployments.apps", Description: "Two kinds have this name."}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			return
		}
	}
	t.Error("the component of the files is missing")
}

func TestDefinitionShow(t *testing.T) {
	folder := files(t, map[string]string{"scaler.cue": scalerOfTeam, "labels.yaml": componentOfTeam})
	tests := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"Markdown": {reason: "The page is the default.", args: []string{"webservice"}, want: "# webservice\n"},
		"OpenAPI":  {reason: "The schema is JSON.", args: []string{"scaler", "-d", folder, "-o", "openapi"}, want: `"type": "integer"`},
		"CUE":      {reason: "The source is a file.", args: []string{"scaler", "-d", folder, "-o", "cue"}, want: "patch: spec: replicas: parameter.count"},
		"Kind":     {reason: "A kind may be named.", args: []string{"component/labels", "-d", folder}, want: "The component type `labels`."},
		"Version":  {reason: "A version may be named.", args: []string{"scaler@2.0.0", "-d", folder}, want: "version 2.0.0"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			out, _, err := runIO(t, "", append([]string{"definition", "show"}, tc.args...)...)
			if err != nil || !strings.Contains(out, tc.want) {
				t.Errorf("%s got %v and\n%s", tc.reason, err, out)
			}
		})
	}
}

func TestDefinitionRefuses(t *testing.T) {
	folder := files(t, map[string]string{"labels.yaml": componentOfTeam, "other.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n"})
	tests := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"Kind":    {reason: "The kinds are named.", args: []string{"list", "--kind", "deployment"}, want: `--kind "deployment": want component, trait, policy or workflow-step`},
		"Output":  {reason: "The forms are named.", args: []string{"list", "-o", "wide"}, want: `--output "wide": want table, json or yaml`},
		"Show":    {reason: "The forms are named.", args: []string{"show", "webservice", "-o", "yaml"}, want: `--output "yaml": want markdown, openapi or cue`},
		"Unknown": {reason: "What was probably meant is proposed.", args: []string{"show", "webservise"}, want: `there is no type "webservise"; did you mean "webservice"? List all with: fairlead-addon definition list`},
		"Both":    {reason: "Two kinds have the name.", args: []string{"show", "labels", "-d", filepath.Join(folder, "labels.yaml")}, want: `the type "labels" exists in several kinds; write component/labels or trait/labels`},
		"NoKind":  {reason: "The kind does not exist.", args: []string{"show", "deployment/x"}, want: `"deployment/x": the kind is component, trait, policy or workflow-step`},
		"Other":   {reason: "Other objects are no definitions.", args: []string{"list", "-d", folder}, want: "is no definition"},
		"Missing": {reason: "A file does not exist.", args: []string{"vet", "/does/not/exist"}, want: "1 error found, 0 warnings"},
		"Empty":   {reason: "There is nothing to check.", args: []string{"vet", filepath.Join(folder, "other.yaml")}, want: "the files hold no definition"},
		"NoFile":  {reason: "A file is needed.", args: []string{"vet"}, want: "requires at least 1 arg"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			out, _, err := runIO(t, "", append([]string{"definition"}, tc.args...)...)
			if err == nil || !strings.Contains(err.Error(), tc.want) || out != "" {
				t.Errorf("%s got error %v, want %q; output %q", tc.reason, err, tc.want, out)
			}
		})
	}
}

func TestDefinitionVet(t *testing.T) {
	broken := `import "strings"

mine: {
	type:        "trait"
	description: "Breaks."
	attributes: appliesToWorkloads: ["deploymentsapps"]
}

template: {
	patch: metadata: name: strings.ToUpper(parameter.a)
	patch: spec: x: nowhere
	parameter: {
		a: string
		b: string
	}
}
`
	objects := `# Two definitions.
apiVersion: core.oam.dev/v1beta1
kind: TraitDefinition
metadata: {name: one, annotations: {definition.oam.dev/description: One.}}
spec:
  schematic:
    cue:
      template: |
        patch: spec: a: parameter.a
        parameter: {
          a: string
          b: string
        }
---
apiVersion: core.oam.dev/v1beta1
kind: ComponentDefinition
metadata: {name: two}
spec:
  schematic:
    terraform: {configuration: ""}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: three}
`
	folder := files(t, map[string]string{"broken.cue": broken})
	t.Chdir(folder)
	out, errOut, err := runIO(t, objects, "definition", "vet", "broken.cue", "-")
	if err == nil || err.Error() != "2 errors found, 3 warnings" || out != "" {
		t.Errorf("got error %v, output %q", err, out)
	}
	want := []string{
		`Error: standard input:15 (document 2): read ComponentDefinition "two": spec.schematic.terraform is not supported`,
		`Warning: broken.cue:1: trait "mine": appliesToWorkloads names "deploymentsapps"`,
		`Error: broken.cue:11: trait "mine": template: patch.spec.x: reference "nowhere" not found`,
		`Warning: standard input:12: trait "one": template: the parameter b is not used`,
		`Warning: standard input:22 (document 3): this is no definition; it is passed over`,
	}
	got := strings.Split(strings.TrimSpace(errOut), "\n")
	if len(got) != len(want) {
		t.Fatalf("got\n%s", errOut)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// TestDefinitionVetFine warns without failing, and says what was checked.
func TestDefinitionVetFine(t *testing.T) {
	unobservable := strings.Replace(scalerOfTeam, `attributes: version: "2.0.0"`, `attributes: status: healthPolicy: "isHealth: len(context.output.status.conditions) > 2"`, 1)
	folder := files(t, map[string]string{"a.cue": scalerOfTeam, "b.cue": strings.Replace(unobservable, "scaler", "other", 1)})
	out, errOut, err := runIO(t, "", "definition", "vet", folder)
	if err != nil || out != "2 definitions checked: no errors, 1 warning\n" {
		t.Errorf("got %v, %q", err, out)
	}
	if want := `b.cue:1: trait "other": healthPolicy: context.output.status.conditions`; !strings.Contains(errOut, want) {
		t.Errorf("got %q, want %q", errOut, want)
	}
}
