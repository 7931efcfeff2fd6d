// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says which hub is meant and with which one family of credentials.
// Resolve makes it.
type Config struct {
	// Settings are the resolved settings: either a kubeconfig (by path or
	// content) with a context, or a host with its CA and one credential.
	Settings Settings
	// Version of the provider, for the user agent.
	Version string
	// Patience is how long a kind, a namespace or the hub itself may be missing
	// before that is an error; two minutes when zero.
	Patience time.Duration
}

// ConfigError is a mistake in the configuration of the hub. Field is the
// provider attribute that it concerns, empty if none in particular.
type ConfigError struct {
	Field   string
	Summary string
	Detail  string
}

// Error returns the summary and the detail.
func (e *ConfigError) Error() string { return e.Summary + ": " + e.Detail }

// Resolve decides which hub is meant. The provider block wins over the
// FAIRLEAD_* variables, and these over the KUBE_* variables: the first source
// that names a hub (a host or a kubeconfig) decides, and later ones only add
// what belongs to it. Two families in one source, or an attribute in the block
// that does not belong to the hub that is used, are a *ConfigError. Nothing else
// is ever tried: not KUBECONFIG, not ~/.kube/config, not localhost, not the
// service account of a pod.
func Resolve(block Settings, getenv func(string) string) (Config, error) {
	sources := []source{
		blockSource(block),
		variableSource(ownVariables(), getenv),
		variableSource(kubeVariables(), getenv),
	}
	base, err := baseOf(sources)
	if err != nil {
		return Config{}, err
	}
	if base == keyHost {
		return resolveHost(sources)
	}
	return resolveKubeconfig(sources, base)
}

// baseKeys name a hub; exactly one of them is used.
func baseKeys() []string { return []string{keyHost, keyKubeconfig, keyConfigPath, keyConfigPaths} }

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
		Summary: "Conflicting hub credentials",
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

