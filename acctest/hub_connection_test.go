// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// oneEnvironment is a configuration with an environment of that name.
func oneEnvironment(provider, name string) string {
	return fmt.Sprintf("provider \"fairlead\" {\n  owner = \"acctest\"\n  %s\n}\nresource \"fairlead_environment\" \"this\" {\n  name = %q\n}\n", provider, name)
}

// clusterRoles are the rights that bindings give.
var clusterRoles = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}

// grant lets somebody manage environments, or only see them.
func grant(t *testing.T, plane *cluster.ControlPlane, name, subject, verbs string) {
	t.Helper()
	hub := hubObjects(t, plane)
	create(t, hub, clusterRoles, "", object(fmt.Sprintf(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":%q},
		"rules":[{"apiGroups":["fairlead.dev"],"resources":["environments"],"verbs":[%s]}]}`, name, verbs)))
	create(t, hub, clusterRoleBindings, "", object(fmt.Sprintf(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":%q},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":%q},"subjects":[%s]}`, name, name, subject)))
	isGranted(t, hub, object(subject))
}

// isGranted waits until the hub's authorizer, which follows bindings by a watch, has seen that a subject may look at environments.
func isGranted(t *testing.T, hub dynamic.Interface, subject *unstructured.Unstructured) {
	t.Helper()
	user := nested[string](subject, "name")
	if subject.GetKind() == "ServiceAccount" {
		user = "system:serviceaccount:" + nested[string](subject, "namespace") + ":" + user
	}
	isAllowed(t, hub, user, `{"group":"fairlead.dev","resource":"environments","verb":"list"}`)
}

// isAllowed waits until the hub's authorizer says that a user may do what the attributes of an access review describe.
func isAllowed(t *testing.T, hub dynamic.Interface, user, attributes string) {
	t.Helper()
	eventually(t, patience, user+" to have its rights", func() error {
		review, err := hub.Resource(accessReviews).Create(t.Context(), object(fmt.Sprintf(`{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{
			"user":%q,"resourceAttributes":%s}}`, user, attributes)), metav1.CreateOptions{})
		if err == nil && !nested[bool](review, "status", "allowed") {
			err = errors.New("it is not allowed to")
		}
		return err
	})
}

const (
	manage = `"get","list","create","update","patch","delete"`
	look   = `"get","list"`
)

// userSubject is a user in a binding.
func userSubject(name string) string {
	return fmt.Sprintf(`{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":%q}`, name)
}

