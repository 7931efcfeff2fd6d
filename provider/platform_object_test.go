// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/fleet"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// oneObject is a hub that holds one object at most, of one kind, and merges nothing.
type oneObject struct {
	kind metav1.APIResource
	// untriable says that a webhook allows no dry run.
	untriable bool
	// refusal is the answer to each write, nil where it is taken.
	refusal *metav1.Status

	mutex   sync.Mutex
	live    *unstructured.Unstructured
	created int
}

// ServeHTTP answers one request.
func (h *oneObject) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/version": // the kinds that it lacks are missing, as from an API server
		answerWith(w, map[string]string{"gitVersion": "v1.36.0"})
	case r.URL.Path == path.Join("/apis", h.kind.Group, h.kind.Version):
		answerWith(w, &metav1.APIResourceList{GroupVersion: h.kind.Group + "/" + h.kind.Version, APIResources: []metav1.APIResource{h.kind}})
	case r.Method == http.MethodPatch:
		h.apply(w, r)
	case h.live == nil || !strings.Contains(r.URL.Path, "/"+h.kind.Name+"/"):
		w.WriteHeader(http.StatusNotFound)
		answerWith(w, &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
			Details: &metav1.StatusDetails{Name: path.Base(r.URL.Path), Kind: h.kind.Name}})
	case r.Method == http.MethodDelete:
		h.remove(w, r)
	default:
		answerWith(w, h.live)
	}
}

// answer writes the answer.
func answerWith(w http.ResponseWriter, content any) { _ = json.NewEncoder(w).Encode(content) }

// apply writes the object, which keeps its UID.
func (h *oneObject) apply(w http.ResponseWriter, r *http.Request) {
	if h.refusal != nil {
		w.WriteHeader(int(h.refusal.Code))
		answerWith(w, h.refusal)
		return
	}
	object := &unstructured.Unstructured{}
	if err := json.NewDecoder(r.Body).Decode(&object.Object); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	object.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: hub.FieldManager, Operation: metav1.ManagedFieldsOperationApply, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1("{}"),
	}})
	if r.URL.Query().Get("dryRun") != "" {
		if h.untriable {
			w.WriteHeader(http.StatusBadRequest)
			answerWith(w, &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: http.StatusBadRequest, Reason: metav1.StatusReasonBadRequest,
				Message: `admission webhook "w.example.com" does not support dry run`})
			return
		}
		answerWith(w, object)
		return
	}
	if h.live == nil {
		h.created++
	}
	object.SetUID(types.UID(fmt.Sprintf("uid-%d", h.created)))
	h.live = object
	answerWith(w, object)
}

// remove deletes the object if it has the UID that is asked for.
func (h *oneObject) remove(w http.ResponseWriter, r *http.Request) {
	var options metav1.DeleteOptions
	err := json.NewDecoder(r.Body).Decode(&options)
	if err != nil || options.Preconditions == nil || options.Preconditions.UID == nil || *options.Preconditions.UID != h.live.GetUID() {
		w.WriteHeader(http.StatusConflict)
		answerWith(w, &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusConflict, Reason: metav1.StatusReasonConflict})
		return
	}
	h.live = nil
	answerWith(w, &metav1.Status{Status: metav1.StatusSuccess})
}

// holds says whether there is an object.
func (h *oneObject) holds() bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.live != nil
}

// forget removes an annotation, as who does not know it.
func (h *oneObject) forget(annotation string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	annotate(h.live, annotation, "")
}

// ends removes the object, as the last finalizer does.
func (h *oneObject) ends() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.live = nil
}

// change changes the object, as somebody else does.
func (h *oneObject) change(with func(live *unstructured.Unstructured)) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	with(h.live)
}

// engine is an engine whose provider has that hub.
func (h *oneObject) engine(t *testing.T) *engine {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), map[string]tftypes.Value{
		"host": text(server.URL), "token": text("t"), "insecure": tftypes.NewValue(tftypes.Bool, true)})})
	return e
}

