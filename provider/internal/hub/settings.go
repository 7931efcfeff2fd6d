// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"os"
	"strconv"
	"strings"
)

// Secret is text that never prints itself: every verb of package fmt writes a
// placeholder. Convert it to string only where a credential is handed over.
type Secret string

const hidden = "(hidden)"

// String returns a placeholder.
func (Secret) String() string { return hidden }

// GoString returns a placeholder.
func (Secret) GoString() string { return hidden }

// MarshalText returns a placeholder, so that encoders do not leak the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Settings are what one source says about the hub: the provider block, or a
// family of environment variables. An empty field is one that the source does
// not give.
type Settings struct {
	// ConfigPath is the path of a kubeconfig file.
	ConfigPath string
	// ConfigPaths are paths of kubeconfig files that are merged, the first wins.
	ConfigPaths []string
	// ConfigContext is the context in the kubeconfig; its current context when empty.
	ConfigContext string
	// ConfigContextCluster is the cluster to use instead of the context's.
	ConfigContextCluster string
	// ConfigContextAuthInfo is the user to use instead of the context's.
	ConfigContextAuthInfo string
	// Kubeconfig is the content of a kubeconfig file.
	Kubeconfig Secret
	// Host is the URL of the API server, or host:port.
	Host string
	// ClusterCACertificate verifies the API server: PEM, or PEM in base64.
	ClusterCACertificate string
	// TLSServerName is the name to verify the server's certificate against.
	TLSServerName string
	// Insecure is "true" where the server's certificate is not to be verified.
	Insecure string
	// Token is a bearer token.
	Token Secret
	// TokenPath is a file with a bearer token, read again for every request.
	TokenPath string
	// ClientCertificate is PEM, or PEM in base64.
	ClientCertificate string
	// ClientKey is PEM, or PEM in base64.
	ClientKey Secret
	// InCluster is "true" where the account of the pod that this runs in is meant.
	InCluster string
	// Exec is a program that makes credentials, nil for none.
	Exec *Exec
	// Impersonate is whom to act as, nil for nobody else.
	Impersonate *Impersonate
	// ProxyURL is the proxy on the way to the hub. It may hold a password.
	ProxyURL Secret
}

// Exec is a credential plugin: a program that prints an ExecCredential.
type Exec struct {
	// APIVersion is the version of ExecCredential that the program speaks.
	APIVersion string
	// Command is the program, looked up in PATH if it has no slash.
	Command string
	// Args are its arguments.
	Args []string
	// Env are variables beside those of the provider's process.
	Env map[string]Secret
	// ProvideClusterInfo tells the program which server the credential is for.
	ProvideClusterInfo bool
}

// String names the program and nothing that is handed to it.
func (e *Exec) String() string {
	if e == nil {
		return ""
	}
	return e.Command
}

// Impersonate is whom requests are made as.
type Impersonate struct {
	// User is the name of the user.
	User string
	// UID is the user's identifier, empty for none.
	UID string
	// Groups are the groups that the user is taken to be in.
	Groups []string
	// Extra are further attributes of the user.
	Extra map[string][]string
}

// The keys of the settings. They are the names of the attributes of the
// provider's hub.
const (
	keyConfigPath     = "config_path"
	keyConfigPaths    = "config_paths"
	keyConfigContext  = "config_context"
	keyContextCluster = "config_context_cluster"
	keyContextUser    = "config_context_auth_info"
	keyKubeconfig     = "kubeconfig"
	keyHost           = "host"
	keyCA             = "cluster_ca_certificate"
	keyServerName     = "tls_server_name"
	keyInsecure       = "insecure"
	keyToken          = "token"
	keyTokenPath      = "token_path"
	keyCertificate    = "client_certificate"
	keyKey            = "client_key"
	keyInCluster      = "in_cluster"
	keyExec           = "exec"
	keyImpersonate    = "impersonate"
	keyProxyURL       = "proxy_url"
)

