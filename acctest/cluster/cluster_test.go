// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clusterclient "open-cluster-management.io/api/client/cluster/clientset/versioned"
	workclient "open-cluster-management.io/api/client/work/clientset/versioned"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
	workv1 "open-cluster-management.io/api/work/v1"
)

// testLease is the lease of managed clusters: OCM calls one unreachable after five.
const testLease = 2 * time.Second

func TestHubWithClusters(t *testing.T) {
	e := ForTest(t, Options{Clusters: []string{"cluster1", "cluster2"}, LeaseDuration: testLease, AuditLog: true})
	t.Run("DeploymentBecomesReady", func(t *testing.T) { testDeployment(t, e.Cluster("cluster2")) })
	t.Run("CredentialsOfOneClusterAreWorthNothingAtAnother", func(t *testing.T) { testForeignCredentials(t, e) })
	t.Run("WorkWithExecutor", func(t *testing.T) { testExecutor(t, e) })
	t.Run("BindingASetNeedsARight", func(t *testing.T) { testSetBinding(t, e) })
	t.Run("WorkTooLarge", func(t *testing.T) { testWorkTooLarge(t, e) })
	t.Run("StoppedWorkAgent", func(t *testing.T) { testStoppedWorkAgent(t, e) })
	t.Run("SilentClusterBecomesUnreachable", func(t *testing.T) { testUnreachable(t, e) })
	t.Run("RestartedServer", func(t *testing.T) { testRestart(t, e) })
	t.Run("AuditLog", func(t *testing.T) { testAuditLog(t, e.Hub()) })
}

// TestOCMInstalledLater starts a hub as somebody has it who does not know OCM, and ends with everything closed.
func TestOCMInstalledLater(t *testing.T) {
	t.Setenv(RegistryEnv, t.TempDir())
	e := ForTest(t, Options{})
	clusters := clientOf(t, e.Hub(), clusterclient.NewForConfig)
	if _, err := clusters.ClusterV1().ManagedClusters().List(t.Context(), metav1.ListOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("a hub without OCM has none of its kinds: got %v", err)
	}
	if err := e.StartOCM(t.Context(), "late"); err != nil {
		t.Fatal(err)
	}
	managed, err := clusters.ClusterV1().ManagedClusters().Get(t.Context(), "late", metav1.GetOptions{})
	if err != nil || joined(managed) != nil {
		t.Errorf("the cluster that came later: %v, %v", joined(managed), err)
	}

	ids := make([]identity, 0)
	for _, p := range e.Processes() {
		ids = append(ids, p.current())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if n := living(ids); n > 0 || exists(e.Dir) {
		t.Errorf("after Close %d of %d processes live, folder there: %t", n, len(ids), exists(e.Dir))
	}
	if dirs, err := Dirs(); err != nil || len(dirs) > 0 {
		t.Errorf("after Close nothing is listed: got %v, %v", dirs, err)
	}
}

// clientOf creates a client of c as a member of system:masters.
func clientOf[T any](t *testing.T, c *ControlPlane, create func(c *rest.Config) (T, error)) T {
	t.Helper()
	client, err := create(c.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// clientOfUser creates a client of c as a user without rights.
func clientOfUser[T any](t *testing.T, c *ControlPlane, user string, create func(c *rest.Config) (T, error)) T {
	t.Helper()
	path, err := c.UserKubeconfig(user)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client, err := create(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// eventually waits for a condition of the clusters.
func eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if err := waitFor(ctx, what, pollRequest, check); err != nil {
		t.Fatal(err)
	}
}

func checkUsable(t *testing.T, c *ControlPlane) {
	t.Helper()
	if err := c.waitUsable(t.Context(), clientOf(t, c, kubernetes.NewForConfig)); err != nil {
		t.Error(err)
	}
}

func testDeployment(t *testing.T, c *ControlPlane) {
	client := clientOf(t, c, kubernetes.NewForConfig)
	replicas := int32(4)
	labels := map[string]string{"app": "web"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "example.com/web:1"}}},
			},
		},
	}
	if _, err := client.AppsV1().Deployments("default").Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the deployment to have its replicas", func(ctx context.Context) error {
		got, err := client.AppsV1().Deployments("default").Get(ctx, "web", metav1.GetOptions{})
		if err == nil && got.Status.AvailableReplicas != replicas {
			return fmt.Errorf("%d of %d are available", got.Status.AvailableReplicas, replicas)
		}
		return err
	})
	pods, err := client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	addresses := map[string]string{}
	for _, pod := range pods.Items {
		if other, taken := addresses[pod.Status.PodIP]; taken || pod.Status.PodIP == "" {
			t.Errorf("pods %s and %s have the same address %q", other, pod.Name, pod.Status.PodIP)
		}
		addresses[pod.Status.PodIP] = pod.Name
	}
}

