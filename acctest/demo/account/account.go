// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package account lets a program outside of a cluster run as one of its service accounts.
package account

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	privateFile = 0o600
	privateDir  = 0o700
)

// Account is a service account whose credential is kept in a folder that only its owner can read.
type Account struct {
	// Hub is the cluster, with a user who may create tokens there.
	Hub Hub
	// Namespace and Name are those of the service account.
	Namespace, Name string
	// Dir is the folder of the credential.
	Dir string
}

// KubeconfigPath is the kubeconfig that Write writes.
func (a Account) KubeconfigPath() string { return filepath.Join(a.Dir, a.Name+".kubeconfig") }

func (a Account) tokenPath() string { return filepath.Join(a.Dir, a.Name+".token") }

// Write asks for a token that lasts for life and writes it and a kubeconfig that refers to it. A client reads the token again
// every minute, so a later Write renews the credential of a running program. It returns when the token expires: a cluster may
// grant less than was asked for.
func (a Account) Write(ctx context.Context, life time.Duration) (time.Time, error) {
	token, expires, err := a.request(ctx, life)
	if err != nil {
		return time.Time{}, fmt.Errorf("asking for a token of service account %s/%s: %w", a.Namespace, a.Name, err)
	}
	if err := os.MkdirAll(a.Dir, privateDir); err != nil {
		return time.Time{}, fmt.Errorf("creating a folder for the account's credential: %w", err)
	}
	if err := writePrivate(a.tokenPath(), []byte(token)); err != nil {
		return time.Time{}, err
	}
	content, err := a.kubeconfig()
	if err != nil {
		return time.Time{}, err
	}
	return expires, writePrivate(a.KubeconfigPath(), content)
}

func (a Account) request(ctx context.Context, life time.Duration) (string, time.Time, error) {
	config, err := a.Hub.RESTConfig()
	if err != nil {
		return "", time.Time{}, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", time.Time{}, err
	}
	seconds := int64(life.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := client.CoreV1().ServiceAccounts(a.Namespace).CreateToken(ctx, a.Name, request, metav1.CreateOptions{})
	if err != nil {
		return "", time.Time{}, err
	}
	return answer.Status.Token, answer.Status.ExpirationTimestamp.Time, nil
}

// kubeconfig describes the cluster as the hub's does, with the account's token in place of the caller's credential.
func (a Account) kubeconfig() ([]byte, error) {
	server, err := a.Hub.cluster()
	if err != nil {
		return nil, err
	}
	token, err := filepath.Abs(a.tokenPath())
	if err != nil {
		return nil, fmt.Errorf("resolving the path of the token: %w", err)
	}
	const name = "hub"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = server
	config.AuthInfos[a.Name] = &clientcmdapi.AuthInfo{TokenFile: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: a.Name}
	config.CurrentContext = name
	content, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encoding the account's kubeconfig: %w", err)
	}
	return content, nil
}

// Remove removes what Write wrote.
func (a Account) Remove() error {
	for _, path := range []string{a.tokenPath(), a.KubeconfigPath()} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing the account's credential: %w", err)
		}
	}
	return nil
}

// writePrivate replaces the file in one step, so that a program that reads it sees the old content or the new.
func writePrivate(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, privateFile); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
