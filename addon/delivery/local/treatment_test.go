// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// treated is a unit of one ConfigMap, treated in a way.
func treated(value string, treatment policy.Treatment) delivery.Unit {
	made := unitWith(settings(value))
	if treatment.Removal == "" {
		treatment.Removal = policy.RemoveOnUpdate
	}
	made.Treatments = []policy.Treatment{treatment}
	return made
}

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// stored is the ConfigMap as the API server has it; nil when there is none.
func (h *hub) stored(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	live, err := h.tenant.Tracker().Get(configMaps, "shop", "settings")
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return live.(*unstructured.Unstructured)
}

// edit changes the stored ConfigMap, and lets the time pass until it is read.
func (h *hub) edit(t *testing.T, change func(*unstructured.Unstructured)) {
	t.Helper()
	edited := h.stored(t).DeepCopy()
	change(edited)
	if err := h.tenant.Tracker().Update(configMaps, edited, "shop"); err != nil {
		t.Fatal(err)
	}
	h.later()
}

func (h *hub) later() {
	h.clock.SetTime(h.clock.Now().Add(2 * compareEvery))
	h.requests()
}

// standsAs puts a ConfigMap there that nobody delivered.
func (h *hub) standsAs(t *testing.T, change func(*unstructured.Unstructured)) {
	t.Helper()
	theirs := &unstructured.Unstructured{Object: settings("theirs")}
	theirs.SetUID("uid-theirs")
	if change != nil {
		change(theirs)
	}
	if err := h.tenant.Tracker().Create(configMaps, theirs, "shop"); err != nil {
		t.Fatal(err)
	}
}

func identity(more map[string]string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		labels := map[string]string{v1alpha1.LabelEnvironment: "prod", v1beta1.LabelAppComponent: "web", v1beta1.LabelAppName: "store", v1beta1.LabelAppNamespace: "shop"}
		for name, value := range more {
			labels[name] = value
		}
		o.SetLabels(labels)
	}
}

func setValue(value string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { o.Object["data"] = object{"a": value} }
}

