// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// TestWrite asks a real API server for a token and then who its bearer is.
func TestWrite(t *testing.T) {
	env := cluster.ForTest(t, cluster.Options{})
	a := Account{
		Hub:       Hub{Kubeconfig: env.Hub().KubeconfigPath},
		Namespace: "default", Name: "default", Dir: filepath.Join(t.TempDir(), "credentials"),
	}
	before := time.Now()
	expires, err := a.Write(t.Context(), 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if life := expires.Sub(before); life < time.Hour || life > 3*time.Hour {
		t.Errorf("life of the token: want about 2h, got %s", life)
	}
	if diff := cmp.Diff("system:serviceaccount:default:default", whoAmI(t, a)); diff != "" {
		t.Errorf("bearer of the token: -want +got:\n%s", diff)
	}
	for path, want := range map[string]os.FileMode{a.Dir: privateDir, a.KubeconfigPath(): privateFile, a.tokenPath(): privateFile} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s: want %o, got %o", path, want, got)
		}
	}
	if err := a.Remove(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(a.Dir); err != nil || len(left) != 0 {
		t.Errorf("Remove left %v (%v)", left, err)
	}
}

func whoAmI(t *testing.T, a Account) string {
	t.Helper()
	config, err := Hub{Kubeconfig: a.KubeconfigPath()}.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return review.Status.UserInfo.Username
}

const twoContexts = `
apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: one, cluster: {server: "https://one.example.com:6443"}}
- {name: two, cluster: {server: "https://two.example.com", certificate-authority: ca.crt, proxy-url: "http://proxy.example.com"}}
contexts:
- {name: one, context: {cluster: one, user: admin}}
- {name: two, context: {cluster: two, user: admin}}
- {name: lost, context: {cluster: gone, user: admin}}
users:
- {name: admin, user: {token: secret}}
`

func TestServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	for name, content := range map[string]string{path: twoContexts, filepath.Join(dir, "ca.crt"): "authority"} {
		if err := os.WriteFile(name, []byte(content), privateFile); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		reason string
		hub    Hub
		want   string
		err    string
	}{
		"Current": {"no context was asked for", Hub{Kubeconfig: path}, "https://one.example.com:6443", ""},
		"Named":   {"a context was asked for", Hub{Kubeconfig: path, Context: "two"}, "https://two.example.com", ""},
		"Unknown": {"never another context", Hub{Kubeconfig: path, Context: "three"}, "", `"three"`},
		"Lost":    {"the context's cluster is not there", Hub{Kubeconfig: path, Context: "lost"}, "", `"lost"`},
		"Missing": {"never another file", Hub{Kubeconfig: path + "x"}, "", path + "x"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.hub.Server()
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: Server(): -want +got:\n%s", c.reason, diff)
			}
			if (c.err == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%s: Server(): want an error with %q, got %v", c.reason, c.err, err)
			}
		})
	}
}

// TestKubeconfigIsSelfContained checks that the account's kubeconfig needs no file of the user's and has no credential of theirs.
func TestKubeconfigIsSelfContained(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	for name, content := range map[string]string{path: twoContexts, filepath.Join(dir, "ca.crt"): "authority"} {
		if err := os.WriteFile(name, []byte(content), privateFile); err != nil {
			t.Fatal(err)
		}
	}
	a := Account{Hub: Hub{Kubeconfig: path, Context: "two"}, Name: "addon", Dir: filepath.Join(dir, "credentials")}
	content, err := a.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, want := range []string{"https://two.example.com", "YXV0aG9yaXR5", "http://proxy.example.com", a.tokenPath()} {
		if !strings.Contains(text, want) {
			t.Errorf("the kubeconfig lacks %q:\n%s", want, text)
		}
	}
	for _, unwanted := range []string{"secret", "ca.crt"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the kubeconfig holds %q:\n%s", unwanted, text)
		}
	}
}