// accountToken makes an account with rights on environments and returns a token of it.
func accountToken(t *testing.T, plane *cluster.ControlPlane, name, verbs string) string {
	t.Helper()
	create(t, hubObjects(t, plane), serviceAccounts, "default", object(fmt.Sprintf(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":%q}}`, name)))
	grant(t, plane, name, fmt.Sprintf(`{"kind":"ServiceAccount","name":%q,"namespace":"default"}`, name), verbs)
	path, err := plane.ServiceAccountKubeconfig(t.Context(), "default", name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	return config.BearerToken
}

// credentialPlugin writes a program that counts its runs, and prints an
// ExecCredential with the token that ends after a while, or has ended before now.
func credentialPlugin(t *testing.T, token string, life time.Duration) (program, runs string) {
	t.Helper()
	folder := t.TempDir()
	program, runs = filepath.Join(folder, "plugin"), filepath.Join(folder, "runs")
	text := fmt.Sprintf(`#!/bin/sh
echo run >>%q
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"%s"}}'
`, runs, token, time.Now().Add(life).UTC().Format(time.RFC3339))
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, runs
}

// countLines counts the lines of a file.
func countLines(t *testing.T, path string) int {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(content), "\n")
}

// execHub is the attribute exec of a program.
func execHub(program string) string {
	return fmt.Sprintf("exec = { api_version = \"client.authentication.k8s.io/v1\", command = %q }", program)
}

// TestPain13CredentialsOfEveryKind checks that each family of credentials reaches the hub.
func TestPain13CredentialsOfEveryKind(t *testing.T) {
	plane := sharedHub(t)
	content, err := os.ReadFile(plane.KubeconfigPath)
	if err != nil {
		t.Fatal(err)
	}
	config := plane.RESTConfig()
	token := accountToken(t, plane, "family-manager", manage)
	stranger := accountToken(t, plane, "family-stranger", look)
	tokenPath := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenPath, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := base64.StdEncoding.EncodeToString(config.CAData)
	host := fmt.Sprintf("host = %q, cluster_ca_certificate = %q, ", config.Host, ca)
	program, _ := credentialPlugin(t, token, time.Hour)
	failing := filepath.Join(t.TempDir(), "failing")
	if err := os.WriteFile(failing, []byte("#!/bin/sh\necho SECRET-CANARY\necho 'session expired, run: login' >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, hub string
		// want is what the error says, in that order; none is none.
		want []string
	}{
		{"config_path", fmt.Sprintf("config_path = %q", plane.KubeconfigPath), nil},
		{"config_paths", fmt.Sprintf("config_paths = [%q]", plane.KubeconfigPath), nil},
		{"kubeconfig", fmt.Sprintf("kubeconfig = base64decode(%q)", base64.StdEncoding.EncodeToString(content)), nil},
		{"kubeconfig-exec", fmt.Sprintf("kubeconfig = %q", pluginKubeconfig(plane, program)), nil},
		{"certificate", host + fmt.Sprintf("client_certificate = %q, client_key = %q",
			base64.StdEncoding.EncodeToString(config.CertData), base64.StdEncoding.EncodeToString(config.KeyData)), nil},
		{"token", host + fmt.Sprintf("token = %q", token), nil},
		{"token_path", host + fmt.Sprintf("token_path = %q", tokenPath), nil},
		{"exec", host + execHub(program), nil},
		{"exec-that-fails", host + execHub(failing), []string{"Credential plugin failed", "exit status 3", "session expired, run: login"}},
		{"no-rights", host + fmt.Sprintf("token = %q", stranger), []string{"Not allowed on the hub", "family-stranger", "fairlead-platform-admin"}},
		{"wrong-token", host + "token = \"wrong\"", []string{"Hub refused the credential", "401"}},
		{"no-authority", fmt.Sprintf("host = %q, token = \"wrong\"", config.Host), []string{"Hub certificate not trusted", "authority"}},
		{"no-pod", "in_cluster = true", []string{"Not in a pod", "KUBERNETES_SERVICE_HOST"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			step := resource.TestStep{Config: oneEnvironment("hub = { "+test.hub+" }", "family-"+strings.ReplaceAll(test.name, "_", "-"))}
			if len(test.want) > 0 {
				step.ExpectError = wrapped(test.want...)
			}
			resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: providerFactories(), Steps: []resource.TestStep{step}})
		})
	}
}

// pluginKubeconfig is a kubeconfig of a hub whose user is a credential plugin.
func pluginKubeconfig(plane *cluster.ControlPlane, program string) string {
	return fmt.Sprintf("{current-context: hub, clusters: [{name: hub, cluster: {server: %q, certificate-authority: %q}}], "+
		"users: [{name: jane, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: %q, interactiveMode: IfAvailable, provideClusterInfo: true}}}], "+
		"contexts: [{name: hub, context: {cluster: hub, user: jane}}]}", plane.URL(), plane.CAPath(), program)
}

// TestPain13PluginIsRunAgain checks that a credential that ends while an apply
// runs is made anew, and that one that does not end is made once for each process.
func TestPain13PluginIsRunAgain(t *testing.T) {
	plane := sharedHub(t)
	token := accountToken(t, plane, "plugin-manager", manage)
	many := "resource \"fairlead_environment\" \"many\" {\n  for_each = toset([for i in range(20) : tostring(i)])\n  name = \"plugin-${each.key}\"\n}\n"
	configuration := func(program string) string {
		return fmt.Sprintf("provider \"fairlead\" {\n  hub = { host = %q, cluster_ca_certificate = file(%q), %s }\n}\n", plane.URL(), plane.CAPath(), execHub(program)) + many
	}
	lasting, runs := credentialPlugin(t, token, time.Hour)
	w := newWorkspace(t, configuration(lasting))
	w.run(t, nil, "apply", "-auto-approve")
	t.Cleanup(func() { w.run(t, nil, "destroy", "-auto-approve") })
	if got := countLines(t, runs); got != 1 {
		t.Errorf("the plugin ran %d times for an apply of 20 environments, want once", got)
	}
	ended, runs := credentialPlugin(t, token, -time.Minute)
	w.write(t, configuration(ended))
	w.run(t, nil, "plan", "-detailed-exitcode")
	if got := countLines(t, runs); got < 20 {
		t.Errorf("the plugin ran %d times for 20 reads with credentials that have ended, want for each", got)
	}
	w.write(t, configuration(lasting))
}

// TestPain13Impersonation checks that RBAC decides by the user that is acted as,
// and that the audit log of the hub names both.
func TestPain13Impersonation(t *testing.T) {
	plane := sharedHub(t)
	grant(t, plane, "impersonated", userSubject("team:allowed"), manage)
	as := func(user string) string {
		return fmt.Sprintf("hub = { config_path = %q, impersonate = { user = %q, groups = [\"deployers\"], extra = { \"example.com/reason\" = [\"test\"] } } }", plane.KubeconfigPath, user)
	}
	log := auditFromNow(t, plane)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: oneEnvironment(as("team:denied"), "impersonated"), ExpectError: wrapped("Not allowed on the hub", `"team:denied" cannot`, `acts as the user "team:denied"`)},
			{Config: oneEnvironment(as("team:allowed"), "impersonated")},
			{Config: oneEnvironment(as("team:allowed"), "impersonated"), ConfigPlanChecks: emptyPlan()},
		},
	})
	written := map[string]int{}
	for _, event := range log.ofProvider(t) {
		if event.ObjectRef.Resource == "environments" && event.isWrite() && event.ResponseStatus.Code < http.StatusBadRequest {
			written[event.ImpersonatedUser.Username]++
		}
		if event.ObjectRef.Resource == "environments" && (event.ImpersonatedUser.Username == "" || event.User.Username == event.ImpersonatedUser.Username) {
			t.Errorf("a request as nobody else: %s", event)
		}
	}
	if written["team:allowed"] == 0 || len(written) != 1 {
		t.Errorf("writes by user %v, want those of team:allowed alone", written)
	}
}

