// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	clusterclient "open-cluster-management.io/api/client/cluster/clientset/versioned"
	workclient "open-cluster-management.io/api/client/work/clientset/versioned"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

const (
	hubNamespace   = "open-cluster-management-hub"
	agentNamespace = "open-cluster-management-agent"
	// defaultClusterSet is the set that OCM puts every cluster in.
	defaultClusterSet = "default"

	// The service account that registration agents are until their certificate is signed, and its role, as in OCM's chart.
	bootstrapNamespace = "open-cluster-management"
	bootstrapAccount   = "agent-registration-bootstrap"
	bootstrapRole      = "open-cluster-management:bootstrap"

	admissionPart = "ocm-admission"
)

// startOCMHub installs OCM's hub parts and waits until they work.
func (e *Env) startOCMHub(ctx context.Context) error {
	hub := e.Hub()
	build, err := e.tool(ctx, tools.OCM)
	if err != nil {
		return err
	}
	clients, err := newHubClients(hub)
	if err != nil {
		return err
	}
	manifests := build.Asset("manifests/cluster-manager/hub")
	if err := applyCRDs(ctx, clients.dynamic, filepath.Join(manifests, "crds"), "*.crd.yaml"); err != nil {
		return err
	}
	err = errors.Join(createNamespace(ctx, clients.kube, hubNamespace), prepareBootstrap(ctx, clients.kube, hub))
	if err != nil {
		return err
	}
	port, err := e.startHubParts(hub, build)
	if err != nil {
		return err
	}
	if err := registerWebhooks(ctx, clients, hub, manifests, port); err != nil {
		return err
	}
	return waitHubReady(ctx, clients)
}

// hubClients are the clients of the hub that installing OCM needs.
type hubClients struct {
	kube    kubernetes.Interface
	dynamic dynamic.Interface
	cluster clusterclient.Interface
	work    workclient.Interface
}

func newHubClients(hub *ControlPlane) (hubClients, error) {
	kube, kubeErr := kubernetes.NewForConfig(hub.config)
	dyn, dynErr := dynamic.NewForConfig(hub.config)
	clusters, clusterErr := clusterclient.NewForConfig(hub.config)
	works, workErr := workclient.NewForConfig(hub.config)
	if err := errors.Join(kubeErr, dynErr, clusterErr, workErr); err != nil {
		return hubClients{}, fmt.Errorf("creating clients of the hub: %w", err)
	}
	return hubClients{kube: kube, dynamic: dyn, cluster: clusters, work: works}, nil
}

// startHubParts starts OCM's managers and its admission webhooks and returns the port of the latter.
func (e *Env) startHubParts(hub *ControlPlane, build tools.Build) (int, error) {
	ports, err := freePorts(4, randomPort)
	if err != nil {
		return 0, err
	}
	certDir, err := writeWebhookCertificate(hub, time.Now())
	if err != nil {
		return 0, err
	}
	manager := func(part, binary, verb string, port int, more ...string) command {
		args := []string{
			verb,
			"--kubeconfig=" + hub.KubeconfigPath,
			"--namespace=" + hubNamespace,
			"--listen=" + address(port),
			"--disable-leader-election",
		}
		return command{Name: hub.process(part), Path: build.Binary(binary), Args: append(args, more...)}
	}
	commands := []command{
		{
			Name: hub.process(admissionPart),
			Path: build.Binary("admission"),
			Args: []string{"--kubeconfig=" + hub.KubeconfigPath, fmt.Sprintf("--port=%d", ports[0]), "--certdir=" + certDir},
		},
		manager("ocm-registration", "registration", "controller", ports[1],
			"--feature-gates=DefaultClusterSet=true,ManagedClusterAutoApproval=true",
			"--auto-approved-csr-users=system:serviceaccount:"+bootstrapNamespace+":"+bootstrapAccount),
		manager("ocm-placement", "placement", "controller", ports[2]),
		manager("ocm-work", "work", "manager", ports[3]),
	}
	return ports[0], e.startAll(commands...)
}

// writeWebhookCertificate writes the serving certificate of the admission webhooks under the names that they expect.
func writeWebhookCertificate(hub *ControlPlane, now time.Time) (dir string, err error) {
	ca, err := loadAuthority(hub.pkiDir(), caName)
	if err != nil {
		return "", err
	}
	dir = hub.pki("webhook")
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return "", fmt.Errorf("creating the folder of the webhooks' certificate: %w", err)
	}
	return dir, ca.issueServing(filepath.Join(dir, "tls"), now)
}

