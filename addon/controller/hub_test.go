// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/local"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a value, as YAML, with a file below testdata.
func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nIf the change is meant, run the test with -update.", path, diff)
	}
}

const (
	// managerUser is who the manager is in the audit log.
	managerUser = "manager"
	// patience is how long a test waits for what takes a second on an idle machine.
	patience = 90 * time.Second
	poll     = 50 * time.Millisecond
)

// hub is a real API server with its controllers, on which a manager runs.
type hub struct {
	client.Client
	env    *cluster.Env
	config *rest.Config
	log    tail
	// stop ends the manager, waits for it, and returns what it ended with.
	stop func() error
}

// startHub starts a hub with the CRDs and the deployer's role, and a manager.
func startHub(t *testing.T) *hub {
	t.Helper()
	env := cluster.ForTest(t, cluster.Options{AuditLog: true})
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	config := env.Hub().RESTConfig()
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{Client: c, env: env}
	path, err := env.Hub().UserKubeconfig(managerUser, "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	if h.config, err = clientcmd.BuildConfigFromFlags("", path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the managers' logs:\n%s", h.log.text())
		}
	})
	h.install(t)
	h.startManager(t)
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("the manager ended: %v", err)
		}
	})
	return h
}

// tail keeps the last lines of a log.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (l *tail) add(_, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 200
	if l.lines = append(l.lines, line); len(l.lines) > most {
		l.lines = slices.Clone(l.lines[len(l.lines)-most:])
	}
}

func (l *tail) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// install makes what the chart makes, but for the addon's own account.
func (h *hub) install(t *testing.T) {
	t.Helper()
	crds, err := chart.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range crds {
		h.create(t, crd)
	}
	for _, crd := range crds {
		h.waitFor(t, "CRD "+crd.Name, func(ctx context.Context) (string, error) {
			err := h.Get(ctx, client.ObjectKeyFromObject(crd), crd)
			for _, condition := range crd.Status.Conditions {
				if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
					return "", nil
				}
			}
			return "not established", err
		})
	}
	h.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.SystemNamespace}})
	verbs := []string{"get", "create", "update", "patch", "delete"}
	h.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.DeployerRole}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: verbs},
		{APIGroups: []string{""}, Resources: []string{"services", "configmaps", "persistentvolumeclaims"}, Verbs: verbs},
		{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: verbs},
		{APIGroups: []string{"autoscaling"}, Resources: []string{"horizontalpodautoscalers"}, Verbs: verbs},
		{APIGroups: []string{""}, Resources: []string{"pods", "events"}, Verbs: []string{"list"}},
	}})
}

// startManager runs a manager until stop is called.
func (h *hub) startManager(t *testing.T) {
	t.Helper()
	runner := newRunner(t)
	h.startManagerWith(t, runner, runner.Close)
}

// startManagerWith is startManager with a runner of foreign CUE, which is closed with the manager.
func (h *hub) startManagerWith(t *testing.T, runner program.Runner, closeRunner func()) {
	t.Helper()
	// The test that restarts it ends before the last one that needs it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	manager, err := NewManager(ctx, Options{
		Config: h.config, Logger: funcr.New(h.log.add, funcr.Options{LogTimestamp: true}), HealthAddress: "0", MetricsAddress: "0", Workers: 4, Registry: prometheus.NewRegistry(), Runner: runner,
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- manager.Start(ctx) }()
	h.stop = sync.OnceValue(func() error {
		defer closeRunner()
		cancel()
		return <-done
	})
}

func (h *hub) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := h.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// change reads an object, changes it and writes it back.
func change[T client.Object](t *testing.T, h *hub, object T, edit func(T)) {
	t.Helper()
	h.waitFor(t, "change "+object.GetName(), func(ctx context.Context) (string, error) {
		if err := h.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err.Error(), nil
		}
		edit(object)
		if err := h.Update(ctx, object); err != nil {
			return err.Error(), nil
		}
		return "", nil
	})
}

// remove deletes objects and does not wait for their ends.
func (h *hub) remove(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := client.IgnoreNotFound(h.Delete(t.Context(), object)); err != nil {
			t.Fatalf("delete %T %s: %v", object, object.GetName(), err)
		}
	}
}

