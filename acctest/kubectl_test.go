// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// manifest is the application as a person writes it for kubectl.
func (s shop) manifest() *unstructured.Unstructured {
	return object(strings.NewReplacer("NAME", s.name, "IMAGE", s.image).Replace(`{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "NAME", "namespace": "NAME"},
		"spec": {
			"components": [{
				"name": "web", "type": "webservice",
				"properties": {"image": "IMAGE", "ports": [{"port": 9898, "expose": true}], "env": [{"name": "DB_HOST", "value": "db.NAME.internal"}]},
				"traits": [{"type": "labels", "properties": {"team": "shop"}}, {"type": "scaler", "properties": {"replicas": 2}}]
			}],
			"policies": [
				{"name": "env-NAME-dev", "type": "environment", "properties": {"environment": "NAME-dev"}},
				{"name": "env-NAME-prod", "type": "environment", "properties": {"environment": "NAME-prod"}}
			]
		}
	}`))
}

// TestKubectlDeliversTheSame writes the same application by terraform, by a server-side apply and by a create: works and
// objects are the same, byte by byte.
func TestKubectlDeliversTheSame(t *testing.T) {
	f := sharedFleet(t)
	s := shop{name: "kubectl", image: "nginx:1"}
	var byTerraform map[string]string
	apps := f.on(t, v1alpha1.LocalCluster, applications).Namespace(s.name)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             f.leavesNothing(t),
		Steps: []resource.TestStep{
			{
				Config: s.whole(f),
				Check: resource.ComposeAggregateTestCheckFunc(s.runs(t, f, s.everywhere()...), func(*terraform.State) error {
					byTerraform = s.snapshot(t, f)
					return nil
				}),
			},
			{
				Config: withProvider(f.env.Hub(), s.environments()),
				Check: resource.ComposeTestCheckFunc(
					s.writtenBy(t, f, &byTerraform, func() error {
						_, err := apps.Apply(t.Context(), s.name, s.manifest(), metav1.ApplyOptions{FieldManager: "kubectl"})
						return err
					}),
					s.writtenBy(t, f, &byTerraform, func() error {
						_, err := apps.Create(t.Context(), s.manifest(), metav1.CreateOptions{FieldManager: "kubectl-create"})
						return err
					}),
				),
			},
		},
	})
}

// writtenBy writes the application in some way, compares what is delivered with what should be, and deletes the application.
func (s shop) writtenBy(t *testing.T, f *fleet, want *map[string]string, write func() error) resource.TestCheckFunc {
	return func(*terraform.State) error {
		apps := f.on(t, v1alpha1.LocalCluster, applications).Namespace(s.name)
		if err := write(); err != nil {
			return err
		}
		// It runs before it is ready: a work is written once more when its cluster has said that no object was there before.
		if err := waitUntil(patience, "the application to be ready", func() error {
			ready := conditionOf(f.get(t, v1alpha1.LocalCluster, applications, s.name, s.name), v1alpha1.ConditionReady)
			if ready["status"] != "True" {
				return fmt.Errorf("condition Ready is %v", ready)
			}
			return s.runs(t, f, s.everywhere()...)(nil)
		}); err != nil {
			return err
		}
		if diff := cmp.Diff(*want, s.snapshot(t, f)); diff != "" {
			return fmt.Errorf("what is delivered (-by terraform +by kubectl):\n%s", diff)
		}
		if err := apps.Delete(t.Context(), s.name, metav1.DeleteOptions{}); err != nil {
			return err
		}
		return waitUntil(destroyLimit, "the application to be gone", func() error { return isAbsent(apps, s.name) })
	}
}

// isAbsent checks that an object does not exist.
func isAbsent(objects dynamic.ResourceInterface, name string) error {
	_, err := objects.Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("%s is there (error: %w)", name, err)
}

// snapshot is what was delivered, without what an API server makes up for each object anew.
func (s shop) snapshot(t *testing.T, f *fleet) map[string]string {
	t.Helper()
	uid := string(f.get(t, v1alpha1.LocalCluster, applications, s.name, s.name).GetUID())
	taken := map[string]string{}
	take := func(name string, object *unstructured.Unstructured) {
		taken[name+": "+object.GetKind()+" "+object.GetName()] = strings.ReplaceAll(written(t, object), uid, "UID")
	}
	for _, at := range s.everywhere() {
		if at.cluster != v1alpha1.LocalCluster {
			take(at.cluster, s.work(t, f, at.cluster))
		}
		take(at.cluster, f.get(t, at.cluster, deployments, at.namespace, "web"))
		take(at.cluster, f.get(t, at.cluster, services, at.namespace, "web"))
	}
	return taken
}