// TestTreatment checks what is written of an object that stands, by how it is treated.
func TestTreatment(t *testing.T) {
	const get, patch, remove = "get configmaps settings", "patch configmaps settings", "delete configmaps settings"
	tests := []struct {
		name, reason string
		stands       func(*testing.T, *hub)
		treatment    policy.Treatment
		want         []string
		// value that the object has afterwards.
		value   string
		uid     string
		problem string
	}{
		{"foreign", "it is neither changed nor adopted", func(t *testing.T, h *hub) { h.standsAs(t, nil) }, policy.Treatment{}, []string{get}, "theirs", "", delivery.ReasonForeignObject},
		{"taken over", "a policy asks for it", func(t *testing.T, h *hub) { h.standsAs(t, nil) }, policy.Treatment{TakeOver: true}, []string{get, patch}, "ours", "u1", ""},
		{"taken over once", "it becomes the application's, and stays as it is", func(t *testing.T, h *hub) { h.standsAs(t, nil) }, policy.Treatment{TakeOver: true, Once: true}, []string{get, patch}, "theirs", "u1", ""},
		{"another's, to be taken over", "what is delivered belongs to somebody", func(t *testing.T, h *hub) {
			h.standsAs(t, identity(map[string]string{v1alpha1.LabelApplicationUID: "u2", v1beta1.LabelAppName: "rival"}))
		}, policy.Treatment{TakeOver: true}, []string{get}, "theirs", "u2", delivery.ReasonPlacementConflict},
		{"the namespace's own, to be taken over", "an environment asks for it", func(t *testing.T, h *hub) {
			h.standsAs(t, func(o *unstructured.Unstructured) {
				o.SetLabels(map[string]string{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, delivery.LabelSourceNamespace: "shop"})
			})
		}, policy.Treatment{TakeOver: true}, []string{get}, "theirs", "", delivery.ReasonPlacementConflict},
		{"an earlier application's", "the same application made again", func(t *testing.T, h *hub) {
			h.standsAs(t, identity(map[string]string{v1alpha1.LabelApplicationUID: "u0"}))
		}, policy.Treatment{}, []string{get, patch}, "ours", "u1", ""},
		{"left", "it was kept when the application went", func(t *testing.T, h *hub) {
			h.standsAs(t, identity(map[string]string{delivery.LabelLeft: "u0"}))
		}, policy.Treatment{}, []string{get, patch, patch}, "ours", "u1", ""},
		{"its UID removed by hand", "its other labels tell whose it is", func(t *testing.T, h *hub) { h.standsAs(t, identity(nil)) }, policy.Treatment{}, []string{get, patch}, "ours", "u1", ""},
		{"once", "it exists", func(t *testing.T, h *hub) {
			h.standsAs(t, identity(map[string]string{v1alpha1.LabelApplicationUID: "u1"}))
		}, policy.Treatment{Once: true}, []string{get}, "theirs", "u1", ""},
		{"once, and missing", "it is made", func(*testing.T, *hub) {}, policy.Treatment{Once: true}, []string{get, patch}, "ours", "u1", ""},
		{"read only", "it is only read", func(t *testing.T, h *hub) { h.standsAs(t, nil) }, policy.Treatment{ReadOnly: true}, []string{get}, "theirs", "", ""},
		{"read only, and delivered earlier", "it is let go, lest it goes with the application", func(t *testing.T, h *hub) {
			h.standsAs(t, identity(map[string]string{v1alpha1.LabelApplicationUID: "u1"}))
		}, policy.Treatment{ReadOnly: true}, []string{get, patch}, "theirs", "", ""},
		{"to be made anew", "a field changed that cannot be changed", func(t *testing.T, h *hub) {
			h.standsAs(t, identity(map[string]string{v1alpha1.LabelApplicationUID: "u1"}))
		}, policy.Treatment{RecreateFields: []string{"data.a"}}, []string{get, remove}, "", "", ""},
		{"made anew for another field", "that one did not change", func(t *testing.T, h *hub) {
			h.standsAs(t, identity(map[string]string{v1alpha1.LabelApplicationUID: "u1"}))
		}, policy.Treatment{RecreateFields: []string{"immutable"}}, []string{get, patch}, "ours", "u1", ""},
		{"replaced", "what the application does not say goes", func(t *testing.T, h *hub) {
			h.standsAs(t, identity(map[string]string{v1alpha1.LabelApplicationUID: "u1"}))
		}, policy.Treatment{Replace: true}, []string{get, "update configmaps"}, "ours", "u1", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			test.stands(t, h)
			got := h.deliver(t, treated("ours", test.treatment))
			h.want(t, test.reason, test.want...)
			value, uid := "", ""
			if live := h.stored(t); live != nil {
				value, _ = live.Object["data"].(object)["a"].(string)
				uid = live.GetLabels()[v1alpha1.LabelApplicationUID]
			}
			if value != test.value || uid != test.uid || got.Reason != test.problem {
				t.Errorf("value %q, UID %q, reason %q (%s): want %q, %q, %q, since %s", value, uid, got.Reason, got.Message, test.value, test.uid, test.problem, test.reason)
			}
			if test.treatment.ReadOnly && h.inventory(t) != "" {
				t.Error("what is only read is listed as delivered")
			}
		})
	}
}

// TestReadOnlyMissing checks that what does not exist is told, and keeps nothing else.
func TestReadOnlyMissing(t *testing.T) {
	h := newTenantHub(t)
	both := unitWith(settings("a"), named(widgetKind, "w", nil))
	both.Treatments = []policy.Treatment{{ReadOnly: true, Removal: policy.RemoveOnUpdate}, {Removal: policy.RemoveOnUpdate}}
	got := h.deliver(t, both)
	want := `ConfigMap shop/settings does not exist, and a policy of type "read-only" keeps it from being made: waiting for somebody to create it`
	if got.State != delivery.Waiting || got.Message != want || got.RetryAfter == 0 {
		t.Errorf("got %+v", got)
	}
	if requests := h.requests(); !slices.Contains(requests, "patch widgets w") || slices.Contains(requests, "patch configmaps settings") {
		t.Errorf("requests %v, want the other object written, and it alone", requests)
	}
}

