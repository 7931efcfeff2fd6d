// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
)

// plainPEM returns the text as PEM: cloud providers give certificates in base64.
func plainPEM(text string) (string, error) {
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "-----BEGIN") {
		return trimmed + "\n", nil
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(trimmed), ""))
	if err != nil || !strings.HasPrefix(strings.TrimSpace(string(decoded)), "-----BEGIN") {
		return "", errors.New("it is neither PEM (-----BEGIN ...) nor PEM in base64")
	}
	return string(decoded), nil
}

// certificatePEM checks that the text holds a certificate.
func certificatePEM(text string) (string, error) {
	pem, err := plainPEM(text)
	if err != nil {
		return "", err
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
		return "", errors.New("it holds no certificate that can be parsed")
	}
	return pem, nil
}

// keyPair checks that certificate and key belong together. Its errors name
// neither content.
func keyPair(certificate string, key Secret) (string, Secret, error) {
	certPEM, err := certificatePEM(certificate)
	if err != nil {
		return "", "", err
	}
	keyPEM, err := plainPEM(string(key))
	if err != nil {
		return "", "", errors.New("the client key is neither PEM (-----BEGIN ...) nor PEM in base64")
	}
	if _, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM)); err != nil {
		return "", "", errors.New("certificate and client key do not belong together")
	}
	return certPEM, Secret(keyPEM), nil
}