// waitFor waits until a condition says nothing that is missing.
func (h *hub) waitFor(t *testing.T, what string, missing func(context.Context) (string, error)) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), poll, patience, true, func(ctx context.Context) (bool, error) {
		text, err := missing(ctx)
		if ctx.Err() == nil {
			last = text // else it says only that the time is over
		}
		return text == "" && err == nil, err
	})
	if err != nil {
		t.Fatalf("wait for %s: %v: %s", what, err, last)
	}
}

// gone waits until objects do not exist.
func (h *hub) gone(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		h.waitFor(t, fmt.Sprintf("the end of %T %s", object, object.GetName()), func(ctx context.Context) (string, error) {
			err := h.Get(ctx, client.ObjectKeyFromObject(object), object)
			if err == nil {
				return fmt.Sprintf("it is still there: %+v", object), nil
			}
			return "", client.IgnoreNotFound(err)
		})
	}
}

// application waits until the application fits, and returns it.
func (h *hub) application(t *testing.T, key types.NamespacedName, missing func(*v1beta1.Application) string) *v1beta1.Application {
	t.Helper()
	var app v1beta1.Application
	h.waitFor(t, "application "+key.String(), func(ctx context.Context) (string, error) {
		app = v1beta1.Application{}
		if err := h.Get(ctx, key, &app); err != nil {
			return err.Error(), nil
		}
		if text := missing(&app); text != "" {
			return fmt.Sprintf("%s; phase %s, %s", text, app.Status.Phase, strings.Join(conditionTexts(app.Status), " | ")), nil
		}
		return "", nil
	})
	return &app
}

// running waits until the application runs as it is described now.
func (h *hub) running(t *testing.T, app *v1beta1.Application) *v1beta1.Application {
	t.Helper()
	return h.application(t, app.NamespacedName(), func(app *v1beta1.Application) string {
		if app.Status.Phase == v1beta1.PhaseRunning && app.Status.ObservedGeneration == app.Generation {
			return ""
		}
		return "it does not run"
	})
}

// stalled waits until the application stalls for a reason, and returns the message.
func (h *hub) stalled(t *testing.T, app *v1beta1.Application, reason string) string {
	t.Helper()
	message := ""
	h.application(t, app.NamespacedName(), func(app *v1beta1.Application) string {
		for _, condition := range app.Status.Conditions {
			if condition.Type == v1alpha1.ConditionStalled && condition.Reason == reason && condition.Status == metav1.ConditionTrue &&
				app.Status.ObservedGeneration == app.Generation {
				message = condition.Message
				return ""
			}
		}
		return "it is not stalled for " + reason
	})
	return message
}

// tenant is a namespace with an environment bound to the hub that only it may use.
type tenant struct {
	namespace   *corev1.Namespace
	environment *v1alpha1.Environment
	binding     *v1alpha1.ClusterBinding
}

// newTenant makes a namespace, an environment and a binding, all of that name.
func (h *hub) newTenant(t *testing.T, name string) tenant {
	t.Helper()
	made := tenant{
		namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}},
		environment: &v1alpha1.Environment{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.EnvironmentSpec{ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{name}}},
		},
		binding: &v1alpha1.ClusterBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ClusterBindingSpec{Environment: name, Clusters: []string{"local"}},
		},
	}
	h.create(t, made.namespace, made.environment, made.binding)
	return made
}

// delivers waits until the manager knows where the environment of a tenant delivers
// to: an application that it sees before says so in its status first.
func (h *hub) delivers(t *testing.T, tenant tenant) {
	t.Helper()
	h.waitFor(t, "the cluster of environment "+tenant.environment.Name, func(ctx context.Context) (string, error) {
		var environment v1alpha1.Environment
		if err := h.Get(ctx, client.ObjectKeyFromObject(tenant.environment), &environment); err != nil {
			return "", err
		}
		if environment.Status.Clusters == 0 {
			return "it has none", nil
		}
		return "", nil
	})
}

