// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// asCommand lets this test program be the command, to see how a process of it ends.
const asCommand = "FAIRLEAD_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// renderCommand runs the command line as a process would, apart from the exit.
func renderCommand(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	command := newCommand()
	command.SetArgs(append([]string{"render"}, args...))
	command.SetIn(strings.NewReader(stdin))
	command.SetOut(&out)
	command.SetErr(&errOut)
	err = command.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

// compare compares text with a golden file, or writes it there with -update.
func compare(t *testing.T, path, got, reason string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s %s (-want +got):\n%s", reason, path, diff)
	}
}

// applicationCase is a folder of testdata/render: files is what an application's
// team and its platform team write, definitions their own types.
type applicationCase struct {
	name, reason string
	flags        []string
}

// typicalApplications are written as people write them.
var typicalApplications = []applicationCase{
	{"shop", "A web shop behind a gateway, scaled by load, in two environments with defaults of their own.", nil},
	{"nightly-report", "A job by the clock that keeps its results on a volume.", nil},
	{"database", "A stateful server with a sidecar, an init container and a volume.", nil},
	{"objects", "Kubernetes objects as they are, changed by patches.", nil},
	{"orders", "A worker and a task with settings, secrets and environment variables.", nil},
	{"fleet", "Three clusters by topology, with what differs there, delivered by the steps of a workflow.", nil},
	{"platform", "Types of a platform team, one an object and one a CUE file.", nil},
	{"node-agent", "A daemon on chosen nodes with bounds on what it uses.", nil},
	{"regions", "One component, delivered once for each region.", nil},
	{"guarded", "Policies of a platform team that make objects beside the components.", nil},
	{"locked-down", "An account of its own, least privileges, and probes.", nil},
	{"moved-over", "An application as it was written for KubeVela, with all that people use there.", []string{"--kube-version", "1.34", "--lenient"}},
}

func (c applicationCase) folder(parts ...string) string {
	return filepath.Join(append([]string{"testdata", "render", c.name}, parts...)...)
}

// args are the flags for files, with those for the definitions if there are any.
func (c applicationCase) args(files ...string) []string {
	args := slices.Clone(c.flags)
	for _, f := range files {
		args = append(args, "-f", f)
	}
	if _, err := os.Stat(c.folder("definitions")); err == nil {
		args = append(args, "-d", c.folder("definitions"))
	}
	return args
}

// compareWarnings compares what is said with the file warnings.txt; without the
// file nothing may be said.
func (c applicationCase) compareWarnings(t *testing.T, stderr string) {
	t.Helper()
	file := c.folder("warnings.txt")
	if _, err := os.Stat(file); err == nil || *update && stderr != "" {
		compare(t, file, stderr, c.reason)
		return
	}
	if stderr != "" {
		t.Errorf("%s It says %q", c.reason, stderr)
	}
}

// TestTypicalApplications renders each application of testdata/render as it is
// and in any order of its files, documents and keys: always the same bytes.
func TestTypicalApplications(t *testing.T) {
	for _, c := range typicalApplications {
		t.Run(c.name, func(t *testing.T) {
			render := func(stdin string, args ...string) string {
				t.Helper()
				stdout, stderr, err := renderCommand(t, stdin, args...)
				if err != nil {
					t.Fatalf("%s It ends with %v and says %q", c.reason, err, stderr)
				}
				c.compareWarnings(t, stderr)
				return stdout
			}
			got := render("", c.args(c.folder("files"))...)
			compare(t, c.folder("golden.yaml"), got, c.reason)
			same := func(what, again string) {
				t.Helper()
				if diff := cmp.Diff(got, again); diff != "" {
					t.Errorf("%s changes what is rendered:\n%s", what, diff)
				}
			}
			same("doing it again", render("", c.args(c.folder("files"))...))
			files, err := filepath.Glob(c.folder("files", "*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no files: %v", err)
			}
			slices.Reverse(files)
			same("the order of the files", render("", c.args(files...)...))
			for seed := range uint64(4) {
				random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test has to do the same each time
				same(fmt.Sprintf("the order of documents and keys (seed %d)", seed), render(shuffled(t, files, random), c.args("-")...))
			}
		})
	}
}

// TestTypicalApplicationsAreListed wants each folder to be tested.
func TestTypicalApplicationsAreListed(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join("testdata", "render", "*"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join("testdata", "render", "errors")}
	for _, c := range typicalApplications {
		want = append(want, c.folder())
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, folders); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
}

// shuffled is one text of all documents of files, in random order and with the
// keys of all objects in random order.
func shuffled(t *testing.T, files []string, random *rand.Rand) string {
	t.Helper()
	found, err := definition.ReadFiles(files...)
	if err != nil {
		t.Fatal(err)
	}
	random.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	var b strings.Builder
	for _, document := range found {
		b.WriteString("---")
		writeShuffled(t, &b, document.Object, "", random)
		b.WriteString("\n")
	}
	return b.String()
}