func testForeignCredentials(t *testing.T, e *Env) {
	config := e.Cluster("cluster1").RESTConfig()
	config.Host, config.CAData = e.Hub().URL(), e.Hub().RESTConfig().CAData
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsUnauthorized(err) {
		t.Errorf("the administrator of a cluster asks the hub: got %v, want unauthorized", err)
	}
}

// configMapWork is a work that creates one ConfigMap.
func configMapWork(cluster, name string, data string) *workv1.ManifestWork {
	content := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Data:       map[string]string{"key": data},
	}
	return &workv1.ManifestWork{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: cluster},
		Spec: workv1.ManifestWorkSpec{Workload: workv1.ManifestsTemplate{
			Manifests: []workv1.Manifest{{RawExtension: runtime.RawExtension{Object: content}}},
		}},
	}
}

func createWork(t *testing.T, client workclient.Interface, work *workv1.ManifestWork) {
	t.Helper()
	if _, err := client.WorkV1().ManifestWorks(work.Namespace).Create(t.Context(), work, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func waitApplied(t *testing.T, client workclient.Interface, cluster, name string) {
	t.Helper()
	eventually(t, "work "+cluster+"/"+name+" to be applied", func(ctx context.Context) error {
		work, err := client.WorkV1().ManifestWorks(cluster).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !meta.IsStatusConditionTrue(work.Status.Conditions, workv1.WorkApplied) {
			return fmt.Errorf("conditions: %v", work.Status.Conditions)
		}
		return err
	})
}

// withExecutor makes the agent apply work with the rights of a service account on the cluster.
func withExecutor(work *workv1.ManifestWork, account string) *workv1.ManifestWork {
	work.Spec.Executor = &workv1.ManifestWorkExecutor{Subject: workv1.ManifestWorkExecutorSubject{
		Type:           workv1.ExecutorSubjectTypeServiceAccount,
		ServiceAccount: &workv1.ManifestWorkSubjectServiceAccount{Namespace: "default", Name: account},
	}}
	return work
}

// testExecutor shows that OCM's webhook asks for execute-as on the hub, and that the agent applies with the executor's rights.
func testExecutor(t *testing.T, e *Env) {
	allowDeployer(t, e.Cluster("cluster1"))
	rule := rbacv1.PolicyRule{APIGroups: []string{workv1.GroupName}, Resources: []string{"manifestworks"}}
	rule.Verbs = []string{"create", "get"}
	grant(t, e.Hub(), "author", rule)
	author := clientOfUser(t, e.Hub(), "author", workclient.NewForConfig).WorkV1().ManifestWorks("cluster1")
	work := withExecutor(configMapWork("cluster1", "with-executor", "value"), "deployer")
	isRefusedBy(t, "manifestworkvalidators.admission.work.open-cluster-management.io", func(ctx context.Context) error {
		_, err := author.Create(ctx, work, metav1.CreateOptions{})
		return err
	})

	rule.Verbs, rule.ResourceNames = []string{"execute-as"}, []string{"system:serviceaccount:default:deployer"}
	grant(t, e.Hub(), "author", rule)
	eventually(t, "the work to be admitted", func(ctx context.Context) error {
		_, err := author.Create(ctx, work, metav1.CreateOptions{})
		return err
	})
	admin := clientOf(t, e.Hub(), workclient.NewForConfig)
	waitApplied(t, admin, "cluster1", work.Name)
	spoke := clientOf(t, e.Cluster("cluster1"), kubernetes.NewForConfig)
	got, err := spoke.CoreV1().ConfigMaps("default").Get(t.Context(), work.Name, metav1.GetOptions{})
	if err != nil || got.Data["key"] != "value" {
		t.Errorf("what the work creates: %v, %v", got.Data, err)
	}

	createWork(t, admin, withExecutor(configMapWork("cluster1", "without-rights", "value"), "nobody"))
	eventually(t, "the agent to refuse what the executor may not do", func(ctx context.Context) error {
		got, err := admin.WorkV1().ManifestWorks("cluster1").Get(ctx, "without-rights", metav1.GetOptions{})
		if err == nil && !meta.IsStatusConditionFalse(got.Status.Conditions, workv1.WorkApplied) {
			return fmt.Errorf("conditions: %v", got.Status.Conditions)
		}
		return err
	})
}

// isRefusedBy checks that a webhook of OCM refuses a request. Until the API server has seen the role that was granted just now it
// refuses the request by itself.
func isRefusedBy(t *testing.T, webhook string, do func(context.Context) error) {
	t.Helper()
	eventually(t, "webhook "+webhook+" to be asked", func(ctx context.Context) error {
		err := do(ctx)
		if err == nil || !apierrors.IsForbidden(err) && !strings.Contains(err.Error(), webhook) {
			t.Fatalf("got %v, want a refusal by %s", err, webhook)
		}
		if !strings.Contains(err.Error(), webhook) {
			return err
		}
		return nil
	})
}

// grant gives user a role with one rule, in all namespaces.
func grant(t *testing.T, c *ControlPlane, user string, rule rbacv1.PolicyRule) {
	t.Helper()
	client := clientOf(t, c, kubernetes.NewForConfig)
	name := user + "-" + rule.Verbs[0]
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{rule}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	_, roleErr := client.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{})
	_, bindingErr := client.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{})
	if err := errors.Join(roleErr, bindingErr); err != nil {
		t.Fatal(err)
	}
}

