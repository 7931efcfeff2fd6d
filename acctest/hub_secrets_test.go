// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNoCredentialIsWritten searches the plan, the state, the log of the most
// talkative level and all that is printed for the credential of each family. The
// credentials are real ones: the runs succeed with them.
func TestNoCredentialIsWritten(t *testing.T) {
	plane := sharedHub(t)
	token := accountToken(t, plane, "secret-manager", manage)
	config := plane.RESTConfig()
	tokenPath := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenPath, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	program, _ := credentialPlugin(t, token, time.Hour)
	proxy := newTunnel(t)
	address := fmt.Sprintf("    host = %q\n    cluster_ca_certificate = file(%q)\n", plane.URL(), plane.CAPath())
	variables := "variable \"plain\" {\n  type = string\n}\nvariable \"secret\" {\n  type = string\n  ephemeral = true\n}\n"
	content := strings.Replace(pluginKubeconfig(plane, program), "exec: {", "token: "+token+", unused: {", 1)
	tests := []struct {
		name, hub string
		env       []string
		// secrets must not be found anywhere, but where it is known that one is.
		secrets     []string
		known, long bool
	}{
		// So that the search is seen to find one.
		{"plain-token", address + "    token = var.plain\n", []string{"TF_VAR_plain=" + token}, []string{token}, true, false},
		{"environment", address, []string{"KUBE_TOKEN=" + token}, []string{token}, false, true},
		{"token_path", address + fmt.Sprintf("    token_path = %q\n", tokenPath), nil, []string{token}, false, true},
		{"exec", address + "    " + execHub(program) + "\n", nil, []string{token}, false, false},
		{"ephemeral-token", address + "    token = var.secret\n", []string{"TF_VAR_secret=" + token}, []string{token}, false, true},
		{"ephemeral-kubeconfig", "    kubeconfig = var.secret\n", []string{"TF_VAR_secret=" + content}, []string{token}, false, false},
		{"key", address, []string{"FAIRLEAD_CLIENT_CERTIFICATE=" + string(config.CertData), "FAIRLEAD_CLIENT_KEY=" + string(config.KeyData)},
			[]string{strings.Split(string(config.KeyData), "\n")[1], base64.StdEncoding.EncodeToString(config.KeyData)}, false, false},
		{"proxy", address, []string{"KUBE_TOKEN=" + token, "KUBE_PROXY_URL=" + strings.Replace(proxy.URL(), "http://", "http://jane:SECRET-CANARY@", 1)}, []string{token, "SECRET-CANARY"}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.long && os.Getenv("FAIRLEAD_TEST_LONG") == "" {
				t.Skip("another case goes the same way; the long test has all")
			}
			name := "secret-" + strings.ReplaceAll(test.name, "_", "-")
			w := newWorkspace(t, variables+fmt.Sprintf("provider \"fairlead\" {\n  hub = {\n%s  }\n}\nresource \"fairlead_environment\" \"this\" {\n  name = %q\n}\n", test.hub, name))
			log := filepath.Join(w.dir, "trace.log")
			env := append([]string{"TF_VAR_secret=", "TF_VAR_plain=", "TF_LOG=TRACE", "TF_LOG_PATH=" + log}, test.env...)
			output := w.run(t, env, "plan", "-out=plan") + w.run(t, env, "show", "-json", "plan") + w.run(t, env, "apply", "plan") + w.run(t, env, "plan")
			output += w.run(t, env, "show", "-json") + w.run(t, env, "destroy", "-auto-approve")
			found := everything(t, w.dir)
			found["output"] = []byte(output)
			if !bytes.Contains(found["trace.log"], []byte("fairlead_environment")) || !bytes.Contains(found["terraform.tfstate.backup"], []byte(name)) {
				t.Errorf("the search looks at the wrong files: %d", len(found))
			}
			var places []string
			for place, content := range found {
				for _, secret := range test.secrets {
					if bytes.Contains(content, []byte(secret)) {
						places = append(places, place)
					}
				}
			}
			if len(places) > 0 != test.known {
				t.Errorf("found in %v, want it found: %t", places, test.known)
			}
		})
	}
}

// TestNoCredentialIsToldInFailures has credentials that do not work, each in its way: what is said and logged of it names no part
// of them, and nothing of them is in a file.
func TestNoCredentialIsToldInFailures(t *testing.T) {
	plane := sharedHub(t)
	const secret = "C4N4RY-credential-a71e"
	hidden := canaries{"credential": secret}
	address := fmt.Sprintf("host = %q, cluster_ca_certificate = file(%q)", plane.URL(), plane.CAPath())
	kubeconfig := func(user string) string {
		return fmt.Sprintf("{current-context: hub, clusters: [{name: hub, cluster: {server: %q, certificate-authority: %q}}], "+
			"users: [{name: jane, user: {%s}}], contexts: [{name: hub, context: {cluster: hub, user: jane}}]}", plane.URL(), plane.CAPath(), user)
	}
	program := func(script string) string {
		path := filepath.Join(t.TempDir(), "plugin")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct{ name, hub, value, want string }{
		{"unreachable", `host = "https://127.0.0.1:1", token = var.secret`, secret, "Hub unreachable"},
		{"refused", address + ", token = var.secret", secret, "Hub refused the credential"},
		{"unknown-authority", fmt.Sprintf("host = %q, token = var.secret", plane.URL()), secret, "certificate"},
		{"bad-header", address + ", token = var.secret", secret + "\x01", "Error:"},
		{"token-of-kubeconfig", "kubeconfig = var.secret", kubeconfig("token: " + secret), "Hub refused the credential"},
		{"password-of-kubeconfig", "kubeconfig = var.secret", kubeconfig("username: jane, password: " + secret), "Error:"},
		{"broken-kubeconfig", "kubeconfig = var.secret", "users: [{name: jane, user: {token: " + secret, "Error:"},
		{"mistyped-kubeconfig", "kubeconfig = var.secret", "{apiVersion: v1, kind: Config, users: {token: " + secret + "}}", "Error:"},
		{"text-as-kubeconfig", "kubeconfig = var.secret", secret, "Error:"},
		{"no-such-context", `kubeconfig = var.secret, config_context = "other"`, kubeconfig("token: " + secret), "Error:"},
		{"key-of-kubeconfig", "kubeconfig = var.secret", kubeconfig("client-certificate-data: " + base64.StdEncoding.EncodeToString([]byte(secret)) +
			", client-key-data: " + base64.StdEncoding.EncodeToString([]byte(secret))), "Error:"},
		{"no-key", address + ", client_certificate = var.secret, client_key = var.secret", secret, "Error:"},
		{"plugin-prints-text", address + ", " + execHub(program("echo "+secret)), "", "Error:"},
		{"plugin-prints-refused-token", address + ", " + execHub(program(`echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"`+secret+`"}}'`)), "", "Hub refused the credential"},
		{"proxy", address + ", token = var.secret, proxy_url = \"http://jane:" + "${var.secret}@127.0.0.1:1\"", secret, "Hub unreachable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorkspace(t, "variable \"secret\" {\n  type = string\n  ephemeral = true\n}\n"+oneEnvironment("hub = { "+test.hub+" }", "failing"))
			w.traced(map[string]string{"secret": test.value})
			output := w.fails(t, nil, "apply", "-auto-approve")
			if !strings.Contains(output, test.want) {
				t.Errorf("want it said: %s\n%s", test.want, output)
			}
			hidden.hidden(t, "what the engine printed", []byte(output))
			hidden.hiddenInFiles(t, w.dir)
		})
	}
}
