// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// realHub is a hub without the addon, on which the CRD of environments appears
// while the tests run.
var realHub *cluster.Env

// TestMain starts the hub.
func TestMain(m *testing.M) {
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 45*time.Minute)
	defer cancel()
	env, err := cluster.Start(ctx, cluster.Options{Log: os.Stderr})
	if err != nil {
		log.Fatalf("start a hub: %s", err)
	}
	realHub = env
	code := m.Run()
	if err := errors.Join(env.Err(), env.Close()); err != nil {
		log.Print(err)
		code = 1
	}
	os.Exit(code)
}

// The kinds that these tests use.
var (
	configMaps   = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	namespaced   = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
	environments = v1alpha1.GroupVersion.WithKind(v1alpha1.EnvironmentKind)
)

// realClient returns a client of the hub with that patience.
func realClient(t *testing.T, patience time.Duration) *Client {
	t.Helper()
	client, err := New(Config{Settings: Settings{ConfigPath: realHub.Hub().KubeconfigPath}, Version: "test", Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// configMap makes a ConfigMap with data.
func configMap(namespace, name string, data map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(configMaps)
	object.SetNamespace(namespace)
	object.SetName(name)
	if data != nil {
		object.Object["data"] = data
	}
	return object
}

// environment makes an Environment with a spec.
func environment(name string, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(environments)
	object.SetName(name)
	return object
}

// freshName returns a name that no other run of the test uses: a namespace takes
// a while to go.
func freshName(prefix string) string { return fmt.Sprintf("%s-%x", prefix, time.Now().UnixNano()) }

// namespace makes a Namespace.
func namespace(name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(namespaced)
	object.SetName(name)
	return object
}

// apply applies an object that must be accepted, and deletes it after the test.
func apply(t *testing.T, client *Client, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	applied, err := client.Apply(t.Context(), object, ApplyOptions{})
	if err != nil {
		t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
	}
	remove(t, client, applied)
	return applied
}

// remove deletes an object after the test, and waits for all but namespaces.
func remove(t *testing.T, client *Client, object *unstructured.Unstructured) {
	t.Helper()
	gvk, key := object.GroupVersionKind(), types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := client.Delete(ctx, gvk, key, object.GetUID()); err != nil {
			t.Errorf("delete %s %s: %v", gvk.Kind, key.Name, err)
			return
		}
		if gvk == namespaced {
			return
		}
		if _, err := client.WaitGone(ctx, gvk, key, object.GetUID()); err != nil {
			t.Errorf("%s %s does not go: %v", gvk.Kind, key.Name, err)
		}
	})
}

// installEnvironments installs the CRD of environments.
func installEnvironments(t *testing.T, client *Client) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "addon", "chart", "crds", "fairlead.dev_environments.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(content, &crd.Object); err != nil {
		t.Fatal(err)
	}
	apply(t, client, crd)
}

// TestMissingKind checks that a kind is waited for, that it is found once it
// appears, and that patience ends.
func TestMissingKind(t *testing.T) {
	hasty, patient := realClient(t, time.Second), realClient(t, time.Minute)
	_, err := hasty.Get(t.Context(), environments, types.NamespacedName{Name: "kind"})
	if !IsNoMatch(err) || !IsNotFound(err) {
		t.Errorf("reading a kind that is not served: %v", err)
	}
	if err := hasty.Delete(t.Context(), environments, types.NamespacedName{Name: "kind"}, "some-uid"); err != nil {
		t.Errorf("deleting an object of a kind that is not served must succeed: %v", err)
	}
	_, err = hasty.Apply(t.Context(), environment("kind", map[string]any{}), ApplyOptions{})
	if !IsNoMatch(err) {
		t.Fatalf("writing a kind that is not served: %v", err)
	}
	golden(t, "missing_kind.txt", err.Error()+"\n")

	result := make(chan error, 1)
	go func() {
		_, err := patient.Apply(t.Context(), environment("kind", map[string]any{}), ApplyOptions{})
		result <- err
	}()
	installEnvironments(t, hasty)
	if err := <-result; err != nil {
		t.Errorf("the kind appeared and was not found: %v", err)
	}
}

