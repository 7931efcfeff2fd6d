// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// guideConfiguration is a block of HCL of a guide, or of a README, and what it takes to apply it.
type guideConfiguration struct {
	// fragment says why a block cannot be applied: it is then the only field.
	fragment string
	// platform is what the platform team has applied before, from another workspace.
	platform string
	// more is what stands beside the block in the same configuration, for the guide takes it for granted.
	more string
	// replaced are texts of the block and what stands for them here: references to the clouds of others, whose providers are not
	// had in tests, and what each person writes differently. Resources of other providers are left out.
	replaced []string
	// files are further files of the configuration.
	files map[string]string
	// objects are on the hub before, as kubectl makes them.
	objects []guideObject
	// application is on the hub before, in the environment of the platform team, as kubectl makes it from YAML.
	application string
	// env are variables of the environment.
	env []string
	// secrets makes the account as which Secrets of the namespace shop are read, as the guide on cloud databases says.
	secrets bool
	// inRun gives it the address and a token of the hub in variables of the environment, as in a run of HCP Terraform.
	inRun bool
	// kept is taken out of the state before the destroy.
	kept string
}

// guidesInShort are the configurations that `make test` applies: one of each kind. `make test-long` applies all of them, which takes
// five minutes on two cores.
var guidesInShort = []string{
	"README 1", "cloud-database 2", "environments 2", "hcp-terraform 2", "migrating-from-kubernetes-manifest 2", "platform-team 2", "team-app/README 1",
}

// guideObject is an object on the hub.
type guideObject struct {
	kind      schema.GroupVersionResource
	namespace string
	text      string
}

// guideProvider is the provider block that guides take for granted. The home of the engine has that kubeconfig.
const guideProvider = "provider \"fairlead\" {\n  hub = { config_path = \"~/.kube/config\" }\n}\n"

// guideEnvironment is an environment of the hub itself that admits a namespace.
func guideEnvironment(name, namespace, more string) string {
	return fmt.Sprintf(`
resource "fairlead_environment" %[1]q {
  name                   = %[1]q
  application_namespaces = { names = [%[2]q], create = true }
  target_namespace       = { name = "%[2]s-%[1]s" }
  %[3]s
}
resource "fairlead_cluster_binding" %[1]q {
  name        = %[1]q
  environment = fairlead_environment.%[1]s.name
  clusters    = ["local"]
}
`, name, namespace, more)
}

// guideRollout waits for the application of a guide: it must not only be accepted.
func guideRollout(name string) string {
	return fmt.Sprintf(`
resource "fairlead_rollout" "of_guide" {
  application = fairlead_application.%[1]s.id
  revision    = fairlead_application.%[1]s.revision
  timeouts    = { create = "2m", update = "2m" }
}
`, name)
}

// guideStandIn stands in for a resource of a cloud, of which nothing is known before the apply, and for an ephemeral one.
const guideStandIn = `
resource "terraform_data" "stand_in" {
  input = "db.shop.internal"
}
variable "stand_in" {
  type      = string
  default   = "only-an-example"
  ephemeral = true
}
`

// guideApplication is an application beside a provider block; %s is a further argument.
const guideApplication = `
resource "fairlead_application" "shop" {
  name         = "shop"
  environments = ["dev"]
  components   = { web = { type = "webservice", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" } } }
  %s
}
`

// applicationFile is the manifest that the guides of those who come from elsewhere read.
const applicationFile = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop, namespace: shop, labels: {team: shop}}
spec:
  components:
    - {name: web, type: webservice, properties: {image: "ghcr.io/stefanprodan/podinfo:6.9.0"}}
  policies:
    - {name: env-prod, type: environment, properties: {environment: prod}}
`

// The objects that the same guide takes over, as they stand in its files.
const (
	takenDeployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"}},
		"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"ghcr.io/stefanprodan/podinfo:6.9.0"}]}}}}`
	takenService = `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":9898}]}}`
)

