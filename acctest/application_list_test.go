// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider"
)

// lister speaks to the provider as `terraform query` does, which no engine here has.
type lister struct {
	t      *testing.T
	server listServer
	schema *tfprotov6.GetProviderSchemaResponse
}

// listServer is a provider that lists resources.
type listServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
}

// newLister starts the provider for a hub.
func newLister(t *testing.T, kubeconfig string) *lister {
	t.Helper()
	server, ok := provider.Server("test", func(string) string { return "" }).(listServer)
	if !ok {
		t.Fatal("the provider lists nothing")
	}
	schema, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	l := &lister{t: t, server: server, schema: schema}
	block, _ := schema.Provider.ValueType().(tftypes.Object)
	hub, _ := block.AttributeTypes["hub"].(tftypes.Object)
	config := l.encode(block, filled(block, map[string]tftypes.Value{
		"hub": filled(hub, map[string]tftypes.Value{"config_path": tftypes.NewValue(tftypes.String, kubeconfig)}),
	}))
	resp, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.14.0", Config: config})
	if err != nil || len(resp.Diagnostics) > 0 {
		t.Fatalf("configure the provider: %v %v", err, resp.Diagnostics)
	}
	return l
}

// filled completes values with nulls.
func filled(kind tftypes.Object, values map[string]tftypes.Value) tftypes.Value {
	all := map[string]tftypes.Value{}
	for name, attribute := range kind.AttributeTypes {
		all[name] = tftypes.NewValue(attribute, nil)
	}
	for name, value := range values {
		all[name] = value
	}
	return tftypes.NewValue(kind, all)
}

func (l *lister) encode(kind tftypes.Type, value tftypes.Value) *tfprotov6.DynamicValue {
	l.t.Helper()
	encoded, err := tfprotov6.NewDynamicValue(kind, value)
	if err != nil {
		l.t.Fatal(err)
	}
	return &encoded
}

// list lists applications; the results are their names, with the type of the component web where the resource is asked for.
func (l *lister) list(config map[string]tftypes.Value, include bool, limit int64) []string {
	l.t.Helper()
	kind, _ := l.schema.ListResourceSchemas["fairlead_application"].ValueType().(tftypes.Object)
	stream, err := l.server.ListResource(l.t.Context(), &tfprotov6.ListResourceRequest{
		TypeName: "fairlead_application", Config: l.encode(kind, filled(kind, config)), IncludeResource: include, Limit: limit,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	var found []string
	for result := range stream.Results {
		for _, diagnostic := range result.Diagnostics {
			l.t.Errorf("%s: %s: %s", result.DisplayName, diagnostic.Summary, diagnostic.Detail)
		}
		if result.Identity == nil {
			l.t.Errorf("%s has no identity", result.DisplayName)
		}
		found = append(found, strings.TrimSpace(result.DisplayName+" "+l.described(result.Resource)))
	}
	return found
}

// described are the components of a resource.
func (l *lister) described(resource *tfprotov6.DynamicValue) string {
	l.t.Helper()
	if resource == nil {
		return ""
	}
	value, err := resource.Unmarshal(l.schema.ResourceSchemas["fairlead_application"].ValueType())
	if err != nil {
		l.t.Fatal(err)
	}
	attributes := map[string]tftypes.Value{}
	if err := value.As(&attributes); err != nil || attributes == nil {
		return ""
	}
	at, _, err := tftypes.WalkAttributePath(attributes["components"], tftypes.NewAttributePath().WithAttributeName("web").WithAttributeName("type"))
	if err != nil {
		return "without web"
	}
	var text string
	if kind, ok := at.(tftypes.Value); !ok || kind.As(&text) != nil {
		return "of no type"
	}
	return text
}

// TestListApplications lists applications of a hub as `terraform query` does.
func TestListApplications(t *testing.T) {
	plane := sharedHub(t)
	objects := hubObjects(t, plane)
	namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "listed"}}}
	create(t, objects, namespaces, "", namespace)
	for i, annotations := range []map[string]string{{"note": "by hand"}, {"fairlead.dev/owner": "somebody"}, nil, {"fairlead.dev/instance": "A"}} {
		application := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": v1beta1.GroupVersion.String(), "kind": "Application",
			"metadata": map[string]any{"name": fmt.Sprintf("a-%d", i), "labels": map[string]any{"number": fmt.Sprint(i)}},
			"spec":     map[string]any{"components": []any{map[string]any{"name": "web", "type": "webservice", "properties": map[string]any{"image": "a"}}}},
		}}
		application.SetAnnotations(annotations)
		create(t, objects, v1beta1.GroupVersion.WithResource("applications"), "listed", application)
	}
	text := func(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }
	in := func(more map[string]tftypes.Value) map[string]tftypes.Value {
		all := map[string]tftypes.Value{"namespace": text("listed")}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	labelled := tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, map[string]tftypes.Value{"number": text("1")})
	tests := map[string]struct {
		reason  string
		config  map[string]tftypes.Value
		include bool
		limit   int64
		want    []string
	}{
		"All":      {"sorted by name", in(nil), false, 0, []string{"listed/a-0", "listed/a-1", "listed/a-2", "listed/a-3"}},
		"Resource": {"with what an import reads", in(nil), true, 0, []string{"listed/a-0 webservice", "listed/a-1 webservice", "listed/a-2 webservice", "listed/a-3 webservice"}},
		"Limit":    {"no more than are asked for", in(nil), false, 2, []string{"listed/a-0", "listed/a-1"}},
		"Unowned":  {"those that nobody manages", in(map[string]tftypes.Value{"unowned": tftypes.NewValue(tftypes.Bool, true)}), false, 0, []string{"listed/a-0", "listed/a-2"}},
		"Labels":   {"by label", in(map[string]tftypes.Value{"match_labels": labelled}), false, 0, []string{"listed/a-1"}},
	}
	l := newLister(t, plane.KubeconfigPath)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l.t = t
			if diff := cmp.Diff(test.want, l.list(test.config, test.include, test.limit)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
