// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fullValues exercise every branch of the templates.
var fullValues = map[string]any{
	"replicas":          int64(2),
	"image":             "registry.example.com/fairlead/addon@sha256:0000000000000000000000000000000000000000000000000000000000000000",
	"imagePullSecrets":  []any{"registry"},
	"extraArgs":         []any{"--log-level=debug"},
	"podLabels":         map[string]any{"team": "platform"},
	"podAnnotations":    map[string]any{"example.com/scrape": "true"},
	"nodeSelector":      map[string]any{"kubernetes.io/os": "linux"},
	"tolerations":       []any{map[string]any{"key": "infra", "operator": "Exists"}},
	"priorityClassName": "system-cluster-critical",
	"oam":               map[string]any{"mode": "shared"},
	"deployer":          map[string]any{"extraRoles": []any{"team-extras"}},
	"ocm":               map[string]any{"clusterSets": []any{"production"}},
	"networkPolicy":     map[string]any{"enabled": true},

	"imagePullSecretNames": []any{"registry"},
	"admissionPolicies":    map[string]any{"workDeleters": []any{"system:serviceaccount:multicluster-engine:ocm-controller"}},
}

// render renders the chart without a hub, for the oldest version of Kubernetes that it admits.
func render(t *testing.T, values map[string]any) string {
	t.Helper()
	return renderFor(t, chartutil.KubeVersion{Version: "v1.30.0", Major: "1", Minor: "30"}, values)
}

// renderFor renders the chart without a hub, for a hub of that version.
func renderFor(t *testing.T, version chartutil.KubeVersion, values map[string]any) string {
	t.Helper()
	loaded, err := load()
	if err != nil {
		t.Fatal(err)
	}
	install := action.NewInstall(&action.Configuration{Log: t.Logf})
	install.ClientOnly = true
	install.DryRun = true
	install.ReleaseName = Name
	install.Namespace = v1alpha1.SystemNamespace
	install.KubeVersion = &version
	rendered, err := install.Run(loaded, values)
	if err != nil {
		t.Fatal(err)
	}
	return rendered.Manifest
}

// golden compares what was got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; after a review write it with -update (-want +got):\n%s", path, diff)
	}
}

func TestLint(t *testing.T) {
	for name, values := range map[string]map[string]any{"Defaults": {}, "Full": fullValues} {
		t.Run(name, func(t *testing.T) {
			result := lint.All(filepath.Join("..", "..", "..", "addon", "chart"), values, v1alpha1.SystemNamespace, true)
			for _, message := range result.Messages {
				if message.Severity > support.InfoSev {
					t.Error(message)
				}
			}
		})
	}
}

func TestTemplates(t *testing.T) {
	golden(t, "default.yaml", render(t, map[string]any{}))
	golden(t, "full.yaml", render(t, fullValues))
}

// TestFinalizerPolicy checks for which hubs the chart lets the API server give applications their finalizer.
func TestFinalizerPolicy(t *testing.T) {
	for _, test := range []struct {
		reason  string
		version chartutil.KubeVersion
		values  map[string]any
		want    int
	}{
		{"the API is not on by default", chartutil.KubeVersion{Version: "v1.35.4", Major: "1", Minor: "35"}, nil, 0},
		{"the API is there", chartutil.KubeVersion{Version: "v1.36.0", Major: "1", Minor: "36"}, nil, 2},
		{"a vendor's suffix is not a version before it", chartutil.KubeVersion{Version: "v1.36.0-eks-1234", Major: "1", Minor: "36+"}, nil, 2},
		{"no policies are wanted", chartutil.KubeVersion{Version: "v1.36.0", Major: "1", Minor: "36"},
			map[string]any{"admissionPolicies": map[string]any{"enabled": false}}, 0},
	} {
		got := 0
		for _, object := range objectsOf(t, renderFor(t, test.version, test.values)) {
			if strings.HasPrefix(object.GetKind(), "MutatingAdmissionPolicy") {
				got++
			}
		}
		if got != test.want {
			t.Errorf("%s: %d objects, want %d", test.reason, got, test.want)
		}
	}
}

