// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Token is a token of a service account.
type Token struct {
	// Value is the token itself: never print it.
	Value string
	// Expires is when the hub refuses it.
	Expires time.Time
}

// Token asks for a token of a service account that is valid for some time. The
// hub may grant another one than was asked for.
func (c *Client) Token(ctx context.Context, account types.NamespacedName, valid time.Duration) (Token, error) {
	client, err := corev1client.NewForConfig(c.rest)
	if err != nil {
		return Token{}, fmt.Errorf("make a client of service accounts: %w", err)
	}
	seconds := int64(valid / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	granted, err := client.ServiceAccounts(account.Namespace).CreateToken(bounded, account.Name, request, metav1.CreateOptions{})
	if err != nil {
		return Token{}, c.explain(err, attempt{
			verb: "get a token of", kind: corev1.SchemeGroupVersion.WithKind("ServiceAccount"), namespace: account.Namespace, name: account.Name,
		})
	}
	return Token{Value: granted.Status.Token, Expires: granted.Status.ExpirationTimestamp.Time}, nil
}

// ConflictsOnly says whether err is a conflict about nothing but that field and
// what is in it.
func ConflictsOnly(err error, field string) bool {
	var failure *Error
	if !errors.As(err, &failure) || failure.Reason != Conflict || len(failure.Fields) == 0 {
		return false
	}
	for _, conflict := range failure.Fields {
		if !strings.HasPrefix(conflict, field) {
			return false
		}
	}
	return true
}
