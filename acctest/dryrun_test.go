// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// renderedFolders hold what the tests render, in files that end in
// renderedSuffixes. What is refused there is text, not objects.
var (
	renderedFolders  = []string{"../addon/render/testdata", "../addon/cmd/fairlead-addon/testdata/render"}
	renderedSuffixes = []string{".golden", "golden.yaml"}
	refusedFolders   = []string{"../addon/render/testdata/errors", "../addon/render/testdata/refused"}
)

// rendered is an object that a test renders.
type rendered struct {
	place  string
	object *unstructured.Unstructured
}

// refusal is why the API server refuses an object that is rendered on purpose.
type refusal struct {
	// File and object, as FILE KIND/NAME, the file below its folder.
	object string
	// A part of what the API server says.
	says string
	// Why it is rendered nevertheless.
	reason string
}

// refusals are all objects that the API server does not take.
var refusals = []refusal{
	{"builtin/component/cron-task/older.golden CronJob/report", `version "batch/v1beta1"`, "it is for Kubernetes before 1.21"},
	{"builtin/trait/gateway/old.golden Ingress/web", `version "networking.k8s.io/v1beta1"`, "it is for Kubernetes before 1.19"},
	{"builtin/trait/ingress/old.golden Ingress/web", `version "networking.k8s.io/v1beta1"`, "it is for Kubernetes before 1.19"},
	{"builtin/trait/pure-ingress/old.golden Ingress/web", `version "networking.k8s.io/v1beta1"`, "it is for Kubernetes before 1.19"},
	{"builtin/trait/hpa/v2beta2.golden HorizontalPodAutoscaler/web", `version "autoscaling/v2beta2"`, "it is for Kubernetes before 1.23"},
}

// knownWarnings are parts of what the API server may say beside taking an object.
var knownWarnings = []string{
	`annotation "kubernetes.io/ingress.class" is deprecated`, // which older ingress controllers look for
}

// TestDryRun gives every object that the tests of the engine render to a real
// API server, with strict field validation, in dry-run mode: what is delivered
// must not be refused.
func TestDryRun(t *testing.T) {
	plane := sharedHub(t)
	objects := renderedObjects(t)
	if len(objects) < 100 {
		t.Fatalf("only %d objects were found", len(objects))
	}
	createNamespaces(t, plane, objects)
	run := newDryRun(t, plane)
	refused := make([]error, len(objects))
	var group sync.WaitGroup
	room := make(chan struct{}, 8)
	for i, o := range objects {
		group.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			refused[i] = run.create(t, o.object)
		})
	}
	group.Wait()
	expected := map[string]bool{}
	for i, o := range objects {
		wanted, known := refusalOf(o.place)
		expected[wanted.object] = known
		switch {
		case !known && refused[i] != nil:
			t.Errorf("%s is refused: %v", o.place, refused[i])
		case known && (refused[i] == nil || !strings.Contains(refused[i].Error(), wanted.says)):
			t.Errorf("%s: got %v, want an error with %q, since %s", o.place, refused[i], wanted.says, wanted.reason)
		}
	}
	for _, r := range refusals {
		if !expected[r.object] {
			t.Errorf("%s is in the list of what is refused, and no test renders it: take it out", r.object)
		}
	}
}

func refusalOf(place string) (refusal, bool) {
	at := slices.IndexFunc(refusals, func(r refusal) bool { return r.object == place })
	if at < 0 {
		return refusal{}, false
	}
	return refusals[at], true
}

// renderedObjects are the objects in all golden files.
func renderedObjects(t *testing.T) []rendered {
	t.Helper()
	var out []rendered
	for _, folder := range renderedFolders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && slices.Contains(refusedFolders, filepath.ToSlash(path)) {
				return fs.SkipDir
			}
			if entry.IsDir() || !slices.ContainsFunc(renderedSuffixes, func(s string) bool { return strings.HasSuffix(path, s) }) {
				return nil
			}
			found, err := readRendered(folder, path)
			out = append(out, found...)
			return err
		})
		if err != nil {
			t.Fatalf("read what is rendered in %s: %v", folder, err)
		}
	}
	return out
}

func readRendered(folder, path string) ([]rendered, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	documents, err := definition.ReadDocuments(path, content)
	if err != nil {
		return nil, err
	}
	below, err := filepath.Rel(folder, path)
	if err != nil {
		return nil, err
	}
	out := make([]rendered, 0, len(documents))
	for _, d := range documents {
		object := &unstructured.Unstructured{Object: d.Object}
		out = append(out, rendered{place: fmt.Sprintf("%s %s/%s", filepath.ToSlash(below), object.GetKind(), object.GetName()), object: object})
	}
	return out, nil
}

// createNamespaces makes the namespaces that the objects are in.
func createNamespaces(t *testing.T, plane *cluster.ControlPlane, objects []rendered) {
	t.Helper()
	client, err := kubernetes.NewForConfig(plane.RESTConfig())
	if err != nil {
		t.Fatalf("make a client of the hub: %v", err)
	}
	made := map[string]bool{"": true}
	for _, o := range objects {
		name := o.object.GetNamespace()
		if made[name] {
			continue
		}
		made[name] = true
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("make the namespace of %s: %v", o.place, err)
		}
	}
}

// dryRun creates objects without keeping them.
type dryRun struct {
	client dynamic.Interface
	mapper meta.RESTMapper
}

func newDryRun(t *testing.T, plane *cluster.ControlPlane) dryRun {
	t.Helper()
	config := plane.RESTConfig()
	config.WarningHandlerWithContext = warnings{t}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatalf("make a client of the hub: %v", err)
	}
	finder, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatalf("make a client of the hub: %v", err)
	}
	groups, err := restmapper.GetAPIGroupResources(finder)
	if err != nil {
		t.Fatalf("ask the hub what it serves: %v", err)
	}
	return dryRun{client: client, mapper: restmapper.NewDiscoveryRESTMapper(groups)}
}

func (d dryRun) create(t *testing.T, object *unstructured.Unstructured) error {
	t.Helper()
	kind := object.GroupVersionKind()
	mapping, err := d.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	namespace := object.GetNamespace()
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace && namespace != "" {
		return fmt.Errorf("%s is not of any namespace, and has one", kind)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace && namespace == "" {
		namespace = metav1.NamespaceDefault // of what is rendered for an open target
	}
	options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
	_, err = d.client.Resource(mapping.Resource).Namespace(namespace).Create(t.Context(), object, options)
	return err
}

// warnings fails a test for what the API server warns of.
type warnings struct {
	t *testing.T
}

func (w warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	if !slices.ContainsFunc(knownWarnings, func(known string) bool { return strings.Contains(text, known) }) {
		w.t.Errorf("the API server warns: %s", text)
	}
}