// resolveKubeconfig takes the kubeconfig of the first source that has one and
// the context of the first source that names one.
func resolveKubeconfig(sources []source, base string) (Config, error) {
	misplaced := sources[0].present(keyCA, keyServerName, keyInsecure, keyToken, keyTokenPath, keyCertificate, keyKey)
	if len(misplaced) > 0 {
		owner := first(sources, base)
		return Config{}, &ConfigError{
			Field:   attributeOf(misplaced[0]),
			Summary: "Conflicting hub credentials",
			Detail: fmt.Sprintf("%s belongs to hub.host, but the hub comes from %s, which brings its own credentials. Remove one of the two.",
				enumerate(misplaced), owner.labels[base]),
		}
	}
	origin := first(sources, base).settings
	return Config{Settings: Settings{
		ConfigPath:    origin.ConfigPath,
		ConfigPaths:   origin.ConfigPaths,
		Kubeconfig:    origin.Kubeconfig,
		ConfigContext: first(sources, keyConfigContext).settings.ConfigContext,
	}}, nil
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

// resolveHost takes host, CA and credential each from the first source that has it.
func resolveHost(sources []source) (Config, error) {
	if labels := sources[0].present(keyConfigContext); len(labels) > 0 {
		return Config{}, &ConfigError{
			Field:   keyConfigContext,
			Summary: "Conflicting hub credentials",
			Detail:  "hub.config_context chooses a context of a kubeconfig, but the hub is given by a host. Remove one of the two.",
		}
	}
	settings, err := credentialOf(sources)
	if err != nil {
		return Config{}, err
	}
	host := first(sources, keyHost)
	settings.Host, err = serverURL(host.settings.Host, host.labels[keyHost])
	if err != nil {
		return Config{}, err
	}
	if err := trust(sources, &settings); err != nil {
		return Config{}, err
	}
	return Config{Settings: settings}, nil
}

// trust fills in how the server is verified.
func trust(sources []source, settings *Settings) error {
	settings.TLSServerName = first(sources, keyServerName).settings.TLSServerName
	ca := first(sources, keyCA)
	insecure := first(sources, keyInsecure)
	if insecure.has(keyInsecure) {
		skip, err := strconv.ParseBool(insecure.settings.Insecure)
		if err != nil {
			return &ConfigError{Summary: "Invalid hub configuration",
				Detail: fmt.Sprintf("%s is neither true nor false.", insecure.labels[keyInsecure])}
		}
		settings.Insecure = strconv.FormatBool(skip)
	}
	if settings.Insecure == "true" && ca.has(keyCA) {
		return exclusive([]string{insecure.labels[keyInsecure], ca.labels[keyCA]})
	}
	if !ca.has(keyCA) {
		return nil
	}
	pem, err := certificatePEM(ca.settings.ClusterCACertificate)
	if err != nil {
		return invalid(ca.labels[keyCA], err)
	}
	settings.ClusterCACertificate = pem
	return nil
}

// credentialOf returns the one credential of the first source that has any.
func credentialOf(sources []source) (Settings, error) {
	for _, src := range sources {
		families := src.present(keyToken, keyTokenPath)
		pair := src.present(keyCertificate, keyKey)
		if len(pair) > 0 {
			families = append(families, pair[0])
		}
		if len(families) > 1 {
			return Settings{}, exclusive(families)
		}
		if len(families) == 1 {
			return credential(src, pair)
		}
	}
	host := first(sources, keyHost)
	return Settings{}, &ConfigError{
		Field:   attributeOf(host.labels[keyHost]),
		Summary: "No hub credential",
		Detail: fmt.Sprintf("%s is given without a credential. Give one of hub.token, hub.token_path, or hub.client_certificate with hub.client_key, "+
			"or the environment variable FAIRLEAD_TOKEN or KUBE_TOKEN.", host.labels[keyHost]),
	}
}

// credential takes the credential of the source; pair are the labels of its
// certificate and key.
func credential(src source, pair []string) (Settings, error) {
	if len(pair) == 1 {
		return Settings{}, &ConfigError{
			Field:   attributeOf(pair[0]),
			Summary: "Incomplete hub credential",
			Detail:  fmt.Sprintf("%s is given alone: a client certificate needs its key and a key its certificate.", pair[0]),
		}
	}
	settings := Settings{Token: src.settings.Token, TokenPath: src.settings.TokenPath}
	if len(pair) == 0 {
		return settings, nil
	}
	certificate, key, err := keyPair(src.settings.ClientCertificate, src.settings.ClientKey)
	if err != nil {
		return Settings{}, invalid(src.labels[keyCertificate], err)
	}
	settings.ClientCertificate, settings.ClientKey = certificate, key
	return settings, nil
}

// invalid wraps what is wrong with the field of that label.
func invalid(label string, err error) error {
	return &ConfigError{
		Field:   attributeOf(label),
		Summary: "Invalid hub configuration",
		Detail:  fmt.Sprintf("%s: %s.", label, err),
	}
}

// serverURL returns the URL of the API server. Without a scheme it is https, and
// http is refused beyond this machine, because a credential would travel in clear.
func serverURL(host, label string) (string, error) {
	text := host
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || parsed.User != nil {
		return "", &ConfigError{Field: attributeOf(label), Summary: "Invalid hub configuration",
			Detail: label + " is not an address. Give it as https://name:port, without user or password."}
	}
	if parsed.Scheme == "https" {
		return text, nil
	}
	if parsed.Scheme == "http" && loopback(parsed.Hostname()) {
		return text, nil
	}
	return "", &ConfigError{Field: attributeOf(label), Summary: "Invalid hub configuration",
		Detail: fmt.Sprintf("%s has the scheme %q. Only https is allowed, because the credential would travel in clear.", label, parsed.Scheme)}
}

// loopback says whether the name is this machine.
func loopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || (ip != nil && ip.IsLoopback())
}
