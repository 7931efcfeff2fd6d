// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/account"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", path, diff)
	}
}

func deployment(namespace, environment string, replicas *int32, ready int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "web",
			Labels: map[string]string{"fairlead.dev/environment": environment, "workload.oam.dev/type": "webservice"},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: replicas,
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: "shop:1"}}}},
		},
		Status: appsv1.DeploymentStatus{ReadyReplicas: ready},
	}
}

func TestWorkloadTable(t *testing.T) {
	t.Parallel()
	two := int32(2)
	golden(t, "workloads.golden", workloadTable([]workload{
		newWorkload("cluster2", deployment("shop-prod", "prod", &two, 1)),
		newWorkload("local", deployment("shop-dev", "dev", nil, 1)),
		newWorkload("cluster1", deployment("shop-prod", "prod", &two, 2)),
	})+"\n")
}

func TestFolderName(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ reason, name, want string }{
		"Port":   {"a colon does not belong into a path", "127.0.0.1:6443", "127.0.0.1_6443"},
		"Path":   {"a proxy in front of many clusters tells them apart by path", "example.com/k8s/c-1", "example.com_k8s_c-1"},
		"Slash":  {"it names the same cluster", "example.com/", "example.com"},
		"Climb":  {"nothing leads out of the folder", "../..", ".._.."},
		"Braces": {"an IPv6 address", "[::1]:6443", "___1__6443"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, folderName(c.name)); diff != "" {
				t.Errorf("%s: folderName(%q): -want +got:\n%s", c.reason, c.name, diff)
			}
		})
	}
}

func TestLockIsExclusive(t *testing.T) {
	t.Parallel()
	l := layout{dir: filepath.Join(t.TempDir(), "demo")}
	unlock, err := l.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.lock(); !errors.Is(err, errBusy) {
		t.Errorf("second lock: want errBusy, got %v", err)
	}
	unlock()
	again, err := l.lock()
	if err != nil {
		t.Fatalf("lock after unlock: %v", err)
	}
	again()
}

func TestDownWithoutDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := layout{dir: filepath.Join(t.TempDir(), "demo")}
	if err := down(t.Context(), l, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("There is no demo to take down.\n", out.String()); diff != "" {
		t.Errorf("down: -want +got:\n%s", diff)
	}
	if _, err := os.Stat(l.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("down made a folder: %v", err)
	}
}

func TestDownRemovesHalfADemo(t *testing.T) {
	t.Parallel()
	l := layout{dir: filepath.Join(t.TempDir(), "demo")}
	if err := os.MkdirAll(l.clusters(), privateDir); err != nil {
		t.Fatal(err)
	}
	if err := down(t.Context(), l, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(l.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("down left files: %v", err)
	}
}

func TestRunNeedsKubeconfig(t *testing.T) {
	t.Parallel()
	_, err := hubFlags{}.hub()
	if err == nil || !strings.Contains(err.Error(), "make run KUBECONFIG=") {
		t.Errorf("want an error with the remedy, got %v", err)
	}
}

func TestFolderOfHub(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	content := `{"apiVersion":"v1","kind":"Config","current-context":"a","clusters":[{"name":"a","cluster":{"server":"https://hub.example.com:6443"}}],` +
		`"contexts":[{"name":"a","context":{"cluster":"a","user":"a"}}],"users":[{"name":"a","user":{}}]}`
	if err := os.WriteFile(path, []byte(content), privateFile); err != nil {
		t.Fatal(err)
	}
	got, err := layout{dir: "/run"}.forHub(account.Hub{Kubeconfig: path})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("/run/hub.example.com_6443", got.dir); diff != "" {
		t.Errorf("folder of the hub: -want +got:\n%s", diff)
	}
}

func TestManagerRecordIsKept(t *testing.T) {
	t.Parallel()
	l := layout{dir: t.TempDir()}
	if diff := cmp.Diff(managerRecord{}, readManagerRecord(l)); diff != "" {
		t.Errorf("record of no manager: -want +got:\n%s", diff)
	}
	want := managerRecord{Digest: "d", Server: "s", Health: "h", Metrics: "m"}
	if err := want.write(l); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, readManagerRecord(l)); diff != "" {
		t.Errorf("record: -want +got:\n%s", diff)
	}
	if err := os.WriteFile(l.managerRecord(), []byte(`{"digest":`), privateFile); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(managerRecord{}, readManagerRecord(l)); diff != "" {
		t.Errorf("half a record must count as none: -want +got:\n%s", diff)
	}
}

func TestFreeAddressesDiffer(t *testing.T) {
	t.Parallel()
	addresses, err := freeAddresses(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, address := range addresses {
		seen[address] = true
	}
	if len(seen) != 3 {
		t.Errorf("want 3 different addresses, got %v", addresses)
	}
}

func TestRenameProvider(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ reason, in, want string }{
		"OpenTofu": {
			"the engine's host does not matter",
			`{"format_version":"1.0","provider_schemas":{"registry.opentofu.org/fairlead-io/fairlead":{"a":1}}}`,
			`{"format_version":"1.0","provider_schemas":{"fairlead":{"a":1,"action_schemas":{"x":{"block":{"attributes":null,"description_kind":"markdown"}}}}}}`,
		},
		"Two":     {"which one is meant is not clear", `{"provider_schemas":{"a":{},"b":{}}}`, ""},
		"None":    {"nothing could be documented", `{}`, ""},
		"NotJSON": {"engines print warnings at times", `Warning`, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := renameProvider([]byte(c.in), map[string]actionSchema{"x": {Block: actionBlock{DescriptionKind: "markdown"}}})
			if (c.want == "") != (err != nil) {
				t.Errorf("%s: error %v", c.reason, err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
		})
	}
}