// TestPain13Proxy checks that all requests go through the configured proxy.
func TestPain13Proxy(t *testing.T) {
	plane := sharedHub(t)
	proxy := newTunnel(t)
	through := fmt.Sprintf("hub = { config_path = %q, proxy_url = %q }", plane.KubeconfigPath, proxy.URL())
	log := auditFromNow(t, plane)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: oneEnvironment(through, "proxied")},
			{Config: oneEnvironment(fmt.Sprintf("hub = { config_path = %q, proxy_url = \"http://jane:SECRET-CANARY@127.0.0.1:1\" }", plane.KubeconfigPath), "proxied"),
				Destroy: true, ExpectError: wrapped("Hub unreachable", "the proxy 127.0.0.1:1")},
			{Config: oneEnvironment(through, "proxied"), ConfigPlanChecks: emptyPlan()},
		},
	})
	if proxy.connections.Load() == 0 || len(log.ofProvider(t)) == 0 {
		t.Errorf("%d connections through the proxy for %d requests", proxy.connections.Load(), len(log.ofProvider(t)))
	}
}

// tunnel is a proxy that counts the connections that it makes.
type tunnel struct {
	server      *httptest.Server
	connections atomic.Int64
}

// newTunnel starts a proxy that ends with the test.
func newTunnel(t *testing.T) *tunnel {
	t.Helper()
	p := &tunnel{}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	return p
}

// URL is the address of the proxy.
func (p *tunnel) URL() string { return p.server.URL }

// ServeHTTP makes one connection.
func (p *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	far, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if r.Method != http.MethodConnect || err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	p.connections.Add(1)
	_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
	_ = near.Close()
}

// TestPain01PlanBeforeTheClusterExists checks that a first plan whose hub is
// known only after apply works, and that one apply makes everything.
func TestPain01PlanBeforeTheClusterExists(t *testing.T) {
	plane := sharedHub(t)
	config := func(input, name string) string {
		return fmt.Sprintf("resource \"terraform_data\" \"hub\" {\n  input = %q\n}\n", input) + oneEnvironment("hub = { config_path = terraform_data.hub.output }", name)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{
				Config: config(plane.KubeconfigPath, "unknown-hub"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("fairlead_environment.this", plancheck.ResourceActionCreate),
				}},
			},
			{Config: config(plane.KubeconfigPath, "unknown-hub"), ConfigPlanChecks: emptyPlan()},
			{
				// The hub is replaced in the same plan: nothing is asked, the state stays.
				Config: config(copyOf(t, plane.KubeconfigPath), "unknown-hub"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("fairlead_environment.this", plancheck.ResourceActionNoop),
				}},
			},
		},
	})
}

// copyOf copies a file, so that the same hub has another path.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(target, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return target
}

// TestPain03UnreachableHubKeepsState checks that the state outlives a hub that is
// away, that nothing is planned because of it, and that a change fails cleanly.
func TestPain03UnreachableHubKeepsState(t *testing.T) {
	plane := sharedHub(t)
	up := fmt.Sprintf("hub = { config_path = %q }", plane.KubeconfigPath)
	down := "hub = { host = \"https://127.0.0.1:1\", token = \"t\" }"
	changed := func(provider string) string {
		return fmt.Sprintf("provider \"fairlead\" {\n  owner = \"acctest\"\n  %s\n}\nresource \"fairlead_environment\" \"this\" {\n  name = \"unreachable\"\n  after = [\"dev\"]\n}\n", provider)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{
			{Config: oneEnvironment(up, "unreachable")},
			{Config: oneEnvironment(down, "unreachable"), ConfigPlanChecks: emptyPlan()},
			{Config: oneEnvironment(down+"\n  plan = { on_unreachable = \"error\" }", "unreachable"), ExpectError: regexp.MustCompile(`Hub unreachable`)},
			{Config: changed(down), ExpectError: regexp.MustCompile(`(?s)Hub unreachable.*127\.0\.0\.1:1.*connection refused`)},
			{Config: oneEnvironment(up, "unreachable"), ConfigPlanChecks: emptyPlan()},
			{Config: changed(up)},
		},
	})
}