// TestMissingNamespace is the same for a namespace.
func TestMissingNamespace(t *testing.T) {
	hasty, patient := realClient(t, time.Second), realClient(t, time.Minute)
	late := freshName("late")
	_, err := hasty.Apply(t.Context(), configMap(late, "a", nil), ApplyOptions{})
	if ReasonOf(err) != NamespaceMissing {
		t.Fatalf("writing into a namespace that does not exist: %v", err)
	}
	golden(t, "missing_namespace.txt", strings.ReplaceAll(err.Error(), late, "late")+"\n")
	result := make(chan error, 1)
	go func() {
		_, err := patient.Apply(t.Context(), configMap(late, "a", nil), ApplyOptions{})
		result <- err
	}()
	apply(t, hasty, namespace(late))
	if err := <-result; err != nil {
		t.Errorf("the namespace appeared and was not found: %v", err)
	}
}

// edit changes an object as another manager.
func edit(t *testing.T, client *Client, object *unstructured.Unstructured, manager, patch string) {
	t.Helper()
	objects, err := client.objects(t.Context(), object.GroupVersionKind(), object.GetNamespace())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := objects.Patch(t.Context(), object.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}); err != nil {
		t.Fatalf("patch %s as %s: %v", object.GetName(), manager, err)
	}
}

// TestConflicts checks whose fields are taken, and what the error names.
func TestConflicts(t *testing.T) {
	client := realClient(t, time.Minute)
	installEnvironments(t, client)
	desired := environment("conflict", map[string]any{"afterPolicy": "Require", "after": []any{"dev"}})
	patch := `{"spec":{"afterPolicy":"Skip","permissions":"view"}}`
	tests := []struct {
		reason  string
		manager string
		opts    ApplyOptions
		taken   bool
	}{
		{"a GitOps tool keeps its fields", "argocd-controller", ApplyOptions{TakeFromPeople: true}, false},
		{"so does a pipeline that applies files", "kubectl-client-side-apply", ApplyOptions{TakeFromPeople: true}, false},
		{"what was edited by hand is undone", "kubectl-edit", ApplyOptions{TakeFromPeople: true}, true},
		{"so is what the action did, at the command of a person", ControlManager, ApplyOptions{TakeFromPeople: true}, true},
		{"an edit by hand is a conflict unless asked", "kubectl-edit", ApplyOptions{}, false},
		{"force takes from everybody", "argocd-controller", ApplyOptions{Force: true}, true},
	}
	var texts []string
	for _, test := range tests {
		created := apply(t, client, desired)
		edit(t, client, desired, test.manager, patch)
		checkTried(t, client, desired, test.reason, test.opts, test.taken)
		got, err := client.ApplyExactly(t.Context(), desired, test.opts)
		if test.taken {
			checkTaken(t, test.reason, got, err)
		} else if ReasonOf(err) != Conflict {
			t.Errorf("%s: got %v, want a conflict", test.reason, err)
		} else {
			texts = append(texts, "# "+test.reason+"\n"+err.Error()+"\n")
		}
		if err := client.Delete(t.Context(), environments, types.NamespacedName{Name: "conflict"}, created.GetUID()); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "conflicts.txt", strings.Join(texts, "\n"))
}

// checkTried checks that a dry run ends as the write does, and that what is tried
// beforehand does, too.
func checkTried(t *testing.T, client *Client, desired *unstructured.Unstructured, reason string, opts ApplyOptions, taken bool) {
	t.Helper()
	tried, err := client.Try(t.Context(), desired, opts)
	if (err == nil) != taken || (err != nil && ReasonOf(err) != Conflict) {
		t.Errorf("%s: what is tried ends with %v", reason, err)
	}
	if err == nil && tried.GetResourceVersion() == "" {
		t.Errorf("%s: what exists has no version", reason)
	}
	opts.DryRun = true
	if _, err := client.ApplyExactly(t.Context(), desired, opts); (err == nil) != taken {
		t.Errorf("%s: a dry run ends with %v", reason, err)
	}
}