// given says which of the settings the source gives.
func (s Settings) given() map[string]bool {
	return map[string]bool{
		keyConfigPath:     s.ConfigPath != "",
		keyConfigPaths:    len(s.ConfigPaths) > 0,
		keyConfigContext:  s.ConfigContext != "",
		keyContextCluster: s.ConfigContextCluster != "",
		keyContextUser:    s.ConfigContextAuthInfo != "",
		keyKubeconfig:     s.Kubeconfig != "",
		keyHost:           s.Host != "",
		keyCA:             s.ClusterCACertificate != "",
		keyServerName:     s.TLSServerName != "",
		keyInsecure:       s.Insecure != "",
		keyToken:          s.Token != "",
		keyTokenPath:      s.TokenPath != "",
		keyCertificate:    s.ClientCertificate != "",
		keyKey:            s.ClientKey != "",
		// To say that the pod's account is not meant names no hub.
		keyInCluster:   isTrue(s.InCluster),
		keyExec:        s.Exec != nil,
		keyImpersonate: s.Impersonate != nil,
		keyProxyURL:    s.ProxyURL != "",
	}
}

// isTrue says whether the text is a bool and true.
func isTrue(text string) bool {
	value, err := strconv.ParseBool(text)
	return err == nil && value
}

// source is Settings with the names that its fields have there.
type source struct {
	settings Settings
	labels   map[string]string
}

// has says whether the source gives the setting.
func (s source) has(key string) bool { return s.settings.given()[key] }

// present returns the labels of those of the keys that the source gives.
func (s source) present(keys ...string) []string {
	var labels []string
	for _, key := range keys {
		if s.has(key) {
			labels = append(labels, s.labels[key])
		}
	}
	return labels
}

// allKeys are the keys in the order in which errors list them.
func allKeys() []string {
	return []string{
		keyConfigPath, keyConfigPaths, keyConfigContext, keyContextCluster, keyContextUser, keyKubeconfig, keyHost, keyCA,
		keyServerName, keyInsecure, keyToken, keyTokenPath, keyExec, keyCertificate, keyKey, keyInCluster, keyImpersonate, keyProxyURL,
	}
}

// blockSource is what the provider block says.
func blockSource(settings Settings) source {
	labels := map[string]string{}
	for _, key := range allKeys() {
		labels[key] = "hub." + key
	}
	return source{settings: settings, labels: labels}
}

// ownVariables are the variables of this provider. What is no text has none.
func ownVariables() map[string]string {
	labels := map[string]string{}
	for _, key := range allKeys() {
		if key != keyExec && key != keyImpersonate {
			labels[key] = "FAIRLEAD_" + strings.ToUpper(key)
		}
	}
	return labels
}

// kubeVariables are the variables that other providers for Kubernetes read.
func kubeVariables() map[string]string {
	return map[string]string{
		keyConfigPath:     "KUBE_CONFIG_PATH",
		keyConfigPaths:    "KUBE_CONFIG_PATHS",
		keyConfigContext:  "KUBE_CTX",
		keyContextCluster: "KUBE_CTX_CLUSTER",
		keyContextUser:    "KUBE_CTX_AUTH_INFO",
		keyHost:           "KUBE_HOST",
		keyCA:             "KUBE_CLUSTER_CA_CERT_DATA",
		keyServerName:     "KUBE_TLS_SERVER_NAME",
		keyInsecure:       "KUBE_INSECURE",
		keyToken:          "KUBE_TOKEN",
		keyCertificate:    "KUBE_CLIENT_CERT_DATA",
		keyKey:            "KUBE_CLIENT_KEY_DATA",
		keyProxyURL:       "KUBE_PROXY_URL",
	}
}

// variableSource reads the variables that labels names.
func variableSource(labels map[string]string, getenv func(string) string) source {
	read := func(key string) string {
		if labels[key] == "" {
			return ""
		}
		return getenv(labels[key])
	}
	return source{labels: labels, settings: Settings{
		ConfigPath:            read(keyConfigPath),
		ConfigPaths:           splitPaths(read(keyConfigPaths)),
		ConfigContext:         read(keyConfigContext),
		ConfigContextCluster:  read(keyContextCluster),
		ConfigContextAuthInfo: read(keyContextUser),
		Kubeconfig:            Secret(read(keyKubeconfig)),
		Host:                  read(keyHost),
		ClusterCACertificate:  read(keyCA),
		TLSServerName:         read(keyServerName),
		Insecure:              read(keyInsecure),
		Token:                 Secret(read(keyToken)),
		TokenPath:             read(keyTokenPath),
		ClientCertificate:     read(keyCertificate),
		ClientKey:             Secret(read(keyKey)),
		InCluster:             read(keyInCluster),
		ProxyURL:              Secret(read(keyProxyURL)),
	}}
}

// splitPaths splits a list of paths as PATH is split.
func splitPaths(text string) []string {
	var paths []string
	for _, path := range strings.Split(text, string(os.PathListSeparator)) {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}
