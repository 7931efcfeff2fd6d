// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

// canaries are texts that must not show, by what they stand for.
type canaries map[string]string

// in says what of them a content shows, in clear or in base64, and what stands before that.
func (c canaries) in(content []byte) []string {
	const before = 200
	var found []string
	for what, text := range c {
		for _, form := range append(inBase64(text), text) {
			if i := bytes.Index(content, []byte(form)); i >= 0 {
				found = append(found, fmt.Sprintf("%q, after %q", what, content[max(0, i-before):i]))
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

// inBase64 is how a text looks within something that is encoded, of which it may begin at any byte.
func inBase64(text string) []string {
	var forms []string
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, offset), text...))
		// The characters at both ends hold bits of what stands beside.
		forms = append(forms, encoded[(offset*8+5)/6:(offset+len(text))*8/6])
	}
	return forms
}

// hidden fails the test when a content shows one. An empty content proves nothing.
func (c canaries) hidden(t *testing.T, where string, content []byte) {
	t.Helper()
	if len(content) == 0 {
		t.Errorf("%s is empty", where)
	}
	for _, what := range c.in(content) {
		t.Errorf("%s shows the canary %s", where, what)
	}
}

// hiddenInFiles searches all files below a folder.
func (c canaries) hiddenInFiles(t *testing.T, folder string) {
	t.Helper()
	found := everything(t, folder)
	if len(found) == 0 {
		t.Errorf("there are no files in %s", folder)
	}
	for name, content := range found {
		for _, what := range c.in(content) {
			t.Errorf("%s in %s shows the canary %s", name, folder, what)
		}
	}
}

// hiddenInObjects searches every object of every kind of a control plane, or what seen leaves of it.
func (c canaries) hiddenInObjects(t *testing.T, plane *cluster.ControlPlane, seen func(*unstructured.Unstructured) *unstructured.Unstructured) {
	t.Helper()
	kinds := 0
	everyObject(t, plane, func(resource string, live *unstructured.Unstructured) {
		kinds++
		if live = seen(live); live == nil {
			return
		}
		content, err := live.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range c.in(content) {
			t.Errorf("%s %s/%s of %s shows the canary %s", resource, live.GetNamespace(), live.GetName(), plane.Name, what)
		}
	})
	if kinds < 100 {
		t.Errorf("searched %d objects of %s only", kinds, plane.Name)
	}
}

// everyObject calls found for every object of every kind of a control plane.
func everyObject(t *testing.T, plane *cluster.ControlPlane, found func(resource string, live *unstructured.Unstructured)) {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(plane.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	lists, err := client.ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	objects := hubObjects(t, plane)
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			if !slices.Contains(resource.Verbs, "list") {
				continue
			}
			live, err := objects.Resource(version.WithResource(resource.Name)).List(t.Context(), metav1.ListOptions{})
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				continue // its CRD goes just now
			}
			if err != nil {
				t.Fatalf("list %s: %v", resource.Name, err)
			}
			for i := range live.Items {
				found(resource.Name, &live.Items[i])
			}
		}
	}
}

// withoutSecrets leaves out what Secrets hold, and what works carry to clusters.
func withoutSecrets(live *unstructured.Unstructured) *unstructured.Unstructured {
	switch live.GetKind() {
	case "Secret":
		unstructured.RemoveNestedField(live.Object, "data")
	case "ManifestWork":
		unstructured.RemoveNestedField(live.Object, "spec", "workload")
	}
	return live
}

// withoutSpec leaves what nobody asked for: metadata, conditions, events.
func withoutSpec(live *unstructured.Unstructured) *unstructured.Unstructured {
	delete(live.Object, "spec")
	return live
}

// everything is the content of all files below a folder, archives unpacked.
func everything(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if found[name], err = os.ReadFile(path); err != nil {
			return err
		}
		return unpack(name, found)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// unpack adds what the file of that name holds if it is an archive.
func unpack(name string, found map[string][]byte) error {
	archive, err := zip.NewReader(bytes.NewReader(found[name]), int64(len(found[name])))
	if err != nil {
		return nil // it is none
	}
	for _, entry := range archive.File {
		reader, err := entry.Open()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			return err
		}
		found[name+"/"+entry.Name] = content
	}
	return nil
}

// talkative is the fleet while its manager tells all that it can: in its log, and as metrics.
type talkative struct {
	*fleet
	address string
}

// talk starts the manager anew so that it tells all, until the end of the test.
func (f *fleet) talk(t *testing.T) talkative {
	t.Helper()
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.restart(t, raceDetector, "--log-level=trace", "--metrics-secure=false", "--metrics-bind-address="+address)
	t.Cleanup(func() { f.restart(t, raceDetector) })
	return talkative{fleet: f, address: address}
}

// restart ends the manager and starts it, with the race detector in it or without, with arguments beside the usual ones.
func (f *fleet) restart(t *testing.T, race bool, args ...string) {
	t.Helper()
	binary := binaries.path(t, race)
	if err := f.manager.stop(); err != nil {
		t.Fatalf("stop the manager: %v", err)
	}
	m, err := startManager(context.Background(), f.env.Hub(), binary, f.env.Dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	f.manager = m
}

// told are the log and the metrics of the manager.
func (f talkative) told(t *testing.T) map[string][]byte {
	t.Helper()
	log, err := os.ReadFile(f.manager.logPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte(`"trace"`)) {
		t.Error("the manager's log has no line of the level trace")
	}
	response, err := http.Get("http://" + f.address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"the manager's log": log, "the manager's metrics": metrics}
}