// tryCreate is create for what may be refused.
func (e *engine) tryCreate(typeName string, config map[string]tftypes.Value) *tfprotov6.ApplyResourceChangeResponse {
	e.t.Helper()
	plan := e.plan(typeName, config)
	resp, err := e.server.ApplyResourceChange(e.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: typeName, PriorState: e.null(typeName), PlannedState: plan.PlannedState, Config: e.dynamic(e.schema.ResourceSchemas[typeName], config), PlannedPrivate: plan.PlannedPrivate,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
}

// create plans and creates a resource.
func (e *engine) create(typeName string, config map[string]tftypes.Value) *tfprotov6.ApplyResourceChangeResponse {
	e.t.Helper()
	plan := e.plan(typeName, config)
	checkPrefix(e.t, "error", summaries(plan.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
	schema := e.schema.ResourceSchemas[typeName]
	return e.apply(&tfprotov6.ApplyResourceChangeRequest{
		TypeName: typeName, PriorState: e.null(typeName), PlannedState: plan.PlannedState, Config: e.dynamic(schema, config), PlannedPrivate: plan.PlannedPrivate,
	})
}

// destroy destroys what a create has made.
func (e *engine) destroy(typeName string, made *tfprotov6.ApplyResourceChangeResponse) {
	e.t.Helper()
	e.apply(&tfprotov6.ApplyResourceChangeRequest{
		TypeName: typeName, PriorState: made.NewState, PlannedState: e.null(typeName), Config: e.null(typeName), PlannedPrivate: made.Private,
	})
}

// apply sends a change, which must succeed.
func (e *engine) apply(req *tfprotov6.ApplyResourceChangeRequest) *tfprotov6.ApplyResourceChangeResponse {
	e.t.Helper()
	resp, err := e.server.ApplyResourceChange(e.t.Context(), req)
	if err != nil {
		e.t.Fatal(err)
	}
	checkPrefix(e.t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
	return resp
}

// null is a resource that is not there.
func (e *engine) null(typeName string) *tfprotov6.DynamicValue {
	e.t.Helper()
	kind := e.schema.ResourceSchemas[typeName].ValueType()
	encoded, err := tfprotov6.NewDynamicValue(kind, tftypes.NewValue(kind, nil))
	if err != nil {
		e.t.Fatal(err)
	}
	return &encoded
}

// platformConfig is a kind of a platform's resources, and how one may be configured.
type platformConfig struct {
	kind   metav1.APIResource
	config map[string]tftypes.Value
}

// platformConfigs are those of a platform, by the type of the resource.
func platformConfigs() map[string]platformConfig {
	clusters := tftypes.Set{ElementType: tftypes.String}
	no := tftypes.NewValue(tftypes.Bool, false)
	kindOf := func(resource platformObject, plural string, namespaced bool) metav1.APIResource {
		return metav1.APIResource{Group: resource.gvk.Group, Version: resource.gvk.Version, Kind: resource.gvk.Kind, Name: plural, Namespaced: namespaced}
	}
	return map[string]platformConfig{
		"fairlead_environment": {kindOf((&environmentResource{}).object(nil), "environments", false), map[string]tftypes.Value{"name": text("prod")}},
		"fairlead_cluster_binding": {kindOf((&clusterBindingResource{}).object(nil), "clusterbindings", false), map[string]tftypes.Value{
			"name": text("prod"), "environment": text("prod"), "clusters": tftypes.NewValue(clusters, []tftypes.Value{text("eu-1")})}},
		"fairlead_definition": {kindOf(platformObject{gvk: definitionObjectKind(definition.Trait)}, "traitdefinitions", true), map[string]tftypes.Value{
			"kind": text("trait"), "name": text("own"), "template": text("parameter: {}\npatch: {}"), "wait": no}},
		"fairlead_managed_cluster": {kindOf(platformObject{gvk: fleet.Kind()}, "managedclusters", false), map[string]tftypes.Value{"name": text("eu-1")}},
	}
}

// TestReplacedByItself replaces each object before its old instance is destroyed
// (create_before_destroy): both are one object of the hub, and it must stay.
func TestReplacedByItself(t *testing.T) {
	for typeName, test := range platformConfigs() {
		t.Run(typeName, func(t *testing.T) {
			held := &oneObject{kind: test.kind}
			e := held.engine(t)
			first := e.create(typeName, test.config)
			second := e.create(typeName, test.config)
			e.destroy(typeName, first)
			if !held.holds() {
				t.Fatal("the destroy of the old instance has taken the new one along")
			}
			e.destroy(typeName, second)
			if held.holds() {
				t.Error("the new instance is left")
			}
			unmarked := e.create(typeName, test.config)
			held.forget(annotationInstance)
			e.destroy(typeName, unmarked)
			if held.holds() {
				t.Error("an object that names no instance is left")
			}
		})
	}
}

// TestPlatformObjectWithoutDryRun has a webhook that allows no dry run: objects are made
// all the same, and what a killed apply has left is still told from what others made.
func TestPlatformObjectWithoutDryRun(t *testing.T) {
	const typeName = "fairlead_environment"
	held := &oneObject{untriable: true, kind: metav1.APIResource{Group: "fairlead.dev", Version: "v1alpha1", Kind: "Environment", Name: "environments"}}
	server := httptest.NewTLSServer(held)
	defer server.Close()
	e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), map[string]tftypes.Value{
		"host": text(server.URL), "token": text("t"), "insecure": tftypes.NewValue(tftypes.Bool, true)})})
	config := map[string]tftypes.Value{"name": text("prod"), "permissions": text("fairlead-deployer")}
	made := e.create(typeName, config)
	// The same again, as after a kill before the state was written.
	e.create(typeName, config)
	other := maps.Clone(config)
	other["permissions"] = text("view")
	resp := e.tryCreate(typeName, other)
	checkPrefix(t, "one of the name that was not made here", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "Environment exists already: ")
	if made.NewState == nil || held.created != 1 {
		t.Errorf("created %d times, want once", held.created)
	}
}