// checkTaken checks that the object is as desired: what it does not name is gone.
func checkTaken(t *testing.T, reason string, got *unstructured.Unstructured, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", reason, err)
		return
	}
	want := map[string]any{"afterPolicy": "Require", "after": []any{"dev"}, "permissions": "fairlead-deployer"}
	if diff := cmp.Diff(want, got.Object["spec"]); diff != "" {
		t.Errorf("%s: spec (-want +got):\n%s", reason, diff)
	}
}

// TestLeftovers checks that a field of another tool that would stay is reported,
// although server-side apply sees no conflict in it.
func TestLeftovers(t *testing.T) {
	client := realClient(t, time.Minute)
	installEnvironments(t, client)
	desired := environment("leftovers", map[string]any{"afterPolicy": "Skip"})
	apply(t, client, desired)
	edit(t, client, desired, "argocd-controller", `{"spec":{"approval":{"required":true}}}`)
	_, err := client.ApplyExactly(t.Context(), desired, ApplyOptions{TakeFromPeople: true})
	if ReasonOf(err) != Conflict {
		t.Fatalf("got %v, want a conflict", err)
	}
	golden(t, "leftovers.txt", err.Error()+"\n")
}

// TestLeftoversOfPeople has another tool set what is desired, and a person what is
// not: nothing of it would stay, so neither a dry run nor the write is a conflict.
func TestLeftoversOfPeople(t *testing.T) {
	client := realClient(t, time.Minute)
	installEnvironments(t, client)
	desired := environment("people", map[string]any{"afterPolicy": "Require"})
	edit(t, client, apply(t, client, environment("people", map[string]any{})), "argocd-controller", `{"spec":{"afterPolicy":"Require"}}`)
	edit(t, client, desired, "kubectl-edit", `{"spec":{"approval":{"required":true}}}`)
	checkTried(t, client, desired, "a person's field that is not desired", ApplyOptions{TakeFromPeople: true}, true)
	got, err := client.ApplyExactly(t.Context(), desired, ApplyOptions{TakeFromPeople: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"afterPolicy": "Require", "permissions": "fairlead-deployer"}, got.Object["spec"]); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

// untriable is the hub behind a webhook that allows no dry run, as clusters have it from
// times in which API servers accepted such ones.
func untriable(t *testing.T) *Client {
	t.Helper()
	config := realHub.Hub().RESTConfig()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(target)
	through.Transport = transport
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Authorization")
		if !r.URL.Query().Has("dryRun") {
			through.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(statusBody("400", "BadRequest", `admission webhook "old.example.com" does not support dry run`)))
	}))
	t.Cleanup(server.Close)
	return clientOf(t, Settings{Host: server.URL, Token: "t", Insecure: "true"})
}

// TestUntriedLeftovers has a webhook refuse each dry run: what only a write can tell is
// told by it.
func TestUntriedLeftovers(t *testing.T) {
	client, front := realClient(t, time.Minute), untriable(t)
	installEnvironments(t, client)
	desired := environment("untried", map[string]any{"afterPolicy": "Skip"})
	apply(t, client, desired)
	for _, test := range []struct {
		reason, patch string
		want          Reason
	}{
		{"another tool has set what is desired", `{"spec":{"afterPolicy":"Skip"}}`, ""},
		{"another tool has set more, which stays", `{"spec":{"approval":{"required":true}}}`, Conflict},
	} {
		edit(t, client, desired, "argocd-controller", test.patch)
		_, err := front.ApplyExactly(t.Context(), desired, ApplyOptions{TakeFromPeople: true})
		if err != nil && ReasonOf(err) != test.want || err == nil && test.want != "" {
			t.Errorf("%s: got %v, want %q", test.reason, err, test.want)
		}
	}
	if _, err := front.Try(t.Context(), desired, ApplyOptions{}); ReasonOf(err) != NoDryRun || !strings.Contains(err.Error(), "old.example.com") || ButUntried(err) != nil {
		t.Errorf("what is tried ends with %v", err)
	}
}

