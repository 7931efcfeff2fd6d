// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	adminUser  = "admin"
	adminGroup = "system:masters"

	// The limits of clients handed out: tests create hundreds of objects at once.
	clientQPS   = 200
	clientBurst = 400
)

// ControlPlane is one Kubernetes API server with its controllers and simulated nodes.
type ControlPlane struct {
	// Name is HubName or the name of a managed cluster.
	Name string
	// KubeconfigPath is a kubeconfig of a member of system:masters; certificates are inside it.
	KubeconfigPath string
	// AuditLogPath is the API server's audit log, or empty when Options.AuditLog was not set.
	AuditLogPath string

	dir    string
	port   int
	index  int
	config *rest.Config
}

// URL is the address of the API server.
func (c *ControlPlane) URL() string {
	return (&url.URL{Scheme: "https", Host: address(c.port)}).String()
}

// RESTConfig returns a copy of the client configuration of a member of system:masters.
func (c *ControlPlane) RESTConfig() *rest.Config { return rest.CopyConfig(c.config) }

// CAPath is the file with the authority that signs the API server's certificate.
func (c *ControlPlane) CAPath() string { return filepath.Join(c.pkiDir(), caName+".crt") }

// AgentKubeconfigPath is the kubeconfig by which the agents of a managed cluster reach the hub. It exists once the cluster has
// joined; the hub has none.
func (c *ControlPlane) AgentKubeconfigPath() string {
	return filepath.Join(c.dir, "hub-kubeconfig", "kubeconfig")
}

// UserKubeconfig writes a kubeconfig with a client certificate for user in groups and returns its path. Nothing grants the user
// any rights but those that groups have.
func (c *ControlPlane) UserKubeconfig(user string, groups ...string) (string, error) {
	ca, err := loadAuthority(c.pkiDir(), caName)
	if err != nil {
		return "", err
	}
	name := url.PathEscape(user)
	prefix := filepath.Join(c.pkiDir(), "user-"+name)
	if err := ca.issueClient(prefix, user, groups, time.Now()); err != nil {
		return "", err
	}
	info, err := clientCertificate(prefix)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, name+".kubeconfig")
	return path, writeKubeconfig(path, c.URL(), c.Name, c.CAPath(), info)
}

// ServiceAccountKubeconfig asks the API server for a token of a service account that lasts for life (at least ten minutes),
// writes a kubeconfig with it and returns its path.
func (c *ControlPlane) ServiceAccountKubeconfig(ctx context.Context, namespace, name string, life time.Duration) (string, error) {
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return "", fmt.Errorf("creating a client of %s: %w", c.Name, err)
	}
	seconds := int64(life.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("asking %s for a token of service account %s/%s: %w", c.Name, namespace, name, err)
	}
	path := c.serviceAccountKubeconfig(namespace, name)
	return path, writeKubeconfig(path, c.URL(), c.Name, c.CAPath(), &clientcmdapi.AuthInfo{Token: token.Status.Token})
}

// serviceAccountKubeconfig is where ServiceAccountKubeconfig writes to.
func (c *ControlPlane) serviceAccountKubeconfig(namespace, name string) string {
	return filepath.Join(c.dir, fmt.Sprintf("sa-%s-%s.kubeconfig", namespace, name))
}

func (c *ControlPlane) pkiDir() string { return filepath.Join(c.dir, "pki") }

// pki is the path of a file in the control plane's folder of certificates.
func (c *ControlPlane) pki(name string) string { return filepath.Join(c.pkiDir(), name) }

const (
	caName         = "ca"
	frontProxyName = "front-proxy-ca"
	frontProxyUser = "front-proxy-client"
)

// newControlPlane describes a control plane in dir; nothing is written yet.
func newControlPlane(envDir string, s planeState, auditLog bool) *ControlPlane {
	dir := filepath.Join(envDir, s.Name)
	c := &ControlPlane{
		Name:           s.Name,
		KubeconfigPath: filepath.Join(dir, "admin.kubeconfig"),
		dir:            dir,
		port:           s.Port,
		index:          s.Index,
	}
	if auditLog && s.Name == HubName {
		c.AuditLogPath = filepath.Join(dir, "audit.log")
	}
	return c
}

// writeFiles creates the certificates and the kubeconfig. Every control plane has an authority of its own, so that a credential
// of one is worth nothing at another.
func (c *ControlPlane) writeFiles(now time.Time) error {
	if err := os.MkdirAll(c.pkiDir(), privateDir); err != nil {
		return fmt.Errorf("creating the folder of %s: %w", c.Name, err)
	}
	ca, caErr := newAuthority(c.pkiDir(), caName, now)
	frontProxy, proxyErr := newAuthority(c.pkiDir(), frontProxyName, now)
	if err := errors.Join(caErr, proxyErr); err != nil {
		return err
	}
	err := errors.Join(
		ca.issueServing(c.pki("serving"), now),
		ca.issueClient(c.pki(adminUser), adminUser, []string{adminGroup}, now),
		frontProxy.issueClient(c.pki(frontProxyUser), frontProxyUser, nil, now),
		writeSigningKey(c.pki("sa")),
		os.WriteFile(c.pki("audit-policy.yaml"), []byte(auditPolicy), privateFile),
	)
	if err != nil {
		return fmt.Errorf("writing the certificates of %s: %w", c.Name, err)
	}
	admin, err := clientCertificate(c.pki(adminUser))
	if err != nil {
		return err
	}
	return writeKubeconfig(c.KubeconfigPath, c.URL(), c.Name, c.CAPath(), admin)
}

