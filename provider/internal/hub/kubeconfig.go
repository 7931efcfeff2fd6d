// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// maxKubeconfig bounds what is read of a kubeconfig, in bytes. A file with a
// thousand clusters stays below it.
const maxKubeconfig = 16 << 20

// kubeconfigREST returns the client configuration of the chosen context.
func kubeconfigREST(settings Settings) (*rest.Config, error) {
	config, origin, err := loadKubeconfig(settings)
	if err != nil {
		return nil, err
	}
	context, err := chooseContext(config, settings.ConfigContext, origin)
	if err != nil {
		return nil, err
	}
	restConfig, err := clientcmd.NewNonInteractiveClientConfig(*config, context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, &ConfigError{Summary: "Invalid kubeconfig",
			Detail: fmt.Sprintf("Context %q of %s cannot be used: %s.", context, origin, err)}
	}
	return restConfig, nil
}

// loadKubeconfig returns the merged kubeconfig and how to name it in errors.
func loadKubeconfig(settings Settings) (*clientcmdapi.Config, string, error) {
	if settings.Kubeconfig != "" {
		config, err := clientcmd.Load([]byte(settings.Kubeconfig))
		if err != nil {
			// The parser's error may quote what it read, so it is not passed on.
			return nil, "", &ConfigError{Field: keyKubeconfig, Summary: "Invalid kubeconfig",
				Detail: "hub.kubeconfig is not a kubeconfig in YAML or JSON. It must be the content, not the path; for a path use hub.config_path."}
		}
		return config, "hub.kubeconfig", nil
	}
	paths := settings.ConfigPaths
	if settings.ConfigPath != "" {
		paths = []string{settings.ConfigPath}
	}
	for i, path := range paths {
		expanded, err := checkKubeconfig(path)
		if err != nil {
			return nil, "", err
		}
		if i == 0 {
			paths = append([]string(nil), paths...)
		}
		paths[i] = expanded
	}
	config, err := (&clientcmd.ClientConfigLoadingRules{Precedence: paths}).Load()
	if err != nil {
		return nil, "", &ConfigError{Summary: "Invalid kubeconfig",
			Detail: fmt.Sprintf("%s cannot be parsed as a kubeconfig in YAML or JSON.", strings.Join(paths, ", "))}
	}
	return config, strings.Join(paths, ", "), nil
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

// chooseContext returns the context to use. It must exist and name a server:
// client-go would otherwise fall back to localhost or to a pod's own account.
func chooseContext(config *clientcmdapi.Config, wanted, origin string) (string, error) {
	name := wanted
	if name == "" {
		name = config.CurrentContext
	}
	context, ok := config.Contexts[name]
	if !ok {
		return "", &ConfigError{Field: keyConfigContext, Summary: "No such context", Detail: missingContext(config, name, origin)}
	}
	cluster, ok := config.Clusters[context.Cluster]
	if !ok || cluster.Server == "" {
		return "", &ConfigError{Field: keyConfigContext, Summary: "Invalid kubeconfig",
			Detail: fmt.Sprintf("Context %q of %s names the cluster %q, which has no server there.", name, origin, context.Cluster)}
	}
	return name, nil
}

// missingContext explains that there is no such context and lists those there are.
func missingContext(config *clientcmdapi.Config, name, origin string) string {
	names := make([]string, 0, len(config.Contexts))
	for context := range config.Contexts {
		names = append(names, context)
	}
	sort.Strings(names)
	known := "It has no contexts."
	if len(names) > 0 {
		known = "It has: " + strings.Join(names, ", ") + "."
	}
	if name == "" {
		return fmt.Sprintf("%s has no current context, and none is chosen. %s Set hub.config_context.", origin, known)
	}
	return fmt.Sprintf("%s has no context %q. %s Set hub.config_context to one of them.", origin, name, known)
}