// component is a webservice of an image, with more properties.
func component(name, image, more string) v1beta1.ApplicationComponent {
	return v1beta1.ApplicationComponent{
		Name: name, Type: "webservice", Properties: &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"image":%q%s}`, image, more)},
	}
}

const exposed = `,"ports":[{"port":80,"expose":true}]`

// appIn is an application that goes to the environment of its namespace's name.
func appIn(namespace, name string, components ...v1beta1.ApplicationComponent) *v1beta1.Application {
	return &v1beta1.Application{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1beta1.ApplicationSpec{Components: components, Policies: []v1beta1.AppPolicy{goesTo(namespace)}},
	}
}

func goesTo(environment string) v1beta1.AppPolicy {
	return v1beta1.AppPolicy{
		Name: "env-" + environment, Type: "environment", Properties: &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"environment":%q}`, environment)},
	}
}

func deploymentIn(namespace, name string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func serviceIn(namespace, name string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// accountIn are the deployer's account and its rights in a namespace.
func accountIn(namespace string) []client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DeployerAccount}
	return []client.Object{&rbacv1.RoleBinding{ObjectMeta: meta}, &corev1.ServiceAccount{ObjectMeta: meta}}
}

// leftovers are the objects of ours in a namespace.
func (h *hub) leftovers(ctx context.Context, namespace string) ([]string, error) {
	ours := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue}
	kinds := local.DefaultKinds()
	kinds = append(kinds, corev1.SchemeGroupVersion.WithKind("ServiceAccount"), rbacv1.SchemeGroupVersion.WithKind("RoleBinding"))
	var left []string
	for _, gvk := range kinds {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		if err := h.List(ctx, list, client.InNamespace(namespace), ours); err != nil {
			return nil, err
		}
		for i := range list.Items {
			left = append(left, gvk.Kind+" "+list.Items[i].Name)
		}
	}
	return left, nil
}

// empty waits until nothing of ours is in a namespace.
func (h *hub) empty(t *testing.T, namespace string) {
	t.Helper()
	h.waitFor(t, "an empty namespace "+namespace, func(ctx context.Context) (string, error) {
		left, err := h.leftovers(ctx, namespace)
		return strings.Join(left, ", "), err
	})
}

// request is a line of the audit log.
type request struct {
	Stage string `json:"stage"`
	Verb  string `json:"verb"`
	User  struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// writes are the requests of the manager that change something, as VERB
// RESOURCE NAMESPACE/NAME, from a position of the audit log on. Events are left
// out: they tell of changes and are none.
func (h *hub) writes(t *testing.T, from int64) []string {
	t.Helper()
	file, err := os.Open(h.env.Hub().AuditLogPath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(from, 0); err != nil {
		t.Fatal(err)
	}
	var found []string
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		var r request
		if json.Unmarshal(scanner.Bytes(), &r) != nil || r.Stage != "ResponseComplete" || r.User.Username != managerUser {
			continue
		}
		switch r.Verb {
		case "create", "update", "patch", "delete":
		default:
			continue
		}
		// What is written from a version that is no longer the last does nothing, and is written again.
		if r.ObjectRef.Resource == "events" || r.ResponseStatus.Code == http.StatusConflict {
			continue
		}
		resource := strings.TrimSuffix(r.ObjectRef.Resource+"/"+r.ObjectRef.Subresource, "/")
		found = append(found, strings.TrimSuffix(fmt.Sprintf("%s %s %s/%s", r.Verb, resource, r.ObjectRef.Namespace, r.ObjectRef.Name), "/"))
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// mark is the present end of the audit log.
func (h *hub) mark(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(h.env.Hub().AuditLogPath)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// writesIn are the writes in a namespace, or of a cluster-wide object of that name.
func (h *hub) writesIn(t *testing.T, from int64, namespace string) []string {
	t.Helper()
	var found []string
	for _, write := range h.writes(t, from) {
		if strings.Contains(write, " "+namespace+"/") || strings.HasSuffix(write, " /"+namespace) {
			found = append(found, write)
		}
	}
	return found
}

// passes counts how often a controller has looked at something.
func passes(t *testing.T, controller string) float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "controller" && label.GetValue() == controller {
					total += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}
