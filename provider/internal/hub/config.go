// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Config says which hub is meant and with which one family of credentials.
// Resolve makes it.
type Config struct {
	// Settings are the resolved settings: either a kubeconfig (by path or
	// content) with a context, or a host with its CA and one credential, or the
	// account of a pod.
	Settings Settings
	// Version of the provider, for the user agent.
	Version string
	// Patience is how long a kind, a namespace or the hub itself may be missing
	// before that is an error; two minutes when zero.
	Patience time.Duration
	// Strict says that a hub that cannot be asked is an error wherever the state
	// would be kept otherwise: IsAway holds for no error then.
	Strict bool

	// account is where the account of the pod is; tests put it somewhere else.
	account string
}

// ConfigError is a mistake in the configuration of the hub. Field is the
// provider attribute that it concerns, with dots between the names of nested
// ones, empty if none in particular.
type ConfigError struct {
	Field   string
	Summary string
	Detail  string
}

// Error returns the summary and the detail.
func (e *ConfigError) Error() string { return e.Summary + ": " + e.Detail }

const (
	conflictSummary = "Conflicting hub credentials"
	invalidSummary  = "Invalid hub configuration"
)

// Resolve decides which hub is meant. The provider block wins over the
// FAIRLEAD_* variables, and these over the KUBE_* variables: the first source
// that names a hub (a host, a kubeconfig or the account of a pod) decides, and
// later ones only add what belongs to it. Two families in one source, or an
// attribute in the block that does not belong to the hub that is used, are a
// *ConfigError. Nothing else is ever tried: not KUBECONFIG, not ~/.kube/config,
// not localhost, and not the service account of a pod unless in_cluster says so.
func Resolve(block Settings, getenv func(string) string) (Config, error) {
	sources := []source{
		blockSource(block),
		variableSource(ownVariables(), getenv),
		variableSource(kubeVariables(), getenv),
	}
	if err := checkInCluster(sources); err != nil {
		return Config{}, err
	}
	base, err := baseOf(sources)
	if err != nil {
		return Config{}, err
	}
	settings, err := resolveBase(sources, base, getenv)
	if err != nil {
		return Config{}, err
	}
	settings.Impersonate = block.Impersonate
	if err := checkImpersonate(block.Impersonate); err != nil {
		return Config{}, err
	}
	settings.ProxyURL, err = resolveProxy(sources)
	return Config{Settings: settings}, err
}

// resolveBase resolves what depends on how the hub is named.
func resolveBase(sources []source, base string, getenv func(string) string) (Settings, error) {
	switch base {
	case keyHost:
		return resolveHost(sources)
	case keyInCluster:
		return resolveInCluster(sources, getenv)
	}
	return resolveKubeconfig(sources, base)
}

// checkInCluster checks that in_cluster is a bool wherever it is given. A block
// that says no is not overruled by a variable.
func checkInCluster(sources []source) error {
	for i := range sources {
		text := sources[i].settings.InCluster
		if text == "" {
			continue
		}
		if _, err := strconv.ParseBool(text); err != nil {
			return noBool(sources[i].labels[keyInCluster])
		}
		if !isTrue(text) {
			for j := i + 1; j < len(sources); j++ {
				sources[j].settings.InCluster = ""
			}
			return nil
		}
	}
	return nil
}

// noBool says that the value of the label is no bool.
func noBool(label string) error {
	return &ConfigError{Field: attributeOf(label), Summary: invalidSummary, Detail: label + " is neither true nor false."}
}

// baseKeys name a hub; exactly one of them is used.
func baseKeys() []string {
	return []string{keyHost, keyKubeconfig, keyConfigPath, keyConfigPaths, keyInCluster}
}

// hostKeys belong to a hub that is named by its address.
func hostKeys() []string {
	return []string{keyCA, keyServerName, keyInsecure, keyToken, keyTokenPath, keyExec, keyCertificate, keyKey}
}

// contextKeys belong to a kubeconfig.
func contextKeys() []string { return []string{keyConfigContext, keyContextCluster, keyContextUser} }

// baseOf returns the key by which the first source that names a hub names it.
func baseOf(sources []source) (string, error) {
	for _, src := range sources {
		labels := src.present(baseKeys()...)
		if len(labels) > 1 {
			return "", exclusive(labels)
		}
		for _, key := range baseKeys() {
			if src.has(key) {
				return key, nil
			}
		}
	}
	return "", emptyHub(sources)
}

// emptyHub lists what was looked for.
func emptyHub(sources []source) error {
	lines := []string{"No hub is configured. The provider looked for, in this order:"}
	for _, src := range sources {
		var labels []string
		for _, key := range baseKeys() {
			if src.labels[key] != "" {
				labels = append(labels, src.labels[key])
			}
		}
		lines = append(lines, "  "+strings.Join(labels, ", "))
	}
	lines = append(lines,
		"",
		"Set one of them, for example hub = { config_path = \"~/.kube/config\", config_context = \"hub\" }.",
		"KUBECONFIG, the default kubeconfig file, localhost and a pod's own account are never used unasked.")
	return &ConfigError{Summary: "No hub configured", Detail: strings.Join(lines, "\n")}
}

