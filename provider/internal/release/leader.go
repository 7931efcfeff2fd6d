// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// leaderWatch tells whether a manager is running, wherever it runs: who leads
// renews the Lease. It compares what it sees with what it saw before, never a
// foreign time with its own.
type leaderWatch struct {
	seen  string
	quiet time.Duration
}

// observe takes what the Lease shows now, after that time since the last look.
func (w *leaderWatch) observe(renewed string, since time.Duration) {
	if renewed != w.seen {
		w.seen = renewed
		w.quiet = 0
		return
	}
	w.quiet += since
}

// absent says whether the Lease has stayed as it is for that long.
func (w *leaderWatch) absent(patience time.Duration) bool { return w.quiet >= patience }

// renewed returns what changes of the Lease whenever its holder renews it; empty
// when nobody holds it.
func (i *Installer) renewed(ctx context.Context) (string, error) {
	live, err := i.hub.Get(ctx, leaseKind, types.NamespacedName{Namespace: i.namespace, Name: addonchart.Lease})
	if hub.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return renewal(live)
}

// renewal returns holder and time of renewal of a Lease.
func renewal(live *unstructured.Unstructured) (string, error) {
	lease, err := typed[coordinationv1.Lease](live)
	if err != nil {
		return "", err
	}
	spec := lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity == "" || spec.RenewTime == nil {
		return "", nil
	}
	return *spec.HolderIdentity + " " + spec.RenewTime.String(), nil
}