// moduleSource is where the READMEs of modules have them from.
const moduleSource = "github.com/fairlead-io/terraform-provider-fairlead//examples/modules/"

// guideConfigurations are all blocks of HCL, by the file and their number in it.
func guideConfigurations(platformTeam string) map[string]guideConfiguration {
	dev, prod := guideProvider+guideEnvironment("dev", "shop", ""), guideProvider+guideEnvironment("prod", "shop", "")
	inProd := prod + strings.Replace(fmt.Sprintf(guideApplication, `namespace = "shop"`), `["dev"]`, `["prod"]`, 1)
	local := []string{moduleSource, "./modules/"}
	return map[string]guideConfiguration{
		"backup-and-loss-of-the-hub 1": {platform: dev, more: fmt.Sprintf(guideApplication, `namespace = "shop"`) + guideRollout("shop")},
		"backup-and-loss-of-the-hub 2": {
			platform: inProd,
			more: inProd + addonConfig +
				"import {\n  to = fairlead_cluster_binding.prod\n  id = \"prod\"\n}\n",
			kept: "fairlead_addon.hub",
		},
		"cloud-database 1": {platform: prod, secrets: true, more: guideProvider + guideStandIn + guideRollout("shop"), replaced: []string{
			"ephemeral.aws_secretsmanager_secret_version.db.secret_string", "var.stand_in",
			"aws_secretsmanager_secret_version.db.secret_string_wo_version", "1",
			"aws_db_instance.shop.address", "terraform_data.stand_in.output",
		}},
		"cloud-database 2":  {platform: dev, secrets: true, more: guideProvider + guideRollout("orders"), env: []string{"TF_VAR_db_password=only-an-example"}},
		"clusters 1":        {more: guideProvider},
		"definitions 1":     {fragment: "an argument alone, beside the outline of a definition: examples/quickstart has the whole"},
		"definitions 2":     {fragment: "names a definition and a file that the guide does not show: examples/resources/fairlead_definition is applied"},
		"empty-a-cluster 1": {more: guideProvider},
		"environments 1":    {more: guideProvider},
		"environments 2": {
			more:     strings.Replace(guideProvider, "\n}", "\n  default_namespace = \"shop\"\n}", 1) + guideEnvironment("prod", "shop", "") + guideRollout("shop"),
			replaced: []string{"# ...", `components = { web = { type = "webservice", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" } } }`},
		},
		"environments 3":    {more: guideProvider + "resource \"fairlead_environment\" \"prod\" {\n  name = \"prod\"\n}\n"},
		"getting-started 1": {fragment: "it installs the addon, and so needs a hub of its own: TestGettingStarted"},
		"hcp-terraform 1":   {platform: dev, more: fmt.Sprintf(guideApplication, "") + guideRollout("shop"), inRun: true},
		"hcp-terraform 2": {
			platform: dev,
			more: fmt.Sprintf(guideApplication, `namespace = "shop"`) + guideRollout("shop") +
				"variable \"host\" {}\nvariable \"authority\" {}\nresource \"terraform_data\" \"hub\" {\n  input = { host = var.host, authority = var.authority }\n}\n",
			replaced: []string{
				"aws_eks_cluster.hub.endpoint", "terraform_data.hub.output.host",
				"aws_eks_cluster.hub.certificate_authority[0].data", "terraform_data.hub.output.authority",
			},
			inRun: true,
		},
		"hcp-terraform 3": {
			platform: dev,
			more: fmt.Sprintf(guideApplication, "namespace = \"shop\"\n  provider = fairlead.eu") +
				strings.Replace(guideRollout("shop"), "  timeouts", "  provider = fairlead.eu\n  timeouts", 1) +
				"variable \"eu_host\" {}\nvariable \"eu_authority\" {}\n",
			inRun: true,
		},
		"migrating-from-kubernetes-manifest 1": {platform: prod, more: guideProvider + guideRollout("shop"), files: map[string]string{"shop.yaml": applicationFile}},
		"migrating-from-kubernetes-manifest 2": {
			platform: guideProvider + strings.Replace(guideEnvironment("prod", "shop", "namespace_options = { adopt = true }"), "shop-prod", "guide-taken", 1),
			more:     guideProvider + guideRollout("web"),
			files:    map[string]string{"deployment.yaml": takenDeployment, "service.yaml": takenService},
			objects: []guideObject{
				{namespaces, "", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"guide-taken"}}`},
				{deployments, "guide-taken", takenDeployment}, {services, "guide-taken", takenService},
			},
		},
		"migrating-from-oam 1": {
			platform: prod, more: guideProvider + guideRollout("shop"),
			application: applicationFile, files: map[string]string{"shop.yaml": applicationFile},
		},
		"migrating-from-oam 2": {fragment: "a moved block alone: the guide from kubernetes_manifest has the whole"},
		"platform-team 1":      {more: guideProvider},
		"platform-team 2":      {platform: guideProvider + platformTeam, more: guideProvider + guideRollout("shop")},
		"versions 1":           {fragment: "a file for `terraform query`, which no engine of these tests has; its schema is tested by TestListApplications"},
		"versions 2":           {fragment: "no engine of these tests parses an action: TestPause invokes it, TestGuides checks its schema"},
		"versions 3":           {fragment: "an argument alone: TestPause applies it"},
		"README 1": {platform: dev + guideEnvironment("prod", "shop", ""), more: guideProvider + guideStandIn,
			replaced: []string{"aws_db_instance.shop.address", "terraform_data.stand_in.output"}},
		"platform/README 1": {replaced: append(local, "addon = { replicas = 2 }", "")},
		"team-app/README 1": {platform: dev + guideEnvironment("prod", "shop", ""),
			secrets: true, env: []string{"TF_VAR_token=only-an-example"}, replaced: local},
		"team-app-workspace/README 1": {
			platform: guideProvider + guideEnvironment("prod", "shop-prod", ""), env: []string{"TF_VAR_environment=prod"}, replaced: local,
		},
	}
}

// guideBlock is a block of HCL.
var guideBlock = regexp.MustCompile("(?ms)^```hcl\n(.*?)^```")

// guideBlocks reads the blocks of the guides and of the READMEs.
func guideBlocks(t *testing.T) map[string]string {
	t.Helper()
	blocks := map[string]string{}
	for _, pattern := range []string{"../templates/guides/*.md", "../README.md", moduleFolder + "/*/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%d files %s (error: %v)", len(files), pattern, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimPrefix(strings.TrimSuffix(file, ".md"), moduleFolder+"/")
			name = strings.TrimPrefix(strings.TrimPrefix(name, "../templates/guides/"), "../")
			for i, block := range guideBlock.FindAllStringSubmatch(string(content), -1) {
				blocks[fmt.Sprintf("%s %d", name, i+1)] = block[1]
			}
		}
	}
	return blocks
}

// TestGuidesAreApplied applies each configuration that guides and READMEs show, plans it again without a change, and
// destroys it.
func TestGuidesAreApplied(t *testing.T) {
	blocks := guideBlocks(t)
	configurations := guideConfigurations(blocks["platform-team 1"])
	if diff := cmp.Diff(slices.Sorted(maps.Keys(configurations)), slices.Sorted(maps.Keys(blocks))); diff != "" {
		t.Fatalf("configurations that this test knows and those that there are (-known +found):\n%s", diff)
	}
	f := sharedFleet(t)
	f.label(t, "cluster1", "region", "eu") // the guides choose by this label and from this set
	create(t, hubObjects(t, f.env.Hub()), clusterSets, "", object(`{"apiVersion":"cluster.open-cluster-management.io/v1beta2",
		"kind":"ManagedClusterSet","metadata":{"name":"production"},"spec":{"clusterSelector":{"selectorType":"LabelSelector","labelSelector":{"matchLabels":{"region":"eu"}}}}}`))
	for _, name := range slices.Sorted(maps.Keys(configurations)) {
		if configurations[name].fragment != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(guidesInShort, name) && os.Getenv("FAIRLEAD_TEST_LONG") == "" {
				t.Skip("make test-long applies it: all of them take five minutes")
			}
			nothing := f.leavesNothing(t)
			t.Cleanup(func() {
				if err := nothing(nil); err != nil {
					t.Error(err)
				}
			})
			configurations[name].apply(t, f, blocks[name])
		})
	}
}

// roleBindingKind is what binds roles in a namespace.
var roleBindingKind = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}

// roleBinding binds a ClusterRole, the second name, to an account, the third, of a namespace.
const roleBinding = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":%q},
	"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":%q},"subjects":[{"kind":"ServiceAccount","name":%q,"namespace":%q}]}`

// clusterSets are the sets that placements choose from.
var clusterSets = schema.GroupVersionResource{Group: "cluster.open-cluster-management.io", Version: "v1beta2", Resource: "managedclustersets"}

// apply applies a block with all that belongs to it, and destroys it when the test ends.
func (g guideConfiguration) apply(t *testing.T, f *fleet, block string) {
	t.Helper()
	for _, o := range g.objects {
		create(t, hubObjects(t, f.env.Hub()), o.kind, o.namespace, object(o.text))
	}
	if g.platform != "" {
		guideWorkspace(t, f.env.Hub(), g.platform, "").keepApplied(t, nil, "")
	}
	if g.application != "" {
		text, err := yaml.YAMLToJSON([]byte(g.application))
		if err != nil {
			t.Fatal(err)
		}
		create(t, hubObjects(t, f.env.Hub()), applications, "shop", object(string(text)))
	}
	if g.secrets {
		hub := hubObjects(t, f.env.Hub())
		create(t, hub, serviceAccounts, "shop", object(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"fairlead-deployer"}}`))
		create(t, hub, roles, "shop", object(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"fairlead-secrets"},
			"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"],"resourceNames":["db","shop"]}]}`))
		create(t, hub, roleBindingKind, "shop", object(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"fairlead-secrets"},
			"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"fairlead-secrets"},
			"subjects":[{"kind":"ServiceAccount","name":"fairlead-deployer","namespace":"shop"}]}`))
	}
	w := guideWorkspace(t, f.env.Hub(), strings.NewReplacer(g.replaced...).Replace(withoutClouds(t, block)), g.more)
	for name, content := range g.files {
		w.put(t, name, content)
	}
	env := g.env
	if g.inRun {
		env = append(env, runEnvironment(t, f.env.Hub(), w)...)
	}
	if strings.Contains(block, "module \"") {
		copyModules(t, filepath.Join(w.dir, "modules"))
		w.run(t, env, "init", "-input=false")
	}
	w.keepApplied(t, env, g.kept)
}

// withoutClouds leaves out the resources of other providers.
func withoutClouds(t *testing.T, block string) string {
	t.Helper()
	file, diags := hclwrite.ParseConfig([]byte(block), "guide.tf", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, b := range file.Body().Blocks() {
		known := len(b.Labels()) < 2 || strings.HasPrefix(b.Labels()[0], "fairlead_") || strings.HasPrefix(b.Labels()[0], "terraform_")
		if !known {
			file.Body().RemoveBlock(b)
		}
	}
	return string(file.Bytes())
}

// guideWorkspace is a workspace with a configuration as it stands in a guide, and a home with the kubeconfig of the hub.
func guideWorkspace(t *testing.T, hub *cluster.ControlPlane, configuration, more string) *workspace {
	t.Helper()
	w := newWorkspace(t, more)
	if strings.Contains(configuration, "required_providers") {
		w.put(t, "main.tf", more)
	}
	w.put(t, "guide.tf", configuration)
	content, err := os.ReadFile(hub.KubeconfigPath)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, ".kube/config", string(content))
	return w
}

// put writes a file beside the configuration.
func (w *workspace) put(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// keepApplied applies the configuration, which then has nothing to change, until the test ends.
func (w *workspace) keepApplied(t *testing.T, env []string, kept string) {
	t.Helper()
	t.Cleanup(func() {
		if kept != "" {
			w.run(t, env, "state", "rm", kept)
		}
		w.unprotect(t, env)
		w.run(t, env, "destroy", "-auto-approve")
	})
	w.run(t, env, "apply", "-auto-approve")
	w.run(t, env, "plan", "-detailed-exitcode")
}

// unprotect lets what is protected go, as the guides say: by an apply.
func (w *workspace) unprotect(t *testing.T, env []string) {
	t.Helper()
	const protected = "protection = true"
	for _, name := range []string{"main.tf", "guide.tf"} {
		content, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), protected) {
			w.put(t, name, strings.ReplaceAll(string(content), protected, "protection = false"))
			// Where a rollout has failed it fails again, after the application has been let go.
			if r := w.start(t, env, "apply", "-auto-approve"); r.wait(t) != nil {
				t.Logf("%s", r)
			}
		}
	}
}

// runEnvironment is the environment of a run of HCP Terraform whose user may edit applications of the namespace shop, and what its
// workspace has as variables.
func runEnvironment(t *testing.T, hub *cluster.ControlPlane, w *workspace) []string {
	t.Helper()
	objects := hubObjects(t, hub)
	create(t, objects, serviceAccounts, "default", object(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"guide-run"}}`))
	create(t, objects, roleBindingKind, "shop", object(fmt.Sprintf(roleBinding, "guide-run", "fairlead-app-editor", "guide-run", "default")))
	path, err := hub.ServiceAccountKubeconfig(t.Context(), "default", "guide-run", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(hub.CAPath())
	if err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(w.dir, "token")
	w.put(t, "token", config.BearerToken)
	return []string{
		"KUBE_HOST=" + hub.URL(), "KUBE_CLUSTER_CA_CERT_DATA=" + string(authority), "KUBE_TOKEN=" + config.BearerToken, "TFC_WORKSPACE_SLUG=acme/shop",
		"TF_VAR_host=" + hub.URL(), "TF_VAR_authority=" + string(authority), "TF_VAR_eu_host=" + hub.URL(), "TF_VAR_eu_authority=" + string(authority),
		fmt.Sprintf("TF_VAR_tfc_kubernetes_dynamic_credentials={default={token_path=%q},aliases={EU={token_path=%q}}}", token, token),
	}
}

// TestGettingStarted applies the configuration of the first guide, word for word, to a hub on which the addon is installed and managed
// by nobody: its pods are simulated, and the manager runs beside them. The plan lists the objects as the guide shows them.
func TestGettingStarted(t *testing.T) {
	f := fleetForTest(t, cluster.Options{}, raceDetector)
	text, err := os.ReadFile("../templates/guides/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	w := guideWorkspace(t, f.env.Hub(), guideBlocks(t)["getting-started 1"], "import {\n  to = fairlead_addon.hub\n  id = \"fairlead-system\"\n}\n")
	planned := w.run(t, nil, "plan")
	shown := 0
	for line := range strings.Lines(string(text)) {
		if words := strings.Join(strings.Fields(line), " "); strings.HasPrefix(words, `+ "dev/web/`) {
			shown++
			if !strings.Contains(oneLine(planned), words) {
				t.Errorf("the plan does not say %q:\n%s", words, planned)
			}
		}
	}
	if shown != 2 {
		t.Errorf("the guide shows %d objects of the plan, want 2", shown)
	}
	w.keepApplied(t, nil, "fairlead_addon.hub")
}