// prepareBootstrap creates the account with which clusters ask to join, and its kubeconfig.
func prepareBootstrap(ctx context.Context, client kubernetes.Interface, hub *ControlPlane) error {
	if err := createNamespace(ctx, client, bootstrapNamespace); err != nil {
		return err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: bootstrapAccount}}
	_, err := client.CoreV1().ServiceAccounts(bootstrapNamespace).Create(ctx, account, metav1.CreateOptions{})
	if err := ignoreExisting(err); err != nil {
		return fmt.Errorf("creating the account of registration agents: %w", err)
	}
	if err := allowBootstrap(ctx, client); err != nil {
		return err
	}
	_, err = hub.ServiceAccountKubeconfig(ctx, bootstrapNamespace, bootstrapAccount, certificateLife)
	return err
}

// allowBootstrap grants the bootstrap account what OCM's chart grants it: to ask for a certificate and to announce a cluster, not
// to accept it.
func allowBootstrap(ctx context.Context, client kubernetes.Interface) error {
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: bootstrapRole},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}},
			{
				APIGroups: []string{"certificates.k8s.io"},
				Resources: []string{"certificatesigningrequests"},
				Verbs:     []string{"get", "list", "watch", "create"},
			},
			{
				APIGroups: []string{"cluster.open-cluster-management.io"},
				Resources: []string{"managedclusters"},
				Verbs:     []string{"get", "list", "watch", "create"},
			},
			{
				APIGroups: []string{"cluster.open-cluster-management.io"},
				Resources: []string{"managedclustersets/join"},
				Verbs:     []string{"create"},
			},
		},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: bootstrapRole},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: bootstrapRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: bootstrapNamespace, Name: bootstrapAccount}},
	}
	_, roleErr := client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
	_, bindingErr := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	if err := errors.Join(ignoreExisting(roleErr), ignoreExisting(bindingErr)); err != nil {
		return fmt.Errorf("granting registration agents their bootstrap role: %w", err)
	}
	return nil
}

// registerWebhooks applies OCM's own webhook configurations, with the address replaced by that of the local process. It waits
// for the process first: the configurations refuse all writes when nobody answers.
func registerWebhooks(ctx context.Context, clients hubClients, hub *ControlPlane, manifests string, port int) error {
	ca, err := os.ReadFile(hub.CAPath())
	if err != nil {
		return fmt.Errorf("reading the authority of the webhooks: %w", err)
	}
	err = waitFor(ctx, "OCM's webhooks to listen", pollFast, func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(port))
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return err
	}
	for _, folder := range []string{"registration", "work"} {
		configurations, err := readManifests(filepath.Join(manifests, folder), "webhook-*configuration.yaml")
		if err != nil {
			return err
		}
		for _, configuration := range configurations {
			if err := registerWebhook(ctx, clients.dynamic, configuration, ca, port); err != nil {
				return err
			}
		}
	}
	return nil
}

func registerWebhook(ctx context.Context, client dynamic.Interface, configuration *unstructured.Unstructured, ca []byte, port int) error {
	resource, err := webhooks(configuration.GetKind())
	if err != nil {
		return err
	}
	hooks, _, err := unstructured.NestedSlice(configuration.Object, "webhooks")
	if err != nil {
		return fmt.Errorf("reading %s: %w", configuration.GetName(), err)
	}
	for _, h := range hooks {
		hook, ok := h.(map[string]any)
		if !ok {
			return fmt.Errorf("reading %s: a webhook is a %T", configuration.GetName(), h)
		}
		path, _, err := unstructured.NestedString(hook, "clientConfig", "service", "path")
		if err != nil {
			return fmt.Errorf("reading %s: %w", configuration.GetName(), err)
		}
		hook["clientConfig"] = map[string]any{
			"url":      "https://" + address(port) + path,
			"caBundle": base64.StdEncoding.EncodeToString(ca),
		}
	}
	if err := unstructured.SetNestedSlice(configuration.Object, hooks, "webhooks"); err != nil {
		return fmt.Errorf("changing %s: %w", configuration.GetName(), err)
	}
	return apply(ctx, client, resource, configuration)
}

// waitHubReady waits until the registration controller has made the default cluster set and the webhooks are asked: a work
// without manifests is refused by OCM's webhook alone.
func waitHubReady(ctx context.Context, clients hubClients) error {
	err := waitFor(ctx, "OCM's default cluster set", pollRequest, func(ctx context.Context) error {
		_, err := clients.cluster.ClusterV1beta2().ManagedClusterSets().Get(ctx, defaultClusterSet, metav1.GetOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return waitFor(ctx, "OCM's webhooks to be asked", pollRequest, func(ctx context.Context) error {
		probe := &workv1.ManifestWork{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Namespace: metav1.NamespaceDefault}}
		options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
		_, err := clients.work.WorkV1().ManifestWorks(probe.Namespace).Create(ctx, probe, options)
		if err == nil {
			return errors.New("a work without manifests is admitted")
		}
		if apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) {
			return nil
		}
		return err
	})
}

func createNamespace(ctx context.Context, client kubernetes.Interface, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err := ignoreExisting(err); err != nil {
		return fmt.Errorf("creating namespace %s: %w", name, err)
	}
	return nil
}

func ignoreExisting(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