// exclusive says that only one of the labels may be given.
func exclusive(labels []string) error {
	return &ConfigError{
		Field:   attributeOf(labels[0]),
		Summary: conflictSummary,
		Detail: fmt.Sprintf("%s are given together, but they exclude each other. Keep one of them.",
			enumerate(labels)),
	}
}

// attributeOf returns the attribute that a label of the block names, or "".
func attributeOf(label string) string {
	name, ok := strings.CutPrefix(label, "hub.")
	if !ok {
		return ""
	}
	return name
}

// enumerate writes "a, b and c".
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// belong writes "a belongs" or "a and b belong".
func belong(words []string) string {
	if len(words) == 1 {
		return words[0] + " belongs"
	}
	return enumerate(words) + " belong"
}

// misplaced returns the labels of the keys that the block gives, and those that
// the source of the hub gives. Other sources may say what is not asked of them.
func misplaced(sources []source, owner source, keys ...string) []string {
	if labels := sources[0].present(keys...); len(labels) > 0 {
		return labels
	}
	return owner.present(keys...)
}

// resolveKubeconfig takes the kubeconfig of the first source that has one and
// the context of the first source that names one.
func resolveKubeconfig(sources []source, base string) (Settings, error) {
	owner := first(sources, base)
	if labels := misplaced(sources, owner, hostKeys()...); len(labels) > 0 {
		return Settings{}, ownCredentials(labels, owner.labels[base])
	}
	return Settings{
		ConfigPath:            owner.settings.ConfigPath,
		ConfigPaths:           owner.settings.ConfigPaths,
		Kubeconfig:            owner.settings.Kubeconfig,
		ConfigContext:         first(sources, keyConfigContext).settings.ConfigContext,
		ConfigContextCluster:  first(sources, keyContextCluster).settings.ConfigContextCluster,
		ConfigContextAuthInfo: first(sources, keyContextUser).settings.ConfigContextAuthInfo,
	}, nil
}

// ownCredentials says that the labels do not belong to a hub that is named by base.
func ownCredentials(labels []string, base string) error {
	return &ConfigError{
		Field:   attributeOf(labels[0]),
		Summary: conflictSummary,
		Detail: fmt.Sprintf("%s to %s, but the hub comes from %s, which brings its own credentials. Remove one of the two.",
			belong(labels), hostLabel(labels[0]), base),
	}
}

// hostLabel is how the source of the label names a host.
func hostLabel(label string) string {
	switch {
	case strings.HasPrefix(label, "FAIRLEAD_"):
		return ownVariables()[keyHost]
	case strings.HasPrefix(label, "KUBE_"):
		return kubeVariables()[keyHost]
	}
	return "hub." + keyHost
}

// noContext refuses contexts in the block where the hub is no kubeconfig.
func noContext(sources []source, what string) error {
	labels := sources[0].present(contextKeys()...)
	if len(labels) == 0 {
		return nil
	}
	verb := "chooses"
	if len(labels) > 1 {
		verb = "choose"
	}
	return &ConfigError{
		Field:   attributeOf(labels[0]),
		Summary: conflictSummary,
		Detail:  fmt.Sprintf("%s %s within a kubeconfig, but the hub is given by %s. Remove one of the two.", enumerate(labels), verb, what),
	}
}

// first returns the first source that gives the setting, or an empty one.
func first(sources []source, key string) source {
	for _, src := range sources {
		if src.has(key) {
			return src
		}
	}
	return source{}
}

// resolveInCluster checks that this runs in a pod. Its account is read when the
// hub is needed.
func resolveInCluster(sources []source, getenv func(string) string) (Settings, error) {
	owner := first(sources, keyInCluster)
	label := owner.labels[keyInCluster]
	if labels := misplaced(sources, owner, hostKeys()...); len(labels) > 0 {
		return Settings{}, ownCredentials(labels, label)
	}
	if err := noContext(sources, label); err != nil {
		return Settings{}, err
	}
	host, port := getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return Settings{}, &ConfigError{Field: attributeOf(label), Summary: "Not in a pod",
			Detail: label + " is true, but this is no pod of the hub: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set where Terraform runs."}
	}
	return Settings{InCluster: "true", Host: joinHost(host, port)}, nil
}

// invalid wraps what is wrong with the field of that label.
func invalid(label string, err error) error {
	return &ConfigError{
		Field:   attributeOf(label),
		Summary: invalidSummary,
		Detail:  fmt.Sprintf("%s: %s.", label, err),
	}
}
