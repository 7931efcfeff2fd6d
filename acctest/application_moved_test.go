// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	acc "github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// manifests stands in for the provider hashicorp/kubernetes: it has a kubernetes_manifest with what its state says of an object,
// and writes nothing.
type manifests struct{}

var (
	_ provider.Provider = manifests{}
	_ resource.Resource = manifest{}
)

func (manifests) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "kubernetes"
}

func (manifests) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse)          {}
func (manifests) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}
func (manifests) DataSources(context.Context) []func() datasource.DataSource                        { return nil }
func (manifests) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return manifest{} }}
}

// manifest is its resource.
type manifest struct{}

func (manifest) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "kubernetes_manifest"
}

func (manifest) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema.Attributes = map[string]schema.Attribute{
		"manifest": schema.DynamicAttribute{Required: true},
		"object":   schema.DynamicAttribute{Computed: true},
	}
}

func (manifest) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var value types.Dynamic
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("manifest"), &value)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("manifest"), value)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("object"), value)...)
}

func (manifest) Read(context.Context, resource.ReadRequest, *resource.ReadResponse)       {}
func (manifest) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}
func (manifest) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// writtenByOthers is an application with one webservice that another tool has written to the namespace default.
func writtenByOthers(t *testing.T, plane *cluster.ControlPlane, name string) *unstructured.Unstructured {
	t.Helper()
	made := object(fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"namespace":"default"},
		"spec":{"components":[{"name":"web","type":"webservice","properties":{"image":"nginx:1"}}]}}`, name))
	create(t, hubObjects(t, plane), applications, "default", made)
	live, err := hubObjects(t, plane).Resource(applications).Namespace("default").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// isStill checks that an application was not made anew.
func isStill(t *testing.T, plane *cluster.ControlPlane, before *unstructured.Unstructured) acc.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		live, err := hubObjects(t, plane).Resource(applications).Namespace("default").Get(t.Context(), before.GetName(), metav1.GetOptions{})
		if err == nil && live.GetUID() != before.GetUID() {
			return fmt.Errorf("application %s was made anew", before.GetName())
		}
		return err
	}
}

// noChange expects a plan that takes the application as it is.
func noChange() acc.ConfigPlanChecks {
	return acc.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(thisApplication, plancheck.ResourceActionNoop)}}
}

// TestApplicationMoved moves an application from the state of a kubernetes_manifest: the plan that moves it changes nothing, and
// a later one changes it in place.
func TestApplicationMoved(t *testing.T) {
	plane := sharedHub(t)
	before := writtenByOthers(t, plane, "moved")
	factories := providerFactories()
	factories["kubernetes"] = providerserver.NewProtocol6WithError(manifests{})
	written := withProvider(plane, `resource "kubernetes_manifest" "shop" {
  manifest = {
    apiVersion = "core.oam.dev/v1beta1"
    kind       = "Application"
    metadata   = { name = "moved", namespace = "default" }
    spec       = { components = [{ name = "web", type = "webservice", properties = { image = "nginx:1" } }] }
  }
}
`)
	moved := func(image string) string {
		return withProvider(plane, "moved {\n  from = kubernetes_manifest.shop\n  to   = fairlead_application.this\n}\n"+application("moved", web(image)))
	}
	acc.UnitTest(t, acc.TestCase{
		ProtoV6ProviderFactories: factories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_8_0)},
		CheckDestroy:             applicationAbsent(t, plane, "moved"),
		Steps: []acc.TestStep{
			{Config: written},
			{Config: moved("nginx:1"), ConfigPlanChecks: noChange(), Check: isStill(t, plane, before)},
			{Config: moved("nginx:2"), Check: acc.ComposeAggregateTestCheckFunc(isStill(t, plane, before), applicationIs(t, plane, "moved", webSpec("nginx:2")))},
			{Config: moved("nginx:2"), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// TestApplicationImportedByIdentity imports an application by its namespace and name in place of an id.
func TestApplicationImportedByIdentity(t *testing.T) {
	plane := sharedHub(t)
	before := writtenByOthers(t, plane, "identified")
	imported := "import {\n  to       = fairlead_application.this\n  identity = { namespace = \"default\", name = \"identified\" }\n}\n"
	config := withProvider(plane, imported+application("identified", web("nginx:1")))
	acc.UnitTest(t, acc.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		CheckDestroy:             applicationAbsent(t, plane, "identified"),
		Steps:                    []acc.TestStep{{Config: config, ConfigPlanChecks: noChange(), Check: isStill(t, plane, before)}},
	})
}