// TestTry checks that nothing is written and nothing waited for.
func TestTry(t *testing.T) {
	client := realClient(t, time.Hour)
	tried, err := client.Try(t.Context(), configMap("default", "tried", nil), ApplyOptions{})
	if err != nil || tried.GetResourceVersion() != "" {
		t.Errorf("got version %q and %v, want an object without a version", tried.GetResourceVersion(), err)
	}
	if _, err := client.Get(t.Context(), configMaps, types.NamespacedName{Namespace: "default", Name: "tried"}); !IsNotFound(err) {
		t.Errorf("it was written: %v", err)
	}
	missing := configMap("default", "tried", nil)
	missing.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Nothing"})
	for reason, test := range map[string]struct {
		object *unstructured.Unstructured
		want   Reason
	}{
		"a namespace that does not exist": {configMap(freshName("absent"), "tried", nil), NamespaceMissing},
		"a kind that does not exist":      {missing, KindMissing},
	} {
		if _, err := client.Try(t.Context(), test.object, ApplyOptions{}); ReasonOf(err) != test.want {
			t.Errorf("%s: got %v", reason, err)
		}
	}
}

// TestQuota checks that a quota that is used up is not taken for missing rights.
func TestQuota(t *testing.T) {
	client := realClient(t, time.Minute)
	ns := freshName("quota")
	apply(t, client, namespace(ns))
	apply(t, client, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ResourceQuota", "metadata": map[string]any{"name": "none", "namespace": ns},
		"spec": map[string]any{"hard": map[string]any{"count/secrets": "0"}},
	}})
	secret := configMap(ns, "one", nil)
	secret.SetKind("Secret")
	var err error
	// The quota counts once its status is written. Kubernetes' controller waits for half a minute with that when it has just seen a
	// kind that is gone again.
	for range 600 {
		if _, err = client.Try(t.Context(), secret, ApplyOptions{}); ReasonOf(err) == Exhausted {
			return
		}
		pause(t.Context(), 100*time.Millisecond)
	}
	t.Errorf("got %v, want that a quota is used up", err)
}

// TestInvalid checks that a refusal names each field, and that unknown fields are refused.
func TestInvalid(t *testing.T) {
	client := realClient(t, time.Minute)
	installEnvironments(t, client)
	var texts []string
	for reason, spec := range map[string]map[string]any{
		"values that are not allowed":             {"afterPolicy": "Never", "approval": map[string]any{"message": strings.Repeat("x", 2000)}},
		"a field that an older hub does not know": {"aftre": []any{"dev"}},
	} {
		_, err := client.Apply(t.Context(), environment("invalid", spec), ApplyOptions{})
		if err == nil {
			t.Errorf("%s: accepted", reason)
			continue
		}
		texts = append(texts, "# "+reason+"\n"+err.Error()+"\n")
	}
	sort.Strings(texts)
	golden(t, "invalid.txt", strings.Join(texts, "\n"))
}

// TestDelete checks that only the very object is deleted.
func TestDelete(t *testing.T) {
	client := realClient(t, time.Minute)
	key := types.NamespacedName{Namespace: "default", Name: "delete"}
	first := apply(t, client, configMap("default", "delete", nil))
	if err := client.Delete(t.Context(), configMaps, key, "another-uid"); err != nil {
		t.Errorf("an object of another UID counts as gone: %v", err)
	}
	if _, err := client.Get(t.Context(), configMaps, key); err != nil {
		t.Fatalf("an object of another UID was deleted: %v", err)
	}
	if err := client.Delete(t.Context(), configMaps, key, first.GetUID()); err != nil {
		t.Fatal(err)
	}
	_, err := client.Get(t.Context(), configMaps, key)
	if !IsNotFound(err) || !apierrors.IsNotFound(err) || IsNoMatch(err) {
		t.Errorf("after the delete: %v", err)
	}
	if err := client.Delete(t.Context(), configMaps, key, first.GetUID()); err != nil {
		t.Errorf("deleting what is gone must succeed: %v", err)
	}
}

