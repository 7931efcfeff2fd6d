// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// statusWriter writes statuses of applications that differ from what is there.
type statusWriter struct {
	client client.Client

	mu   sync.Mutex
	last map[types.UID]statusWrite
}

// statusWrite is the last write: what was wanted, and what the API server made
// of it. A CRD of another controller drops fields that it does not know, and
// such a status must not be written again and again.
type statusWrite struct {
	wanted v1beta1.ApplicationStatus
	result v1beta1.ApplicationStatus
}

// errSuperseded says that the application changed since it was read.
var errSuperseded = errors.New("the application changed meanwhile")

// write writes the status if it differs, and says whether it did. It
// returns errSuperseded when it lost against another write.
func (w *statusWriter) write(ctx context.Context, app *v1beta1.Application, wanted v1beta1.ApplicationStatus) (bool, error) {
	if equality.Semantic.DeepEqual(app.Status, wanted) || w.repeats(app, wanted) {
		return false, nil
	}
	update := app.DeepCopy()
	update.Status = wanted
	err := w.client.Status().Update(ctx, update)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return false, errSuperseded
	}
	if err != nil {
		return false, fmt.Errorf("write the status of application %s/%s: %w", app.Namespace, app.Name, err)
	}
	w.remember(app.UID, statusWrite{wanted: wanted, result: update.Status})
	return true, nil
}

func (w *statusWriter) repeats(app *v1beta1.Application, wanted v1beta1.ApplicationStatus) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.last[app.UID]
	return ok && equality.Semantic.DeepEqual(last.wanted, wanted) && equality.Semantic.DeepEqual(last.result, app.Status)
}

// remember keeps a write only where the API server changed it.
func (w *statusWriter) remember(uid types.UID, last statusWrite) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if equality.Semantic.DeepEqual(last.wanted, last.result) {
		delete(w.last, uid)
		return
	}
	if w.last == nil {
		w.last = map[types.UID]statusWrite{}
	}
	w.last[uid] = last
}
