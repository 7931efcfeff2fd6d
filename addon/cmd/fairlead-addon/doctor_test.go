// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/doctor"
)

// TestDoctorRefuses checks that what is wrong with the command line or the
// kubeconfig is said, with the flag, and without secrets.
func TestDoctorRefuses(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", kubeconfig(t, "http://127.0.0.1:1")) // which is not looked at
	tests := []struct {
		name, reason string
		args         []string
		want         string
	}{
		{"argument", "it takes none", []string{"now"}, `unknown command "now" for "fairlead-addon doctor"`},
		{"output", "the allowed values are listed", []string{"--output=xml"}, `--output "xml": want text or json`},
		{"timeout", "nothing can be read in no time", []string{"--timeout=0s"}, "--timeout 0s: want a time greater than 0"},
		{"no kubeconfig", "there is no other place where it is looked for", nil, "no --kubeconfig was given and this is no pod of a cluster"},
		{"missing file", "flag and file are named", []string{"--kubeconfig=/does/not/exist"}, "--kubeconfig /does/not/exist: "},
		{"no such context", "it is named", []string{"--kubeconfig=" + kubeconfig(t, "http://127.0.0.1:1"), "--context=other"}, `context "other" does not exist`},
		{"unreachable hub", "its address is named", []string{"--kubeconfig=" + kubeconfig(t, "http://127.0.0.1:1")}, "connect to the hub http://127.0.0.1:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := run(t, append([]string{"doctor"}, test.args...)...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q, since %s", err, test.want, test.reason)
			}
			if err != nil && strings.Contains(err.Error()+out, "S3CR3T") {
				t.Errorf("a secret is told: %v", err)
			}
		})
	}
}

// TestDoctor checks what goes where: the report to standard output, progress to
// standard error, and an error only when something is broken.
func TestDoctor(t *testing.T) {
	answer, version := http.StatusNotFound, "v1.34.1"
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if request.URL.Path == "/version" {
			fmt.Fprintf(w, `{"gitVersion":%q}`, version)
			return
		}
		w.WriteHeader(answer)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d}`, map[int]string{404: "NotFound", 403: "Forbidden"}[answer], answer)
	}))
	defer hub.Close()
	config := kubeconfig(t, hub.URL)
	tests := []struct {
		name, reason, version string
		answer                int
		wantErr               string
		broken                bool
	}{
		{"not installed", "it is broken", "v1.34.1", http.StatusNotFound, "found 3 errors, 0 warnings, 1 note", true},
		{"no rights", "it is not known to be broken", "v1.34.1", http.StatusForbidden, "", false},
		{"too old", "that is seen without rights", "v1.20.0", http.StatusForbidden, "found 1 error, 0 warnings, 0 notes", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer, version = test.answer, test.version
			var out, progress bytes.Buffer
			command := newCommand()
			command.SetArgs([]string{"doctor", "--kubeconfig", config, "-o", "json"})
			command.SetOut(&out)
			command.SetErr(&progress)
			err := command.ExecuteContext(t.Context())
			if got := fmt.Sprint(err); (err != nil) != test.broken || test.broken && got != test.wantErr {
				t.Errorf("got error %v, want %q, since %s", err, test.wantErr, test.reason)
			}
			var report doctor.Report
			if err := json.Unmarshal(out.Bytes(), &report); err != nil {
				t.Fatalf("%v in %s", err, out.String())
			}
			if got := report.Count(doctor.Error) > 0; got != test.broken {
				t.Errorf("the report has errors: %t, want %t", got, test.broken)
			}
			if !strings.Contains(progress.String(), "reading applications.core.oam.dev\n") {
				t.Errorf("progress:\n%s", progress.String())
			}
		})
	}
}