// TestWaitGone checks the end of the wait, and what is returned when time runs out.
func TestWaitGone(t *testing.T) {
	client := realClient(t, time.Minute)
	held := configMap("default", "held", nil)
	held.SetFinalizers([]string{"example.com/hold"})
	uid := apply(t, client, held).GetUID()
	key := types.NamespacedName{Namespace: "default", Name: "held"}
	if err := client.Delete(t.Context(), configMaps, key, uid); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	last, err := client.WaitGone(short, configMaps, key, uid)
	if ReasonOf(err) != TimedOut || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the time ran out", err)
	}
	if last == nil || len(last.GetFinalizers()) != 1 {
		t.Errorf("the object as seen last must show the finalizer: %v", last)
	}
	result := make(chan error, 1)
	go func() {
		_, err := client.WaitGone(t.Context(), configMaps, key, uid)
		result <- err
	}()
	edit(t, client, held, "test", `{"metadata":{"finalizers":null}}`)
	if err := <-result; err != nil {
		t.Errorf("the object went and was waited for: %v", err)
	}
}

// TestWaitForChange checks that changes arrive by a watch: the wait ends long
// before the object would be read again.
func TestWaitForChange(t *testing.T) {
	client := realClient(t, time.Minute)
	object := configMap("default", "watched", map[string]any{"n": "0"})
	apply(t, client, object)
	key := types.NamespacedName{Namespace: "default", Name: "watched"}
	seen := make(chan string, 10)
	result := make(chan error, 1)
	go func() {
		result <- client.WaitFor(t.Context(), configMaps, key, func(object *unstructured.Unstructured) (bool, error) {
			if object == nil {
				return true, nil
			}
			value, _, err := unstructured.NestedString(object.Object, "data", "n")
			seen <- value
			return false, err
		})
	}()
	began := time.Now()
	for _, value := range []string{"1", "2"} {
		if got := <-seen; got == value {
			t.Fatalf("saw %q too early", got)
		}
		edit(t, client, object, "test", `{"data":{"n":"`+value+`"}}`)
	}
	if got := <-seen; got != "2" {
		t.Errorf("saw %q, want the last change", got)
	}
	if err := client.Delete(t.Context(), configMaps, key, ""); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	if waited := time.Since(began); waited > watchSpan/2 {
		t.Errorf("changes took %s to arrive: they were polled", waited)
	}
}

// TestWaitForInterrupted checks that Ctrl-C ends a wait at once.
func TestWaitForInterrupted(t *testing.T) {
	client := realClient(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	err := client.WaitFor(ctx, configMaps, types.NamespacedName{Namespace: "default", Name: "never"}, func(*unstructured.Unstructured) (bool, error) {
		cancel()
		return false, nil
	})
	if ReasonOf(err) != Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the wait was interrupted", err)
	}
}