// TestApplicationOfKilledCreate creates an application again that a killed create has left.
// What the addon writes while it is looked at makes it nobody else's; what others
// configured does.
func TestApplicationOfKilledCreate(t *testing.T) {
	const exists = "Application exists already: "
	config := configOf(attributes(t, map[string]string{"components": someWeb}))
	for _, test := range []struct {
		reason string
		change func(live *unstructured.Unstructured)
		want   string
	}{
		{"it is as it was left", func(*unstructured.Unstructured) {}, ""},
		{"the addon writes its status", func(live *unstructured.Unstructured) {
			live.Object["status"] = map[string]any{"status": "rendering"}
		}, ""},
		{"the addon holds it", func(live *unstructured.Unstructured) {
			live.SetFinalizers([]string{"fairlead.dev/delivery"})
			live.SetResourceVersion("7")
		}, ""},
		{"its spec is another", func(live *unstructured.Unstructured) {
			live.Object["spec"] = map[string]any{"components": []any{map[string]any{"name": "web", "type": "worker"}}}
		}, exists},
		{"it has labels that the hub would change", func(live *unstructured.Unstructured) {
			live.SetLabels(map[string]string{"team": "others"})
		}, exists},
		{"it has annotations that the hub would change", func(live *unstructured.Unstructured) { annotate(live, "team", "others") }, exists},
		{"it has another owner", func(live *unstructured.Unstructured) { annotate(live, v1alpha1.AnnotationOwner, "others") }, exists},
		{"another field manager wrote it", func(live *unstructured.Unstructured) {
			entries := live.GetManagedFields()
			entries[0].Manager = "argocd-controller"
			live.SetManagedFields(entries)
		}, exists},
	} {
		t.Run(test.reason, func(t *testing.T) {
			held := &oneObject{kind: metav1.APIResource{Group: "core.oam.dev", Version: "v1beta1", Kind: "Application", Name: "applications", Namespaced: true}}
			e := held.engine(t)
			e.create(applicationType, config)
			held.change(test.change)
			checkPrefix(t, "error", summaries(e.tryCreate(applicationType, config).Diagnostics, tfprotov6.DiagnosticSeverityError), test.want)
		})
	}
}

