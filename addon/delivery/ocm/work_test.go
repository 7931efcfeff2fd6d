// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// readable is a work as its author would write it: manifests as objects.
func readable(t *testing.T, work *workv1.ManifestWork) map[string]any {
	t.Helper()
	raw, err := json.Marshal(work)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	delete(object, "status")
	return object
}

// TestWorks pins the works byte for byte: a change of one rewrites it on every
// cluster of every fleet when the addon is upgraded.
func TestWorks(t *testing.T) {
	rendered, err := render.New(definition.Builtin()).Render(
		render.Context{AppName: "store", AppNamespace: "shop", TargetNamespace: "shop-prod", Environment: "prod", Cluster: "c1", AppRevision: "store-v1"},
		render.Component{
			Name: "web", Type: "webservice",
			Properties: map[string]any{"image": "nginx:1", "ports": []any{map[string]any{"port": int64(80), "expose": true}}},
			Traits:     []render.Trait{{Type: "scaler", Properties: map[string]any{"replicas": int64(3)}}},
		})
	if err != nil {
		t.Fatal(err)
	}
	adopted, annotated := tenant, tenant
	adopted.Create = false
	annotated.Annotations = map[string]string{"a": "b"}
	equipped := tenant
	equipped.Objects = []map[string]any{
		{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": map[string]any{"name": "small", "namespace": "shop-prod"}, "spec": map[string]any{"hard": map[string]any{"cpu": "1"}}},
		{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "registry", "namespace": "shop-prod"}, "type": "kubernetes.io/dockerconfigjson"},
	}
	tests := []struct {
		file string
		make func() (*workv1.ManifestWork, error)
	}{
		{"work-plain.yaml", func() (*workv1.ManifestWork, error) {
			return applicationWork(unit(deployment("web", "nginx:1"), service("web")))
		}},
		{"work-webservice.yaml", func() (*workv1.ManifestWork, error) {
			return applicationWork(delivery.Unit{Owner: owner, Component: "web", Place: place, Result: rendered})
		}},
		{"tenant.yaml", func() (*workv1.ManifestWork, error) { return wholeTenant(new(Digests), annotated) }},
		{"tenant-objects.yaml", func() (*workv1.ManifestWork, error) { return wholeTenant(new(Digests), equipped) }},
		{"tenant-not-created.yaml", func() (*workv1.ManifestWork, error) { return wholeTenant(new(Digests), adopted) }},
		{"roles.yaml", func() (*workv1.ManifestWork, error) {
			return wholeRoles("c1", *role("big", "secrets"), *role("fairlead-deployer", "pods"))
		}},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			first, err := test.make()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, test.file, readable(t, first))
			second, err := test.make()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(readable(t, first), readable(t, second)); diff != "" {
				t.Errorf("made again it differs (-first +second):\n%s", diff)
			}
		})
	}
}