// TestWaitForPolls checks that a wait goes on where the object may be read and not watched.
func TestWaitForPolls(t *testing.T) {
	admin := realClient(t, time.Minute)
	ns := freshName("poll")
	apply(t, admin, namespace(ns))
	object := configMap(ns, "polled", map[string]any{"n": "0"})
	apply(t, admin, object)
	reader := readerClient(t, admin, ns)
	result := make(chan error, 1)
	go func() {
		result <- reader.WaitFor(t.Context(), configMaps, types.NamespacedName{Namespace: ns, Name: "polled"}, func(object *unstructured.Unstructured) (bool, error) {
			value, _, err := unstructured.NestedString(object.Object, "data", "n")
			return value == "1", err
		})
	}()
	edit(t, admin, object, "test", `{"data":{"n":"1"}}`)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// readerClient returns a client that may get ConfigMaps of the namespace and nothing else.
func readerClient(t *testing.T, admin *Client, ns string) *Client {
	t.Helper()
	role := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": map[string]any{"name": "reader", "namespace": ns},
		"rules": []any{map[string]any{"apiGroups": []any{""}, "resources": []any{"configmaps"}, "verbs": []any{"get"}}},
	}}
	binding := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": "reader", "namespace": ns},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
		"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}},
	}}
	apply(t, admin, role)
	apply(t, admin, binding)
	path, err := realHub.Hub().UserKubeconfig("reader")
	if err != nil {
		t.Fatal(err)
	}
	client, err := New(Config{Settings: Settings{ConfigPath: path}, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	// The API server takes a moment to see the binding that it has just stored.
	for range 600 {
		if _, err = client.Get(t.Context(), configMaps, types.NamespacedName{Namespace: ns, Name: "none"}); ReasonOf(err) != Forbidden {
			return client
		}
		pause(t.Context(), 100*time.Millisecond)
	}
	t.Fatalf("the reader may read nothing: %v", err)
	return nil
}

// TestForbidden checks the text of a 403 of a real API server.
func TestForbidden(t *testing.T) {
	admin := realClient(t, time.Minute)
	ns := freshName("forbidden")
	apply(t, admin, namespace(ns))
	reader := readerClient(t, admin, ns)
	_, err := reader.Apply(t.Context(), configMap(ns, "a", nil), ApplyOptions{})
	if !IsAway(err) || ReasonOf(err) != Forbidden {
		t.Fatalf("got %v, want that it is forbidden", err)
	}
	text := strings.ReplaceAll(err.Error(), realHub.Hub().URL(), "https://HUB")
	path, _ := realHub.Hub().UserKubeconfig("reader")
	text = strings.ReplaceAll(text, ns, "NAMESPACE")
	golden(t, "forbidden.txt", strings.ReplaceAll(text, path, "KUBECONFIG")+"\n")
}

// TestVisit checks that each object is visited once, also where there are several pages.
func TestVisit(t *testing.T) {
	client := realClient(t, time.Minute)
	ns := freshName("visit")
	apply(t, client, namespace(ns))
	want := map[string]int{"kube-root-ca.crt": 1}
	for i := range visitSize + 2 {
		name := fmt.Sprintf("visited-%03d", i)
		apply(t, client, configMap(ns, name, nil))
		want[name] = 1
	}
	got := map[string]int{"kube-root-ca.crt": 1} // which comes at some time
	if err := client.Visit(t.Context(), configMaps, ns, func(live *unstructured.Unstructured) {
		if live.GetName() != "kube-root-ca.crt" {
			got[live.GetName()]++
		}
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("visits (-want +got):\n%s", diff)
	}
}

// TestList checks selection by label, and a kind that is not served.
func TestList(t *testing.T) {
	client := realClient(t, time.Minute)
	ns := freshName("list")
	apply(t, client, namespace(ns))
	for _, name := range []string{"a", "b", "c"} {
		object := configMap(ns, name, nil)
		object.SetLabels(map[string]string{"odd": map[bool]string{true: "yes", false: "no"}[name != "b"]})
		apply(t, client, object)
	}
	items, err := client.List(t.Context(), configMaps, ns, "odd=yes")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range items {
		names = append(names, item.GetName())
	}
	if diff := cmp.Diff([]string{"a", "c"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if _, err := client.List(t.Context(), schema.GroupVersionKind{Group: "no.such", Version: "v1", Kind: "Thing"}, "", ""); !IsNoMatch(err) {
		t.Errorf("listing a kind that is not served: %v", err)
	}
}

// TestContents checks that a namespace with nothing of anybody's is empty.
func TestContents(t *testing.T) {
	client := realClient(t, time.Minute)
	ns := freshName("contents")
	apply(t, client, namespace(ns))
	got, err := client.Contents(t.Context(), ns)
	if err != nil || len(got) > 0 {
		t.Errorf("a new namespace holds %v, %v", got, err)
	}
	apply(t, client, configMap(ns, "mine", nil))
	got, err = client.Contents(t.Context(), ns)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ConfigMap/mine"}, got); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
}
