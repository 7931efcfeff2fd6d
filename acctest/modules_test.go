// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// moduleFolder is the folder with the modules among the examples.
const moduleFolder = examples + "/modules"

// moduleRun is the beginning of a run in a file of tests of a module.
var moduleRun = regexp.MustCompile(`(?m)^run "`)

// copyModules copies the modules to a folder: what init and tests leave there goes with the test.
func copyModules(t *testing.T, target string) {
	t.Helper()
	if err := os.CopyFS(target, os.DirFS(moduleFolder)); err != nil {
		t.Fatal(err)
	}
}

// TestModules runs the tests that each module of the examples brings, as its README says: `terraform test`, or `tofu test` where
// that is the engine, with the provider of this tree. Those in apply.tftest.hcl write to the fleet and leave nothing there.
func TestModules(t *testing.T) {
	f := sharedFleet(t)
	files, err := filepath.Glob(filepath.Join(moduleFolder, "*", "tests", "*.tftest.hcl"))
	if err != nil || len(files) != 6 {
		t.Fatalf("%d files of tests found, want two of each of the three modules (error: %v)", len(files), err)
	}
	modules := filepath.Join(t.TempDir(), "modules")
	copyModules(t, modules)
	env := []string{"FAIRLEAD_CONFIG_PATH=" + f.env.Hub().KubeconfigPath}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(filepath.Dir(file)))
		t.Run(name+"/"+strings.TrimSuffix(filepath.Base(file), ".tftest.hcl"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			nothing := f.leavesNothing(t)
			w := newWorkspace(t, "")
			w.dir = filepath.Join(modules, name)
			w.run(t, env, "init", "-input=false")
			output := w.run(t, env, "test", "-filter=tests/"+filepath.Base(file))
			// A run that is not found is not run, and does not fail.
			if want := fmt.Sprintf("Success! %d passed, 0 failed", len(moduleRun.FindAll(content, -1))); !strings.Contains(output, want) {
				t.Errorf("want %q:\n%s", want, output)
			}
			if err := nothing(nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestModulesSayWhatIsWrong calls the modules with wrong variables, in a plan without a hub: the message says what is wrong and what
// would be right.
func TestModulesSayWhatIsWrong(t *testing.T) {
	const components = "components = { web = { type = \"webservice\", properties = { image = \"nginx:1\" } } }\n"
	const provider = "provider \"fairlead\" {\n  hub = { host = \"https://127.0.0.1:1\", token = \"none\" }\n}\n"
	const web = "name = \"shop\"\nnamespace = \"shop\"\nenvironments = [\"dev\"]\n" + components
	tests := []struct{ reason, module, variables, want string }{
		{"an argument is misspelled", "platform", `environments = { dev = { application_namespaces = {}, constraint = {} } }`,
			"environments: an argument has a name that is not known. Known are application_namespaces, target_namespace,"},
		{"nobody may deliver there", "platform", `environments = { dev = {} }`, "environments: each needs application_namespaces, such as"},
		{"a list has no names", "platform", `environments = ["dev"]`, "environments must be an object from the name of an environment to its arguments"},
		{"the environment is of another configuration", "platform", `bindings = { dev = { environment = "dev", clusters = ["local"] } }`,
			"bindings: each needs environment, and it must be the name of one in environments."},
		{"the hub is no cluster of its own", "platform", `managed_clusters = { local = {} }`, "local is the hub itself and is not managed"},
		{"nothing is delivered", "team-app", strings.Replace(web, components, "components = {}\n", 1),
			"components must be an object from the name of a component to what it is"},
		{"it goes nowhere", "team-app", strings.Replace(web, `["dev"]`, `{}`, 1), "environments must name at least one environment"},
		{"no rollout ends otherwise", "team-app", web + `rollout = { on_failure = "rollback" }`,
			"rollout.on_failure must be error, or warn to go on with the apply."},
		{"Kubernetes knows no such name", "team-app-workspace", "name = \"Shop\"\nteam = \"shop\"\nenvironment = \"dev\"\n" + components,
			"name may have lower case letters, digits and hyphens, at most 63."},
	}
	w := newWorkspace(t, "")
	copyModules(t, filepath.Join(w.dir, "modules"))
	for _, test := range tests {
		w.write(t, provider+fmt.Sprintf("module \"it\" {\nsource = \"./modules/%s\"\n%s\n}\n", test.module, test.variables))
		w.run(t, nil, "init", "-input=false")
		output := w.fails(t, nil, "plan", "-input=false")
		if !strings.Contains(output, test.want) || strings.Count(output, "Error:") != 1 {
			t.Errorf("%s: module %s says not only %q:\n%s", test.reason, test.module, test.want, output)
		}
	}
}
