// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// resolveHost takes host, CA and credential each from the first source that has it.
func resolveHost(sources []source) (Settings, error) {
	if err := noContext(sources, "a host"); err != nil {
		return Settings{}, err
	}
	settings, err := credentialOf(sources)
	if err != nil {
		return Settings{}, err
	}
	host := first(sources, keyHost)
	settings.Host, err = serverURL(host.settings.Host, host.labels[keyHost])
	if err != nil {
		return Settings{}, err
	}
	return settings, trust(sources, &settings)
}

// trust fills in how the server is verified.
func trust(sources []source, settings *Settings) error {
	settings.TLSServerName = first(sources, keyServerName).settings.TLSServerName
	ca := first(sources, keyCA)
	insecure := first(sources, keyInsecure)
	if insecure.has(keyInsecure) {
		skip, err := strconv.ParseBool(insecure.settings.Insecure)
		if err != nil {
			return noBool(insecure.labels[keyInsecure])
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

// serverURL returns the URL of the API server. Without a scheme it is https, and
// http is refused beyond this machine, because a credential would travel in clear.
func serverURL(host, label string) (string, error) {
	parsed, problem := parseServer(host)
	if problem != "" {
		return "", &ConfigError{Field: attributeOf(label), Summary: invalidSummary, Detail: label + problem}
	}
	if parsed.Scheme == "https" || (parsed.Scheme == "http" && loopback(parsed.Hostname())) {
		return parsed.String(), nil
	}
	return "", &ConfigError{Field: attributeOf(label), Summary: invalidSummary,
		Detail: fmt.Sprintf("%s has the scheme %q. Only https is allowed, because the credential would travel in clear.", label, parsed.Scheme)}
}

// What is wrong with what names an API server. None shows it, because it may hold a password.
const (
	noServer  = " is not an address. Give it as https://name:port."
	noAccount = " holds a user or a password. Give the address alone, as https://name:port, and the credential in a place of its own, " +
		"such as hub.token or a user of the kubeconfig: an address is shown in messages."
)

// parseServer reads the address of an API server, which is https without a scheme,
// and says what is wrong with it.
func parseServer(text string) (parsed *url.URL, problem string) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Host == "":
		return nil, noServer
	case parsed.User != nil:
		return nil, noAccount
	}
	return parsed, ""
}

// loopback says whether the name is this machine.
func loopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || (ip != nil && ip.IsLoopback())
}

// joinHost returns the URL of an API server at that host and port.
func joinHost(host, port string) string { return "https://" + net.JoinHostPort(host, port) }

// proxySchemes are those of proxies that requests can be sent through.
func proxySchemes() []string { return []string{"http", "https", "socks5"} }

// resolveProxy returns the proxy of the first source that names one. Its errors
// never show it, because it may hold a password.
func resolveProxy(sources []source) (Secret, error) {
	src := first(sources, keyProxyURL)
	if !src.has(keyProxyURL) {
		return "", nil
	}
	if !isProxy(src.settings.ProxyURL) {
		label := src.labels[keyProxyURL]
		return "", &ConfigError{Field: attributeOf(label), Summary: invalidSummary, Detail: label + noProxy}
	}
	return src.settings.ProxyURL, nil
}

// noProxy says what is wrong with what names a proxy.
const noProxy = " is not the address of a proxy. Give it as http://name:port, https://name:port or socks5://name:port."

// isProxy says whether that is the address of a proxy.
func isProxy(address Secret) bool {
	parsed, err := url.Parse(string(address))
	return err == nil && parsed.Host != "" && slices.Contains(proxySchemes(), parsed.Scheme)
}

// proxyHost returns the proxy without what may be secret in its address.
func proxyHost(proxy Secret) string {
	parsed, err := url.Parse(string(proxy))
	if err != nil {
		return hidden
	}
	return parsed.Host
}