// TestDrift checks which changes of others are put back, and which of the application are written.
func TestDrift(t *testing.T) {
	tests := []struct {
		name      string
		treatment policy.Treatment
		// after an edit by somebody, and after a change by the application
		edited, changed string
	}{
		{"usual", policy.Treatment{}, "v1", "v2"},
		{"left alone until the application changes it", policy.Treatment{LeaveDrift: true}, "edited", "v2"},
		{"written once", policy.Treatment{Once: true}, "edited", "edited"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			h.deliver(t, treated("v1", test.treatment))
			h.edit(t, setValue("edited"))
			h.deliver(t, treated("v1", test.treatment))
			if got := h.stored(t).Object["data"].(object)["a"]; got != test.edited {
				t.Errorf("after an edit: %v, want %s", got, test.edited)
			}
			h.later()
			h.deliver(t, treated("v2", test.treatment))
			if got := h.stored(t).Object["data"].(object)["a"]; got != test.changed {
				t.Errorf("after a change by the application: %v, want %s", got, test.changed)
			}
			h.later()
			h.deliver(t, treated("v2", test.treatment))
			h.want(t, "a pass without a change", "get configmaps settings")
		})
	}
}

// TestDriftLeftByOtherPolicies checks that what others changed in an object stays which is left
// to them before the application changes it, when another policy of it comes or goes.
func TestDriftLeftByOtherPolicies(t *testing.T) {
	const get, patch = "get configmaps settings", "patch configmaps settings"
	for name, change := range map[string]func(*delivery.Unit){
		"when it is removed": func(u *delivery.Unit) { u.Treatments[0].Removal = policy.RemoveOnDelete },
		"that it stays":      func(u *delivery.Unit) { u.Treatments[0].Removal = policy.RemoveNever },
		"what it owns":       func(u *delivery.Unit) { u.Treatments[0].Propagation = "orphan" },
		"what it depends on": func(u *delivery.Unit) { u.Needs = []string{"db"} },
		"what makes it anew": func(u *delivery.Unit) { u.Treatments[0].RecreateFields = []string{"data.a"} },
	} {
		t.Run(name, func(t *testing.T) {
			h := newTenantHub(t)
			before := func(value string) delivery.Unit { return treated(value, policy.Treatment{LeaveDrift: true}) }
			after := func(value string) delivery.Unit {
				u := before(value)
				change(&u)
				return u
			}
			h.deliver(t, before("v1"))
			h.edit(t, setValue("edited"))
			for _, unit := range []delivery.Unit{after("v1"), before("v1"), after("v1")} {
				h.later()
				h.deliver(t, unit)
				h.want(t, "the marks alone", get, patch)
				if got := h.stored(t).Object["data"].(object)["a"]; got != "edited" {
					t.Fatalf("got %v, want what somebody else set", got)
				}
				h.later()
				h.deliver(t, unit)
				h.want(t, "a pass without a change", get)
			}
		})
	}
}

// TestRecreated follows an object that is made anew.
func TestRecreated(t *testing.T) {
	h := newTenantHub(t)
	anew := policy.Treatment{RecreateFields: []string{"data.a"}}
	h.deliver(t, treated("v1", anew))
	h.edit(t, func(o *unstructured.Unstructured) { o.SetUID("first") })
	h.deliver(t, treated("v1", anew))
	h.want(t, "nothing changed", "get configmaps settings")
	h.later()
	if got := h.deliver(t, treated("v2", anew)); got.State != delivery.Applying || got.RetryAfter == 0 {
		t.Errorf("a change: %+v, want it to be waited for", got)
	}
	h.want(t, "a change", "get configmaps settings", "delete configmaps settings")
	if got := h.deliver(t, treated("v2", anew)); got.State != delivery.Delivered {
		t.Errorf("when it is gone: %+v", got)
	}
	h.later()
	h.deliver(t, treated("v2", anew))
	h.want(t, "it stays", "get configmaps settings")
	if live := h.stored(t); live.GetUID() == "first" || live.Object["data"].(object)["a"] != "v2" {
		t.Errorf("got %v", live.Object)
	}
}