// allowDeployer lets the executor of testExecutor write to its namespace.
func allowDeployer(t *testing.T, c *ControlPlane) {
	t.Helper()
	client := clientOf(t, c, kubernetes.NewForConfig)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "deployer"}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "deployer"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "deployer"}},
	}
	_, accountErr := client.CoreV1().ServiceAccounts("default").Create(t.Context(), account, metav1.CreateOptions{})
	_, bindingErr := client.RbacV1().RoleBindings("default").Create(t.Context(), binding, metav1.CreateOptions{})
	if err := errors.Join(accountErr, bindingErr); err != nil {
		t.Fatal(err)
	}
}

// testSetBinding shows that OCM's registration webhook asks for the right to bind a set.
func testSetBinding(t *testing.T, e *Env) {
	grant(t, e.Hub(), "binder", rbacv1.PolicyRule{
		APIGroups: []string{clusterv1beta2.GroupName}, Resources: []string{"managedclustersetbindings"}, Verbs: []string{"create"},
	})
	binder := clientOfUser(t, e.Hub(), "binder", clusterclient.NewForConfig)
	binding := &clusterv1beta2.ManagedClusterSetBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "default"},
		Spec:       clusterv1beta2.ManagedClusterSetBindingSpec{ClusterSet: "default"},
	}
	isRefusedBy(t, "managedclustersetbindingvalidators", func(ctx context.Context) error {
		_, err := binder.ClusterV1beta2().ManagedClusterSetBindings("default").Create(ctx, binding, metav1.CreateOptions{})
		return err
	})
	grant(t, e.Hub(), "binder", rbacv1.PolicyRule{
		APIGroups: []string{clusterv1beta2.GroupName}, Resources: []string{"managedclustersets/bind"}, Verbs: []string{"*"},
	})
	eventually(t, "the binding to be admitted", func(ctx context.Context) error {
		_, err := binder.ClusterV1beta2().ManagedClusterSetBindings("default").Create(ctx, binding, metav1.CreateOptions{})
		return err
	})
}

