// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "k8s.io/client-go/plugin/pkg/client/auth/azure" // says what became of this provider of kubeconfigs
	_ "k8s.io/client-go/plugin/pkg/client/auth/gcp"   // likewise
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc"  // a provider of kubeconfigs
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// maxKubeconfig bounds what is read of a kubeconfig, in bytes. A file with a
// thousand clusters stays below it.
const maxKubeconfig = 16 << 20

// kubeconfigREST returns the client configuration of the chosen context.
func kubeconfigREST(settings Settings) (*rest.Config, error) {
	loaded, err := loadKubeconfig(settings)
	if err != nil {
		return nil, err
	}
	context, err := loaded.choose(settings)
	if err != nil {
		return nil, err
	}
	overrides := &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Cluster: settings.ConfigContextCluster, AuthInfo: settings.ConfigContextAuthInfo}}
	restConfig, err := clientcmd.NewNonInteractiveClientConfig(*loaded.config, context, overrides, loaded.access).ClientConfig()
	if err == nil && restConfig.AuthProvider != nil {
		// Whether there is such a provider is found out when it is used first.
		_, err = rest.GetAuthProvider(restConfig.Host, restConfig.AuthProvider, restConfig.AuthConfigPersister)
	}
	if err != nil {
		return nil, &ConfigError{Summary: "Invalid kubeconfig",
			Detail: fmt.Sprintf("Context %q of %s cannot be used: %s.", context, loaded.origin, strings.TrimSuffix(err.Error(), "."))}
	}
	return restConfig, nil
}

// kubeconfig is one that was loaded.
type kubeconfig struct {
	config *clientcmdapi.Config
	// origin is how to name it in errors.
	origin string
	// access is where what an authentication provider renews is kept, nil for nowhere.
	access clientcmd.ConfigAccess
}

// loadKubeconfig returns the merged kubeconfig.
func loadKubeconfig(settings Settings) (kubeconfig, error) {
	if settings.Kubeconfig != "" {
		config, err := clientcmd.Load([]byte(settings.Kubeconfig))
		if err != nil {
			// The parser's error may quote what it read, so it is not passed on.
			return kubeconfig{}, &ConfigError{Field: keyKubeconfig, Summary: "Invalid kubeconfig",
				Detail: "hub.kubeconfig is not a kubeconfig in YAML or JSON. It must be the content, not the path; for a path use hub.config_path."}
		}
		return kubeconfig{config: config, origin: "hub.kubeconfig"}, nil
	}
	paths := settings.ConfigPaths
	if settings.ConfigPath != "" {
		paths = []string{settings.ConfigPath}
	}
	for i, path := range paths {
		expanded, err := checkKubeconfig(path)
		if err != nil {
			return kubeconfig{}, err
		}
		if i == 0 {
			paths = append([]string(nil), paths...)
		}
		paths[i] = expanded
	}
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: paths}
	config, err := rules.Load()
	if err != nil {
		return kubeconfig{}, &ConfigError{Summary: "Invalid kubeconfig",
			Detail: fmt.Sprintf("%s cannot be parsed as a kubeconfig in YAML or JSON.", strings.Join(paths, ", "))}
	}
	return kubeconfig{config: config, origin: strings.Join(paths, ", "), access: rules}, nil
}

// checkKubeconfig returns the path with ~ expanded, or why it cannot be read.
// The loader itself would skip a missing file silently.
func checkKubeconfig(path string) (string, error) {
	expanded, err := expandHome(path)
	if err != nil {
		return "", err
	}
	file, err := os.Open(expanded)
	if err != nil {
		return "", &ConfigError{Summary: "Kubeconfig not readable",
			Detail: fmt.Sprintf("The kubeconfig %q cannot be read: %s. Check the path and that the file exists where Terraform runs.", path, reason(err))}
	}
	defer func() { _ = file.Close() }()
	size, err := io.Copy(io.Discard, io.LimitReader(file, maxKubeconfig+1))
	if err != nil {
		return "", &ConfigError{Summary: "Kubeconfig not readable", Detail: fmt.Sprintf("The kubeconfig %q cannot be read: %s.", path, reason(err))}
	}
	if size > maxKubeconfig {
		return "", &ConfigError{Summary: "Kubeconfig too large",
			Detail: fmt.Sprintf("The kubeconfig %q has more than %d MiB.", path, maxKubeconfig>>20)}
	}
	return expanded, nil
}

