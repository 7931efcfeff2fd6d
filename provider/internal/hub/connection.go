// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// dialTimeout is how long a connection to the hub may take to come up. The
// default of 30 s would hold a plan of an unreachable hub for minutes.
const dialTimeout = 10 * time.Second

// maxToken bounds what is read of a token file, in bytes.
const maxToken = 1 << 20

// podAccount is where a pod finds its account.
const podAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// restConfig returns the client configuration, and how it verifies the hub, which
// a configuration with a credential plugin does not say any more. Throttling in
// the client is off, because priority and fairness protects the server.
func restConfig(cfg Config) (*rest.Config, Trust, error) {
	config, err := baseREST(cfg)
	if err != nil {
		return nil, Trust{}, err
	}
	trusted := trustOf(config)
	version := cfg.Version
	if version == "" {
		version = "dev"
	}
	config.UserAgent = "terraform-provider-fairlead/" + version
	config.QPS = -1
	config.Burst = 0
	// Warnings of the server would be printed to standard error by default.
	config.WarningHandler = rest.NoWarnings{}
	config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	if err := throughProxy(config, cfg.Settings.ProxyURL); err != nil {
		return nil, Trust{}, err
	}
	if as := cfg.Settings.Impersonate; as != nil {
		config.Impersonate = rest.ImpersonationConfig{UserName: as.User, UID: as.UID, Groups: as.Groups, Extra: as.Extra}
	}
	field := ""
	if cfg.Settings.Exec != nil {
		field = keyExec
	}
	config, err = withPlugin(config, field)
	return config, trusted, err
}

// Trust is how a hub is verified.
type Trust struct {
	// CAData and CAFile are the certificate authority, as PEM or where it is; both
	// are empty where the authorities of the system are trusted.
	CAData []byte
	CAFile string
	// ServerName is the name that the certificate must have, that of the address
	// when empty.
	ServerName string
	// Insecure says that nothing is verified.
	Insecure bool
}

// trustOf returns how the configuration verifies the hub.
func trustOf(config *rest.Config) Trust {
	return Trust{CAData: config.CAData, CAFile: config.CAFile, ServerName: config.ServerName, Insecure: config.Insecure}
}

// Authority returns the certificate authority as PEM, empty for those of the system.
func (t Trust) Authority() (string, error) {
	if len(t.CAData) > 0 || t.CAFile == "" {
		return string(t.CAData), nil
	}
	content, err := os.ReadFile(t.CAFile)
	if err != nil {
		return "", &ConfigError{Summary: "Certificate authority not readable",
			Detail: fmt.Sprintf("The certificate authority %q cannot be read: %s.", t.CAFile, reason(err))}
	}
	return string(content), nil
}

// throughProxy sends the requests through the proxy, if there is one, instead of
// the one that a kubeconfig or the environment names.
func throughProxy(config *rest.Config, proxy Secret) error {
	if proxy == "" {
		return nil
	}
	parsed, err := url.Parse(string(proxy))
	if err != nil {
		return &ConfigError{Field: keyProxyURL, Summary: invalidSummary, Detail: "hub.proxy_url is not the address of a proxy."}
	}
	config.Proxy = http.ProxyURL(parsed)
	return nil
}

// baseREST returns where and as whom.
func baseREST(cfg Config) (*rest.Config, error) {
	switch {
	case cfg.Settings.InCluster != "":
		return podREST(cfg)
	case cfg.Settings.Host == "":
		return kubeconfigREST(cfg.Settings)
	}
	return hostREST(cfg.Settings)
}

// podREST returns where the API server of the pod is, with the pod's account.
func podREST(cfg Config) (*rest.Config, error) {
	folder := cfg.account
	if folder == "" {
		folder = podAccount
	}
	config := &rest.Config{Host: cfg.Settings.Host, TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(folder, "ca.crt")}}
	if _, err := os.Stat(config.CAFile); err != nil {
		return nil, &ConfigError{Field: keyInCluster, Summary: "Not in a pod",
			Detail: fmt.Sprintf("The pod has no account of the hub: %q cannot be read: %s. Mount its token (automountServiceAccountToken).", config.CAFile, reason(err))}
	}
	return config, useTokenFile(config, filepath.Join(folder, "token"))
}

// hostREST returns the configuration of a hub that is named by its address.
func hostREST(settings Settings) (*rest.Config, error) {
	config := &rest.Config{
		Host:        settings.Host,
		BearerToken: string(settings.Token),
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: settings.TLSServerName,
			Insecure:   settings.Insecure == "true",
			CAData:     []byte(settings.ClusterCACertificate),
			CertData:   []byte(settings.ClientCertificate),
			KeyData:    []byte(settings.ClientKey),
		},
	}
	if settings.Exec != nil {
		config.ExecProvider = execProvider(settings.Exec)
	}
	if settings.TokenPath == "" {
		return config, nil
	}
	return config, useTokenFile(config, settings.TokenPath)
}

// execProvider is the plugin as client-go describes one.
func execProvider(plugin *Exec) *clientcmdapi.ExecConfig {
	provider := &clientcmdapi.ExecConfig{
		Command:            plugin.Command,
		Args:               plugin.Args,
		APIVersion:         plugin.APIVersion,
		ProvideClusterInfo: plugin.ProvideClusterInfo,
		InteractiveMode:    clientcmdapi.NeverExecInteractiveMode,
	}
	for _, name := range slices.Sorted(maps.Keys(plugin.Env)) {
		provider.Env = append(provider.Env, clientcmdapi.ExecEnvVar{Name: name, Value: string(plugin.Env[name])})
	}
	return provider
}

// useTokenFile makes requests carry the token of the file. It must be readable now.
func useTokenFile(config *rest.Config, path string) error {
	if _, err := readToken(path); err != nil {
		return err
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &tokenFile{path: path, next: next}
	})
	return nil
}

// tokenFile sets the token of a file on each request. The file is read each
// time, because plan and apply may run in different agents, and because
// projected tokens are replaced while a long apply runs.
type tokenFile struct {
	path string
	next http.RoundTripper
}

// RoundTrip sends the request with the token that the file holds now.
func (t *tokenFile) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := readToken(t.path)
	if err != nil {
		return nil, err
	}
	clone := req.Clone(req.Context())
	clone.Header.Set("Authorization", "Bearer "+string(token))
	return t.next.RoundTrip(clone)
}

// readToken reads a token file.
func readToken(path string) (Secret, error) {
	expanded, err := expandHome(path)
	if err != nil {
		return "", err
	}
	file, err := os.Open(expanded)
	if err != nil {
		return "", &ConfigError{Field: keyTokenPath, Summary: "Token file not readable",
			Detail: fmt.Sprintf("The token file %q cannot be read: %s.", path, reason(err))}
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", &ConfigError{Field: keyTokenPath, Summary: "Token file not readable",
			Detail: fmt.Sprintf("The token file %q cannot be read: %s.", path, reason(err))}
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", &ConfigError{Field: keyTokenPath, Summary: "Token file empty",
			Detail: fmt.Sprintf("The token file %q is empty.", path)}
	}
	return Secret(token), nil
}
