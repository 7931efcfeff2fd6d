// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"fmt"
	"slices"
	"strings"

	clientauthenticationv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	clientauthenticationv1beta1 "k8s.io/client-go/pkg/apis/clientauthentication/v1beta1"
)

// credentialOf returns the one credential of the first source that has any.
func credentialOf(sources []source) (Settings, error) {
	for i, src := range sources {
		families := src.present(keyToken, keyTokenPath, keyExec)
		pair := src.present(keyCertificate, keyKey)
		if len(pair) > 0 {
			families = append(families, pair[0])
		}
		if len(families) > 1 {
			return Settings{}, exclusive(families)
		}
		if len(pair) > 0 {
			return certificateOf(sources[i:], pair[0])
		}
		if len(families) == 1 {
			return credential(src)
		}
	}
	host := first(sources, keyHost)
	return Settings{}, &ConfigError{
		Field:   attributeOf(host.labels[keyHost]),
		Summary: "No hub credential",
		Detail: fmt.Sprintf("%s is given without a credential. Give one of hub.token, hub.token_path, hub.exec, or hub.client_certificate with hub.client_key, "+
			"or the environment variable FAIRLEAD_TOKEN or KUBE_TOKEN.", host.labels[keyHost]),
	}
}

// credential takes the token, its file or the plugin of the source.
func credential(src source) (Settings, error) {
	settings := Settings{Token: src.settings.Token, TokenPath: src.settings.TokenPath, Exec: src.settings.Exec}
	return settings, checkExec(settings.Exec)
}

// certificateOf takes certificate and key, each from the first of the sources
// that has it: a certificate may stand in the block and its key in the
// environment. label names the one that was found first.
func certificateOf(sources []source, label string) (Settings, error) {
	certificateSource, keySource := first(sources, keyCertificate), first(sources, keyKey)
	if !certificateSource.has(keyCertificate) || !keySource.has(keyKey) {
		return Settings{}, &ConfigError{
			Field:   attributeOf(label),
			Summary: "Incomplete hub credential",
			Detail:  fmt.Sprintf("%s is given alone: a client certificate needs its key and a key its certificate.", label),
		}
	}
	certificate, key, err := keyPair(certificateSource.settings.ClientCertificate, keySource.settings.ClientKey)
	if err != nil {
		return Settings{}, invalid(certificateSource.labels[keyCertificate], err)
	}
	return Settings{ClientCertificate: certificate, ClientKey: key}, nil
}

// execVersions are the versions of ExecCredential that are understood.
func execVersions() []string {
	return []string{clientauthenticationv1.SchemeGroupVersion.String(), clientauthenticationv1beta1.SchemeGroupVersion.String()}
}

// checkExec checks a credential plugin, which may be nil.
func checkExec(plugin *Exec) error {
	if plugin == nil {
		return nil
	}
	if plugin.Command == "" {
		return &ConfigError{Field: keyExec + ".command", Summary: invalidSummary, Detail: "hub.exec.command is empty. Name the program that prints the credential."}
	}
	if !slices.Contains(execVersions(), plugin.APIVersion) {
		return &ConfigError{Field: keyExec + ".api_version", Summary: invalidSummary,
			Detail: fmt.Sprintf("hub.exec.api_version is %q. It must be one of %s.", plugin.APIVersion, strings.Join(execVersions(), ", "))}
	}
	return nil
}

// checkImpersonate checks whom to act as, which may be nil.
func checkImpersonate(as *Impersonate) error {
	if as == nil || as.User != "" {
		return nil
	}
	return &ConfigError{Field: keyImpersonate + ".user", Summary: invalidSummary,
		Detail: "hub.impersonate.user is empty: nobody would be impersonated, and the requests would be made with all rights of the credential. Name the user, or leave hub.impersonate out."}
}