// TestPlatformRefusalIsMasked checks that a refusal which quotes a value shows its path.
func TestPlatformRefusalIsMasked(t *testing.T) {
	const typeName, quoted = "fairlead_environment", "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no image C4N4RY-1"
	refusals := map[string]*metav1.Status{
		"a policy": {Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: `environments.fairlead.dev "prod" is forbidden: ` + quoted},
		"a rule": {Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: `Environment.fairlead.dev "prod" is invalid: spec.defaults: ` + quoted,
			Details: &metav1.StatusDetails{Name: "prod", Kind: "Environment", Causes: []metav1.StatusCause{{Field: "spec.defaults", Message: quoted}}}},
	}
	for reason, refusal := range refusals {
		refusal.TypeMeta, refusal.Status = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, metav1.StatusFailure
		server := httptest.NewTLSServer(&oneObject{refusal: refusal, kind: metav1.APIResource{Group: "fairlead.dev", Version: "v1alpha1", Kind: "Environment", Name: "environments"}})
		defer server.Close()
		e, _ := newEngine(t, nil, map[string]tftypes.Value{"hub": hubValue(schemaOf(t), map[string]tftypes.Value{
			"host": text(server.URL), "token": text("t"), "insecure": tftypes.NewValue(tftypes.Bool, true)})})
		config := map[string]tftypes.Value{"name": text("prod"), "defaults": attribute(t, "defaults", `{ worker = { properties = { image = "C4N4RY-1" } } }`)}
		plan := e.plan(typeName, config)
		resp, err := e.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
			TypeName: typeName, PriorState: e.null(typeName), PlannedState: plan.PlannedState, Config: e.dynamic(e.schema.ResourceSchemas[typeName], config), PlannedPrivate: plan.PlannedPrivate,
		})
		if err != nil {
			t.Fatal(err)
		}
		told := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError)
		if strings.Contains(told, "C4N4RY-1") || !strings.Contains(told, "no image (the value of defaults.worker.properties.image)") {
			t.Errorf("%s: %s", reason, told)
		}
	}
}

// TestIncludes checks what counts as there where no dry run can tell.
func TestIncludes(t *testing.T) {
	all := map[string]any{"a": int64(1), "b": map[string]any{"c": "d", "default": true}, "e": []any{map[string]any{"f": "g", "default": 1.5}}}
	for _, test := range []struct {
		reason string
		some   any
		want   bool
	}{
		{"nothing", map[string]any{}, true},
		{"a part, with numbers of another type", map[string]any{"a": 1.0, "b": map[string]any{"c": "d"}}, true},
		{"null is absent", map[string]any{"x": nil}, true},
		{"an item of a list without its defaults", map[string]any{"e": []any{map[string]any{"f": "g"}}}, true},
		{"an item more", map[string]any{"e": []any{map[string]any{"f": "g"}, "h"}}, false},
		{"an item less", map[string]any{"e": []any{}}, false},
		{"another value", map[string]any{"a": int64(2)}, false},
		{"a field more", map[string]any{"b": map[string]any{"z": ""}}, false},
		{"a map in place of a value", map[string]any{"a": map[string]any{}}, false},
		{"a list in place of a map", map[string]any{"b": []any{}}, false},
	} {
		if got := includes(all, test.some); got != test.want {
			t.Errorf("%s: got %t", test.reason, got)
		}
	}
}