// auditPolicy logs every request once, when it has been answered.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// load reads the kubeconfig that writeFiles wrote.
func (c *ControlPlane) load() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.KubeconfigPath)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig of %s: %w", c.Name, err)
	}
	config.QPS, config.Burst = clientQPS, clientBurst
	c.config = config
	return nil
}

// process returns the full name of a part of the control plane.
func (c *ControlPlane) process(part string) string { return c.Name + "/" + part }

// apiServer is how the API server is started.
func (c *ControlPlane) apiServer(binary string, etcdPort int) command {
	args := []string{
		"--etcd-servers=http://" + address(etcdPort),
		"--etcd-prefix=/registry/" + c.Name,
		"--bind-address=" + loopback,
		"--advertise-address=" + loopback,
		fmt.Sprintf("--secure-port=%d", c.port),
		"--cert-dir=" + c.pkiDir(),
		"--tls-cert-file=" + c.pki("serving.crt"),
		"--tls-private-key-file=" + c.pki("serving.key"),
		"--client-ca-file=" + c.CAPath(),
		"--requestheader-client-ca-file=" + c.pki(frontProxyName+".crt"),
		"--requestheader-allowed-names=" + frontProxyUser,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.pki(frontProxyUser+".crt"),
		"--proxy-client-key-file=" + c.pki(frontProxyUser+".key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.pki("sa.pub"),
		"--service-account-signing-key-file=" + c.pki("sa.key"),
		"--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=" + c.serviceRange(),
		// There is one API server and nothing routes to its address.
		"--endpoint-reconciler-type=none",
		// The plugin taints new nodes until the node lifecycle controller, which does not run, says they are ready.
		"--disable-admission-plugins=TaintNodesByCondition",
		"--allow-privileged=true",
		"--profiling=false",
		"--v=1",
	}
	if c.AuditLogPath != "" {
		// Tests read the log from where they began, so that it must stay in one file. The size is in MiB.
		args = append(args, "--audit-log-path="+c.AuditLogPath, "--audit-log-maxsize=100000", "--audit-policy-file="+c.pki("audit-policy.yaml"))
	}
	return command{
		Name:     c.process("kube-apiserver"),
		Path:     binary,
		Args:     args,
		Health:   c.URL() + "/readyz",
		HealthCA: c.CAPath(),
	}
}

// controllers are those that applications and OCM need. Node lifecycle, autoscaling, volumes of clouds and the like cost
// processor time at start and have nothing to do on simulated nodes.
func controllers() []string {
	return []string{
		"certificatesigningrequest-approving-controller",
		"certificatesigningrequest-cleaner-controller",
		"certificatesigningrequest-signing-controller",
		"clusterrole-aggregation-controller",
		"cronjob-controller",
		"daemonset-controller",
		"deployment-controller",
		"disruption-controller",
		"endpointslice-controller",
		"ephemeral-volume-controller",
		"garbage-collector-controller",
		"job-controller",
		"namespace-controller",
		"persistentvolume-binder-controller",
		"persistentvolume-protection-controller",
		"persistentvolumeclaim-protection-controller",
		"pod-garbage-collector-controller",
		"replicaset-controller",
		"resourcequota-controller",
		"root-ca-certificate-publisher-controller",
		"serviceaccount-controller",
		"serviceaccount-token-controller",
		"statefulset-controller",
		"ttl-after-finished-controller",
		"validatingadmissionpolicy-status-controller",
	}
}

// controllerManager is how the controller manager is started. Its rate is raised over the default of 20 requests a second, which
// otherwise decides how long readiness of many applications takes.
func (c *ControlPlane) controllerManager(binary string) command {
	return command{
		Name: c.process("kube-controller-manager"),
		Path: binary,
		Args: []string{
			"--kubeconfig=" + c.KubeconfigPath,
			"--controllers=" + strings.Join(controllers(), ","),
			"--cluster-signing-cert-file=" + c.CAPath(),
			"--cluster-signing-key-file=" + c.pki(caName+".key"),
			"--root-ca-file=" + c.CAPath(),
			"--service-account-private-key-file=" + c.pki("sa.key"),
			"--service-cluster-ip-range=" + c.serviceRange(),
			"--kube-api-qps=200",
			"--kube-api-burst=400",
			"--leader-elect=false",
			"--secure-port=0",
			"--profiling=false",
			"--v=1",
		},
	}
}

// scheduler is how the scheduler is started.
func (c *ControlPlane) scheduler(binary string) command {
	return command{
		Name: c.process("kube-scheduler"),
		Path: binary,
		Args: []string{
			"--kubeconfig=" + c.KubeconfigPath,
			"--kube-api-qps=200",
			"--kube-api-burst=400",
			"--leader-elect=false",
			"--secure-port=0",
			"--profiling=false",
			"--v=1",
		},
	}
}

// serviceRange is the range of service addresses: /16, since a /24 is full after 250 Services.
func (c *ControlPlane) serviceRange() string { return fmt.Sprintf("10.%d.0.0/16", 96+c.index) }

// podRange is the range of pod addresses of a node: 32,766 of them.
func (c *ControlPlane) podRange(node int) string {
	return fmt.Sprintf("10.%d.%d.0/17", 160+c.index, node*256/nodesPerCluster)
}

// nodeAddress is the address that all simulated nodes report, from a range that RFC 5737 keeps for documentation.
func (c *ControlPlane) nodeAddress() string { return fmt.Sprintf("192.0.2.%d", c.index+1) }
