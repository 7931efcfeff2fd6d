// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

var update = flag.Bool("update", false, "write the golden files")

// run runs the command line and returns what it printed and how it ended.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	command := newCommand()
	command.SetArgs(args)
	command.SetOut(&out)
	command.SetErr(&out)
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

func TestHelp(t *testing.T) {
	for file, args := range map[string][]string{
		"help.txt": {"--help"}, "help-manager.txt": {"manager", "--help"}, "help-definition.txt": {"definition", "--help"}, "help-doctor.txt": {"doctor", "--help"},
		"help-definition-list.txt": {"definition", "list", "--help"}, "help-definition-show.txt": {"definition", "show", "--help"}, "help-definition-vet.txt": {"definition", "vet", "--help"},
	} {
		got, err := run(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", file)
		if *update {
			if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(got), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s\nIf the change is meant, run the test with -update.", path, diff)
		}
	}
	if got, err := run(t, "--version"); err != nil || !strings.Contains(got, version) {
		t.Errorf("--version: %q, %v", got, err)
	}
}

// kubeconfig writes a kubeconfig with one context for a server.
func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub.kubeconfig")
	content := `{"apiVersion":"v1","kind":"Config","current-context":"hub",
"clusters":[{"name":"hub","cluster":{"server":"` + server + `"}}],
"users":[{"name":"me","user":{"token":"S3CR3T"}}],
"contexts":[{"name":"hub","context":{"cluster":"hub","user":"me"}}]}`
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestManagerRefuses checks that what is wrong with the command line or the
// kubeconfig is said, with the flag, and without secrets.
func TestManagerRefuses(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", kubeconfig(t, "http://127.0.0.1:1")) // which is not looked at
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`))
	}))
	defer refusing.Close()
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("S3CR3T: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, reason string
		args         []string
		want         string
	}{
		{"unknown flag", "it is named", []string{"--kubconfig=x"}, "unknown flag: --kubconfig"},
		{"argument", "it takes none", []string{"now"}, `unknown command "now" for "fairlead-addon manager"`},
		{"no number", "the flag is named", []string{"--concurrency=many"}, `invalid argument "many" for "--concurrency"`},
		{"level", "the allowed values are listed", []string{"--log-level=loud"}, `--log-level "loud": want trace, debug, info, warn or error`},
		{"off", "a manager that says nothing helps nobody", []string{"--log-level=off"}, `--log-level "off": want trace, debug, info, warn or error`},
		{"format", "the allowed values are listed", []string{"--log-format=xml"}, `--log-format "xml": want json or text`},
		{"no kubeconfig", "there is no other place where it is looked for", nil, "no --kubeconfig was given and this is no pod of a cluster"},
		{"missing file", "flag and file are named", []string{"--kubeconfig=/does/not/exist"}, "--kubeconfig /does/not/exist: "},
		{"broken file", "flag and file are named", []string{"--kubeconfig=" + broken}, "--kubeconfig " + broken + ": "},
		{"no such context", "it is named", []string{"--kubeconfig=" + kubeconfig(t, "http://127.0.0.1:1"), "--context=other"}, `context "other" does not exist`},
		{"unreachable hub", "its address is named", []string{"--kubeconfig=" + kubeconfig(t, "http://127.0.0.1:1")}, "connect to the hub http://127.0.0.1:1"},
		{"wrong credential", "the hub's word is passed on", []string{"--kubeconfig=" + kubeconfig(t, refusing.URL)}, "connect to the hub " + refusing.URL},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"manager", "--health-probe-bind-address=0", "--metrics-bind-address=0", "--leader-elect=false"}, test.args...)
			out, err := run(t, args...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q, since %s", err, test.want, test.reason)
			}
			if err != nil && strings.Contains(err.Error()+out, "S3CR3T") {
				t.Errorf("a secret is told: %v", err)
			}
		})
	}
}

// TestDefaults pins what a manager does without flags.
func TestDefaults(t *testing.T) {
	set := newManagerCommand().Flags()
	want := map[string]string{
		"kubeconfig": "", "context": "", "health-probe-bind-address": ":8081", "metrics-bind-address": ":8443",
		"metrics-secure": "true", "leader-elect": "true", "concurrency": "16", "log-level": "info", "log-format": "json",
	}
	for name, value := range want {
		found := set.Lookup(name)
		if found == nil || found.DefValue != value {
			t.Errorf("flag %s: got %+v, want %q", name, found, value)
		}
	}
}

// TestLog checks how controller-runtime's verbosity, names, values and errors
// reach the log.
func TestLog(t *testing.T) {
	tests := []struct {
		level hclog.Level
		want  []string
	}{
		{hclog.Error, []string{"error failed"}},
		{hclog.Info, []string{"info at 0", "info below 0", "error failed"}},
		{hclog.Debug, []string{"info at 0", "info below 0", "debug at 1", "error failed"}},
		{hclog.Trace, []string{"info at 0", "info below 0", "debug at 1", "trace at 2", "trace at 6", "error failed"}},
	}
	for _, test := range tests {
		var out bytes.Buffer
		log := logrFrom(hclog.New(&hclog.LoggerOptions{Name: "addon", Level: test.level, Output: &out, JSONFormat: true}))
		log.V(0).Info("at 0")
		log.V(-3).Info("below 0")
		log.V(1).Info("at 1")
		log.V(2).Info("at 2")
		log.V(6).Info("at 6")
		log.V(8).Info("at 8, as client-go logs what Secrets hold")
		log.Error(errors.New("no"), "failed")
		var got []string
		for line := range strings.Lines(out.String()) {
			var entry map[string]any
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			got = append(got, entry["@level"].(string)+" "+entry["@message"].(string))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("level %s (-want +got):\n%s", test.level, diff)
		}
		if log.V(2).Enabled() != (test.level == hclog.Trace) {
			t.Errorf("level %s: verbosity 2 enabled %t", test.level, log.V(2).Enabled())
		}
	}
}

func TestLogValues(t *testing.T) {
	var out bytes.Buffer
	log := logrFrom(hclog.New(&hclog.LoggerOptions{Name: "addon", Level: hclog.Info, Output: &out, JSONFormat: true, DisableTime: true}))
	values := make([]any, 2, 8) // room that an append could write into
	values[0], values[1] = "a", 1
	log.WithName("controller").WithValues("app", "store").Error(errors.New("no"), "failed", values...)
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"@level": "error", "@message": "failed", "@module": "addon.controller", "a": 1.0, "app": "store", "error": "no"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rest := values[2:8]; rest[0] != nil || rest[1] != nil {
		t.Errorf("the caller's values were written over: %v", rest)
	}
}

// TestLimitMemory checks that limits which the user set stay.
func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	percent := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetMemoryLimit(before); debug.SetGCPercent(percent) })
	for _, test := range []struct {
		reason, limit, gogc string
		want                int64
		wantPercent         int
	}{
		{"the user's limits are kept", "1GiB", "70", before, 100},
		{"the limit is the user's, the percentage ours", "1GiB", "", before, gcPercent},
		{"both are ours", "", "", memoryLimit, gcPercent},
	} {
		t.Setenv("GOMEMLIMIT", test.limit)
		t.Setenv("GOGC", test.gogc)
		debug.SetMemoryLimit(before)
		debug.SetGCPercent(100)
		limitMemory()
		if got, gotPercent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100); got != test.want || gotPercent != test.wantPercent {
			t.Errorf("limit %d, percentage %d, want %d and %d: %s", got, gotPercent, test.want, test.wantPercent, test.reason)
		}
	}
}