// writeShuffled writes a value as YAML, for which each scalar of JSON is one.
func writeShuffled(t *testing.T, b *strings.Builder, value any, indent string, random *rand.Rand) {
	t.Helper()
	scalar := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	switch v := value.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for _, k := range keys {
			b.WriteString("\n" + indent + scalar(k) + ":")
			writeShuffled(t, b, v[k], indent+"  ", random)
		}
		if len(v) == 0 {
			b.WriteString(" {}")
		}
	case []any:
		for _, item := range v {
			b.WriteString("\n" + indent + "-")
			writeShuffled(t, b, item, indent+"  ", random)
		}
		if len(v) == 0 {
			b.WriteString(" []")
		}
	default:
		b.WriteString(" " + scalar(v))
	}
}

// TestShuffledIsTheSame checks that shuffling changes nothing but the order.
func TestShuffledIsTheSame(t *testing.T) {
	want := map[string]any{"a": map[string]any{"n": nil, "l": []any{map[string]any{"x": 1.0, "y": []any{}}, "---\n\u2028: #", []any{true}}}, "\"": map[string]any{}}
	var b strings.Builder
	writeShuffled(t, &b, want, "", rand.New(rand.NewPCG(1, 1))) //nolint:gosec // a test has to do the same each time
	var got map[string]any
	if err := yaml.UnmarshalStrict([]byte(b.String()), &got); err != nil {
		t.Fatalf("%s: %v", b.String(), err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRenderJSON checks that the List of -o json holds the documents of -o yaml.
func TestRenderJSON(t *testing.T) {
	for _, c := range typicalApplications {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, err := renderCommand(t, "", append(c.args(c.folder("files")), "-o", "json")...)
			if err != nil {
				t.Fatalf("it ends with %v and says %q", err, stderr)
			}
			c.compareWarnings(t, stderr)
			var got struct {
				APIVersion, Kind string
				Items            []map[string]any
			}
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			if got.APIVersion != "v1" || got.Kind != "List" {
				t.Errorf("it is a %s of %s, not a List", got.Kind, got.APIVersion)
			}
			documents, err := definition.ReadFiles(c.folder("golden.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var want []map[string]any
			for _, d := range documents {
				want = append(want, d.Object)
			}
			if diff := cmp.Diff(reread(t, want), got.Items); diff != "" {
				t.Errorf("JSON is not what YAML is (-yaml +json):\n%s", diff)
			}
		})
	}
}

// TestExplain checks which layer is named for each property, and that nothing
// but comments is added.
func TestExplain(t *testing.T) {
	c := typicalApplications[0]
	stdout, stderr, err := renderCommand(t, "", append(c.args(c.folder("files")), "--explain")...)
	if err != nil || stderr != "" {
		t.Fatalf("it ends with %v and says %q", err, stderr)
	}
	var comments, rest strings.Builder
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, "#   ") || strings.HasPrefix(line, "# Component") {
			comments.WriteString(line)
			continue
		}
		rest.WriteString(line)
	}
	compare(t, c.folder("explained.txt"), comments.String(), "Layers are named, values are not.")
	compare(t, c.folder("golden.yaml"), rest.String(), "The objects stay the same.")
}

// reread lets numbers be of the type that encoding/json gives them.
func reread(t *testing.T, objects []map[string]any) (out []map[string]any) {
	t.Helper()
	raw, err := json.Marshal(objects)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// secret stands in the inputs where a secret may be: it must not be told.
const secret = "S3CR3T"

// TestWrongInputs checks what is said of inputs that are wrong, word by word.
// The files are in testdata/render/errors, what is said beside them.
func TestWrongInputs(t *testing.T) {
	at := func(name string) string { return filepath.Join("testdata", "render", "errors", name) }
	file := func(names ...string) (args []string) {
		for _, n := range names {
			args = append(args, "-f", at(n))
		}
		return args
	}
	with := func(args []string, more ...string) []string { return append(args, more...) }
	tests := []struct {
		name, reason string
		stdin        string
		args         []string
	}{
		{"misspelt", "A misspelt parameter, with the one that is meant.", "", file("misspelt.yaml")},
		{"misspelt-lenient", "It can be passed over: the objects are printed.", "", with(file("misspelt.yaml"), "--lenient")},
		{"misspelt-trait", "A misspelt parameter of a trait.", "", file("misspelt-trait.yaml")},
		{"wrong-type", "A text where a number is wanted; the text is not told.", "", file("wrong-type.yaml")},
		{"unknown-type", "A type of component that does not exist.", "", file("unknown-type.yaml")},
		{"unknown-trait", "A type of trait that does not exist.", "", file("unknown-trait.yaml")},
		{"unknown-policy", "A type of policy that does not exist.", "", file("unknown-policy.yaml")},
		{"missing-image", "A parameter that has to be given.", "", file("missing-image.yaml")},
		{"inputs", "Fields that change objects and are not implemented.", "", file("inputs.yaml")},
		{"inputs-lenient", "They can be passed over.", "", with(file("inputs.yaml"), "--lenient")},
		{"unknown-field", "A field that an Application does not have.", "", file("unknown-field.yaml")},
		{"unknown-field-lenient", "It can be passed over.", "", with(file("unknown-field.yaml"), "--lenient")},
		{"foreign-kind", "Objects that are none of the application are not passed over.", "", file("foreign-kind.yaml")},
		{"no-object", "Text that is no object.", "", file("no-object.yaml")},
		{"no-name", "An object without a name.", "", file("no-name.yaml")},
		{"wrong-name", "Names that the API server would refuse.", "", file("wrong-name.yaml")},
		{"namespace", "A namespace that cannot be.", "", with(file("usual.yaml"), "--namespace", "Team A")},
		{"broken", "Broken YAML, with its line in the file.", "", file("broken.yaml")},
		{"double-key", "A key that is given twice.", "", file("double-key.yaml")},
		{"several", "All that is wrong is said at once.", "", file("misspelt.yaml", "no-name.yaml", "foreign-kind.yaml")},
		{"missing-file", "A file that does not exist.", "", file("does-not-exist.yaml")},
		{"twice", "One application twice.", "", file("usual.yaml", "usual.yaml")},
		{"not-admitted", "An environment that does not admit the namespace.", "", file("usual.yaml", "not-admitted.yaml")},
		{"constrained", "An environment whose constraints are not kept.", "", file("constrained.yaml")},
		{"no-environment", "An environment that is not given.", "", file("no-environment.yaml", "not-admitted.yaml")},
		{"not-bound", "A cluster that belongs to no environment.", "", file("topology.yaml", "bound.yaml")},
		{"no-cluster", "An environment without clusters.", "", file("no-cluster.yaml")},
		{"no-workflow", "A Workflow that is not given.", "", file("no-workflow.yaml")},
		{"no-step-policy", "A step names a policy that does not exist.", "", file("no-step-policy.yaml")},
		{"override-unknown", "An override of a component that does not exist.", "", file("override-unknown.yaml")},
		{"kube-version", "A version that is none.", "", with(file("usual.yaml"), "--kube-version", "latest")},
		{"output", "A form of output that does not exist.", "", with(file("usual.yaml"), "-o", "table")},
		{"no-file", "Nothing to read.", "", nil},
		{"argument", "A file without -f.", "", []string{at("usual.yaml")}},
		{"empty", "An empty file.", "", file("empty.yaml")},
		{"only-comments", "A file with nothing but comments.", "", file("only-comments.yaml")},
		{"stdin-broken", "Broken YAML on standard input.", "kind: [\n", []string{"-f", "-"}},
		{"stdin-empty", "Nothing on standard input.", "", []string{"-f", "-"}},
		{"does-not-compile", "A definition with broken CUE.", "", with(file("own-type.yaml"), "-d", at("does-not-compile.cue"))},
		{"does-not-compile-object", "An object with broken CUE.", "", with(file("own-type.yaml"), "-d", at("does-not-compile.yaml"))},
		{"conflict", "A template that contradicts itself.", "", with(file("own-type.yaml"), "-d", at("conflict.cue"))},
		{"not-concrete", "A template that leaves a value open.", "", with(file("own-type.yaml"), "-d", at("not-concrete.cue"))},
		{"no-definition", "Something else among the definitions.", "", with(file("usual.yaml"), "-d", at("usual.yaml"))},
		{"vela-package", "A template that would act while it is evaluated.", "", with(file("own-type.yaml"), "-d", at("vela-package.cue"))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, err := renderCommand(t, test.stdin, test.args...)
			said := stderr
			if err != nil {
				said += "Error: " + err.Error() + "\n"
			}
			lenient := slices.Contains(test.args, "--lenient")
			if (err == nil) != lenient || (stdout != "") != lenient {
				t.Errorf("%s It ends with %v and prints %q", test.reason, err, stdout)
			}
			if strings.Contains(said, secret) {
				t.Errorf("%s A value is told: %s", test.reason, said)
			}
			compare(t, at(test.name+".txt"), said, test.reason)
		})
	}
}

// TestNothingIsGivenTwice checks that no document decides by its place in the
// files: of two of a name, none is taken.
func TestNothingIsGivenTwice(t *testing.T) {
	usual := filepath.Join("testdata", "render", "errors", "usual.yaml")
	meta := "metadata: {name: x}\n"
	for title, document := range map[string]string{
		`definition of the component type "x"`: "apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\n" + meta + "spec: {schematic: {cue: {template: 'output: {}'}}}\n",
		`Policy "x" of namespace "default"`:    "apiVersion: core.oam.dev/v1alpha1\nkind: Policy\ntype: override\n" + meta,
		`Workflow "x" of namespace "default"`:  "apiVersion: core.oam.dev/v1alpha1\nkind: Workflow\n" + meta,
		`Environment "x"`:                      "apiVersion: fairlead.dev/v1alpha1\nkind: Environment\n" + meta,
		`ClusterBinding "x"`:                   "apiVersion: fairlead.dev/v1alpha1\nkind: ClusterBinding\n" + meta + "spec: {environment: x, clusters: [a]}\n",
		`Namespace "x"`:                        "apiVersion: v1\nkind: Namespace\n" + meta,
		`ManagedCluster "x"`:                   "apiVersion: cluster.open-cluster-management.io/v1\nkind: ManagedCluster\n" + meta,
	} {
		if _, _, err := renderCommand(t, document, "-f", usual, "-f", "-"); err != nil {
			t.Errorf("%s: once is fine: %v", title, err)
		}
		want := "the " + title + " is given twice, first at standard input:1 (document 1); remove one"
		if _, _, err := renderCommand(t, document+"---\n"+document, "-f", usual, "-f", "-"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

// TestCommentsStayComments checks that names which nobody has checked end no comment.
func TestCommentsStayComments(t *testing.T) {
	usual := filepath.Join("testdata", "render", "errors", "usual.yaml")
	world := `{"apiVersion": "fairlead.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "default"}, "spec": {"applicationNamespaces": {"selector": {}}}}
{"apiVersion": "fairlead.dev/v1alpha1", "kind": "ClusterBinding", "metadata": {"name": "b"}, "spec": {"environment": "default", "clusters": ["a\nkind: Secret", "b\u2028kind: Secret"],
"overrides": [{"properties": {"labels": {"c\nkind: Secret": "x"}}}]}}`
	stdout, stderr, err := renderCommand(t, world, "-f", usual, "-f", "-", "--explain")
	if err != nil || stderr != "" {
		t.Fatalf("%v, %q", err, stderr)
	}
	found, err := definition.ReadDocuments("out.yaml", []byte(stdout))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		if d.Object["kind"] != "Deployment" {
			t.Errorf("a %v came out of a comment:\n%s", d.Object["kind"], stdout)
		}
	}
	if len(found) != 2 || strings.Contains(stdout, "\u2028") {
		t.Errorf("%d documents:\n%s", len(found), stdout)
	}
}

// TestDefinitionConflicts checks which of several definitions of one type counts.
func TestDefinitionConflicts(t *testing.T) {
	template := func(text string) string {
		return `{"apiVersion": "core.oam.dev/v1beta1", "kind": "ComponentDefinition", "metadata": {"name": "webservice"}, "spec": {"schematic": {"cue": {"template": ` +
			fmt.Sprintf("%q", `output: {apiVersion: "v1", kind: "ConfigMap", data: by: "`+text+`"}`+"\nparameter: {...}") + `}}}}`
	}
	app := `{"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "shop"}, "spec": {"components": [{"name": "web", "type": "webservice"}]}}`
	stdout, stderr, err := renderCommand(t, app+"\n---\n"+template("team"), "-f", "-")
	if err != nil || stderr != "" || !strings.Contains(stdout, "by: team") {
		t.Errorf("a definition of the team does not hide the built-in one: %v, %q, %s", err, stderr, stdout)
	}
}

// TestExitStatus checks how a process ends.
func TestExitStatus(t *testing.T) {
	usual := filepath.Join("testdata", "render", "errors", "usual.yaml")
	tests := []struct {
		reason string
		args   []string
		status int
		says   string
	}{
		{"the objects are printed", []string{"-f", usual}, 0, ""},
		{"something is wrong", []string{"-f", usual, "--kube-version=x"}, 1, "Error: --kube-version \"x\""},
		{"a flag does not exist", []string{"--file", usual}, 1, "Error: unknown flag: --file"},
	}
	for _, test := range tests {
		command := exec.CommandContext(t.Context(), os.Args[0], append([]string{"render"}, test.args...)...) //nolint:gosec // this program
		command.Env = append(os.Environ(), asCommand+"=1")
		var out, errOut bytes.Buffer
		command.Stdout, command.Stderr = &out, &errOut
		err := command.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got := command.ProcessState.ExitCode(); got != test.status {
			t.Errorf("exit status %d, want %d: %s", got, test.status, test.reason)
		}
		if (out.Len() > 0) != (test.status == 0) || !strings.HasPrefix(errOut.String(), test.says) || (test.says == "") != (errOut.Len() == 0) {
			t.Errorf("it prints %q and says %q: %s", out.String(), errOut.String(), test.reason)
		}
	}
}