// TestWorksAreSafe checks what security rests on, independent of the goldens.
func TestWorksAreSafe(t *testing.T) {
	application, err := applicationWork(unit(deployment("web", "nginx:1")))
	if err != nil {
		t.Fatal(err)
	}
	account := application.Spec.Executor.Subject.ServiceAccount
	if account.Namespace != "shop-prod" || account.Name != v1alpha1.DeployerAccount {
		t.Errorf("an application's work acts as %s/%s, want the target namespace's deployer", account.Namespace, account.Name)
	}
	for _, config := range application.Spec.ManifestConfigs {
		if !config.UpdateStrategy.ServerSideApply.Force || !strings.HasPrefix(config.UpdateStrategy.ServerSideApply.FieldManager, "work-agent") {
			t.Errorf("%v: hand edits would stay, or OCM would refuse the manager %q", config.ResourceIdentifier, config.UpdateStrategy.ServerSideApply.FieldManager)
		}
		if len(config.UpdateStrategy.ServerSideApply.IgnoreFields) > 0 {
			t.Errorf("%v: ignored fields switch repair off for the whole object", config.ResourceIdentifier)
		}
	}
	made, err := wholeTenant(new(Digests), tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, manifest := range made.Spec.Workload.Manifests {
		var object map[string]any
		if err := json.Unmarshal(manifest.Raw, &object); err != nil {
			t.Fatal(err)
		}
		if kind := object["kind"]; kind != "Namespace" && kind != "ServiceAccount" && kind != "RoleBinding" {
			t.Errorf("a work without executor holds a %s", kind)
		}
	}
}

// TestIdentify checks the resources of kinds: by them an agent finds how to write an object.
func TestIdentify(t *testing.T) {
	for kind, want := range map[string]string{
		"Deployment": "deployments", "NetworkPolicy": "networkpolicies", "Gateway": "gateways", "Ingress": "ingresses", "Endpoints": "endpoints",
	} {
		if got := identify(map[string]any{"apiVersion": "a/v1", "kind": kind}).Resource; got != want {
			t.Errorf("%s: resource %q, want %q", kind, got, want)
		}
	}
}

// TestStripWork checks that the cache keeps no payload, and sees every edit.
func TestStripWork(t *testing.T) {
	fresh := func() *workv1.ManifestWork {
		work, err := applicationWork(unit(deployment("web", "S3CR3T"), service("web")))
		if err != nil {
			t.Fatal(err)
		}
		return work
	}
	strip := func(work *workv1.ManifestWork) *workv1.ManifestWork {
		t.Helper()
		stripped, err := new(Digests).stripWork(work)
		if err != nil {
			t.Fatal(err)
		}
		return stripped.(*workv1.ManifestWork)
	}
	stripped := strip(fresh())
	raw, err := json.Marshal(stripped)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "S3CR3T") || stripped.ManagedFields != nil || len(stripped.Spec.ManifestConfigs) > 0 {
		t.Errorf("payload is left: %s", raw)
	}
	if diff := cmp.Diff(identities(fresh()), identities(stripped)); diff != "" {
		t.Errorf("identities (-whole +stripped):\n%s", diff)
	}
	if !sameWork(fresh(), stripped, fresh().Annotations[v1alpha1.AnnotationHash]) {
		t.Error("an untouched work counts as changed")
	}
	if diff := cmp.Diff(stripped, strip(stripped)); diff != "" {
		t.Errorf("stripping twice changes it (-once +twice):\n%s", diff)
	}
	edits := map[string]func(*workv1.ManifestWork){
		"a manifest":           func(w *workv1.ManifestWork) { w.Spec.Workload.Manifests[0].Raw = []byte(`{"kind":"Pod"}`) },
		"a value deep inside":  func(w *workv1.ManifestWork) { replaceRaw(w, `"replicas":2`, `"replicas":3`) },
		"a manifest less":      func(w *workv1.ManifestWork) { w.Spec.Workload.Manifests = w.Spec.Workload.Manifests[:1] },
		"no manifests":         func(w *workv1.ManifestWork) { w.Spec.Workload.Manifests = nil },
		"executor":             func(w *workv1.ManifestWork) { w.Spec.Executor = nil },
		"delete option":        func(w *workv1.ManifestWork) { w.Spec.DeleteOption.PropagationPolicy = "Orphan" },
		"update strategy":      func(w *workv1.ManifestWork) { w.Spec.ManifestConfigs[0].UpdateStrategy.Type = "CreateOnly" },
		"feedback":             func(w *workv1.ManifestWork) { w.Spec.ManifestConfigs[0].FeedbackRules = nil },
		"an owner":             func(w *workv1.ManifestWork) { w.OwnerReferences = append(w.OwnerReferences, ownerReference()) },
		"the digest":           func(w *workv1.ManifestWork) { w.Annotations[v1alpha1.AnnotationHash] = "x" },
		"no digest":            func(w *workv1.ManifestWork) { w.Annotations = nil },
		"a label of ours":      func(w *workv1.ManifestWork) { w.Labels[v1alpha1.LabelEnvironment] = "dev" },
		"what is no JSON":      func(w *workv1.ManifestWork) { w.Spec.Workload.Manifests[0].Raw = []byte(`{`) },
		"edit with old digest": func(w *workv1.ManifestWork) { forge(w); w.Spec.Executor = nil },
	}
	for name, edit := range edits {
		work := fresh()
		edit(work)
		if sameWork(fresh(), strip(work), fresh().Annotations[v1alpha1.AnnotationHash]) {
			t.Errorf("%s: the edit does not show", name)
		}
	}
}

// forge claims, in the way of the annotations that the API server admits, that
// the cache has looked at the work already.
func forge(work *workv1.ManifestWork) {
	for _, key := range []string{"fairlead.dev/observed-hash", "fairlead.dev/observed.hash", "fairlead.dev/observed"} {
		work.Annotations[key] = work.Annotations[v1alpha1.AnnotationHash]
	}
}

// TestObservedDigestCannotBeForged checks the key itself: an annotation that the
// API server admits could be set by a cluster's agent.
func TestObservedDigestCannotBeForged(t *testing.T) {
	if problems := qualifiedNameProblems(observedDigest); len(problems) == 0 {
		t.Errorf("the API server admits an annotation %q", observedDigest)
	}
}

func replaceRaw(work *workv1.ManifestWork, before, after string) {
	raw := &work.Spec.Workload.Manifests[0].Raw
	*raw = []byte(strings.Replace(string(*raw), before, after, 1))
}

func TestBounded(t *testing.T) {
	tests := []struct {
		name, reason, text, want string
	}{
		{"plain", "stays", "a b", "a b"},
		{"lines", "a message is one line", "a\nb\r\x00\x7fc", "a b   c"},
		{"not UTF-8", "the API server would refuse it", "a\xffb", "a?b"},
		{"long", "it is cut", strings.Repeat("x", 1<<20), strings.Repeat("x", 509) + "..."},
		{"cut inside a character", "no half character is left", strings.Repeat("x", 508) + "é" + "yyyy", strings.Repeat("x", 508) + "..."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, bounded(test.text)); diff != "" {
				t.Errorf("(-want +got), since %s:\n%s", test.reason, diff)
			}
			if again := bounded(bounded(test.text)); again != test.want {
				t.Errorf("bounded twice: got %q, want it as it was", again)
			}
		})
	}
	if got := short(strings.Repeat("é", 100)); got != strings.Repeat("é", 31) {
		t.Errorf("short: got %q (%d bytes)", got, len(got))
	}
}