func testWorkTooLarge(t *testing.T, e *Env) {
	const limit = 500 * 1024
	client := clientOf(t, e.Hub(), workclient.NewForConfig)
	work := configMapWork("cluster1", "too-large", strings.Repeat("x", limit))
	_, err := client.WorkV1().ManifestWorks("cluster1").Create(t.Context(), work, metav1.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "manifestworkvalidators") {
		t.Errorf("OCM's webhook limits the size of a work: got %v", err)
	}
}

// testStoppedWorkAgent shows that a stopped process does nothing and goes on where it was. That the other cluster's agent has
// applied its work meanwhile shows that there was time enough.
func testStoppedWorkAgent(t *testing.T, e *Env) {
	client := clientOf(t, e.Hub(), workclient.NewForConfig)
	agent := e.Process("cluster1/work-agent")
	if err := agent.Stop(); err != nil {
		t.Fatal(err)
	}
	createWork(t, client, configMapWork("cluster1", "held-up", "value"))
	createWork(t, client, configMapWork("cluster2", "not-held-up", "value"))
	waitApplied(t, client, "cluster2", "not-held-up")
	work, err := client.WorkV1().ManifestWorks("cluster1").Get(t.Context(), "held-up", metav1.GetOptions{})
	if err != nil || len(work.Status.Conditions) > 0 {
		t.Errorf("a stopped agent does nothing: got %v, %v", work.Status.Conditions, err)
	}
	if !agent.Running() {
		t.Error("a stopped process still lives")
	}
	if err := agent.Continue(); err != nil {
		t.Fatal(err)
	}
	waitApplied(t, client, "cluster1", "held-up")
}

// testUnreachable shows that the short lease makes OCM taint a silent cluster soon, and take the taint back.
func testUnreachable(t *testing.T, e *Env) {
	client := clientOf(t, e.Hub(), clusterclient.NewForConfig)
	tainted := func(ctx context.Context) (bool, error) {
		managed, err := client.ClusterV1().ManagedClusters().Get(ctx, "cluster2", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return len(managed.Spec.Taints) > 0 && managed.Spec.Taints[0].Key == clusterv1.ManagedClusterTaintUnreachable, nil
	}
	waitTaint := func(want bool) {
		eventually(t, fmt.Sprintf("the cluster's taint to be %t", want), func(ctx context.Context) error {
			got, err := tainted(ctx)
			if err == nil && got != want {
				return fmt.Errorf("it is %t", got)
			}
			return err
		})
	}
	agent := e.Process("cluster2/registration-agent")
	if err := agent.Stop(); err != nil {
		t.Fatal(err)
	}
	waitTaint(true)
	if err := agent.Continue(); err != nil {
		t.Fatal(err)
	}
	waitTaint(false)
}

func testRestart(t *testing.T, e *Env) {
	server := e.Process("cluster2/kube-apiserver")
	before := server.PID()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if err := server.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if server.PID() == before {
		t.Error("it is the same process")
	}
	checkUsable(t, e.Cluster("cluster2"))
	works := clientOf(t, e.Hub(), workclient.NewForConfig)
	createWork(t, works, configMapWork("cluster2", "after-restart", "value"))
	waitApplied(t, works, "cluster2", "after-restart")
}

func testAuditLog(t *testing.T, hub *ControlPlane) {
	content, err := os.ReadFile(hub.AuditLogPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"resource":"manifestworks"`, `"username":"author"`, `"level":"Metadata"`} {
		if !strings.Contains(string(content), want) {
			t.Errorf("the audit log holds no %s", want)
		}
	}
}