// TestPain03OneWarning checks that many resources on a hub that is away make one
// warning of the plan, and that the plan changes nothing.
func TestPain03OneWarning(t *testing.T) {
	plane := sharedHub(t)
	many := "resource \"fairlead_environment\" \"many\" {\n  for_each = toset([\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\"])\n  name = \"away-${each.key}\"\n}\n"
	up := []string{"KUBE_CONFIG_PATH=" + plane.KubeconfigPath}
	w := newWorkspace(t, many)
	w.run(t, up, "apply", "-auto-approve")
	t.Cleanup(func() {
		w.write(t, many)
		w.run(t, up, "destroy", "-auto-approve")
	})
	output := oneLine(w.run(t, []string{"KUBE_HOST=https://127.0.0.1:1", "KUBE_TOKEN=t"}, "plan", "-detailed-exitcode"))
	if strings.Count(output, "Warning: Hub unreachable") != 1 || !strings.Contains(output, "(and 7 more similar warnings elsewhere)") {
		t.Errorf("want one warning that stands for eight:\n%s", output)
	}
	// The hub is known only after apply: the same, beside that the provider says so.
	w.write(t, "resource \"terraform_data\" \"hub\" {\n  input = \"x\"\n}\nprovider \"fairlead\" {\n  hub = { config_path = terraform_data.hub.output }\n}\n"+many)
	output = oneLine(w.run(t, nil, "plan"))
	if strings.Count(output, "Warning: Hub not known yet") != 1 || !strings.Contains(output, "Plan: 1 to add, 0 to change, 0 to destroy") {
		t.Errorf("want one warning, and no change of an environment:\n%s", output)
	}
}

// TestPain02UnknownHubIsNoOtherHub has a hub that is known only after apply, in
// an environment that names another one in every way: it is not asked. Nor is it
// without any hub in the configuration, where only what is ours is looked at.
func TestPain02UnknownHubIsNoOtherHub(t *testing.T) {
	var asked atomic.Int64
	trap := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer trap.Close()
	kubeconfig := filepath.Join(t.TempDir(), "config")
	if err := clientcmd.WriteToFile(kubeconfigOf(trap, "t"), kubeconfig); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(trap.URL)
	if err != nil {
		t.Fatal(err)
	}
	implicit := []string{"KUBECONFIG=" + kubeconfig, "KUBERNETES_SERVICE_HOST=" + address.Hostname(), "KUBERNETES_SERVICE_PORT=" + address.Port()}
	explicit := append([]string{"KUBE_CONFIG_PATH=" + kubeconfig, "KUBE_CTX=hub", "FAIRLEAD_HOST=" + trap.URL, "FAIRLEAD_TOKEN=t", "FAIRLEAD_INSECURE=true"}, implicit...)
	unknown := "resource \"terraform_data\" \"hub\" {\n  input = %q\n}\n"
	w := newWorkspace(t, fmt.Sprintf(unknown, "https://hub")+oneEnvironment("hub = { host = terraform_data.hub.output }", "pain-02"))
	// The default file of a person.
	if err := os.MkdirAll(filepath.Join(w.dir, ".kube"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := clientcmd.WriteToFile(kubeconfigOf(trap, "t"), filepath.Join(w.dir, ".kube", "config")); err != nil {
		t.Fatal(err)
	}
	if output := oneLine(w.run(t, explicit, "plan")); !strings.Contains(output, "Warning: Hub not known yet") || !strings.Contains(output, "Plan: 2 to add") {
		t.Errorf("want a plan without a hub:\n%s", output)
	}
	w.write(t, oneEnvironment("", "pain-02"))
	if output := w.fails(t, implicit, "plan"); !strings.Contains(output, "Error: No hub configured") || !strings.Contains(output, "FAIRLEAD_CONFIG_PATH") || !strings.Contains(output, "KUBE_CONFIG_PATH") {
		t.Errorf("want an error that lists what was looked for:\n%s", output)
	}
	if got := asked.Load(); got > 0 {
		t.Errorf("another hub was asked %d times", got)
	}
}

// TestNoHub checks what is said when nothing names a hub.
func TestNoHub(t *testing.T) {
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config:      oneEnvironment("", "nowhere"),
			ExpectError: regexp.MustCompile(`(?s)No hub configured.*FAIRLEAD_CONFIG_PATH.*KUBE_CONFIG_PATH`),
		}},
	})
}