// written is an object as it was written, as JSON.
func written(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	object = object.DeepCopy()
	for _, made := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences"} {
		unstructured.RemoveNestedField(object.Object, "metadata", made)
	}
	// When the agent was last asked to apply the same again says nothing of what it applies.
	unstructured.RemoveNestedField(object.Object, "metadata", "labels", v1alpha1.LabelReapply)
	unstructured.RemoveNestedField(object.Object, "metadata", "labels", "fairlead.dev/rights") // and the same of its tenant
	// Nor does when it was written.
	unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "fairlead.dev/written")
	unstructured.RemoveNestedField(object.Object, "status")
	if object.GetKind() == "Service" {
		unstructured.RemoveNestedField(object.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(object.Object, "spec", "clusterIPs")
	}
	content, err := json.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestStatusForPeople checks what `kubectl get app` shows, and that it says that something is under way as long as that is so.
func TestStatusForPeople(t *testing.T) {
	f := sharedFleet(t)
	s := shop{name: "phases", image: "nginx:1"}
	apps := f.on(t, v1alpha1.LocalCluster, applications).Namespace(s.name)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config: withProvider(f.env.Hub(), s.environments()),
			Check: func(*terraform.State) error {
				for _, stage := range []string{"-dev", "-prod"} {
					f.hasCondition(t, environments, s.name+stage, v1alpha1.ConditionReady, "True", "Bound")
				}
				phases := recordPhases(t, apps, s.name)
				create := func() error {
					_, err := apps.Create(t.Context(), s.manifest(), metav1.CreateOptions{})
					return err
				}
				if err := phases.follow(t, f, create); err != nil {
					return fmt.Errorf("after create: %w", err)
				}
				if err := s.runs(t, f, s.everywhere()...)(nil); err != nil {
					return fmt.Errorf("status.status is running, but: %w", err)
				}
				if err := s.tableShows(t, f, "running", "True"); err != nil {
					return err
				}
				change := func() error {
					image := []byte(`[{"op":"replace","path":"/spec/components/0/properties/image","value":"nginx:2"}]`)
					_, err := apps.Patch(t.Context(), s.name, types.JSONPatchType, image, metav1.PatchOptions{})
					return err
				}
				if err := phases.follow(t, f, change); err != nil {
					return fmt.Errorf("after a change: %w", err)
				}
				if err := apps.Delete(t.Context(), s.name, metav1.DeleteOptions{}); err != nil {
					return err
				}
				return waitUntil(destroyLimit, "the application to be gone", func() error { return isAbsent(apps, s.name) })
			},
		}},
	})
}

// follow checks that the application is under way after a write, and runs when the last cluster has it. One of them is held
// until then: of what runs within a second it is not told that it is under way.
func (p *phases) follow(t *testing.T, f *fleet, write func() error) error {
	release := f.holdWork(t, sharedClusters()[0])
	before := len(p.seen)
	if err := write(); err != nil {
		return err
	}
	if err := p.are(before, "runningWorkflow"); err != nil {
		return err
	}
	if err := release(); err != nil {
		return err
	}
	return p.are(before, "runningWorkflow", "running")
}

// phases are those that an application has gone through, without repetitions.
type phases struct {
	events <-chan watch.Event
	seen   []string
}

// recordPhases begins to note the phases of an application that may not exist yet.
func recordPhases(t *testing.T, apps dynamic.ResourceInterface, name string) *phases {
	t.Helper()
	watcher, err := apps.Watch(t.Context(), metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watcher.Stop)
	return &phases{events: watcher.ResultChan()}
}

// are waits until the application has gone through these phases after the first ones, and through no other.
func (p *phases) are(first int, want ...string) error {
	return waitUntil(patience, fmt.Sprintf("phases %q", want), func() error {
		for {
			select {
			case event, ok := <-p.events:
				if !ok {
					return errors.New("the watch has ended")
				}
				p.note(event)
			default:
				if diff := cmp.Diff(want, p.seen[first:]); diff != "" {
					return fmt.Errorf("(-want +got):\n%s", diff)
				}
				return nil
			}
		}
	})
}

func (p *phases) note(event watch.Event) {
	app, ok := event.Object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	phase := nested[string](app, "status", "status")
	if phase != "" && (len(p.seen) == 0 || p.seen[len(p.seen)-1] != phase) {
		p.seen = append(p.seen, phase)
	}
}

// tableShows checks the columns that kubectl gets from the API server.
func (s shop) tableShows(t *testing.T, f *fleet, phase, healthy string) error {
	client, err := discovery.NewDiscoveryClientForConfig(f.env.Hub().RESTConfig())
	if err != nil {
		return err
	}
	content, err := client.RESTClient().Get().
		AbsPath("/apis/core.oam.dev/v1beta1/namespaces", s.name, "applications").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil {
		return err
	}
	var table metav1.Table
	if err := json.Unmarshal(content, &table); err != nil {
		return err
	}
	if len(table.Rows) != 1 {
		return fmt.Errorf("%d rows, want one", len(table.Rows))
	}
	cells := map[string]any{}
	for i, column := range table.ColumnDefinitions {
		if column.Priority == 0 {
			cells[column.Name] = table.Rows[0].Cells[i]
		}
	}
	if age, ok := cells["AGE"].(string); !ok || !slices.ContainsFunc([]string{"s", "m"}, func(unit string) bool { return strings.HasSuffix(age, unit) }) {
		return fmt.Errorf("column AGE is %v, want an age", cells["AGE"])
	}
	delete(cells, "AGE")
	if diff := cmp.Diff(map[string]any{"Name": s.name, "PHASE": phase, "HEALTHY": healthy}, cells); diff != "" {
		return fmt.Errorf("columns of kubectl get app (-want +got):\n%s", diff)
	}
	return nil
}