// reason strips the path off a file error, which the message names already.
func reason(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[i+2:]
	}
	return text
}

// expandHome replaces a leading ~.
func expandHome(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || (rest != "" && rest[0] != '/' && rest[0] != filepath.Separator) {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &ConfigError{Summary: "Kubeconfig not readable",
			Detail: fmt.Sprintf("The path %q begins with ~, but there is no home directory: %s.", path, err)}
	}
	return filepath.Join(home, rest), nil
}

// choose returns the context to use. It must exist and name a server: client-go
// would otherwise fall back to localhost or to a pod's own account.
func (k kubeconfig) choose(settings Settings) (string, error) {
	name := settings.ConfigContext
	if name == "" {
		name = k.config.CurrentContext
	}
	cluster, user := settings.ConfigContextCluster, settings.ConfigContextAuthInfo
	context, ok := k.config.Contexts[name]
	switch {
	case ok:
		cluster, user = cmp.Or(cluster, context.Cluster), cmp.Or(user, context.AuthInfo)
	case name != "" || cluster == "" || user == "":
		return "", &ConfigError{Field: keyConfigContext, Summary: "No such context", Detail: k.missingContext(name)}
	}
	found, ok := k.config.Clusters[cluster]
	if !ok && settings.ConfigContextCluster != "" {
		return "", k.missing(keyContextCluster, "cluster", cluster, slices.Sorted(maps.Keys(k.config.Clusters)))
	}
	if !ok || found.Server == "" {
		return "", &ConfigError{Field: keyConfigContext, Summary: "Invalid kubeconfig",
			Detail: fmt.Sprintf("Context %q of %s names the cluster %q, which has no server there.", name, k.origin, cluster)}
	}
	if _, problem := parseServer(found.Server); problem != "" {
		return "", &ConfigError{Summary: "Invalid kubeconfig", Detail: fmt.Sprintf("The server of the cluster %q of %s%s", cluster, k.origin, problem)}
	}
	if found.ProxyURL != "" && !isProxy(Secret(found.ProxyURL)) {
		// The error of client-go shows the whole of it, and it may hold a password.
		return "", &ConfigError{Summary: "Invalid kubeconfig", Detail: fmt.Sprintf("The proxy-url of the cluster %q of %s%s", cluster, k.origin, noProxy)}
	}
	if _, ok := k.config.AuthInfos[user]; !ok && settings.ConfigContextAuthInfo != "" {
		return "", k.missing(keyContextUser, "user", user, slices.Sorted(maps.Keys(k.config.AuthInfos)))
	}
	return name, nil
}

// missing says that what an attribute names is not in the kubeconfig, and what is.
func (k kubeconfig) missing(field, kind, name string, names []string) error {
	return &ConfigError{Field: field, Summary: "No such " + kind,
		Detail: fmt.Sprintf("%s has no %s %q. %s Set hub.%s to one of them.", k.origin, kind, name, known(kind, names), field)}
}

// known lists what a kubeconfig has of a kind.
func known(kind string, names []string) string {
	if len(names) == 0 {
		return "It has no " + kind + "s."
	}
	return "It has: " + strings.Join(names, ", ") + "."
}

// missingContext explains that there is no such context and lists those there are.
func (k kubeconfig) missingContext(name string) string {
	known := known("context", slices.Sorted(maps.Keys(k.config.Contexts)))
	if name == "" {
		return fmt.Sprintf("%s has no current context, and none is chosen. %s Set hub.config_context.", k.origin, known)
	}
	return fmt.Sprintf("%s has no context %q. %s Set hub.config_context to one of them.", k.origin, name, known)
}
