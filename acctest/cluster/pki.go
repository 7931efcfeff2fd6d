// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	// certificateLife is longer than any run, detached ones included.
	certificateLife = 365 * 24 * time.Hour
	// clockSkew dates certificates back, for clocks that are set while a run starts.
	clockSkew = time.Hour
	// serialBits is the size of random serial numbers that RFC 5280 section 4.1.2.2 allows with room to spare.
	serialBits = 120
)

// authority is a certificate authority kept in a folder.
type authority struct {
	dir, name string
	cert      *x509.Certificate
	key       crypto.Signer
}

// newAuthority creates an authority and writes name.crt and name.key to dir.
func newAuthority(dir, name string, now time.Time) (*authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := certificateTemplate(pkix.Name{CommonName: name}, now)
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("creating the certificate authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authority %s: %w", name, err)
	}
	a := &authority{dir: dir, name: name, cert: cert, key: key}
	return a, writePair(filepath.Join(dir, name), der, key)
}

// loadAuthority reads an authority that newAuthority wrote.
func loadAuthority(dir, name string) (*authority, error) {
	cert, err := readPEM(filepath.Join(dir, name+".crt"))
	if err != nil {
		return nil, err
	}
	keyDER, err := readPEM(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, err
	}
	parsed, certErr := x509.ParseCertificate(cert)
	key, keyErr := x509.ParseECPrivateKey(keyDER)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, fmt.Errorf("reading the certificate authority %s in %s: %w", name, dir, err)
	}
	return &authority{dir: dir, name: name, cert: parsed, key: key}, nil
}

// issueServing writes the files prefix.crt and prefix.key of a server on the loopback address.
func (a *authority) issueServing(prefix string, now time.Time) error {
	template, err := certificateTemplate(pkix.Name{CommonName: loopback}, now)
	if err != nil {
		return err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.IPAddresses = []net.IP{net.ParseIP(loopback)}
	template.DNSNames = []string{"localhost"}
	return a.issue(prefix, template)
}

// issueClient writes the files prefix.crt and prefix.key of a client: Kubernetes takes the user from the common name and the
// groups from the organisations.
func (a *authority) issueClient(prefix, user string, groups []string, now time.Time) error {
	template, err := certificateTemplate(pkix.Name{CommonName: user, Organization: groups}, now)
	if err != nil {
		return err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(prefix, template)
}

func (a *authority) issue(prefix string, template *x509.Certificate) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("signing the certificate of %q: %w", template.Subject, err)
	}
	return writePair(prefix, der, key)
}

func certificateTemplate(subject pkix.Name, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-clockSkew),
		NotAfter:     now.Add(certificateLife),
	}, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("creating a private key: %w", err)
	}
	return key, nil
}

// writeSigningKey writes the key pair prefix.key and prefix.pub with which service account tokens are signed and verified.
func writeSigningKey(prefix string) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encoding a public key: %w", err)
	}
	return errors.Join(writeKey(prefix+".key", key), writePEM(prefix+".pub", "PUBLIC KEY", public))
}

func writePair(prefix string, certDER []byte, key *ecdsa.PrivateKey) error {
	return errors.Join(writePEM(prefix+".crt", "CERTIFICATE", certDER), writeKey(prefix+".key", key))
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding a private key: %w", err)
	}
	return writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), privateFile); err != nil {
		return fmt.Errorf("writing a certificate or key: %w", err)
	}
	return nil
}

func readPEM(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a certificate or key: %w", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("reading a certificate or key: %s holds no PEM block", path)
	}
	return block.Bytes, nil
}
