// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

var shop = SourceNamespace{Name: "shop", Labels: map[string]string{"team": "shop"}}

func TestReserved(t *testing.T) {
	tests := []struct {
		namespace, reason string
		want              bool
	}{
		{"kube-system", "Kubernetes' own", true},
		{"kube-", "the prefix is enough", true},
		{"fairlead-system", "the addon's own", true},
		{"vela-system", "the other OAM controller's", true},
		{"open-cluster-management", "OCM's own", true},
		{"open-cluster-management-hub", "OCM's own, by prefix", true},
		{"default", "Kubernetes gives it to people", false},
		{"kubernetes", "only the prefix with its dash is reserved", false},
		{"fairlead-system-2", "the addon's name is no prefix", false},
		{"my-kube-system", "the prefix is not at the start", false},
	}
	for _, test := range tests {
		t.Run(test.namespace, func(t *testing.T) {
			if got := Reserved(test.namespace); got != test.want {
				t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
			}
		})
	}
}

func TestAdmits(t *testing.T) {
	selector := func(key, value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	}
	tests := []struct {
		name, reason string
		namespaces   *v1alpha1.ApplicationNamespaces
		want         bool
		wantErr      string
	}{
		{name: "nothing", reason: "an environment admits nobody unless it says so"},
		{name: "empty", reason: "without names and selector there is nobody", namespaces: &v1alpha1.ApplicationNamespaces{}},
		{name: "name", reason: "listed", namespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"a", "shop"}}, want: true},
		{name: "other name", reason: "not listed; names are no prefixes", namespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"shop2", "sho"}}},
		{name: "label", reason: "the label matches", namespaces: &v1alpha1.ApplicationNamespaces{Selector: selector("team", "shop")}, want: true},
		{name: "other label", reason: "the label differs", namespaces: &v1alpha1.ApplicationNamespaces{Selector: selector("team", "blog")}},
		{name: "empty selector", reason: "an empty selector selects all", namespaces: &v1alpha1.ApplicationNamespaces{Selector: &metav1.LabelSelector{}}, want: true},
		{
			name: "name or label", reason: "either of them admits", want: true,
			namespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"shop"}, Selector: selector("team", "blog")},
		},
		{
			name: "bad selector", reason: "the error names the field",
			namespaces: &v1alpha1.ApplicationNamespaces{Selector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}},
			}},
			wantErr: `spec.applicationNamespaces.selector of environment "prod": "Near" is not a valid label selector operator`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := &Environment{Name: "prod", Spec: v1alpha1.EnvironmentSpec{ApplicationNamespaces: test.namespaces}}
			got, err := env.Admits(shop)
			if got != test.want {
				t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
			}
			if diff := cmp.Diff(test.wantErr, textOf(err)); diff != "" {
				t.Errorf("error (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTargetNamespace(t *testing.T) {
	tests := []struct {
		name, reason, source string
		rule                 *v1alpha1.TargetNamespace
		want                 string
		wantReason           string
		wantMessage          string
	}{
		{name: "own", reason: "the default is the application's own", source: "shop", want: "shop"},
		{name: "name", reason: "a fixed name", source: "shop", rule: &v1alpha1.TargetNamespace{Name: "web"}, want: "web"},
		{name: "prefix and suffix", reason: "both are put on", source: "shop", rule: &v1alpha1.TargetNamespace{Prefix: "t-", Suffix: "-prod"}, want: "t-shop-prod"},
		{
			name: "63", reason: "the longest name that Kubernetes takes", source: strings.Repeat("a", 60),
			rule: &v1alpha1.TargetNamespace{Suffix: "-pr"}, want: strings.Repeat("a", 60) + "-pr",
		},
		{
			name: "64", reason: "one too long", source: strings.Repeat("a", 61), rule: &v1alpha1.TargetNamespace{Suffix: "-pr"},
			wantReason:  ReasonInvalidNamespace,
			wantMessage: `environment "prod": spec.targetNamespace makes "` + strings.Repeat("a", 61) + `-pr" for namespace "` + strings.Repeat("a", 61) + `", which is no name of a namespace (must be no more than 63 characters): shorten the prefix or suffix`,
		},
		{
			name: "reserved", reason: "a prefix must not lead into a reserved namespace", source: "system", rule: &v1alpha1.TargetNamespace{Prefix: "kube-"},
			wantReason:  ReasonReservedNamespace,
			wantMessage: `environment "prod": spec.targetNamespace makes "kube-system" for namespace "system", which is reserved (kube-*, fairlead-system, vela-system, open-cluster-management*): choose another`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := &Environment{Name: "prod", Spec: v1alpha1.EnvironmentSpec{TargetNamespace: test.rule}}
			got, problem := env.TargetNamespace(test.source)
			if problem == nil {
				problem = &Problem{}
			}
			want := []string{test.want, test.wantReason, test.wantMessage}
			if diff := cmp.Diff(want, []string{got, problem.Reason, problem.Message}); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

func TestNotImplemented(t *testing.T) {
	tests := []struct {
		name, reason string
		spec         v1alpha1.EnvironmentSpec
		want         []string
	}{
		{name: "nothing", reason: "an empty environment is implemented"},
		{
			name: "implemented", reason: "these have an effect, or mean what happens anyway",
			spec: v1alpha1.EnvironmentSpec{
				AfterPolicy: "Skip", Approval: &v1alpha1.ApprovalPolicy{Message: "unused"},
				Constraints: &v1alpha1.Constraints{MaxReplicas: ptr.To(int32(0))}, Permissions: "fairlead-deployer",
				NamespaceOptions: &v1alpha1.NamespaceOptions{Adopt: true, Create: ptr.To(false), Labels: map[string]string{"a": "b"}},
				Deletion:         &v1alpha1.DeletionPolicy{Protection: true, Policy: "Orphan", Unreachable: "Orphan", Timeout: &metav1.Duration{}},
			},
		},
		{
			name: "all", reason: "each field is named",
			spec: v1alpha1.EnvironmentSpec{
				After: []string{"dev"}, Approval: &v1alpha1.ApprovalPolicy{Required: true}, Propagation: &v1alpha1.Propagation{Type: "Rolling"},
			},
			want: []string{"spec.after", "spec.approval", "spec.propagation"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, NotImplemented(test.spec)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

func TestStallAfter(t *testing.T) {
	env := &Environment{Bindings: []Binding{
		{Clusters: []string{"c1"}}, {Clusters: []string{"c1", "c2"}, StallAfter: 5 * time.Minute},
		{Clusters: []string{"c1"}, StallAfter: time.Minute}, {Clusters: []string{"c2"}, StallAfter: -time.Minute},
	}}
	for cluster, want := range map[string]time.Duration{"c1": time.Minute, "c2": 5 * time.Minute, "c3": 0} {
		if got := env.stallAfter(cluster); got != want {
			t.Errorf("%s: got %s, want %s: the least of the bindings that select it", cluster, got, want)
		}
	}
}

// TestStallAfterUndecided checks that a placement which is not decided for a moment
// makes no place stall that may take longer by its binding.
func TestStallAfterUndecided(t *testing.T) {
	tests := []struct {
		reason           string
		known, undecided time.Duration
		cluster          string
		want             time.Duration
	}{
		{"the binding may select it", 0, 10 * time.Minute, "c1", 10 * time.Minute},
		{"it may not select it, and then more than it says is the rule", 0, time.Second, "c1", 0},
		{"the least counts, and that is known", 5 * time.Minute, 10 * time.Minute, "c1", 5 * time.Minute},
		{"the least is not known, and the other may be right", 5 * time.Minute, time.Minute, "c1", 5 * time.Minute},
		{"no placement selects the hub", 0, 10 * time.Minute, "local", 0},
	}
	for _, test := range tests {
		env := &Environment{Bindings: []Binding{
			{Clusters: []string{"c1", "local"}, StallAfter: test.known}, undecided(Binding{Name: "z", StallAfter: test.undecided}),
		}}
		if got := env.stallAfter(test.cluster); got != test.want {
			t.Errorf("%s by a binding, %s by one that is not decided: got %s for %s, want %s: %s", test.known, test.undecided, got, test.cluster, test.want, test.reason)
		}
	}
}

func TestBindingNotImplemented(t *testing.T) {
	tests := []struct {
		name, reason string
		rollout      *v1alpha1.RolloutPolicy
		want         []string
	}{
		{name: "none", reason: "all clusters at once is what happens"},
		{name: "all", reason: "all at once, as it is", rollout: &v1alpha1.RolloutPolicy{Type: "All", Replacement: "SurgeFirst"}},
		{name: "progressive", reason: "waves", rollout: &v1alpha1.RolloutPolicy{Type: "Progressive"}, want: []string{"spec.rollout.type: Progressive"}},
		{name: "no waves", reason: "these hold without waves as well", rollout: &v1alpha1.RolloutPolicy{Type: "All", StallAfter: &metav1.Duration{}, Replacement: "DeleteFirst"}},
		{
			name: "bounds of waves", reason: "each is named", rollout: &v1alpha1.RolloutPolicy{
				MaxConcurrency: &intstr.IntOrString{}, MandatoryDecisionGroups: []string{"canary"},
				MinSuccessTime: &metav1.Duration{}, ProgressDeadline: &metav1.Duration{}, MaxFailures: &intstr.IntOrString{},
			},
			want: []string{"spec.rollout.maxConcurrency", "spec.rollout.mandatoryDecisionGroups", "spec.rollout.minSuccessTime", "spec.rollout.progressDeadline", "spec.rollout.maxFailures"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, BindingNotImplemented(v1alpha1.ClusterBindingSpec{Rollout: test.rollout})); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// environment is one that admits shop and has one binding of those clusters.
func environment(name string, clusters ...string) *Environment {
	env := &Environment{Name: name, Spec: v1alpha1.EnvironmentSpec{ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"shop"}}}}
	if len(clusters) > 0 {
		env.Bindings = []Binding{{Name: name + "-binding", Clusters: clusters}}
	}
	return env
}

// changed is an environment with a change.
func changed(env *Environment, change func(*Environment)) *Environment {
	change(env)
	return env
}

func worldOf(environments ...*Environment) World {
	world := World{}
	for _, env := range environments {
		world[env.Name] = env
	}
	return world
}

// quotaOf is a ResourceQuota as an environment names it.
func quotaOf(name, cpu string) string {
	return `{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "` + name + `"}, "spec": {"hard": {"cpu": "` + cpu + `"}}}`
}

const isolation = `{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny", "labels": {"x": "y", "fairlead.dev/managed-by": "me"}}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}`

func raws(texts ...string) []runtime.RawExtension {
	var out []runtime.RawExtension
	for _, text := range texts {
		out = append(out, runtime.RawExtension{Raw: []byte(text)})
	}
	return out
}

func differ(path string) string {
	return `PlacementConflict: environments "a" and "b" differ in ` + path + `, and both deliver to namespace "shop" of cluster "c1": make them agree, or give one of them another target namespace`
}

func TestTenant(t *testing.T) {
	key := TenantKey{Cluster: "c1", Namespace: "shop"}
	options := func(o v1alpha1.NamespaceOptions) func(*Environment) {
		return func(e *Environment) { e.Spec.NamespaceOptions = &o }
	}
	role := func(name string) func(*Environment) { return func(e *Environment) { e.Spec.Permissions = name } }
	plain := Tenant{TenantKey: key, SourceNamespace: "shop", Create: true, Role: "fairlead-deployer"}
	tests := []struct {
		name, reason string
		world        World
		want         Tenant
		wantProblem  string
	}{
		{name: "one", reason: "the defaults create the namespace", world: worldOf(environment("a", "c1")), want: plain},
		{
			name: "elsewhere", reason: "environments on other clusters, in other namespaces, of other teams or on their way out do not count", want: plain,
			world: worldOf(environment("a", "c1"),
				changed(environment("b", "c2"), options(v1alpha1.NamespaceOptions{Adopt: true})),
				changed(environment("c", "c1"), func(e *Environment) {
					e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Name: "other"}
					e.Spec.Permissions = "x"
				}),
				changed(environment("d", "c1"), func(e *Environment) { e.Spec.ApplicationNamespaces.Names = []string{"blog"}; e.Spec.Permissions = "x" }),
				changed(environment("e", "c1"), func(e *Environment) { e.Deleting = true; e.Spec.Permissions = "x" })),
		},
		{
			name: "two", reason: "what either of two environments asks for holds, in a stable order",
			world: worldOf(
				changed(environment("b", "c1"), options(v1alpha1.NamespaceOptions{
					Labels: map[string]string{"l": "a"}, Annotations: map[string]string{"n": "b"}, ImagePullSecrets: []string{"z", "b"}, Objects: raws(quotaOf("small", "1000m")),
				})),
				changed(environment("a", "c1"), options(v1alpha1.NamespaceOptions{
					Create: ptr.To(true), Labels: map[string]string{"l": "a", "m": "a"}, ImagePullSecrets: []string{"b"}, Objects: raws(quotaOf("small", "1"), isolation),
				}))),
			want: Tenant{
				TenantKey: key, SourceNamespace: "shop", Create: true, Role: "fairlead-deployer", PullSecrets: []string{"b", "z"}, Version: "a@0 b@0 ",
				Labels: map[string]string{"l": "a", "m": "a"}, Annotations: map[string]string{"n": "b"},
				Objects: []map[string]any{
					{
						"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": object{"podSelector": object{}, "policyTypes": []any{"Ingress"}},
						"metadata": object{"name": "deny", "namespace": "shop", "labels": object{"fairlead.dev/managed-by": "fairlead", "fairlead.dev/source-namespace": "shop", "x": "y"}},
					},
					{
						"apiVersion": "v1", "kind": "ResourceQuota", "spec": object{"hard": object{"cpu": "1"}},
						"metadata": object{"name": "small", "namespace": "shop", "labels": object{"fairlead.dev/managed-by": "fairlead", "fairlead.dev/source-namespace": "shop"}},
					},
				},
			},
		},
		{
			name: "undecided", reason: "what another may want in a moment stays where it is there, but for what differs from what is wanted now",
			world: worldOf(
				changed(environment("a", "c1"), options(v1alpha1.NamespaceOptions{Labels: map[string]string{"l": "a"}, ImagePullSecrets: []string{"b"}})),
				changed(changed(environment("b"), options(v1alpha1.NamespaceOptions{
					Labels: map[string]string{"l": "b", "m": "b"}, ImagePullSecrets: []string{"z", "b"}, Objects: raws(quotaOf("small", "1")),
				})), func(e *Environment) { e.Bindings = []Binding{undecided(Binding{Name: "z"})} }),
				changed(changed(environment("c"), options(v1alpha1.NamespaceOptions{Labels: map[string]string{"n": "c"}})), func(e *Environment) {
					e.Bindings = []Binding{undecided(Binding{Name: "y", Named: []string{"c2"}})}
				})),
			want: Tenant{
				TenantKey: key, SourceNamespace: "shop", Create: true, Role: "fairlead-deployer", PullSecrets: []string{"b"}, Version: "a@0 ",
				Labels: map[string]string{"l": "a"},
				Held: TenantHeld{Labels: map[string]string{"m": "b"}, PullSecrets: []string{"z"}, Objects: []map[string]any{{
					"apiVersion": "v1", "kind": "ResourceQuota", "spec": object{"hard": object{"cpu": "1"}},
					"metadata": object{"name": "small", "namespace": "shop", "labels": object{"fairlead.dev/managed-by": "fairlead", "fairlead.dev/source-namespace": "shop"}},
				}}},
			},
		},
		{
			name: "not created", reason: "all environments agree that somebody else makes the namespace",
			world: worldOf(changed(environment("a", "c1"), options(v1alpha1.NamespaceOptions{Create: ptr.To(false)}))),
			want:  Tenant{TenantKey: key, SourceNamespace: "shop", Role: "fairlead-deployer"},
		},
		{
			name: "role conflict", reason: "one account cannot be bound to two roles",
			world:       worldOf(changed(environment("a", "c1"), role("fairlead-deployer")), changed(environment("b", "c1"), role("big"))),
			wantProblem: differ("spec.permissions"),
		},
		{
			name: "object that cannot be read", reason: "without it the other's applications would lose a quota",
			world:       worldOf(changed(environment("a", "c1"), options(v1alpha1.NamespaceOptions{Objects: raws(`{"kind": "Pod", "apiVersion": "v1"}`)})), environment("b", "c1")),
			wantProblem: `InvalidEnvironment: environment "a": spec.namespaceOptions.objects[0]: v1 "Pod" is not taken: only ResourceQuota and LimitRange of v1 and NetworkPolicy of networking.k8s.io/v1 are; nothing is delivered to namespace "shop" of cluster "c1" until it is corrected`,
		},
	}
	for path, two := range map[string][2]v1alpha1.NamespaceOptions{
		"spec.namespaceOptions.create":                       {{}, {Create: ptr.To(false)}},
		"spec.namespaceOptions.adopt":                        {{}, {Adopt: true}},
		`spec.namespaceOptions.labels["l"]`:                  {{Labels: map[string]string{"l": "a"}}, {Labels: map[string]string{"l": "b"}}},
		`spec.namespaceOptions.annotations["l"]`:             {{Annotations: map[string]string{"l": "a"}}, {Annotations: map[string]string{"l": "b"}}},
		"spec.namespaceOptions.objects: ResourceQuota small": {{Objects: raws(quotaOf("small", "1"))}, {Objects: raws(quotaOf("small", "2"))}},
	} {
		tests = append(tests, struct {
			name, reason string
			world        World
			want         Tenant
			wantProblem  string
		}{
			name: path, reason: "neither may take from the other what it asked for", wantProblem: differ(path),
			world: worldOf(changed(environment("a", "c1"), options(two[0])), changed(environment("b", "c1"), options(two[1]))),
		})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, problem := test.world.Tenant(shop, key)
			if problem != nil {
				if diff := cmp.Diff(test.wantProblem, problem.Reason+": "+problem.Message); diff != "" {
					t.Errorf("problem (-want +got), since %s:\n%s", test.reason, diff)
				}
				return
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" || test.wantProblem != "" {
				t.Errorf("(-want +got), since %s:\n%s\nwant problem %q", test.reason, diff, test.wantProblem)
			}
		})
	}
}

// TestTenantLeavesEnvironments checks that merging changes no environment: they
// are the cache's own.
func TestTenantLeavesEnvironments(t *testing.T) {
	a := changed(environment("a", "c1"), func(e *Environment) {
		e.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{Labels: map[string]string{"l": "a"}}
	})
	b := changed(environment("b", "c1"), func(e *Environment) {
		e.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{Labels: map[string]string{"m": "b"}}
	})
	if _, problem := worldOf(a, b).Tenant(shop, TenantKey{Cluster: "c1", Namespace: "shop"}); problem != nil {
		t.Fatal(problem.Message)
	}
	if diff := cmp.Diff(map[string]string{"l": "a"}, a.Spec.NamespaceOptions.Labels); diff != "" {
		t.Errorf("labels of the first environment (-want +got):\n%s", diff)
	}
}
