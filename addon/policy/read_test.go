// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// of is a policy of a type.
func of(kind, properties string) v1beta1.AppPolicy {
	return v1beta1.AppPolicy{Name: kind, Type: kind, Properties: raw(properties)}
}

func TestRead(t *testing.T) {
	selector := policy.RuleSelector{
		ComponentNames: []string{"web"}, ComponentTypes: []string{"webservice"}, OAMTypes: []string{"COMPONENT", "TRAIT", "WORKLOAD"},
		TraitTypes: []string{"gateway"}, ResourceTypes: []string{"Ingress"}, ResourceNames: []string{"a", "b"},
	}
	const selectorText = `"selector":{"componentNames":["web"],"componentTypes":["webservice"],"oamTypes":["COMPONENT","TRAIT"],"traitTypes":["gateway"],"resourceTypes":["Ingress"],"resourceNames":["a","b"]}`
	cases := map[string]struct {
		reason string
		policy v1beta1.AppPolicy
		want   policy.Policy
	}{
		"Topology": {
			reason: "All fields.", policy: of("topology", `{"clusters":["c1","c2"],"allowEmpty":true,"namespace":"prod"}`),
			want: policy.Policy{Topology: &policy.Topology{Clusters: []string{"c1", "c2"}, AllowEmpty: true, Namespace: "prod"}},
		},
		"TopologyLabels":    {reason: "Labels.", policy: of("topology", `{"clusterLabelSelector":{"region":"eu"}}`), want: policy.Policy{Topology: &policy.Topology{ClusterLabelSelector: map[string]string{"region": "eu"}}}},
		"TopologyOldLabels": {reason: "The old name of the field.", policy: of("topology", `{"clusterSelector":{"region":"eu"}}`), want: policy.Policy{Topology: &policy.Topology{ClusterLabelSelector: map[string]string{"region": "eu"}}}},
		"TopologyBoth": {
			reason: "The new name counts, and no cluster named is not the same as none selected.", policy: of("topology", `{"clusterLabelSelector":{},"clusterSelector":{"region":"eu"}}`),
			want: policy.Policy{Topology: &policy.Topology{ClusterLabelSelector: map[string]string{}}},
		},
		"TopologyEmpty": {reason: "An empty list names nothing, not the hub.", policy: of("topology", `{"clusters":[]}`), want: policy.Policy{Topology: &policy.Topology{Clusters: []string{}}}},
		"TopologyHub":   {reason: "Nothing that selects clusters means the hub.", policy: of("topology", `{"namespace":"prod"}`), want: policy.Policy{Topology: &policy.Topology{Clusters: []string{"local"}, Namespace: "prod"}}},
		"Override": {
			reason: "Changes and a selector.", policy: of("override", `{"components":[{"name":"w*","properties":{"port":80},"traits":[{"type":"scaler","disable":true}]}],"selector":["web"]}`),
			want: policy.Policy{Override: &policy.Override{Selector: []string{"web"}, Components: []policy.ComponentOverride{{
				Component: "w*", Properties: object{"port": int64(80)}, Traits: []policy.TraitOverride{{Type: "scaler", Disable: true}}, Path: "spec.policies[0].properties.components[0]",
			}}}},
		},
		"Replication": {reason: "Keys and a selector.", policy: of("replication", `{"keys":["eu","us"],"selector":["web"]}`), want: policy.Policy{Replication: &policy.Replication{Keys: []string{"eu", "us"}, Selector: []string{"web"}}}},
		"GarbageCollect": {
			reason: "All fields; a rule without a strategy has the default.",
			policy: of("garbage-collect", `{"applicationRevisionLimit":3,"keepLegacyResource":true,"continueOnFailure":true,"order":"dependency","rules":[{`+selectorText+`,"strategy":"never","propagation":"orphan"},{"selector":{}}]}`),
			want: policy.Policy{GarbageCollect: &policy.GarbageCollect{
				ApplicationRevisionLimit: ptr.To(int64(3)), KeepLegacyResource: true, ContinueOnFailure: true, Order: "dependency",
				Rules: []policy.GarbageCollectRule{{Selector: selector, Strategy: policy.RemoveNever, Propagation: "orphan"}, {Strategy: policy.RemoveOnUpdate}},
			}},
		},
		"GarbageCollectDefaults": {reason: "Nothing given.", policy: of("garbage-collect", ""), want: policy.Policy{GarbageCollect: &policy.GarbageCollect{}}},
		"ApplyOnce": {
			reason: "Rules.", policy: of("apply-once", `{"enable":true,"rules":[{`+selectorText+`,"strategy":{"affect":"onUpdate","path":["spec.replicas"]}}]}`),
			want: policy.Policy{ApplyOnce: &policy.ApplyOnce{Enable: true, Rules: []policy.ApplyOnceRule{{Selector: selector, Affect: "onUpdate", Path: []string{"spec.replicas"}}}}},
		},
		"SharedResource": {reason: "A rule.", policy: of("shared-resource", `{"rules":[{`+selectorText+`}]}`), want: policy.Policy{SharedResource: &policy.ResourceRules{Rules: []policy.ResourceRule{{Selector: selector}}}}},
		"TakeOver":       {reason: "A rule.", policy: of("take-over", `{"rules":[{`+selectorText+`}]}`), want: policy.Policy{TakeOver: &policy.ResourceRules{Rules: []policy.ResourceRule{{Selector: selector}}}}},
		"ReadOnly":       {reason: "A rule.", policy: of("read-only", `{"rules":[{`+selectorText+`}]}`), want: policy.Policy{ReadOnly: &policy.ResourceRules{Rules: []policy.ResourceRule{{Selector: selector}}}}},
		"ResourceUpdate": {
			reason: "The operation has a default.", policy: of("resource-update", `{"rules":[{`+selectorText+`,"strategy":{"op":"replace","recreateFields":["spec.x"]}},{"selector":{}}]}`),
			want: policy.Policy{ResourceUpdate: &policy.ResourceUpdate{Rules: []policy.ResourceUpdateRule{{Selector: selector, Op: "replace", RecreateFields: []string{"spec.x"}}, {Op: "patch"}}}},
		},
		"OwnType": {
			reason: "A PolicyDefinition of the platform team makes objects.", policy: v1beta1.AppPolicy{Name: "audit", Type: "our-own", Properties: raw(`{"anything":1}`)},
			want: policy.Policy{Objects: &render.Component{Policy: true, Name: "audit", Type: "our-own", Properties: object{"anything": int64(1)}, Path: "spec.policies[0]"}},
		},
	}
	library := definition.NewLibrary(&definition.Definition{Kind: definition.Policy, Name: "our-own", Template: "parameter: {...}"})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := policy.Read(shop(tc.policy), library)
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Name, tc.want.Type, tc.want.Path = tc.policy.Name, tc.policy.Type, "spec.policies[0]"
			if diff := cmp.Diff([]policy.Policy{tc.want}, got.All); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	cases := map[string]struct {
		reason string
		policy v1beta1.AppPolicy
		want   string
	}{
		"UnknownType": {reason: "The type that was meant is proposed.", policy: of("topolgy", "{}"), want: `spec.policies[0].type: there is no policy type "topolgy"; did you mean "topology"? Known types: apply-once, environment, garbage-collect, override, read-only, replication, resource-update, shared-resource, take-over, topology`},
		"UnknownField": {
			reason: "A field that nobody reads is an error.", policy: of("topology", `{"cluster":["c1"]}`),
			want: `spec.policies[0].properties.cluster: the policy type "topology" has no such parameter here; did you mean "clusters"? Use one of: allowEmpty, clusterLabelSelector, clusterSelector, clusters, namespace; or remove it`,
		},
		"BadStrategy": {
			reason: "A value out of a list.", policy: of("garbage-collect", `{"rules":[{"selector":{},"strategy":"onAppDelet"}]}`),
			want: `spec.policies[0].properties.rules[0].strategy: the value is not one of those that the policy type "garbage-collect" takes; did you mean "onAppDelete"? Use one of: "onAppUpdate", "onAppDelete", "never"`,
		},
		"BadPath": {
			reason: "A path that leads nowhere.", policy: of("apply-once", `{"enable":true,"rules":[{"selector":{"componentNames":["web"]},"strategy":{"path":["spec..replicas"]}}]}`),
			want: `spec.policies[0].properties.rules[0].strategy.path[0]: path "spec..replicas": want the name of a field at character 5`,
		},
		"PathOfIdentity": {
			reason: "No object can be written without its name.", policy: of("apply-once", `{"enable":true,"rules":[{"selector":{"componentNames":["web"]},"strategy":{"path":["*","metadata"]}}]}`),
			want: `spec.policies[0].properties.rules[0].strategy.path[1]: path "metadata": every object is written with it; name a field beside apiVersion, kind and metadata, or one label or annotation such as metadata.annotations[example.com/a]`,
		},
		"BadRecreate": {
			reason: "A path that leads nowhere.", policy: of("resource-update", `{"rules":[{"selector":{"componentNames":["web"]},"strategy":{"recreateFields":["a["]}}]}`),
			want: `spec.policies[0].properties.rules[0].strategy.recreateFields[0]: path "a[": want an index or a field in brackets at character 2`,
		},
		"BadOAMType": {
			reason: "A value in a shared part.", policy: of("read-only", `{"rules":[{"selector":{"oamTypes":["TRAITS"]}}]}`),
			want: `spec.policies[0].properties.rules[0].selector.oamTypes[0]: the value is not one of those that the policy type "read-only" takes; did you mean "TRAIT"? Use one of: "WORKLOAD", "COMPONENT", "TRAIT"`,
		},
		"WrongType":     {reason: "A list is no text.", policy: of("topology", `{"clusters":"c1"}`), want: `spec.policies[0].properties.clusters: a string was given where the policy type "topology" takes a list; write a list, such as [...]`},
		"NoKeys":        {reason: "Without a key nothing would be delivered.", policy: of("replication", `{"selector":["web"]}`), want: "spec.policies[0].properties.keys: at least one key is wanted here; without any the components would be delivered nowhere"},
		"NoSelector":    {reason: "It must be said what is copied.", policy: of("replication", `{"keys":["eu"]}`), want: "spec.policies[0].properties.selector: the names of the components to copy are wanted here; set it"},
		"BadKey":        {reason: "A key is part of names.", policy: of("replication", `{"keys":["eu","U S"],"selector":["web"]}`), want: "spec.policies[0].properties.keys[1]: the key becomes part of names and a label, so a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?'); change it"},
		"TwiceKey":      {reason: "Two copies would be the same.", policy: of("replication", `{"keys":["eu","eu"],"selector":["web"]}`), want: "spec.policies[0].properties.keys[1]: the key is there twice; give each copy its own"},
		"UnknownCopy":   {reason: "A component that does not exist.", policy: of("replication", `{"keys":["eu"],"selector":["webb"]}`), want: `spec.policies[0].properties.selector[0]: the application has no component "webb"; did you mean "web"? Use one of: web, db`},
		"UnknownChange": {reason: "Without a type it adds nothing.", policy: of("override", `{"components":[{"name":"cache"}]}`), want: `spec.policies[0].properties.components[0].name: the application has no component "cache". Use one of: web, db`},
		"UnknownSelect": {reason: "A misspelt name would leave a component out.", policy: of("override", `{"selector":["webb"]}`), want: `spec.policies[0].properties.selector[0]: the application has no component "webb"; did you mean "web"? Use one of: web, db`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Read(shop(tc.policy), definition.Builtin())
			if diff := cmp.Diff(tc.want, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPoliciesThatMakeObjects(t *testing.T) {
	library := definition.NewLibrary(&definition.Definition{Kind: definition.Policy, Name: "our-own", Template: "output: {}\nparameter: {}"},
		&definition.Definition{Kind: definition.Policy, Name: "override", Template: "output: {}\nparameter: {own: string}"}).Over(definition.Builtin())
	own := func(name string) v1beta1.AppPolicy { return v1beta1.AppPolicy{Name: name, Type: "our-own"} }
	cases := map[string]struct {
		reason   string
		policies []v1beta1.AppPolicy
		want     []string
		err      string
	}{
		"Order":    {reason: "The order is that of the spec.", policies: []v1beta1.AppPolicy{own("b"), of("topology", "{}"), own("a")}, want: []string{"spec.policies[0] b", "spec.policies[2] a"}},
		"Builtin":  {reason: "What a built-in type means is fixed.", policies: []v1beta1.AppPolicy{of("override", "{}")}},
		"NoName":   {reason: "Objects need a name.", policies: []v1beta1.AppPolicy{own("")}, err: `spec.policies[0].name: a policy of type "our-own" needs a name, which its objects get; set it`},
		"SameName": {reason: "Their objects could not be told apart.", policies: []v1beta1.AppPolicy{own("a"), own("a")}, err: `spec.policies[1].name: spec.policies[0] makes objects under the name "a" too; give each policy its own name`},
		"Shared":   {reason: "A policy that makes no objects may have the name.", policies: []v1beta1.AppPolicy{own("a"), {Name: "a", Type: "topology"}}, want: []string{"spec.policies[0] a"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			policies, err := policy.Read(shop(tc.policies...), library)
			if err == nil {
				for _, c := range policies.Objects() {
					got = append(got, c.Path+" "+c.Name)
				}
			}
			if tc.err != errorText(err) {
				t.Errorf("%s Error %q, want %q", tc.reason, errorText(err), tc.err)
			}
			if diff := cmp.Diff(tc.want, got); tc.err == "" && diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestEnvironmentsWithForeignTypes checks that what is found out without any
// definition does not change when the application has policies of foreign types.
func TestEnvironmentsWithForeignTypes(t *testing.T) {
	uses, err := policy.Environments(shop(named("a", of("our-own", `{"any":1}`)), environment("p", `{"environment":"prod"}`)))
	if err != nil || len(uses) != 1 || uses[0].Environment != "prod" {
		t.Errorf("got %v, %v; want the environment prod", uses, err)
	}
}

func TestMatch(t *testing.T) {
	deployment := policy.ResourceOf(render.Object{Content: object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "web", "labels": object{
		"app.oam.dev/component": "web", "workload.oam.dev/type": "webservice", "app.oam.dev/resourceType": "WORKLOAD",
	}}}})
	if diff := cmp.Diff(policy.Resource{Component: "web", ComponentType: "webservice", OAMType: "WORKLOAD", Group: "apps", Kind: "Deployment", Name: "web"}, deployment); diff != "" {
		t.Fatalf("what rules know of an object, -want +got:\n%s", diff)
	}
	cases := map[string]struct {
		reason   string
		selector policy.RuleSelector
		want     bool
	}{
		"Nothing":   {reason: "A selector without fields picks nothing."},
		"Name":      {reason: "One of the values of a field.", selector: policy.RuleSelector{ComponentNames: []string{"db", "web"}}, want: true},
		"OtherName": {reason: "None of the values.", selector: policy.RuleSelector{ComponentNames: []string{"db"}}},
		"All":       {reason: "All fields fit.", selector: policy.RuleSelector{ComponentTypes: []string{"webservice"}, OAMTypes: []string{"WORKLOAD"}, ResourceTypes: []string{"Deployment"}, ResourceNames: []string{"web"}}, want: true},
		"Partly":    {reason: "One field does not fit.", selector: policy.RuleSelector{ComponentNames: []string{"web"}, ResourceTypes: []string{"Service"}}},
		"NoTrait":   {reason: "What an object does not have fits nothing.", selector: policy.RuleSelector{TraitTypes: []string{""}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.selector.Match(deployment); got != tc.want {
				t.Errorf("got %t, want %t: %s", got, tc.want, tc.reason)
			}
		})
	}
}

// TestFirstRule checks that the first rule that picks an object counts.
func TestFirstRule(t *testing.T) {
	web, service := policy.Resource{Component: "web", Kind: "Deployment"}, policy.Resource{Component: "web", Kind: "Service"}
	byKind := policy.RuleSelector{ResourceTypes: []string{"Service"}}
	byName := policy.RuleSelector{ComponentNames: []string{"web"}}
	collect := policy.GarbageCollect{Rules: []policy.GarbageCollectRule{{Selector: byKind, Strategy: "never"}, {Selector: byName, Strategy: "onAppDelete"}}}
	once := policy.ApplyOnce{Enable: true, Rules: []policy.ApplyOnceRule{{Selector: byKind, Affect: "onUpdate"}, {Selector: byName, Affect: "always"}}}
	update := policy.ResourceUpdate{Rules: []policy.ResourceUpdateRule{{Selector: byKind, Op: "replace"}, {Selector: byName, Op: "patch"}}}
	shared := policy.ResourceRules{Rules: []policy.ResourceRule{{Selector: byKind}}}
	var got []any
	for _, r := range []policy.Resource{web, service, {Component: "db"}} {
		c, cOK := collect.Rule(r)
		o, oOK := once.Rule(r)
		u, uOK := update.Rule(r)
		got = append(got, c.Strategy, cOK, o.Affect, oOK, u.Op, uOK, shared.Match(r))
	}
	once.Enable = false
	_, off := once.Rule(web)
	want := []any{
		"onAppDelete", true, "always", true, "patch", true, false,
		"never", true, "onUpdate", true, "replace", true, true,
		"", false, "", false, "", false, false,
	}
	if diff := cmp.Diff(want, got); diff != "" || off {
		t.Errorf("-want +got:\n%s\na policy that is not enabled has a rule: %t", diff, off)
	}
}