// TestAdmissionPolicies checks which policies the values leave out. Each that there is has its binding.
func TestAdmissionPolicies(t *testing.T) {
	of := func(values map[string]any) map[string]int {
		found := map[string]int{}
		for _, object := range objectsOf(t, render(t, map[string]any{"admissionPolicies": values})) {
			if strings.HasPrefix(object.GetKind(), "ValidatingAdmissionPolicy") {
				found[object.GetName()]++
			}
		}
		return found
	}
	all := map[string]int{
		"fairlead-addon-serviceaccounts": 2, "fairlead-addon-rolebindings": 2, "fairlead-addon-namespaces": 2, "fairlead-addon-namespace-objects": 2, "fairlead-addon-specs": 2,
		"fairlead-addon-works": 2, "fairlead-work-protection": 2, "fairlead-environment-protection": 2, "fairlead-application-status": 2, "fairlead-application-tenancy": 2,
	}
	unprotected := maps.Clone(all)
	delete(unprotected, "fairlead-work-protection")
	for _, test := range []struct {
		reason string
		values map[string]any
		want   map[string]int
	}{
		{"all of them unless said otherwise", map[string]any{}, all},
		{"people may delete works that deliver", map[string]any{"protectWorks": false}, unprotected},
		{"a policy engine enforces the same", map[string]any{"enabled": false}, map[string]int{}},
	} {
		if diff := cmp.Diff(test.want, of(test.values)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// objectsOf parses a manifest.
func objectsOf(t *testing.T, manifest string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for document := range strings.SplitSeq(manifest, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
	return objects
}

// rulesOf returns the rules of each role in the manifest.
func rulesOf(t *testing.T, manifest string) map[string][]rbacv1.PolicyRule {
	t.Helper()
	roles := map[string][]rbacv1.PolicyRule{}
	for _, object := range objectsOf(t, manifest) {
		if object.GetKind() != "ClusterRole" && object.GetKind() != "Role" {
			continue
		}
		role, err := typed[rbacv1.ClusterRole](object)
		if err != nil {
			t.Fatal(err)
		}
		roles[object.GetKind()+" "+object.GetName()] = role.Rules
	}
	return roles
}

// Each right is reviewed when it changes.
func TestRoles(t *testing.T) {
	for name, values := range map[string]map[string]any{"roles-default.yaml": {}, "roles-full.yaml": fullValues} {
		t.Run(name, func(t *testing.T) {
			roles := rulesOf(t, render(t, values))
			text, err := yaml.Marshal(roles)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, string(text))
			for role, rules := range roles {
				for _, rule := range rules {
					checkRule(t, role, rule)
				}
			}
		})
	}
}

// checkRule holds a rule to what no review may give away.
func checkRule(t *testing.T, role string, rule rbacv1.PolicyRule) {
	t.Helper()
	all := slices.Concat(rule.Verbs, rule.APIGroups, rule.Resources, rule.ResourceNames, rule.NonResourceURLs)
	if slices.ContainsFunc(all, func(text string) bool { return strings.Contains(text, "*") }) {
		t.Errorf("%s: a wildcard in %v", role, rule)
	}
	if slices.Contains(rule.Verbs, "escalate") {
		t.Errorf("%s: escalate in %v", role, rule)
	}
	if slices.Contains(rule.Resources, "clusterrolebindings") {
		t.Errorf("%s: cluster role bindings in %v", role, rule)
	}
	if slices.Contains(rule.Verbs, "impersonate") && !cmp.Equal(rule.Resources, []string{"serviceaccounts"}) {
		t.Errorf("%s: impersonate beyond service accounts in %v", role, rule)
	}
	if slices.Contains(rule.Verbs, "impersonate") && !cmp.Equal(rule.ResourceNames, []string{v1alpha1.DeployerAccount}) {
		t.Errorf("%s: impersonate beyond %s in %v", role, v1alpha1.DeployerAccount, rule)
	}
	if slices.Contains(rule.Verbs, "bind") && (len(rule.ResourceNames) == 0 || !cmp.Equal(rule.Resources, []string{"clusterroles"})) {
		t.Errorf("%s: bind without names in %v", role, rule)
	}
	checkSecrets(t, role, rule)
}

// checkSecrets holds the addon to Secrets of its own namespace, which environments copy.
func checkSecrets(t *testing.T, role string, rule rbacv1.PolicyRule) {
	t.Helper()
	if slices.Contains(rule.Resources, "secrets") && overlaps(rule.Verbs, "list", "watch", "deletecollection") {
		t.Errorf("%s: secrets may be read by name only, not as in %v", role, rule)
	}
	byName := role == "Role fairlead-addon" && cmp.Equal(rule.Verbs, []string{"get"})
	if strings.HasSuffix(role, " fairlead-addon") && slices.Contains(rule.Resources, "secrets") && !byName {
		t.Errorf("%s: secrets in %v", role, rule)
	}
}

// overlaps says whether any of the wanted strings is in the list.
func overlaps(list []string, wanted ...string) bool {
	return slices.ContainsFunc(wanted, func(text string) bool { return slices.Contains(list, text) })
}

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		reason string
		values map[string]any
		want   string
	}{
		"Nothing":       {reason: "the chart's own values fit", values: nil, want: ""},
		"Fits":          {reason: "what the schema allows", values: map[string]any{"goMemoryLimit": "200MiB"}, want: ""},
		"Unknown":       {reason: "a misspelt value is named", values: map[string]any{"extraArg": []any{}}, want: "values: additional properties 'extraArg' not allowed"},
		"NestedUnknown": {reason: "so is one further down, with its path", values: map[string]any{"resources": map[string]any{"limit": map[string]any{}}}, want: "values.resources: additional properties 'limit' not allowed"},
		"Type":          {reason: "a wrong type is named with the right one", values: map[string]any{"defaultEnvironment": map[string]any{"enabled": "no"}}, want: "values.defaultEnvironment.enabled: got string, want boolean"},
		"Attribute":     {reason: "one place for each setting", values: map[string]any{"replicas": int64(2)}, want: "values.replicas: use the attribute replicas instead"},
		"Mode":          {reason: "the mode is a fact of the hub", values: map[string]any{"oam": map[string]any{"mode": "shared"}}, want: "values.oam: follows from the CRDs on the hub and cannot be set"},
		"Admin":         {reason: "tenants never get the whole cluster", values: map[string]any{"deployer": map[string]any{"extraRoles": []any{"cluster-admin"}}}, want: "values.deployer.extraRoles.0: 'not' failed"},
		"Secrets":       {reason: "secrets are never watched", values: map[string]any{"local": map[string]any{"watchedKinds": []any{map[string]any{"apiGroup": "", "resources": []any{"secrets"}}}}}, want: "values.local.watchedKinds.0.resources.0: 'not' failed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := Validate(tc.values); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestValuesGoAndComeBack(t *testing.T) {
	options := Options{Image: "example.com/addon:1", Replicas: 3, Values: map[string]any{"goMemoryLimit": "200MiB"}}
	var state State
	state.readValues(options.chartValues(Shared))
	want := State{Image: "example.com/addon:1", Replicas: 3, Values: map[string]any{"goMemoryLimit": "200MiB"}}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("values read back (-want +got):\n%s", diff)
	}
	if _, ok := options.Values[valueReplicas]; ok {
		t.Error("the caller's values were changed")
	}
}

// TestDroppable checks that the templates can do without each default that a null may drop.
func TestDroppable(t *testing.T) {
	droppable, err := Droppable()
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for name, standard := range droppable {
		table, _ := standard.(map[string]any)
		for key := range table {
			tables++
			values := map[string]any{name: map[string]any{key: nil}}
			if err := Validate(values); err != nil {
				t.Errorf("%s.%s: %v", name, key, err)
			}
			if before, after := render(t, nil), render(t, values); len(after) >= len(before) {
				t.Errorf("%s.%s: a null drops nothing", name, key)
			}
		}
	}
	if tables != 2 {
		t.Errorf("%d tables may be dropped, want the requests and the limits", tables)
	}
}
