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
		secrets []string
		known   bool
	}{
		// So that the search is seen to find one.
		{"plain-token", address + "    token = var.plain\n", []string{"TF_VAR_plain=" + token}, []string{token}, true},
		{"environment", address, []string{"KUBE_TOKEN=" + token}, []string{token}, false},
		{"token_path", address + fmt.Sprintf("    token_path = %q\n", tokenPath), nil, []string{token}, false},
		{"exec", address + "    " + execHub(program) + "\n", nil, []string{token}, false},
		{"ephemeral-token", address + "    token = var.secret\n", []string{"TF_VAR_secret=" + token}, []string{token}, false},
		{"ephemeral-kubeconfig", "    kubeconfig = var.secret\n", []string{"TF_VAR_secret=" + content}, []string{token}, false},
		{"key", address, []string{"FAIRLEAD_CLIENT_CERTIFICATE=" + string(config.CertData), "FAIRLEAD_CLIENT_KEY=" + string(config.KeyData)},
			[]string{strings.Split(string(config.KeyData), "\n")[1], base64.StdEncoding.EncodeToString(config.KeyData)}, false},
		{"proxy", address, []string{"KUBE_TOKEN=" + token, "KUBE_PROXY_URL=" + strings.Replace(proxy.URL(), "http://", "http://jane:SECRET-CANARY@", 1)}, []string{token, "SECRET-CANARY"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name := "secret-" + strings.ReplaceAll(test.name, "_", "-")
			w := newWorkspace(t, variables+fmt.Sprintf("provider \"fairlead\" {\n  hub = {\n%s  }\n}\nresource \"fairlead_environment\" \"this\" {\n  name = %q\n}\n", test.hub, name))
			log := filepath.Join(w.dir, "trace.log")
			env := append([]string{"TF_VAR_secret=", "TF_VAR_plain=", "TF_LOG=TRACE", "TF_LOG_PATH=" + log}, test.env...)
			output := w.run(t, env, "plan", "-out=plan") + w.run(t, env, "apply", "plan") + w.run(t, env, "plan")
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