// TestHeld checks what is handed over, when, and with which value.
func TestHeld(t *testing.T) {
	hold := func(fields ...policy.HeldField) policy.Treatment { return policy.Treatment{Held: fields} }
	value := func(o *unstructured.Unstructured) any { return o.Object["data"].(object)["a"] }
	h := newTenantHub(t)
	h.deliver(t, treated("v1", policy.Treatment{}))
	h.edit(t, setValue("others"))
	h.deliver(t, treated("v1", hold(policy.HeldField{Path: "data.a", Renew: true})))
	want := []string{FieldManager, keeper + "/data.a", FieldManager}
	if diff := cmp.Diff(want, h.managers); diff != "" {
		t.Errorf("writers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"<nil> map[a:v1]"}, h.kept); diff != "" {
		t.Errorf("with a policy that renews, what the application says is written (-want +got):\n%s", diff)
	}
	if live := h.stored(t); live.Object["data"].(object)["a"] != nil || !strings.Contains(live.GetAnnotations()[delivery.AnnotationHeld], `"data.a":"`) || strings.Contains(live.GetAnnotations()[delivery.AnnotationHeld], "v1") {
		t.Errorf("the object is applied with the field, or does not say that it is held: %v", live.Object)
	}
	h.edit(t, setValue("others"))
	h.deliver(t, treated("v1", hold(policy.HeldField{Path: "data.a", Renew: true})))
	h.want(t, "others changed what is theirs", "get configmaps settings")
	h.later()
	h.deliver(t, treated("v2", hold(policy.HeldField{Path: "data.a", Renew: true})))
	if diff := cmp.Diff([]string{"<nil> map[a:v1]", "<nil> map[a:v2]"}, h.kept); diff != "" {
		t.Errorf("what the application changed is written once (-want +got):\n%s", diff)
	}
	h.edit(t, setValue("others"))
	h.deliver(t, treated("v3", hold(policy.HeldField{Path: "data.a"})))
	if len(h.kept) != 2 {
		t.Errorf("a field that was handed over is written again: %v", h.kept)
	}
	h.later()
	h.managers = nil
	h.deliver(t, treated("v3", policy.Treatment{}))
	if got := value(h.stored(t)); got != "v3" || !slices.Equal(h.managers, []string{FieldManager, keeper + "/data.a", FieldManager}) {
		t.Errorf("taken back: %v by %v", got, h.managers)
	}
}

// TestHeldThenOnce checks that a field is taken back of an object that was left
// alone as a whole in between.
func TestHeldThenOnce(t *testing.T) {
	h := newTenantHub(t)
	for _, treatment := range []policy.Treatment{{Held: []policy.HeldField{{Path: "data.a"}}}, {Once: true}, {Once: true}} {
		h.deliver(t, treated("v1", treatment))
		h.later()
	}
	h.deliver(t, treated("v1", policy.Treatment{Once: true}))
	h.want(t, "an object that is left alone", "get configmaps settings")
	h.managers = nil
	h.later()
	h.deliver(t, treated("v1", policy.Treatment{}))
	if diff := cmp.Diff([]string{FieldManager, keeper + "/data.a", FieldManager}, h.managers); diff != "" {
		t.Errorf("writers (-want +got):\n%s", diff)
	}
}

// TestOmitted checks that a field is not even sent that an autoscaler writes.
func TestOmitted(t *testing.T) {
	omit := func(t *policy.Treatment) { t.Held = []policy.HeldField{{Path: "spec.replicas", Omit: true}} }
	w := webWish(omit)
	for name, content := range map[string]*unstructured.Unstructured{"made": w.made, "wanted": w.wanted} {
		if _, found, _ := unstructured.NestedFieldNoCopy(content.Object, "spec", "replicas"); found {
			t.Errorf("%s with replicas", name)
		}
		if got := content.GetAnnotations()[delivery.AnnotationHeld]; got != `{"spec.replicas":""}` {
			t.Errorf("%s: held %q", name, got)
		}
	}
	if w.revision() != webWish(nil).revision() {
		t.Error("the revision is that of what was rendered")
	}
}

// TestHeldLists checks that with an item which nothing tells apart the whole list is
// left to others, once, as through OCM.
func TestHeldLists(t *testing.T) {
	pod := object{"containers": []any{object{"name": "web", "image": "nginx:1", "args": []any{"-v", "-x"}}}, "tolerations": []any{object{"key": "gpu"}}}
	made := unitWith(named(webKey.gvk, "web", object{"spec": pod}))
	made.Treatments = []policy.Treatment{{Held: []policy.HeldField{
		{Path: "spec.containers[0].args[1]"}, {Path: "spec.containers[0].args[0]"}, {Path: "spec.tolerations[0].key"},
	}}}
	w := wishOf(made, 0)
	var names []string
	for _, field := range w.held {
		names = append(names, field.name)
	}
	if diff := cmp.Diff([]string{"spec.containers[name=web].args", "spec.tolerations"}, names); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	want := object{"containers": []any{object{"name": "web", "image": "nginx:1"}}}
	if diff := cmp.Diff(want, w.wanted.Object["spec"]); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

// TestHeldItems checks what of a list is written, and what an object is replaced
// with, while items of the list are left to others.
func TestHeldItems(t *testing.T) {
	list := func(values ...string) object {
		items := []any{}
		for i := 0; i < len(values); i += 2 {
			items = append(items, object{"name": values[i], "value": values[i+1]})
		}
		return object{"spec": object{"env": items}}
	}
	ours := []string{"A", "a", "B", "b", "C", "c"}
	twelve := slices.Clone(ours)
	for _, name := range strings.Split("DEFGHIJKL", "") {
		twelve = append(twelve, name, strings.ToLower(name))
	}
	lessTwo := slices.Concat(twelve[:4], twelve[6:20], twelve[22:])
	tests := []struct {
		reason       string
		ours, stands []string
		paths        []string
		wanted       []string
		replaced     []string
	}{
		{"items keep their places while others are taken out", ours, []string{"A", "x", "B", "y", "C", "z"}, []string{"spec.env[0]", "spec.env[1]"}, []string{"C", "c"}, []string{"A", "x", "B", "y", "C", "c"}},
		{"an item is found wherever it stands", ours, []string{"C", "z", "B", "y"}, []string{"spec.env[1]"}, []string{"A", "a", "C", "c"}, []string{"A", "a", "B", "y", "C", "c"}},
		{"what does not stand is not made up", ours, []string{"C", "z"}, []string{"spec.env[1]"}, []string{"A", "a", "C", "c"}, []string{"A", "a", "C", "c"}},
		{"indexes are numbers", twelve, twelve, []string{"spec.env[10]", "spec.env[2]"}, lessTwo, twelve},
	}
	for _, test := range tests {
		made := unitWith(named(webKey.gvk, "web", list(test.ours...)))
		treatment := policy.Treatment{Removal: policy.RemoveOnUpdate}
		for _, path := range test.paths {
			treatment.Held = append(treatment.Held, policy.HeldField{Path: path})
		}
		made.Treatments = []policy.Treatment{treatment}
		w := wishOf(made, 0)
		replaced := w.replacement(&unstructured.Unstructured{Object: named(webKey.gvk, "web", list(test.stands...))})
		if diff := cmp.Diff(list(test.wanted...)["spec"], w.wanted.Object["spec"]) + cmp.Diff(list(test.replaced...)["spec"], replaced.Object["spec"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestTreatmentAlone checks that a change of the policies alone is followed at once,
// long before an object is looked at again that nothing watches.
func TestTreatmentAlone(t *testing.T) {
	const get, patch = "get configmaps settings", "patch configmaps settings"
	readOnly, usual := policy.Treatment{ReadOnly: true}, policy.Treatment{}
	delivered, foreign := func(*testing.T, *hub) {}, func(t *testing.T, h *hub) { h.standsAs(t, nil) }
	edited := func(t *testing.T, h *hub) {
		h.deliver(t, treated("ours", policy.Treatment{Once: true}))
		h.edit(t, setValue("edited"))
	}
	tests := []struct {
		name, reason string
		stands       func(*testing.T, *hub)
		// treatments before, and the last one.
		before []policy.Treatment
		then   policy.Treatment
		want   []string
		value  string
		uid    string
		reply  string
	}{
		{"read only", "it is let go, lest it goes with the application", delivered, []policy.Treatment{usual}, readOnly, []string{get, patch}, "ours", "", ""},
		{"read only no longer", "it is written as everything is", delivered, []policy.Treatment{usual, readOnly}, usual, []string{get, patch}, "ours", "u1", ""},
		{"read only no longer, and foreign", "that is told", foreign, []policy.Treatment{readOnly}, usual, []string{get}, "theirs", "", delivery.ReasonForeignObject},
		{"taken over", "the policy asks for it", foreign, []policy.Treatment{readOnly}, policy.Treatment{TakeOver: true}, []string{get, patch}, "ours", "u1", ""},
		{"once no longer", "what others changed is put back", edited, []policy.Treatment{{Once: true}}, usual, []string{get, patch}, "ours", "u1", ""},
		{"drift left alone no longer", "what others changed is put back", edited, []policy.Treatment{{LeaveDrift: true}}, usual, []string{get, patch}, "ours", "u1", ""},
		{"shared", "the others are to see who shares it", delivered, []policy.Treatment{usual}, policy.Treatment{Shared: true}, []string{get, patch}, "ours", "u1", ""},
		{"the same", "nothing changed", delivered, []policy.Treatment{usual}, usual, nil, "ours", "u1", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			test.stands(t, h)
			for _, treatment := range test.before {
				h.deliver(t, treated("ours", treatment))
			}
			h.requests()
			got := h.deliver(t, treated("ours", test.then))
			h.want(t, test.reason, test.want...)
			live := h.stored(t)
			value, uid := live.Object["data"].(object)["a"], live.GetLabels()[v1alpha1.LabelApplicationUID]
			if value != test.value || uid != test.uid || got.Reason != test.reply {
				t.Errorf("value %v, UID %q, reason %q (%s): want %q, %q, %q, since %s", value, uid, got.Reason, got.Message, test.value, test.uid, test.reply, test.reason)
			}
		})
	}
}

// TestReadOnlyAgain checks that an object of a kind that is watched is let go also
// where it was only read a while ago, and delivered in between.
func TestReadOnlyAgain(t *testing.T) {
	h := newTenantHub(t)
	web := func(treatment policy.Treatment) delivery.Unit {
		made := unitWith(named(webKey.gvk, "web", object{"spec": object{"replicas": int64(1)}}))
		treatment.Removal = policy.RemoveOnUpdate
		made.Treatments = []policy.Treatment{treatment}
		return made
	}
	h.deliver(t, web(policy.Treatment{}))
	h.deliver(t, web(policy.Treatment{ReadOnly: true}))
	h.deliver(t, web(policy.Treatment{}))
	h.requests()
	h.deliver(t, web(policy.Treatment{ReadOnly: true}))
	h.want(t, "only to be read again", "get deployments web", "patch deployments web")
}

// TestAdoptedMarks checks that what an object was marked with when it was adopted
// goes with its policy, and that it is left alone after that.
func TestAdoptedMarks(t *testing.T) {
	const get, patch = "get configmaps settings", "patch configmaps settings"
	left := func(t *testing.T, h *hub) { h.standsAs(t, identity(map[string]string{delivery.LabelLeft: "u0"})) }
	created := func(t *testing.T, h *hub) { h.deliver(t, treated("ours", policy.Treatment{})) }
	tests := []struct {
		name, reason string
		stands       func(*testing.T, *hub)
		marked, then policy.Treatment
		want         []string
		removal      string
	}{
		{"kept from earlier", "the usual holds again", left, policy.Treatment{Removal: policy.RemoveOnDelete}, policy.Treatment{}, []string{get, patch, patch}, ""},
		{"left alone meanwhile", "the usual holds again", created, policy.Treatment{Once: true, Removal: policy.RemoveNever}, policy.Treatment{}, []string{get, patch, patch}, ""},
		{"left alone still", "no write of the whole is needed", created, policy.Treatment{Once: true, Removal: policy.RemoveNever}, policy.Treatment{Once: true}, []string{get, patch}, ""},
		{"marked otherwise", "an apply takes the mark over", left, policy.Treatment{Removal: policy.RemoveOnDelete}, policy.Treatment{Removal: policy.RemoveNever}, []string{get, patch}, policy.RemoveNever},
		{"replaced", "what is replaced has no other marks", left, policy.Treatment{Removal: policy.RemoveOnDelete}, policy.Treatment{Replace: true}, []string{get, "update configmaps"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			test.stands(t, h)
			h.deliver(t, treated("ours", test.marked))
			if got := h.stored(t).GetAnnotations()[delivery.AnnotationRemoval]; got != test.marked.Removal {
				t.Fatalf("removal %q, want %q", got, test.marked.Removal)
			}
			h.later()
			h.deliver(t, treated("ours", test.then))
			h.want(t, test.reason, test.want...)
			if got := h.stored(t).GetAnnotations()[delivery.AnnotationRemoval]; got != test.removal {
				t.Errorf("removal %q, want %q, since %s", got, test.removal, test.reason)
			}
			h.later()
			h.deliver(t, treated("ours", test.then))
			h.want(t, "a pass without a change", get)
		})
	}
}

// TestRecreatedLater checks that a field which changed while the object was left
// alone makes it anew once it is written again.
func TestRecreatedLater(t *testing.T) {
	anew := policy.Treatment{RecreateFields: []string{"data.a"}}
	once, readOnly := anew, anew
	once.Once, readOnly.ReadOnly = true, true
	tests := []struct {
		name, reason string
		before       policy.Treatment
		// meanwhile happens to the object before it is written again.
		meanwhile func(*unstructured.Unstructured)
		between   []policy.Treatment
	}{
		{"once", "it was made with the earlier value", anew, nil, []policy.Treatment{once}},
		{"once, from the start", "the first write notes what it was made with", once, nil, []policy.Treatment{once}},
		{"once, and the fields named later", "what stands tells what it was made with", policy.Treatment{}, nil, []policy.Treatment{{Once: true}, once}},
		{"once, and marked otherwise", "another mark says nothing of the fields", anew, nil, []policy.Treatment{once, {Once: true, RecreateFields: anew.RecreateFields, Removal: policy.RemoveNever}}},
		{"only read", "it was made with the earlier value", anew, nil, []policy.Treatment{readOnly}},
		{"kept from an earlier application", "that one made it with the earlier value", anew, func(o *unstructured.Unstructured) {
			identity(map[string]string{delivery.LabelLeft: "u0"})(o)
		}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTenantHub(t)
			h.deliver(t, treated("v1", test.before))
			if test.meanwhile != nil {
				h.edit(t, test.meanwhile)
			}
			for _, treatment := range test.between {
				h.later()
				h.deliver(t, treated("v2", treatment))
				h.later()
				h.deliver(t, treated("v2", treatment))
				h.want(t, "a pass without a change", "get configmaps settings")
			}
			h.later()
			got := h.deliver(t, treated("v2", anew))
			if requests := h.requests(); got.State != delivery.Applying || requests[len(requests)-1] != "delete configmaps settings" {
				t.Errorf("state %d after %v, want it deleted, since %s", got.State, requests, test.reason)
			}
			h.later()
			h.deliver(t, treated("v2", anew))
			h.later()
			h.deliver(t, treated("v2", anew))
			h.want(t, "made anew", "get configmaps settings")
		})
	}
}
